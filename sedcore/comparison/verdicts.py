"""Is the difference real? Verdicts on contenders: every pair in an average, and one pair class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sedcore.comparison.contenders import RANKING, Contender, canonical_columns, support_of
from sedcore.evaluation.baselines import of_classes
from sedcore.evaluation.verdicts import Differences, Pairs, compare, compare_all

STUDENTISED = ("roc_auc",)  # measures of classes whose differences are not judged by percentiles


def class_measure(measure: str) -> str:
    """Return the measure of a class behind an average: "ap", "roc_auc" or "f1"."""
    name = measure.removeprefix("macro_")
    return name if name in RANKING else "f1"


def by_value(rivals: Sequence[Contender], measure: str) -> list[Contender]:
    """Return contenders with the highest value first, undefined last."""
    return sorted(rivals, key=lambda rival: -np.nan_to_num(rival.value(measure), nan=-1.0))


def every_pair(rivals: Sequence[Contender], measure: str) -> Pairs:
    """Return the difference and verdict of every pair of contenders in an average; the pairs are the family."""
    values = np.array([rival.value(measure) for rival in rivals], np.float64)
    return compare_all(values, np.stack([rival.draws.draws[measure] for rival in rivals], axis=1))


def class_differences(first: Contender, second: Contender, measure: str) -> Differences:
    """Return the differences of the classes behind an average, in canonical order; the classes are the family."""
    name = class_measure(measure)
    draws = first.draws.draws[name], second.draws.draws[name]
    values = first.value(name), second.value(name)
    return compare(*values, *draws, support_of(first), studentised=name in STUDENTISED)


def trivial_of_classes(rival: Contender, name: str) -> np.ndarray:
    """Return (classes,) what one gets in each class without listening, in canonical order."""
    one = rival.members[0]
    return of_classes(one.evaluation, name)[canonical_columns(one)]
