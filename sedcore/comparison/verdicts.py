"""Verdicts on contenders: every pair in an average, and one pair class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sedcore.comparison.contenders import Contender, canonical_columns, support_of
from sedcore.evaluation.baselines import all_positive_scores
from sedcore.evaluation.measures import measure_behind
from sedcore.evaluation.verdicts import Differences, Pairs, compare, compare_all


def by_value(rivals: Sequence[Contender], measure: str) -> list[Contender]:
    """Return contenders with the highest value first, undefined last."""
    return sorted(rivals, key=lambda rival: -np.nan_to_num(rival.value(measure), nan=-np.inf))


def every_pair(rivals: Sequence[Contender], measure: str) -> Pairs:
    """Return the difference and verdict of every pair of contenders in an average; the pairs are the family."""
    values = np.array([rival.value(measure) for rival in rivals], np.float64)
    return compare_all(values, np.stack([rival.draws.draws[measure] for rival in rivals], axis=1))


def class_differences(first: Contender, second: Contender, measure: str) -> Differences:
    """Return the differences of the classes behind an average, in canonical order; the classes are the family."""
    behind = measure_behind(measure)
    draws = first.draws.draws[behind.name], second.draws.draws[behind.name]
    values = first.value(behind.name), second.value(behind.name)
    return compare(*values, *draws, support_of(first), studentised=behind.studentised)


def trivial_of_classes(rival: Contender, name: str) -> np.ndarray:
    """Return (classes,) values of the trivial baselines, in canonical order."""
    one = rival.members[0]
    return all_positive_scores(one.evaluation, name)[canonical_columns(one)]
