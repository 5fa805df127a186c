"""Calibration of scores: of the clips with a score of 0.8 for a class, do 80 % hold it?

Bins hold equally many clips, so that every point of the diagram is equally certain ("adaptive" bins; Nixon,
Dusenberry, Zhang, Jerfel and Tran, "Measuring calibration in deep learning", 2019). Clips of equal score stay in one
bin, so the order of clips does not matter, and bins with many ties are larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import Counts

BINS = 15


@dataclass(frozen=True, eq=False)
class Calibration:
    """The reliability diagram of a class, in bins of rising score; arrays (bins,)."""

    mean_score: np.ndarray
    observed: np.ndarray  # share of the clips that hold the class
    clips: np.ndarray
    error: float  # mean distance of the two, weighted by clips: the expected calibration error


def are_probabilities(counts: Counts) -> bool:
    """Whether all scores of all classes lie within 0..1."""
    scores = counts.thresholds[np.isfinite(counts.thresholds)]
    return bool(scores.min() >= 0 and scores.max() <= 1)


def calibration(counts: Counts, c: int, bins: int = BINS) -> Calibration:
    """Return the reliability diagram of class c, in at most `bins` bins, and its calibration error, in 0..1.

    Raises SedcoreError where the scores are no probabilities.
    """
    if not are_probabilities(counts):
        raise SedcoreError(
            "the scores go beyond 0 to 1, so they are no probabilities and have no calibration error"
        )
    if bins < 1:
        raise SedcoreError(f"{bins} bins: wanted is at least one")
    scores, tp, fp = counts.distinct(c)
    hits, clips = np.diff(tp[::-1], append=0) * -1, np.diff((tp + fp)[::-1], append=0) * -1
    # A group of ties goes into the bin of its middle clip, in the order of the scores.
    middle = np.cumsum(clips) - clips / 2
    place = np.minimum(middle * bins / counts.clips, bins - 1).astype(int)
    held, hit, summed = (
        np.bincount(place, weights=weights, minlength=bins)
        for weights in (clips, hits, scores[::-1].astype(np.float64) * clips)
    )
    filled = held > 0
    held, hit, summed = held[filled], hit[filled], summed[filled]
    mean_score, observed = summed / held, hit / held
    error = float(np.abs(mean_score - observed) @ held / counts.clips)
    return Calibration(mean_score, observed, held.astype(np.int64), error)
