"""Precision, recall and F1: of each class, and averaged four ways.

What happens where a score divides by nothing:
- A class without positives is undefined: recall and F1 are NaN; precision is 0 if it fired, else NaN. It is
  left out of macro and weighted.
- A class that has positives and is never predicted has precision 0 and F1 0, as in scikit-learn, and is
  flagged.
- Micro pools the counts of all classes, so false alarms of an undefined class count there.
- Samples: 0 where a clip divides by nothing (scikit-learn's zero_division=0); empty clips are counted.
- A split without any positive: recall and F1 of micro and all of macro and weighted are NaN (precision of
  micro is 0 if anything fired, else NaN); samples is 0, as in scikit-learn.
"""

import math
from dataclasses import dataclass

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import Confusion


@dataclass(frozen=True)
class PRF:
    """Precision, recall and F1, each in 0..1, NaN where undefined."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Scores of each class, all (classes,): floats with NaN where undefined, support in clips, two flags."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    never_predicted: np.ndarray  # has positives, was predicted for no clip
    undefined: np.ndarray  # has no positives


def class_scores(confusion: Confusion) -> ClassScores:
    """Precision, recall and F1 of each class under the rules at the top of this module."""
    tp, fp, fn = confusion.tp, confusion.fp, confusion.fn
    support, predicted = tp + fn, tp + fp
    undefined = support == 0
    precision = np.where(undefined & (predicted == 0), np.nan, ratio(tp, predicted))
    recall = np.where(undefined, np.nan, ratio(tp, support))
    f1 = np.where(undefined, np.nan, ratio(2 * tp, support + predicted))
    return ClassScores(precision, recall, f1, support, (predicted == 0) & ~undefined, undefined)


def averages(confusion: Confusion) -> dict[str, PRF]:
    """The averages "micro" (pooled counts), "macro" (mean over defined classes), "weighted" (by support).

    Equal to sklearn.metrics.precision_recall_fscore_support(zero_division=0), macro and weighted with
    `labels=` the classes that have positives.
    """
    classes = class_scores(confusion)
    defined = ~classes.undefined
    pooled = [
        np.atleast_1d(counted.sum()) for counted in (confusion.tp, confusion.fp, confusion.fn, confusion.tn)
    ]
    micro = class_scores(Confusion(*pooled))
    scores = [values[defined] for values in (classes.precision, classes.recall, classes.f1)]
    if not defined.any():
        macro = weighted = PRF(np.nan, np.nan, np.nan)
    else:
        # exactly rounded sums, so that whoever computes them elsewhere (a browser) gets the same digits
        support = classes.support[defined]
        macro = PRF(*(math.fsum(values) / len(values) for values in scores))
        weighted = PRF(*(math.fsum(values * support) / int(support.sum()) for values in scores))
    return {
        "micro": PRF(float(micro.precision[0]), float(micro.recall[0]), float(micro.f1[0])),
        "macro": macro,
        "weighted": weighted,
    }


def samples_average(truth: np.ndarray, decisions: np.ndarray) -> tuple[PRF, int]:
    """The mean over clips of each clip's own precision, recall and F1, and how many clips are empty.

    truth, decisions: (clips, classes) bool. An empty clip has neither truth nor prediction and counts 0, as
    any division by nothing does here; the same as scikit-learn's average="samples" with zero_division=0.
    """
    truth, decisions = np.asarray(truth, bool), np.asarray(decisions, bool)
    if truth.shape != decisions.shape or truth.ndim != 2:
        raise SedcoreError(
            f"truth has shape {truth.shape}, decisions {decisions.shape}, wanted (clips, classes) for both."
        )
    tp, positives, predicted = (
        np.count_nonzero(mask, axis=1) for mask in (truth & decisions, truth, decisions)
    )
    means = (
        float(ratio(*pair).mean())
        for pair in ((tp, predicted), (tp, positives), (2 * tp, positives + predicted))
    )
    return PRF(*means), int(np.count_nonzero(positives + predicted == 0))


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """A part of a count, 0 where there is nothing to be part of: 0 / 0 is 0."""
    return numerator / np.maximum(denominator, 1)
