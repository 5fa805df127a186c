"""What the pages read of runs, cached by run folder and file time: scores, counts, evaluations.

Cached objects are shared by all readers and never changed (`st.cache_resource` keeps them without copying).

What tables and sliders need of all runs is a summary and counts on the grid of the sliders: the index of the root has
it. Scores of ordinary size are read when a page needs clips, and stay in memory, sorted once. Large ones (AudioSet's
evaluation: ten million a run) do not: they are read again when they are asked for, class by class where that is enough.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from sedcore.artifacts.cache import has_cache
from sedcore.artifacts.counted import LARGE, VERSION, Counted, is_large, one_number
from sedcore.artifacts.index import ListedRun, RunIndex
from sedcore.artifacts.kept_history import kept_history
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import samples_average
from sedcore.evaluation.counts import Confusion, Counts, cast_thresholds, counts, decide
from sedcore.evaluation.evaluate import Evaluation, Summary
from sedcore.evaluation.evaluate import evaluation as evaluation_of
from sedcore.evaluation.grid import OnGrid, count_on_grid
from sedcore.evaluation.measures import OF_SAMPLES, ByMeasure
from sedcore.jobs.switch import training_enabled

_MOST_HISTORIES = 300  # of 1,000 epochs: 30 MB
COUNTING = "Counting scores for the first time …"


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of a run on a split: what is known without a threshold, and the way to the rest."""

    run: Run
    split: str
    summary: Summary
    key: str  # runs compare only where it is equal
    large: bool

    @property
    def stamp(self) -> tuple[str, str, int]:
        """What a cache of something made from these scores is keyed by."""
        return stamp(self.run, self.split)

    @property
    def whole(self) -> bool:
        """Whether these are all scores of the split, so that what follows from them may be kept in the run."""
        return True

    @property
    def lowest(self) -> float:
        return self.summary.lowest

    @property
    def highest(self) -> float:
        return self.summary.highest

    @property
    def predictions(self) -> Predictions:
        """Truth and scores of all clips; of a large run read again by whoever asks."""
        return _read(*self.stamp) if self.large else _kept(*self.stamp)[0]

    @property
    def labels(self) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
        """Clip ids, classes and truth (clips, classes); of a large run without reading its scores."""
        if self.large:
            return self.run.truth(self.split)
        found = self.predictions
        return found.clip_ids, found.classes, found.truth

    @property
    def counts(self) -> Counts:
        """Counts at every distinct score of every class; of a large run 12 bytes a score, and not kept."""
        if not self.large:
            return _kept(*self.stamp)[1]
        found = self.predictions
        return counts(found.truth, found.scores)

    def class_counts(self, c: int) -> Counts:
        """Counts of one class alone, as class 0."""
        if self.large:
            found, columns = self.run.class_predictions(self.split, [self.summary.classes[c]]), slice(None)
        else:
            found, columns = self.predictions, slice(c, c + 1)
        return counts(found.truth[:, columns], found.scores[:, columns])

    def on_grid(self, grid: np.ndarray) -> OnGrid:
        """Counts and the samples average at each threshold of a grid."""
        return _on_grid(*self.stamp, tuple(grid.tolist()))

    def evaluation(self, thresholds: tuple[float, ...]) -> Evaluation:
        """Every number at a threshold a class."""
        return _evaluation(*self.stamp, thresholds)


@st.cache_resource(show_spinner=False)
def run_index(root: str, keep: bool) -> RunIndex:
    """Return the index of a root, one for all readers; it is kept on disk where pages may write."""
    index = RunIndex(Path(root), keep)
    gc.freeze()  # thousands of runs stay: each collection of garbage would look at all they hold
    return index


def listed_runs(root: Path) -> list[ListedRun]:
    """Return the readable runs of a root, newest first."""
    return [run for run in index_of(root).refresh() if not run.problem]


def index_of(root: Path) -> RunIndex:
    """Return the index of a root."""
    return run_index(str(Path(root)), training_enabled())


def counted(run: Run, split: str) -> Counted:
    """Return what the scores of a split give without a look at every clip. Raises SedcoreError without scores."""
    return index_of(run.path.parents[1]).counted(run, split)


