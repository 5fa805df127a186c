"""Measures that need no threshold, and the curves behind them, from the counts at all distinct scores.

A class without positives has no average precision, one without positives or without negatives no ROC-AUC:
NaN. Curves run from the strictest threshold to the loosest and have a point a distinct score, ties together.
"""

from typing import NamedTuple

import numpy as np

from sedcore.evaluation.averages import ratio
from sedcore.evaluation.counts import Counts


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
    """(classes,) average precision: precision at each distinct score, weighted by the recall gained there.

    No interpolation, as sklearn.metrics.average_precision_score. NaN for a class without positives.
    """
    values = np.full(counts.classes, np.nan)
    for c in np.flatnonzero(counts.positives):
        _, tp, fp = counts.distinct(c)
        values[c] = np.sum(np.diff(tp, prepend=0) * (tp / (tp + fp))) / counts.positives[c]
    return values


def roc_auc(counts: Counts) -> np.ndarray:
    """(classes,) area under the ROC curve: how often a positive clip outscores a negative one, ties half.

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


def mean_defined(values: np.ndarray) -> float:
    """The mean of the entries that are not NaN; NaN if there are none. Of average precisions: mAP."""
    values = np.asarray(values, np.float64)
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def pr_curve(counts: Counts, c: int) -> PRCurve:
    """Precision and recall of class c at each of its distinct scores.

    Draw it as steps that keep a point's precision back to the recall before (shape "vh" in Plotly): the area
    is then the average precision.
    """
    thresholds, tp, fp = counts.distinct(c)
    return PRCurve(thresholds, tp / (tp + fp), _rate(tp, counts.positives[c]))


def roc_curve(counts: Counts, c: int) -> ROCCurve:
    """False and true positive rate of class c, from (0, 0) through each of its distinct scores to (1, 1)."""
    start = (np.inf, 0, 0)
    thresholds, tp, fp = (np.concatenate([[first], rest]) for first, rest in zip(start, counts.distinct(c)))
    return ROCCurve(thresholds, _rate(fp, counts.clips - counts.positives[c]), _rate(tp, counts.positives[c]))


def _rate(counted: np.ndarray, of: int) -> np.ndarray:
    return ratio(counted, of) if of else np.full(len(counted), np.nan)
