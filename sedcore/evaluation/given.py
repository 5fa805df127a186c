"""Reading arrays, tensors or tables into truth, scores and class names.

truth and scores are (clips, classes). The columns of a table (DataFrame) are the classes, its index the clips; two
tables are matched by name, in whatever order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import checked


@dataclass(frozen=True, eq=False)
class Given:
    """Truth (clips, classes) bool, finite scores of that shape, and the names of their classes."""

    truth: np.ndarray
    scores: np.ndarray
    classes: tuple[str, ...]


def given(truth: Any, scores: Any, classes: Sequence[str] | None = None) -> Given:
    """Return truth and scores as arrays, with their classes: `classes`, else the columns, else "class 0" and so on.

    Raises
    ------
    SedcoreError
        Shapes do not fit, tables name other clips or classes, truth is not 0 and 1, a score is not finite, or the
        names are not one a class, each once.
    """
    if isinstance(truth, pd.DataFrame) and isinstance(scores, pd.DataFrame):
        scores = _like(scores, truth)
    named = next((list(table.columns) for table in (truth, scores) if isinstance(table, pd.DataFrame)), None)
    truth, scores = as_array(truth), as_array(scores)
    if truth.dtype.kind == "f" and np.isnan(truth).any():
        clip, c = np.argwhere(np.isnan(truth))[0]
        raise SedcoreError(
            f"truth holds {np.count_nonzero(np.isnan(truth))} NaN, first at clip {clip}, class {c} (counted from 0); "
            "wanted are 0 and 1: leave out clips whose labels are not known"
        )
    truth, scores = checked(truth, scores)
    names = classes if classes is not None else named
    return Given(truth, scores, class_names(names, truth.shape[1]))


def as_array(values: Any) -> np.ndarray:
    """Return an array, table, list or tensor as an array; half precision, which no run stores, becomes float32."""
    if hasattr(values, "detach"):  # a tensor of PyTorch, maybe on another device or with a gradient
        values = values.detach().cpu()
        values = values.float() if "float16" in str(values.dtype) else values
    array = np.asarray(values)
    return array.astype(np.float32) if array.dtype.kind == "f" and array.dtype.itemsize < 4 else array


def class_names(names: Sequence[str] | None, many: int) -> tuple[str, ...]:
    """Return the names of `many` classes, by default "class 0" ... Raises SedcoreError where they do not fit."""
    columns = (
        tuple(f"class {c}" for c in range(many)) if names is None else tuple(str(name) for name in names)
    )
    if len(columns) != many:
        raise SedcoreError(f"{len(columns)} class names for {many} columns of scores: wrong list?")
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise SedcoreError(f"class {twice!r} is named twice; each class has a name of its own")
    return columns


def thresholds_for(thresholds: Any, classes: Sequence[str]) -> float | np.ndarray:
    """Return thresholds as one number or (classes,); given so, as {class: threshold}, or as the table of `tune`.

    Raises
    ------
    SedcoreError
        A class has no threshold.
    """
    if isinstance(thresholds, pd.DataFrame):
        if "threshold" not in thresholds:
            raise SedcoreError(
                "a table of thresholds needs a column 'threshold' and a row a class, as `tune` returns"
            )
        thresholds = thresholds["threshold"]
    if isinstance(thresholds, (Mapping, pd.Series)):
        by_class = dict(thresholds)
        lacking = [name for name in classes if name not in by_class]
        if lacking:
            raise SedcoreError(
                f"no threshold is given for class {', '.join(lacking[:6])}; wanted is one a class"
            )
        return np.array([by_class[name] for name in classes], np.float64)
    return thresholds


def _like(scores: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return scores with the clips and classes of truth, in its order."""
    for what, ours, theirs in (("class", truth.columns, scores.columns), ("clip", truth.index, scores.index)):
        twice = next(
            (labels[labels.duplicated()][0] for labels in (ours, theirs) if labels.has_duplicates), None
        )
        if twice is not None:
            raise SedcoreError(
                f"{what} {twice!r} comes twice in the tables, so that it cannot be found by name"
            )
        alone = ours.symmetric_difference(theirs)
        if len(alone):
            raise SedcoreError(
                f"truth and scores have other {'classes' if what == 'class' else 'clips'}: {alone[0]!r} is in one alone"
                f" ({len(alone)} such); wanted are tables with the same columns (classes) and index (clips)"
            )
    return scores.loc[truth.index, truth.columns]
