"""DET curves and their probit axes, score histograms by truth, and thinning of a curve's points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from sedcore.evaluation.counts import Counts
from sedcore.evaluation.ranking import roc_curve

MOST_POINTS = 2000


class DETCurve(NamedTuple):
    """Operating points of one class, all (points + 1,), thresholds descending from +inf."""

    thresholds: np.ndarray
    false_alarm_rate: np.ndarray  # NaN for a class without negatives
    miss_rate: np.ndarray  # NaN for a class without positives


class Histogram(NamedTuple):
    """Number of clips with and without a class in each bin of scores; the last bin includes its upper edge."""

    edges: np.ndarray  # (bins + 1,)
    positives: np.ndarray  # (bins,)
    negatives: np.ndarray  # (bins,)


def det_curve(counts: Counts, c: int) -> DETCurve:
    """Return misses against false alarms of class c.

    Martin, Doddington, Kamm, Ordowski and Przybocki, "The DET curve in assessment of detection task
    performance", 1997.
    """
    roc = roc_curve(counts, c)
    return DETCurve(roc.thresholds, roc.false_positive_rate, 1 - roc.true_positive_rate)


def probit(rates: np.ndarray, of: int) -> np.ndarray:
    """Return the normal deviates of rates among `of` clips, the scale of both DET axes.

    Rates of 0 and 1 have no finite deviate and are moved half a clip inside, to 0.5 / of and 1 - 0.5 / of.
    """
    if of < 1:
        return np.full(np.shape(rates), np.nan)
    return ndtri(np.clip(rates, 0.5 / of, 1 - 0.5 / of))


def score_histogram(counts: Counts, c: int, edges: np.ndarray) -> Histogram:
    """Count clips by score of class c and by truth; scores beyond the edges are in the outermost bins."""
    scores, tp, fp = counts.distinct(c)
    place = np.searchsorted(edges[1:-1].astype(scores.dtype), scores, side="right")
    parts = (
        np.bincount(place, weights=np.diff(counted, prepend=0), minlength=len(edges) - 1)
        for counted in (tp, fp)
    )
    return Histogram(edges, *(part.astype(np.int64) for part in parts))


def thinned(x: np.ndarray, y: np.ndarray, most: int = MOST_POINTS) -> np.ndarray:
    """Return the positions of at most about `most` points that draw the same line; x must not decrease.

    Points inside horizontal and vertical stretches are dropped first, which changes nothing. If too many are left,
    the first, last, lowest and highest of each of most / 4 equal pieces of the x axis stay (M4; Jugel, Jerzak,
    Hackenbroich and Markl, "M4: a visualization-oriented time series data aggregation", 2014).
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if len(x) <= most or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return np.arange(len(x))
    (before_x, now_x, after_x), (before_y, now_y, after_y) = ((v[:-2], v[1:-1], v[2:]) for v in (x, y))
    upright = (before_x == now_x) & (now_x == after_x) & ((now_y - before_y) * (after_y - now_y) >= 0)
    level = (before_y == now_y) & (now_y == after_y)
    kept = np.flatnonzero(np.concatenate([[True], ~(upright | level), [True]]))
    if len(kept) <= most:
        return kept
    x, y = x[kept], y[kept]
    width = (x[-1] - x[0]) / (most // 4) or 1.0
    piece = np.minimum((x - x[0]) / width, most // 4 - 1).astype(int)
    first = np.flatnonzero(np.diff(piece, prepend=-1))
    last = np.append(first[1:], len(x)) - 1
    by_height = np.lexsort((y, piece))  # pieces in order, lowest first within each
    return kept[np.unique(np.concatenate([first, last, by_height[first], by_height[last]]))]
