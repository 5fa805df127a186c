"""Threshold-free measures and their curves, from the counts at all distinct scores.

Average precision is NaN for a class without positives, ROC-AUC and equal error rate for one without positives or
without negatives. Curves run from the strictest threshold to the loosest, with a point a distinct score, ties together.
"""

from typing import NamedTuple

import numpy as np

from sedcore.evaluation.counts import Counts, ratio

_LABELS_AT_ONCE = 1024  # with 527 classes 4 MB of float64


class PRCurve(NamedTuple):
    """Operating points of one class, all (points,), thresholds descending."""

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray  # NaN for a class without positives


class ROCCurve(NamedTuple):
    """Operating points of one class, all (points + 1,), thresholds descending from +inf, the point (0, 0)."""

    thresholds: np.ndarray
    false_positive_rate: np.ndarray  # NaN for a class without negatives
    true_positive_rate: np.ndarray  # NaN for a class without positives


def average_precision(counts: Counts) -> np.ndarray:
    """Return (classes,) average precision: precision at each distinct score, weighted by the recall gained there.

    No interpolation, as sklearn.metrics.average_precision_score. NaN for a class without positives.
    """
    values = np.full(counts.classes, np.nan)
    for c in np.flatnonzero(counts.positives):
        _, tp, fp = counts.distinct(c)
        values[c] = np.sum(np.diff(tp, prepend=0) * (tp / (tp + fp))) / counts.positives[c]
    return values


def constant_average_precision(positives: np.ndarray, clips: int) -> np.ndarray:
    """Return the average precision of constant scores, (classes,): the share of positives, NaN without any.

    Computed in the steps of `average_precision`, so that equal values are equal to the last bit.
    """
    return np.where(positives > 0, ratio(positives * ratio(positives, clips), positives), np.nan)


def constant_area(positives: np.ndarray, clips: int) -> np.ndarray:
    """Return ROC-AUC and equal error rate of constant scores, (classes,): 0.5, NaN where undefined."""
    return np.where((positives > 0) & (positives < clips), 0.5, np.nan)


def roc_auc(counts: Counts) -> np.ndarray:
    """Return (classes,) area under the ROC curve: how often a positive clip outscores a negative one, ties half.

    Hanley and McNeil, "The meaning and use of the area under a ROC curve", 1982. NaN where a class has no
    positives or no negatives.
    """
    values = np.full(counts.classes, np.nan)
    negatives = counts.clips - counts.positives
    for c in np.flatnonzero((counts.positives > 0) & (negatives > 0)):
        _, tp, fp = counts.distinct(c)
        tied_tp, tied_fp = np.diff(tp, prepend=0), np.diff(fp, prepend=0)
        won = np.sum(tied_tp * (negatives[c] - fp + tied_fp / 2))
        values[c] = won / (float(counts.positives[c]) * float(negatives[c]))
    return values


def equal_error_rate(counts: Counts) -> np.ndarray:
    """Return (classes,) the rate where misses and false alarms are equally frequent, the ROC interpolated linearly.

    The measure of the DCASE 2016 challenge's audio tagging task (Mesaros et al., "Detection and
    classification of acoustic scenes and events: outcome of the DCASE 2016 challenge", 2018). NaN where a
    class has no positives or no negatives.
    """
    values = np.full(counts.classes, np.nan)
    negatives = counts.clips - counts.positives
    for c in np.flatnonzero((counts.positives > 0) & (negatives > 0)):
        _, tp, fp = counts.distinct(c)
        of, against = int(counts.positives[c]), int(negatives[c])
        # (false alarm rate - miss rate) times both numbers: whole, and never decreasing
        excess = fp * np.int64(of) + tp * np.int64(against) - of * against
        after = int(np.searchsorted(excess, 0))
        above, beyond = int(excess[after]), fp[after] / against
        below, short = (int(excess[after - 1]), fp[after - 1] / against) if after else (-of * against, 0.0)
        values[c] = short + (beyond - short) * (-below / (above - below))
    return values


def lwlrap(truth: np.ndarray, scores: np.ndarray) -> float:
    """Return the label-weighted label-ranking average precision.

    For each label of each clip, the share of true labels among the clip's classes that score at least as high;
    the mean over all labels (Fonseca et al., "Audio tagging with noisy labels and minimal supervision",
    2019). Equal to sklearn.metrics.label_ranking_average_precision_score with each clip weighted by its
    number of labels. truth (clips, classes) bool, scores (clips, classes) finite. Unlike the others it
    compares scores of different classes. NaN where no clip has a label.
    """
    clips, labels = np.nonzero(truth)
    if not len(clips):
        return float("nan")
    of_labels = scores[clips, labels]
    order = np.lexsort((of_labels, clips))
    clips, of_labels = clips[order], of_labels[order]  # a clip's labels from its lowest score to its highest
    first_equal = np.r_[True, (np.diff(clips) != 0) | (of_labels[1:] != of_labels[:-1])]
    starts = np.maximum.accumulate(np.where(first_equal, np.arange(len(clips)), 0))
    right = np.searchsorted(clips, clips, side="right") - starts  # labels of the clip from there on
    ranked = np.empty(len(clips))
    for start in range(0, len(clips), _LABELS_AT_ONCE):
        part = slice(start, start + _LABELS_AT_ONCE)
        ranked[part] = np.count_nonzero(scores[clips[part]] >= of_labels[part, None], axis=1)
    return float(np.mean(right / ranked))


def mean_defined(values: np.ndarray) -> float:
    """Return the mean of the entries that are not NaN; NaN if there are none. Of average precisions it is mAP."""
    values = np.asarray(values, np.float64)
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def pr_curve(counts: Counts, c: int) -> PRCurve:
    """Return precision and recall of class c at each of its distinct scores.

    Drawn as steps that extend a point's precision back to the previous recall (shape "vh" in Plotly), the area is
    the average precision.
    """
    thresholds, tp, fp = counts.distinct(c)
    return PRCurve(thresholds, tp / (tp + fp), _rate(tp, counts.positives[c]))


def roc_curve(counts: Counts, c: int) -> ROCCurve:
    """Return false and true positive rate of class c, from (0, 0) through each of its distinct scores to (1, 1)."""
    start = (np.inf, 0, 0)
    thresholds, tp, fp = (np.concatenate([[first], rest]) for first, rest in zip(start, counts.distinct(c)))
    return ROCCurve(thresholds, _rate(fp, counts.clips - counts.positives[c]), _rate(tp, counts.positives[c]))


def _rate(counted: np.ndarray, of: int) -> np.ndarray:
    return ratio(counted, of) if of else np.full(len(counted), np.nan)
