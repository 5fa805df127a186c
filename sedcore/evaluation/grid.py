"""Counts and samples averages on a grid of thresholds, for sliders.

`truth` is (clips, classes) bool, `scores` (clips, classes) float, `grid` (thresholds,) ascending, the same for all
classes and compared in the type of the scores. Exact at every point of the grid, and small: for 20,000 clips of 527
classes two million integers instead of ten million scores, so it can be cached and sent to a browser.
"""

import math
from dataclasses import dataclass

import numpy as np

from sedcore.evaluation.counts import Counts, checked
from sedcore.evaluation.measures import MEASURES, OF_SAMPLES, ByMeasure

STEPS = 100  # at least, over the range of scores
CHUNK = 2_000_000  # scores looked up at a time: some 50 MB
CELLS_AT_ONCE = 32_768  # clips times thresholds averaged at a time: they fit the processor's cache


@dataclass(frozen=True, eq=False)
class OnGrid:
    """Counts and samples averages at each threshold of a grid that all classes share."""

    grid: np.ndarray  # (thresholds,) float64
    tp: np.ndarray  # (thresholds, classes) int64
    fp: np.ndarray  # (thresholds, classes) int64
    samples: np.ndarray  # (thresholds, measures) samples averages, of measures.OF_SAMPLES
    empty: np.ndarray  # (thresholds,) clips with neither truth nor prediction
    clips: int

    def samples_at(self, place: int) -> tuple[ByMeasure, int]:
        """Return the samples average and the number of empty clips at one threshold, as `samples_average` does."""
        means = zip((m.name for m in OF_SAMPLES), self.samples[place].tolist())
        return ByMeasure(means), int(self.empty[place])


def slider_range(lowest: float, highest: float) -> tuple[float, float]:
    """Return the range that thresholds move in: 0 to 1 for probabilities, else that of the scores."""
    return (0.0, 1.0) if lowest >= 0 and highest <= 1 else (lowest, highest)


def threshold_grid(lowest: float, highest: float) -> np.ndarray:
    """Return thresholds from `lowest` to `highest` (or just beyond), a round number apart: 0, 0.01 ... 1.

    The distance is the largest 1, 2 or 5 times a power of ten that makes at least 100 steps.
    """
    span = highest - lowest
    if not span > 0:
        return np.array([float(lowest)])
    if span == math.inf:
        return 2 * np.linspace(lowest / 2, highest / 2, STEPS + 1)
    if span < 1e-290:  # too small to round: 10 ** decimals would overflow
        return np.linspace(lowest, highest, STEPS + 1)
    power = 10.0 ** math.floor(math.log10(span / STEPS))
    step = max((m * power for m in (1, 2, 5, 10) if m * power <= span / STEPS * (1 + 1e-9)), default=power)
    first, last = math.floor(lowest / step + 1e-9), math.ceil(highest / step - 1e-9)
    decimals = max(0, -math.floor(math.log10(step)))
    return np.round(np.arange(first, last + 1) * step, decimals)


def count_on_grid(
    truth: np.ndarray, scores: np.ndarray, grid: np.ndarray, counts: Counts | None = None
) -> OnGrid:
    """Return counts and samples averages at every threshold of `grid`; each score is looked up in it once.

    counts: those of the same truth and scores, if the caller has them, which saves counting. The samples average
    equals that of `samples_average` to the last digit: it is a mean over all clips in their order, however they are
    chunked. Raises SedcoreError as `counts` does.
    """
    truth, scores = checked(truth, scores)
    clips, classes = scores.shape
    points = np.asarray(grid, np.float64).astype(scores.dtype)
    tp, every = (np.zeros((len(points) + 1, classes), np.int64) for _ in range(2))
    # (thresholds, clips): number of classes hit, and predicted. The largest arrays, hence the smallest type.
    hits, predicted = (np.empty((len(points), clips), np.min_scalar_type(classes)) for _ in range(2))
    rows = max(1, CHUNK // max(classes, len(points)))
    for start in range(0, clips, rows):
        here = slice(start, start + rows)
        # the number of thresholds at or below a score, those at which it is positive
        reached = np.searchsorted(points, scores[here].ravel(), side="right").reshape(scores[here].shape)
        clip, c = np.nonzero(truth[here])
        hit = reached[clip, c]
        if counts is None:
            tp += _tally(hit, c, tp.shape)
            every += _tally(reached, np.arange(classes), tp.shape)
        shape = (len(points) + 1, len(reached))
        _above(_tally(hit, clip, shape), hits[:, here])
        _above(_tally(reached, np.arange(shape[1])[:, None], shape), predicted[:, here])
    if counts is None:
        tp, every = (_above(counted, np.empty((len(points), classes), np.int64)) for counted in (tp, every))
        fp = every - tp
    else:
        tp, fp = counts.on_grid(grid)
    samples, empty = _samples(hits, predicted, np.count_nonzero(truth, axis=1), classes)
    return OnGrid(np.asarray(grid, np.float64), tp, fp, samples, empty, clips)


def over_thresholds(counted: OnGrid, positives: np.ndarray, measure: str, subject: str | int) -> np.ndarray:
    """Return (thresholds,) values of a measure if all classes share each threshold of a grid; NaN where undefined.

    positives : (classes,) clips with the class.
    subject : an average of the measure ("macro", "micro", "weighted") or the column of a class.
    """
    tp, predicted, defined_of = counted.tp, counted.tp + counted.fp, MEASURES[measure].defined
    if subject == "micro":
        every = counted.clips * len(positives)
        return defined_of(tp.sum(axis=1), predicted.sum(axis=1), positives.sum(), every)
    values = defined_of(tp, predicted, positives[None, :], counted.clips)
    if isinstance(subject, int):
        return values[:, subject]
    defined = positives > 0
    if not defined.any():
        return np.full(len(tp), np.nan)
    weights = positives[defined] if subject == "weighted" else None
    return np.average(values[:, defined], axis=1, weights=weights)


def _tally(reached: np.ndarray, group: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return (thresholds + 1, groups), that is `shape`: how many cells of each group reach exactly k thresholds."""
    tallied = np.bincount((reached * shape[1] + group).ravel(), minlength=shape[0] * shape[1])
    return tallied.reshape(shape)


def _above(reached: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Fill `out` (thresholds, groups) with the cells that reach each threshold, from the result of `_tally`."""
    above = np.zeros(reached.shape[1], np.int64)
    for row in range(len(out) - 1, -1, -1):
        above += reached[row + 1]
        out[row] = above
    return out


def _samples(
    hits: np.ndarray, predicted: np.ndarray, positives: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (thresholds, measures) samples averages, and (thresholds,) empty clips."""
    total, empty = np.empty((len(hits), len(OF_SAMPLES))), np.empty(len(hits), np.int64)
    few = max(1, CELLS_AT_ONCE // len(positives))
    for start in range(0, len(hits), few):
        here = slice(start, start + few)
        over, under = hits[here].astype(np.int32), predicted[here].astype(np.int32)
        for column, m in enumerate(OF_SAMPLES):
            total[here, column] = m.function(over, under, positives, classes).mean(axis=1)
        empty[here] = np.count_nonzero(positives + under == 0, axis=1)
    return total, empty
