"""All runs of a root at a glance: what the scores of each give at the thresholds in force, as columns.

Thresholds that are one stop of the sliders' grid cost no look at scores: the index has counted there. Elsewhere the
scores of every run are read, which of thousands takes its time and is shown; what came out is kept for all readers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from pages.widgets.runs import loading
from pages.widgets.runs.scene import FEW, Scene, count_and_look_up
from sedcore.artifacts.counted import Layout, Packed, layout_of, records
from sedcore.artifacts.index import ListedRun
from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import samples_average
from sedcore.evaluation.counts import cast_thresholds
from sedcore.evaluation.many import averages_of_many
from sedcore.evaluation.measures import OF_SAMPLES, RUN_MEASURES

_MOST_DERIVED = 40
_KEPT = 4  # tables kept for all readers: some hundred kB each


@dataclass(frozen=True, eq=False)
class Glance:
    """What the scores of runs give, a row a run; NaN, "" and 0 where a run has none that can be used.

    Attributes
    ----------
    keys : (runs,) comparison keys, runs compare only where they are equal.
    values : of each of RUN_MEASURES, (runs,) float64.
    collapsed : (runs,) bool.
    clips, classes : (runs,) how many there are.
    """

    keys: np.ndarray
    values: dict[str, np.ndarray]
    collapsed: np.ndarray
    clips: np.ndarray
    classes: np.ndarray
    kept: dict[object, object] = field(default_factory=dict)

    def derived(self, key: object, make: Callable[[], object]) -> object:
        """Return what `make` once gave under a key: what follows from these runs and numbers, and from the key."""
        if (found := self.kept.get(key)) is None:
            if len(self.kept) > _MOST_DERIVED:
                self.kept.clear()
            found = self.kept[key] = make()
        return found

    @property
    def mAP(self) -> np.ndarray:
        """Macro AP, (runs,)."""
        return self.values["macro_ap"]


def glance(scene: Scene) -> Glance:
    """Return what all runs of a scene have on its split at the thresholds in force."""
    runs, split, choice = scene.runs, scene.split, scene.choice
    packed, state = count_and_look_up(runs, split, scene.listing)
    kept, key = _kept(), (str(scene.root), split, choice.threshold, choice.by_class, state)
    found = kept.pop(key, None) or _look(scene, [packed.get(run.run_id) for run in runs])
    kept[key] = found
    for oldest in list(kept)[:-_KEPT]:
        kept.pop(oldest, None)  # another session may have been quicker
    return found


@st.cache_resource(show_spinner=False)
def _kept() -> dict:
    """Return the glances that are kept, the last used at the end (a cached function would replay the progress bar)."""
    return {}


def _look(scene: Scene, packed: Sequence[Packed | None]) -> Glance:
    many = len(packed)
    found = Glance(
        np.full(many, "", "<U16"),
        {measure: np.full(many, np.nan) for measure in RUN_MEASURES},
        np.zeros(many, bool),
        *(np.zeros(many, np.int64) for _ in range(2)),
    )
    between: list[tuple[int, np.ndarray]] = []
    for layout, rows in _by_layout(packed):
        known = records([packed[row] for row in rows])
        found.keys[rows] = known["key"].astype(str)
        found.collapsed[rows] = known["collapsed"]
        found.clips[rows], found.classes[rows] = layout.clips, len(layout.classes)
        for measure in RUN_MEASURES.keys() & known.dtype.names:
            found.values[measure][rows] = known[measure]
        wanted = list(scene.choice.class_thresholds(layout.classes))
        thresholds = cast_thresholds(wanted, len(layout.classes), layout.dtype)
        place = loading.stop_of(layout.grid, thresholds)
        if place is None:
            between += [(row, thresholds) for row in rows]
            continue
        counted = known["tp"][:, place], known["fp"][:, place], known["positives"]
        averages = averages_of_many(*counted, layout.clips)
        for measure, values in averages.items():
            found.values[measure][rows] = values
        for column, m in enumerate(OF_SAMPLES):
            if m.ranks_runs:
                found.values[f"samples_{m.name}"][rows] = known["samples"][:, place, column]
    _read(scene, found, between)
    return found


def _by_layout(packed: Sequence[Packed | None]) -> Iterator[tuple[Layout, list[int]]]:
    rows: dict[str, list[int]] = {}
    for row, one in enumerate(packed):
        if one is not None:
            rows.setdefault(one.layout, []).append(row)
    for text, some in rows.items():
        yield layout_of(text), some


def _read(scene: Scene, found: Glance, between: Sequence[tuple[int, np.ndarray]]) -> None:
    """Fill in what hangs on thresholds between the stops of the grid, from the scores."""
    words = "Looking up scores between the stops of the slider"
    bar = st.progress(0.0, text=words) if len(between) > FEW else None
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = pool.map(lambda one: _read_one(scene.runs[one[0]], scene.split, one[1]), between)
        for number, ((row, _), values) in enumerate(zip(between, read), start=1):
            for measure, value in values.items():
                found.values[measure][row] = value
            if values == {}:
                found.keys[row] = ""  # damaged since it was counted
            if bar and number % 50 == 0:
                bar.progress(number / len(between), text=f"{words}: {number} of {len(between)} runs")
    if bar:
        bar.empty()


def _read_one(run: ListedRun, split: str, thresholds: np.ndarray) -> dict[str, float]:
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
