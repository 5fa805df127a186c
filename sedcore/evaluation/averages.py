"""Measures of decisions, for each class and averaged four ways (`measures` lists the averages of each measure).

Rules for measures that divide by 0:
- A class without positives is undefined: its measures are NaN, except precision, which is 0 if the class was
  predicted. It is left out of macro and weighted.
- A class that has positives and is never predicted has precision 0, F1 0 and MCC 0, as in scikit-learn, and is
  flagged.
- Micro pools the counts of all classes, so false alarms of an undefined class count there.
- Samples: a clip that divides by 0 counts 0 (scikit-learn's zero_division=0); empty clips are counted.
- A split without any positive: macro, weighted and micro are NaN (except micro precision, which is 0 if anything
  was predicted); samples is 0, as in scikit-learn.
"""

import math
from dataclasses import dataclass

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import Confusion
from sedcore.evaluation.measures import MEASURES, OF_DECISIONS, OF_SAMPLES, ByMeasure


class Measured:
    """Makes each measure in `by_class`, (classes,), and in `by_run`, if there, an attribute too: `result.f1`."""

    def __getattr__(self, name: str) -> np.ndarray | float:
        if name in MEASURES:
            held = vars(self)
            for values in (held.get("by_class", {}), held.get("by_run", {})):
                if name in values:
                    return values[name]
        raise AttributeError(f"{type(self).__name__} has no {name}")


@dataclass(frozen=True, eq=False)
class ClassScores(Measured):
    """Measures of each class, all (classes,): floats with NaN where undefined, support in clips, two flags."""

    by_class: ByMeasure
    support: np.ndarray
    never_predicted: np.ndarray  # has positives, was predicted for no clip
    undefined: np.ndarray  # has no positives


def class_scores(confusion: Confusion) -> ClassScores:
    """Return every measure of decisions for each class, under the rules at the top of this module."""
    tp, clips = confusion.tp, confusion.clips
    support, predicted = tp + confusion.fn, tp + confusion.fp
    by_class = ByMeasure((m.name, m.defined(tp, predicted, support, clips)) for m in OF_DECISIONS)
    undefined = support == 0
    return ClassScores(by_class, support, (predicted == 0) & ~undefined, undefined)


def averages(confusion: Confusion) -> dict[str, ByMeasure]:
    """Return the averages "micro" (pooled counts), "macro" (mean over defined classes), "weighted" (by support).

    Equal to sklearn.metrics.precision_recall_fscore_support(zero_division=0), macro and weighted with
    `labels=` the classes that have positives.
    """
    classes, pooled = class_scores(confusion), class_scores(confusion.pooled())
    defined = ~classes.undefined
    support = classes.support[defined]
    many, total = len(support), int(support.sum())
    means = {"micro": ByMeasure(), "macro": ByMeasure(), "weighted": ByMeasure()}
    for m in OF_DECISIONS:
        values = classes.by_class[m.name][defined]
        # exactly rounded sums, so that the browser computes the same digits
        if "micro" in m.averages:
            means["micro"][m.name] = pooled.by_class[m.name].item()
        if "macro" in m.averages:
            means["macro"][m.name] = math.fsum(values) / many if many else math.nan
        if "weighted" in m.averages:
            means["weighted"][m.name] = math.fsum(values * support) / total if total else math.nan
    return means


def samples_average(truth: np.ndarray, decisions: np.ndarray) -> tuple[ByMeasure, int]:
    """Return the mean over clips of each clip's own measures, and the number of empty clips.

    truth, decisions: (clips, classes) bool. An empty clip has neither truth nor prediction and counts 0, like
    every division by 0 here; as scikit-learn's average="samples" with zero_division=0.
    """
    truth, decisions = np.asarray(truth, bool), np.asarray(decisions, bool)
    if truth.shape != decisions.shape or truth.ndim != 2:
        raise SedcoreError(
            f"truth has shape {truth.shape}, decisions {decisions.shape}, wanted (clips, classes) for both."
        )
    hits, positives, predicted = (
        np.count_nonzero(mask, axis=1) for mask in (truth & decisions, truth, decisions)
    )
    classes = truth.shape[1]
    means = ByMeasure(
        (m.name, float(m.function(hits, predicted, positives, classes).mean())) for m in OF_SAMPLES
    )
    return means, int(np.count_nonzero(positives + predicted == 0))