def scores(run: Run, split: str) -> Scores:
    """Return the scores of a split. Raises SedcoreError where there are none, or damaged ones."""
    known = counted(run, split)
    return Scores(Run(run.path), split, known.summary, known.key, known.summary.size > LARGE)


def stamp(run: Run, split: str) -> tuple[str, str, int]:
    """Return what a cache of something made from a split's scores is keyed by: it changes with their file."""
    try:
        return str(run.path), split, run.predictions_file(split).stat().st_mtime_ns
    except OSError:
        return str(run.path), split, 0


def is_slow(run: Run, split: str) -> bool:
    """Whether counting these scores for the first time takes seconds."""
    try:
        file = run.predictions_file(split)
        small = file.stat().st_size < LARGE  # a score takes some three bytes on disk
        return not small and not has_cache(run, f"{split}-counted", file, {"version": VERSION})
    except (OSError, SedcoreError):
        return False


def macro_ap(run: Run, split: str) -> float | None:
    """Return macro AP on a split, None where the run has no scores for it."""
    try:
        return counted(run, split).summary.mAP
    except SedcoreError:
        return None


def macro_aps(runs: Sequence[ListedRun], split: str) -> list[float | None]:
    """Return macro AP of each run on a split, None without scores. Those of most are known to the index."""
    if not runs:
        return []
    known, _ = index_of(runs[0].path.parents[1]).look_up(split)
    return [
        one_number(known[run.run_id], "macro_ap")
        if run.run_id in known
        else (macro_ap(run, split) if split in run.seen_splits else None)
        for run in runs
    ]


def same_clips(run: Run, others: Sequence[ListedRun], split: str) -> list[ListedRun]:
    """Return those of the others that are scored on the same clips, classes and truth as a run."""
    key, found = counted(run, split).key, []
    known, _ = index_of(run.path.parents[1]).look_up(split)
    for other in others:
        one = known.get(other.run_id)
        try:
            if (one_number(one, "key").decode() if one else counted(other, split).key) == key:
                found.append(other)
        except SedcoreError:
            continue
    return found


def histories(runs: Sequence[Run]) -> dict[str, pd.DataFrame | SedcoreError]:
    """Return what `Run.history` does or raises, by run id; parsed once for each state of a file, and never changed."""
    kept, stamps = _histories(), {run.run_id: _history_stamp(run) for run in runs}
    found = {run_id: kept.pop(stamp, None) for run_id, stamp in stamps.items()}
    missing = [run for run in runs if found[run.run_id] is None]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found |= {run.run_id: parsed for run, parsed in zip(missing, pool.map(_parsed, missing))}
    kept.update((stamps[run_id], parsed) for run_id, parsed in found.items())  # the last used at the end
    for oldest in list(kept)[:-_MOST_HISTORIES]:
        kept.pop(oldest, None)  # another session may have been quicker
    return found


def _parsed(run: Run) -> pd.DataFrame | SedcoreError:
    try:
        return kept_history(Run(run.path), keep=training_enabled())
    except SedcoreError as error:
        return error


def _history_stamp(run: Run) -> tuple[str, int, int]:
    try:
        file = os.stat(f"{run.path}/history.jsonl")
        return str(run.path), file.st_mtime_ns, file.st_size
    except OSError:
        return str(run.path), 0, 0


@st.cache_resource(show_spinner=False)
def _histories() -> dict:
    """Return the histories that are kept, the last used at the end (threads cannot use a cached function)."""
    return {}


def why_no_scores(run: Run, split: str) -> str:
    """Return why a run has no scores on a split, as the end of a sentence; "" where it has."""
    if split in run.splits():
        try:
            scores(run, split)
            return ""
        except SedcoreError as error:
            return f"its scores cannot be used ({error})"
    if run.info["kind"] == "reported":
        return "it is a printed result: tables without scores"
    if run.splits():
        return f"it has no scores for {split}, only for {', '.join(run.splits())}"
    status = run.status()
    if status.state == "queued":
        return "it waits to be trained"
    if status.state in ("running", "cancelling"):
        return "it is training; scores come when it ends"
    reason = f" ({status.reason})" if status.reason else ""
    if status.state == "failed":
        return f"it failed{reason} before it scored a clip"
    if status.state in ("interrupted", "cancelled"):
        return f"it was {status.state}{reason} before it scored a clip"
    return "it has no scores"


