"""Exact confusion counts of every class at every threshold, from one sort.

Conventions: `truth` is (clips, classes) bool, `scores` is (clips, classes) float, any finite values: higher
means more likely, probabilities are not required. A score equal to its threshold is positive (`>=`).
Thresholds are cast to the type of the scores before they are compared: 0.71 stored as float32 is not the
double 0.71, and a reader who picks 0.71 means the stored value. A single threshold applies to all classes.

The counts of a class change only at its own scores, so the counts at its distinct scores, ties together, determine
those at every threshold: every average, curve and slider looks them up. After sed_scores_eval (Ebbers, Haeb-Umbach
and Serizel, "Threshold independent evaluation of sound event detection scores", 2022).
"""

from dataclasses import dataclass

import numpy as np

from sedcore.errors import SedcoreError


@dataclass(frozen=True, eq=False)
class Confusion:
    """True and false positives and negatives, each (classes,) int64, at one operating point."""

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    tn: np.ndarray

    @property
    def clips(self) -> np.ndarray:
        """Number of clips, (classes,)."""
        return self.tp + self.fp + self.fn + self.tn

    def pooled(self) -> "Confusion":
        """Return the counts of all classes added up, (1,) each."""
        return Confusion(*(counted.sum(keepdims=True) for counted in (self.tp, self.fp, self.fn, self.tn)))

    def take(self, columns: np.ndarray) -> "Confusion":
        """Return the counts of some classes, by their positions."""
        return Confusion(*(counted[columns] for counted in (self.tp, self.fp, self.fn, self.tn)))

    def matrices(self) -> np.ndarray:
        """Return (classes, 2, 2) int64, [[tn, fp], [fn, tp]] a class: scikit-learn's layout."""
        return np.stack([self.tn, self.fp, self.fn, self.tp], axis=-1).reshape(-1, 2, 2)

    @classmethod
    def from_counts(
        cls, tp: np.ndarray, fp: np.ndarray, positives: np.ndarray, clips: np.ndarray | int
    ) -> "Confusion":
        """Return the confusion for true and false positives, positive clips and all clips."""
        return cls(tp=tp, fp=fp, fn=positives - tp, tn=clips - positives - fp)

    @classmethod
    def from_decisions(cls, truth: np.ndarray, decisions: np.ndarray) -> "Confusion":
        """Return the confusion of truth and decisions, both (clips, classes) bool."""
        hits, predicted, positives = (
            np.count_nonzero(mask, axis=0) for mask in (truth & decisions, decisions, truth)
        )
        return cls.from_counts(hits, predicted - hits, positives, len(truth))

    @classmethod
    def from_matrices(cls, matrices: np.ndarray) -> "Confusion":
        """Return the confusion of matrices, (classes, 2, 2) whole numbers, [[tn, fp], [fn, tp]] a class.

        Raises SedcoreError where the shape is another or an entry is no count.
        """
        array = np.asarray(matrices)
        if array.ndim != 3 or array.shape[1:] != (2, 2):
            raise SedcoreError(
                f"matrices has shape {array.shape}, wanted (classes, 2, 2): a class is [[tn, fp], [fn, tp]]."
            )
        if array.dtype.kind not in "iuf" or not np.all(array == np.floor(array)) or array.min(initial=0) < 0:
            raise SedcoreError(
                "matrices holds entries that are not whole counts: were they normalised to rates?"
            )
        (tn, fp), (fn, tp) = array.astype(np.int64).transpose(1, 2, 0)
        return cls(tp=tp, fp=fp, fn=fn, tn=tn)


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts of all classes at all their distinct scores, class after class, as `counts` returns them.

    Class c owns the slice offsets[c]:offsets[c + 1] of the three flat arrays: its distinct scores ascending,
    then +inf, at which no clip is predicted. `tp` and `fp` are the numbers of positive and negative clips whose
    score is at least that threshold.
    """

    thresholds: np.ndarray
    tp: np.ndarray
    fp: np.ndarray
    offsets: np.ndarray
    positives: np.ndarray
    clips: int

    @property
    def dtype(self) -> np.dtype:
        """The type of the scores, in which thresholds are compared."""
        return self.thresholds.dtype

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.positives)

    def at(self, thresholds: float | np.ndarray) -> Confusion:
        """Return the confusion at one threshold for all classes, or at one a class, (classes,)."""
        wanted = cast_thresholds(thresholds, self.classes, self.dtype)
        place = [np.searchsorted(self._of(c), wanted[c]) for c in range(self.classes)]
        place = np.asarray(place) + self.offsets[:-1]
        tp, fp = self.tp[place].astype(np.int64), self.fp[place].astype(np.int64)
        return Confusion.from_counts(tp, fp, self.positives, self.clips)

    def on_grid(self, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return `tp` and `fp`, each (thresholds, classes) int64, at `thresholds` that all classes share."""
        grid = np.atleast_1d(_cast(thresholds, self.dtype))
        if grid.ndim != 1:
            raise SedcoreError(
                f"the grid of thresholds has shape {grid.shape}, wanted one row of thresholds."
            )
        tp, fp = (np.empty((len(grid), self.classes), np.int64) for _ in range(2))
        for c in range(self.classes):
            place = np.searchsorted(self._of(c), grid) + self.offsets[c]
            tp[:, c], fp[:, c] = self.tp[place], self.fp[place]
        return tp, fp

    def distinct(self, c: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the distinct scores of class c, descending, and `tp` and `fp` (int32) at each."""
        inside = slice(self.offsets[c], self.offsets[c + 1] - 1)
        return self.thresholds[inside][::-1], self.tp[inside][::-1], self.fp[inside][::-1]

    def _of(self, c: int) -> np.ndarray:
        return self.thresholds[self.offsets[c] : self.offsets[c + 1]]


def counts(truth: np.ndarray, scores: np.ndarray) -> Counts:
    """Sort the scores of every class once and return its counts at every distinct score.

    truth: (clips, classes) bool, or numbers that are all 0 or 1. scores: (clips, classes), finite numbers.
    Time grows as clips * log(clips) * classes; memory is 12 bytes a float32 score, less where scores tie.

    Raises SedcoreError where shapes differ, truth is not 0 and 1, or a score is not finite.

    >>> held = counts([[1], [0], [1]], [[0.9], [0.9], [0.2]])
    >>> [int(held.at(0.9).tp[0]), int(held.at(0.9).fp[0]), int(held.at(0.1).tp[0])]
    [1, 1, 2]
    """
    truth, scores = checked(truth, scores)
    clips, classes = scores.shape
    kept, tps, fps = [], [], []
    for c in range(classes):
        ascending = np.sort(scores[:, c])
        first = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
        distinct = ascending[first]
        # Positives at each distinct score; their cumulative sum from the highest is tp. Few clips are usually
        # positive, so looking them up is cheaper than sorting truth along.
        hits = np.bincount(np.searchsorted(distinct, scores[truth[:, c], c]), minlength=len(distinct) + 1)
        tp = hits[::-1].cumsum()[::-1]
        at_least = clips - np.append(first, clips)
        kept.append(np.append(distinct, distinct.dtype.type(np.inf)))
        tps.append(tp.astype(np.int32))
        fps.append((at_least - tp).astype(np.int32))
    return Counts(
        thresholds=np.concatenate(kept),
        tp=np.concatenate(tps),
        fp=np.concatenate(fps),
        offsets=np.cumsum([0] + [len(part) for part in kept]),
        positives=truth.sum(axis=0, dtype=np.int64),
        clips=clips,
    )


def decide(scores: np.ndarray, thresholds: float | np.ndarray) -> np.ndarray:
    """Return the decisions, (clips, classes) bool: `scores >= thresholds` in the scores' type.

    thresholds: one, or (classes,).
    """
    scores = _as_scores(scores)
    return scores >= cast_thresholds(thresholds, scores.shape[1], scores.dtype)


def ratio(part: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return part / of for counts, with 0 / 0 as 0."""
    return part / np.maximum(of, 1)


def cast_thresholds(thresholds: float | np.ndarray, classes: int, dtype: np.dtype) -> np.ndarray:
    """Return thresholds, one number or one a class, as (classes,) in the scores' type.

    Raises SedcoreError where they are not numbers, NaN, or of another shape.
    """
    array = _cast(thresholds, dtype)
    if array.ndim > 1 or (array.ndim == 1 and len(array) != classes):
        raise SedcoreError(
            f"thresholds has shape {array.shape}, wanted one number or one a class ({classes})."
        )
    return np.broadcast_to(array, (classes,))


def checked(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return truth as (clips, classes) bool and scores as floats of that shape.

    Raises SedcoreError, with the likely cause, where shapes, types or values do not fit.
    """
    truth, scores = np.asarray(truth), _as_scores(scores)
    if truth.shape != scores.shape:
        raise SedcoreError(_shapes_differ(truth.shape, scores.shape))
    if scores.size == 0:
        raise SedcoreError(f"scores and truth have shape {scores.shape}: there is nothing to evaluate.")
    if truth.dtype != bool:
        if truth.dtype.kind not in "iuf" or not np.isin(truth, (0, 1)).all():
            raise SedcoreError("truth holds values other than 0 and 1: were truth and scores exchanged?")
        truth = truth.astype(bool)
    finite = np.isfinite(scores)
    if not finite.all():
        clip, c = np.argwhere(~finite)[0]
        raise SedcoreError(
            f"scores holds {np.count_nonzero(~finite)} values that are not finite, first {scores[clip, c]} at "
            f"clip {clip}, class {c} (counted from 0): did training diverge, or was a logarithm taken of 0?"
        )
    return truth, scores


def _as_scores(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores)
    if scores.dtype.kind in "biu":
        scores = scores.astype(np.float64)
    if scores.dtype.kind != "f":
        raise SedcoreError(f"scores has type {scores.dtype}, wanted numbers: is an id column in it?")
    if scores.ndim != 2:
        guess = (
            "is it one class or one clip? Give it two axes." if scores.ndim < 2 else "are these frame scores?"
        )
        raise SedcoreError(f"scores has shape {scores.shape}, wanted (clips, classes): {guess}")
    return scores


def _shapes_differ(truth: tuple[int, ...], scores: tuple[int, ...]) -> str:
    message = f"scores has shape {scores}, truth has shape {truth}, wanted (clips, classes) for both: "
    if truth == scores[::-1]:
        return message + "did you transpose one of them?"
    if len(truth) != 2:
        return message + "truth must be multi-hot, a column a class."
    if truth[0] == scores[0]:
        return message + "do they come from different class lists?"
    if truth[1] == scores[1]:
        return message + "do they come from different splits, or are clips missing?"
    return message + "do they belong to the same data set?"


def _cast(thresholds: float | np.ndarray, dtype: np.dtype) -> np.ndarray:
    try:
        array = np.asarray(thresholds, dtype=np.float64)
    except (TypeError, ValueError):
        raise SedcoreError(f"thresholds must be numbers, given {thresholds!r}.") from None
    if np.isnan(array).any():
        raise SedcoreError("a threshold is NaN: give a number for each class.")
    with np.errstate(over="ignore"):  # infinite beyond the range of the type: all clips positive, or none
        return array.astype(dtype)
