"""Classes of several runs side by side, at the thresholds in force: (classes, runs), NaN where undefined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sedcore.comparison.selection import Scored, Selection
from sedcore.evaluation.baselines import all_positive_scores, below_by_class


def class_values(scored: Sequence[Scored], measure: str, classes: Sequence[str]) -> np.ndarray:
    """Return (classes, runs) values of a measure, NaN where undefined or where a run lacks the class."""
    return _columns(scored, classes, lambda s: s.evaluation.by_class[measure], np.nan)


def below_baselines_of_classes(scored: Sequence[Scored], measure: str, classes: Sequence[str]) -> np.ndarray:
    """Return (classes, runs) bool: which values are below those of the trivial baselines."""
    return _columns(scored, classes, lambda s: below_by_class(s.evaluation, measure), False)


def _columns(scored, classes, values_of, missing) -> np.ndarray:
    columns = []
    for s in scored:
        values = dict(zip(s.evaluation.classes, values_of(s)))
        columns.append([values.get(name, missing) for name in classes])
    return np.array(columns, type(missing)).reshape(len(columns), len(classes)).T


def spread(values: np.ndarray) -> np.ndarray:
    """Return (classes,) highest minus lowest of (classes, runs), NaN with fewer than two values."""
    enough = (~np.isnan(values)).sum(axis=1) > 1
    result = np.full(len(values), np.nan)
    result[enough] = np.nanmax(values[enough], axis=1) - np.nanmin(values[enough], axis=1)
    return result


def class_support(selection: Selection) -> list[int]:
    """Return the positive clips of each class of a selection, from the first run that has the class."""
    support: dict[str, int] = {}
    for s in _in_order(selection):
        for name, number in zip(s.evaluation.classes, s.evaluation.support):
            support.setdefault(name, int(number))
    return [support[name] for name in selection.classes]


def trivial_values(selection: Selection, measure: str) -> np.ndarray:
    """Return (classes,) values of the trivial baselines, each from the first run where it is defined."""
    values: dict[str, float] = {}
    for s in _in_order(selection):
        for name, value in zip(s.evaluation.classes, all_positive_scores(s.evaluation, measure)):
            if np.isnan(values.get(name, np.nan)):
                values[name] = float(value)
    return np.array([values[name] for name in selection.classes])


def _in_order(selection: Selection) -> list[Scored]:
    return [s for group in selection.groups for s in group]
