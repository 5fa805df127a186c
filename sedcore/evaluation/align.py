"""A canonical order of clips and classes, so that runs are compared by name and never by position.

Two runs of the same split may list its clips, and its classes, in different orders. Comparisons clip by clip put
both into the canonical order first: clip ids ascending, class names ascending. The paired bootstrap relies on it:
with the same seed and number of clips it then resamples the same clips for every run, so that draws of different
runs are paired even if made at different times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import checked


@dataclass(frozen=True, eq=False)
class Aligned:
    """Truth and scores of one run in canonical order.

    clip_ids: (clips,) str, ascending. classes: names, ascending. truth: (clips, classes) bool. scores: (clips,
    classes) float. columns: (classes,) the position of each class in the run, to reorder arrays such as thresholds.
    """

    clip_ids: np.ndarray
    classes: tuple[str, ...]
    truth: np.ndarray
    scores: np.ndarray
    columns: np.ndarray


def in_order(clip_ids: Sequence[str], classes: Sequence[str], made: np.ndarray) -> np.ndarray:
    """Return truth or decisions, (clips, classes) bool, in canonical order. Raises SedcoreError as `aligned` does."""
    return np.asarray(made, bool)[_canonical(clip_ids, classes, np.shape(made))]


def aligned(
    clip_ids: Sequence[str], classes: Sequence[str], truth: np.ndarray, scores: np.ndarray
) -> Aligned:
    """Return a run's truth and scores in canonical order.

    truth, scores: (clips, classes). Raises SedcoreError where shapes do not fit or a name occurs twice.
    """
    truth, scores = checked(truth, scores)
    inside = _canonical(clip_ids, classes, truth.shape)
    rows, columns = inside[0].ravel(), inside[1].ravel()
    ids, names = np.asarray(list(clip_ids), str)[rows], np.asarray(list(classes), str)[columns]
    return Aligned(ids, tuple(names.tolist()), truth[inside], scores[inside], columns)


def _canonical(clip_ids: Sequence[str], classes: Sequence[str], shape: tuple[int, ...]) -> tuple:
    """Return rows and columns in canonical order, as an open mesh. Raises SedcoreError as `aligned` does."""
    ids, names = np.asarray(list(clip_ids), str), np.asarray(list(classes), str)
    if shape != (len(ids), len(names)):
        raise SedcoreError(
            f"truth has shape {shape}, wanted ({len(ids)}, {len(names)}): a row a clip, a column a class."
        )
    for what, values in (("clip id", ids), ("class", names)):
        if len(np.unique(values)) != len(values):
            raise SedcoreError(f"a {what} comes twice, so that runs cannot be compared by it.")
    return np.ix_(np.argsort(ids), np.argsort(names))


def paired(runs: Sequence[Aligned]) -> np.ndarray:
    """Return the truth that all runs share, (clips, classes) bool. Raises SedcoreError where they differ."""
    first = runs[0]
    for run in runs[1:]:
        if run.classes != first.classes:
            raise SedcoreError("the runs have different classes, so they cannot be compared clip by clip.")
        if not np.array_equal(run.clip_ids, first.clip_ids):
            raise SedcoreError("the runs have different clips, so they cannot be compared clip by clip.")
        if not np.array_equal(run.truth, first.truth):
            raise SedcoreError("the runs hold different labels for the same clips: which truth is right?")
    return first.truth