# ---- kept in memory --------------------------------------------------------------------------------------------


@st.cache_resource(max_entries=96, show_spinner=False)
def _kept(run_path: str, split: str, file_time: int) -> tuple[Predictions, Counts]:
    found = Run(Path(run_path)).predictions(split)
    return found, counts(found.truth, found.scores)


@st.cache_resource(max_entries=1, show_spinner=False)
def _read(run_path: str, split: str, file_time: int) -> Predictions:
    return Run(Path(run_path)).predictions(split)


@st.cache_resource(max_entries=200, show_spinner=COUNTING)
def _on_grid(run_path: str, split: str, file_time: int, grid: tuple[float, ...]) -> OnGrid:
    run, points = Run(Path(run_path)), np.array(grid)
    known = counted(run, split).on_grid
    if np.array_equal(known.grid, points):
        return known
    found = (
        _read(run_path, split, file_time) if is_large(run, split) else _kept(run_path, split, file_time)[0]
    )
    return count_on_grid(found.truth, found.scores, points)


@st.cache_resource(max_entries=400, show_spinner=False)
def _evaluation(run_path: str, split: str, file_time: int, thresholds: tuple[float, ...]) -> Evaluation:
    held = scores(Run(Path(run_path)), split)
    wanted = list(thresholds)
    cast = cast_thresholds(wanted, len(wanted), held.summary.dtype)
    found = _at_a_stop(held, cast)
    if found is None and held.large:
        found = _counted_large(held, cast)
    if found is None:
        known, every = _kept(run_path, split, file_time)
        found = every.at(wanted), samples_average(known.truth, decide(known.scores, wanted))
    return evaluation_of(held.summary, wanted, *found)


def _at_a_stop(held: Scores, thresholds: np.ndarray) -> tuple[Confusion, tuple[ByMeasure, int]] | None:
    """Return what the index has counted at (classes,) thresholds, None where they are no one stop of the grid."""
    summary, known = held.summary, counted(held.run, held.split).on_grid
    place = stop_of(known.grid, thresholds)
    if place is None:
        return None
    tp, fp = known.tp[place], known.fp[place]
    rest = summary.clips - summary.positives
    confusion = Confusion(tp=tp, fp=fp, fn=summary.positives - tp, tn=rest - fp)
    samples = zip((m.name for m in OF_SAMPLES), known.samples[place].tolist())
    return confusion, (ByMeasure(samples), int(known.empty[place]))


def stop_of(grid: np.ndarray, thresholds: np.ndarray) -> int | None:
    """Return the place of (classes,) thresholds in a grid, in their type; None where they differ or lie between."""
    points = grid.astype(thresholds.dtype)
    place = int(np.searchsorted(points, thresholds[0]))
    stops = place < len(points) and points[place] == thresholds[0] and (thresholds == thresholds[0]).all()
    return place if stops else None


def _counted_large(held: Scores, thresholds: np.ndarray) -> tuple[Confusion, tuple[ByMeasure, int]]:
    """Count a large run at (classes,) thresholds: classes at a stop from the index, others from their scores."""
    summary, known = held.summary, counted(held.run, held.split).on_grid
    points = known.grid.astype(summary.dtype)
    place = np.minimum(np.searchsorted(points, thresholds), len(points) - 1)
    columns = np.arange(len(summary.classes))
    tp, fp = known.tp[place, columns], known.fp[place, columns]
    between = np.flatnonzero(points[place] != thresholds)
    if len(between):
        found = held.run.class_predictions(held.split, [summary.classes[c] for c in between])
        fired = found.scores >= thresholds[between]
        tp[between], fp[between] = (fired & found.truth).sum(axis=0), (fired & ~found.truth).sum(axis=0)
    rest = summary.clips - summary.positives
    confusion = Confusion(tp=tp, fp=fp, fn=summary.positives - tp, tn=rest - fp)
    found = held.predictions
    return confusion, samples_average(found.truth, found.scores >= thresholds)
