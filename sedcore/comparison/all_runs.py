"""The measures of all runs of a root at the thresholds in force, as columns.

A single threshold on the sliders' grid needs no scores: the index has counted there. Any other threshold means
reading the scores of every run, which is slow for thousands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from sedcore.artifacts.counted import Layout, PackedSummary, layout_of, records
from sedcore.artifacts.index import ListedRun
from sedcore.comparison.scores import stop_of
from sedcore.comparison.selection import Choice
from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import samples_average
from sedcore.evaluation.counts import cast_thresholds
from sedcore.evaluation.many import averages_of_many
from sedcore.evaluation.measures import OF_SAMPLES, RUN_MEASURES

_MOST_DERIVED = 40


@dataclass(frozen=True, eq=False)
class AllRuns:
    """Measures of runs, a row a run; NaN, "" and 0 where a run has no usable scores.

    Attributes
    ----------
    keys : (runs,) comparison keys; runs compare only where they are equal.
    values : {name of RUN_MEASURES: (runs,) float64}.
    collapsed : (runs,) bool.
    clips, classes : (runs,) numbers of each.
    """

    keys: np.ndarray
    values: dict[str, np.ndarray]
    collapsed: np.ndarray
    clips: np.ndarray
    classes: np.ndarray
    _derived: dict[object, object] = field(default_factory=dict)

    def derived(self, key: object, make: Callable[[], object]) -> object:
        """Return the result of `make`, kept under the key; it must depend on nothing but this object and the key."""
        if (known := self._derived.get(key)) is None:
            if len(self._derived) > _MOST_DERIVED:
                self._derived.clear()
            known = self._derived[key] = make()
        return known

    @property
    def mAP(self) -> np.ndarray:
        """Macro AP, (runs,)."""
        return self.values["macro_ap"]


def all_runs(
    runs: Sequence[ListedRun],
    split: str,
    choice: Choice,
    counted: Mapping[str, PackedSummary],
    reading: Callable[[int, int], None] = lambda done, total: None,
) -> AllRuns:
    """Return the measures of all runs on a split at the thresholds of a choice.

    counted : what the index knows of their scores, by run id.
    reading : called with (done, total) while scores are read.
    """
    packed = [counted.get(run.run_id) for run in runs]
    many = len(packed)
    columns = AllRuns(
        np.full(many, "", "<U16"),
        {measure: np.full(many, np.nan) for measure in RUN_MEASURES},
        np.zeros(many, bool),
        *(np.zeros(many, np.int64) for _ in range(2)),
    )
    between: list[tuple[int, np.ndarray]] = []
    for layout, rows in _by_layout(packed):
        known = records([packed[row] for row in rows])
        columns.keys[rows] = known["key"].astype(str)
        columns.collapsed[rows] = known["collapsed"]
        columns.clips[rows], columns.classes[rows] = layout.clips, len(layout.classes)
        for measure in RUN_MEASURES.keys() & known.dtype.names:
            columns.values[measure][rows] = known[measure]
        wanted = list(choice.class_thresholds(layout.classes))
        thresholds = cast_thresholds(wanted, len(layout.classes), layout.dtype)
        place = stop_of(layout.grid, thresholds)
        if place is None:
            between += [(row, thresholds) for row in rows]
            continue
        at_stop = known["tp"][:, place], known["fp"][:, place], known["positives"]
        averages = averages_of_many(*at_stop, layout.clips)
        for measure, values in averages.items():
            columns.values[measure][rows] = values
        for number, m in enumerate(OF_SAMPLES):
            if m.ranks_runs:
                columns.values[f"samples_{m.name}"][rows] = known["samples"][:, place, number]
    _read_between(runs, split, columns, between, reading)
    return columns


def _by_layout(packed: Sequence[PackedSummary | None]) -> Iterator[tuple[Layout, list[int]]]:
    rows: dict[str, list[int]] = {}
    for row, one in enumerate(packed):
        if one is not None:
            rows.setdefault(one.layout, []).append(row)
    for text, some in rows.items():
        yield layout_of(text), some


def _read_between(
    runs: Sequence[ListedRun],
    split: str,
    columns: AllRuns,
    between: Sequence[tuple[int, np.ndarray]],
    reading: Callable[[int, int], None],
) -> None:
    """Fill in, from the scores, the measures at thresholds that are not on the grid."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = pool.map(lambda one: _averages_at(runs[one[0]], split, one[1]), between)
        for number, ((row, _), values) in enumerate(zip(between, read), start=1):
            for measure, value in values.items():
                columns.values[measure][row] = value
            if values == {}:
                columns.keys[row] = ""  # damaged since it was counted
            reading(number, len(between))


def _averages_at(run: ListedRun, split: str, thresholds: np.ndarray) -> dict[str, float]:
    try:
        held = run.predictions(split)
    except SedcoreError:
        return {}
    fired = held.scores >= thresholds
    hits = fired & held.truth
    tp, predicted, positives = (mask.sum(axis=0)[None] for mask in (hits, fired, held.truth))
    averages = {
        name: values[0]
        for name, values in averages_of_many(tp, predicted - tp, positives, len(fired)).items()
    }
    samples = samples_average(held.truth, fired)[0]
    return averages | {f"samples_{m.name}": samples[m.name] for m in OF_SAMPLES if m.ranks_runs}
