"""Bootstrap intervals of tuned thresholds: clips are resampled with replacement and thresholds tuned again.

Percentile intervals (Efron, "Bootstrap methods: another look at the jackknife", 1979). Scores are sorted
once; a resample is a weight a clip (how often it was drawn), and the counts of all resamples are cumulative sums of
weights in that order. A resample without a positive of a class is left out for that class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import checked
from sedcore.evaluation.objectives import Objective
from sedcore.evaluation.tuning import Curve, best

RESAMPLES = 1000
_BLOCK = 1_000_000  # entries of the largest array at a time


@dataclass(frozen=True, eq=False)
class Intervals:
    """Intervals that hold `level` of the resampled thresholds of each class, (classes,); NaN where undefined."""

    low: np.ndarray
    high: np.ndarray
    resamples: np.ndarray  # those that hold a positive of the class
    level: float


def threshold_intervals(
    truth: np.ndarray,
    scores: np.ndarray,
    objective: Objective,
    *,
    common: str | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Intervals:
    """Return bootstrap intervals of the thresholds that `tune` chooses from the same truth and scores.

    truth: (clips, classes) bool. scores: (clips, classes) float. The classes of the macro average are those
    with positives in all clips, the same in every resample. Raises SedcoreError where the input cannot be
    evaluated.
    """
    truth, scores = checked(truth, scores)
    if resamples < 1 or not 0 < level < 1:
        raise SedcoreError(f"{resamples} resamples at level {level}: wanted are some, and a level in 0..1")
    clips, classes = scores.shape
    generator = np.random.default_rng(seed)
    sorted_once = [_Sorted.of(truth[:, c], scores[:, c]) for c in range(classes)]
    defined = truth.any(axis=0)
    # Only a common threshold needs all classes at once.
    width = clips if common is None else sum(len(held.scores) for held in sorted_once)
    block = int(np.clip(_BLOCK // width, 1, resamples))
    thresholds = []
    for start in range(0, resamples, block):
        weights = _drawn(generator, min(block, resamples - start), clips)
        thresholds.append(best([held.curve(weights) for held in sorted_once], objective, common, defined)[0])
    chosen = np.concatenate(thresholds)
    low, high = np.full((2, classes), np.nan)
    there = ~np.isnan(chosen)
    for c in np.flatnonzero(there.any(axis=0)):
        edges = (1 - level) / 2, (1 + level) / 2
        low[c], high[c] = np.quantile(chosen[there[:, c], c], edges, method="inverted_cdf")
    return Intervals(low, high, there.sum(axis=0), level)


@dataclass(frozen=True, eq=False)
class _Sorted:
    """A class sorted by score, descending: its clips, the positive ones, and where ties end."""

    scores: np.ndarray  # distinct, descending
    order: np.ndarray
    positive: np.ndarray  # positions of the positive clips in `order`
    ends: np.ndarray  # last position of each distinct score in `order`
    hits: np.ndarray  # number of positive clips at or before each end

    @classmethod
    def of(cls, truth: np.ndarray, scores: np.ndarray) -> _Sorted:
        order = np.argsort(scores, kind="stable")[::-1]
        descending = scores[order]
        ends = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))
        positive = np.flatnonzero(truth[order])
        return cls(descending[ends], order, positive, ends, np.searchsorted(positive, ends, side="right"))

    def curve(self, weights: np.ndarray) -> Curve:
        """Return the class's curve in resamples; weights (resamples, clips)."""
        drawn = weights[:, self.order]
        predicted = np.cumsum(drawn, axis=1, dtype=np.int32)
        hits = np.cumsum(drawn[:, self.positive], axis=1, dtype=np.int32)  # few clips are positive
        tp = np.pad(hits, ((0, 0), (1, 0)))[:, self.hits]
        return Curve(self.scores, tp, predicted[:, self.ends] - tp, tp[:, -1])


def _drawn(generator: np.random.Generator, resamples: int, clips: int) -> np.ndarray:
    """Return (resamples, clips) int16: how often each clip was drawn in `clips` draws with replacement."""
    places = generator.integers(clips, size=(resamples, clips))
    places += clips * np.arange(resamples)[:, None]
    return np.bincount(places.ravel(), minlength=resamples * clips).reshape(resamples, clips).astype(np.int16)
