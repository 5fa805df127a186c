"""The only cached functions of the pages.

Each wraps a function of sedcore and is keyed by what its result depends on: a run's path, a split and the time of
the file (`Scores.stamp`), thresholds. Results are shared by all readers and never changed (`st.cache_resource` keeps
them without copying). Arguments with a leading underscore are not part of the key.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from sedcore.artifacts.index import ListedRun, RunIndex
from sedcore.artifacts.kept_history import kept_history
from sedcore.artifacts.runs import Run
from sedcore.artifacts.sweeps import Sweep
from sedcore.comparison import common_clips, contenders, thresholds
from sedcore.comparison import scores as reading
from sedcore.comparison.all_runs import AllRuns
from sedcore.comparison.common_clips import Common
from sedcore.comparison.recent import Recent
from sedcore.comparison.scores import HeldScores, Scores, Stamp
from sedcore.comparison.selection import Scored
from sedcore.data import summary
from sedcore.data.store import DataSet, datasets_folder, list_datasets
from sedcore.errors import SedcoreError
from sedcore.evaluation import tuning, tuning_intervals
from sedcore.evaluation.audit import Audit, audit, read_document, report_document
from sedcore.evaluation.bootstrap import Draws
from sedcore.evaluation.objectives import Objective
from sedcore.evaluation.tuning import Tuned
from sedcore.evaluation.tuning_intervals import Intervals
from sedcore.jobs.cluster import refresh
from sedcore.jobs.live import Look, look_at
from sedcore.jobs.sweeps.results import best_score
from sedcore.jobs.switch import training_enabled
from sedcore.training.estimates import Speed, speed_of, speeds_by_model

Drawn = TypeVar("Drawn")
_MOST_HISTORIES = 300  # of 1,000 epochs: 30 MB

# ---- runs ------------------------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def _run_index(root: str, keep: bool) -> RunIndex:
    index = RunIndex(Path(root), keep)
    gc.freeze()  # thousands of runs stay in memory: spare each garbage collection looking at them
    return index


def index_of(root: Path) -> RunIndex:
    """Return the index of a root, one for all readers; it is kept on disk where pages may write."""
    return _run_index(str(Path(root)), training_enabled())


def listed_runs(root: Path) -> list[ListedRun]:
    """Return the readable runs of a root, newest first."""
    return [run for run in index_of(root).refresh() if not run.problem]


def histories(runs: Sequence[Run]) -> dict[str, pd.DataFrame | SedcoreError]:
    """Return the result or the error of `Run.history` by run id, parsed once for each state of a file."""
    kept, stamps = _histories(), {run.run_id: _history_stamp(run) for run in runs}
    tables = {run_id: kept.pop(stamp, None) for run_id, stamp in stamps.items()}
    missing = [run for run in runs if tables[run.run_id] is None]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tables |= {run.run_id: parsed for run, parsed in zip(missing, pool.map(_parsed, missing))}
    kept.update((stamps[run_id], parsed) for run_id, parsed in tables.items())  # the last used at the end
    for oldest in list(kept)[:-_MOST_HISTORIES]:
        kept.pop(oldest, None)  # another session may have been quicker
    return tables


@st.cache_resource(show_spinner=False)
def _histories() -> dict:
    """Return the histories that are kept, the last used at the end (threads cannot use a cached function)."""
    return {}


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
def _figures() -> Recent[Any]:
    return Recent(16)


def figures(state: Hashable, draw: Callable[[], Drawn]) -> Drawn:
    """Return figures drawn once, for all readers, for each state of what they show."""
    return _figures().get(state, draw)


# ---- data sets -------------------------------------------------------------------------------------------------


def opened(root: Path, name: str) -> DataSet:
    """Return a data set, read once for each state of its folder."""
    path = datasets_folder(root) / name
    return _opened(str(path), _time(path / "dataset.json"), _time(path / "features"))


@st.cache_resource(max_entries=24, show_spinner=False)
def _opened(path: str, time: int, features_time: int) -> DataSet:
    return DataSet(Path(path))


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


# ---- scores ----------------------------------------------------------------------------------------------------


def scores(run: Run, split: str) -> Scores:
    """Return the scores of a split. Raises SedcoreError where there are none, or damaged ones."""
    return _scores(reading.stamp_of(run, split), run)


@st.cache_resource(max_entries=120, show_spinner=False)
def _scores(stamp: Stamp, _run: Run) -> Scores:
    return reading.read_scores(_index(_run), _run, stamp[1])


def _index(run: Run) -> RunIndex:
    return index_of(run.path.parents[1])


def macro_ap(run: Run, split: str) -> float | None:
    """Return macro AP on a split, None where the run has no scores for it."""
    return reading.macro_ap(_index(run), run, split)


def macro_aps(runs: Sequence[ListedRun], split: str) -> list[float | None]:
    """Return macro AP of each run on a split, None without scores."""
    return reading.macro_aps(_index(runs[0]), runs, split) if runs else []


def has_scores(run: Run, split: str) -> bool:
    """Whether a run has scores on a split that can be used."""
    return not reading.why_no_scores(_index(run), run, split)


def in_common(scores: Sequence[Scores]) -> Common:
    """Return the classes that all of these scores have, and the clips that all have with the same labels."""
    return _in_common(tuple(one.stamp for one in scores), scores)


@st.cache_resource(max_entries=8, show_spinner=False)
def _in_common(stamps: tuple[Stamp, ...], _scores: Sequence[Scores]) -> Common:
    return common_clips.in_common(_scores)


def on_common(one: Scores, common: Common) -> HeldScores:
    """Return scores cut to the common clips and classes."""
    return _on_common(one.stamp, common.digest, one, common)


@st.cache_resource(max_entries=40, show_spinner=False)
def _on_common(stamp: Stamp, digest: str, _one: Scores, _common: Common) -> HeldScores:
    return common_clips.on_common(_one, _common)


@st.cache_resource(show_spinner=False)
def recent_all_runs() -> Recent[AllRuns]:
    """Return the cached tables of all runs, some hundred kB each, shared by all readers.

    (`st.cache_resource` would replay the progress bar of the first reading.)
    """
    return Recent(4)


# ---- draws -----------------------------------------------------------------------------------------------------


def draws_of(group: Sequence[Scored]) -> dict[str, Draws]:
    """Return the draws of runs that compare, by run id, at the thresholds in force."""
    return contenders.join_draws(decision_draws(group), {s.run.run_id: ranking_draws(s) for s in group})


def decision_draws(group: Sequence[Scored]) -> dict[str, Draws]:
    """Return the draws of measures of decisions, by run id, at the thresholds in force."""
    return _decision_draws(at_thresholds(group), group)


@st.cache_resource(max_entries=2, show_spinner=False)
def _decision_draws(where: tuple, _group: Sequence[Scored]) -> dict[str, Draws]:
    return contenders.decision_draws(_group)


def at_thresholds(group: Sequence[Scored]) -> tuple[tuple[Stamp, tuple[float, ...]], ...]:
    """Return the cache key of the decisions of runs."""
    return tuple((s.scores.stamp, tuple(s.evaluation.thresholds.tolist())) for s in group)


def ranking_draws(scored: Scored) -> Draws:
    """Return the draws of AP and ROC AUC; kept with the scores, and in the run where pages may write."""
    return contenders.ranking_draws(scored, keep=training_enabled())


# ---- thresholds ------------------------------------------------------------------------------------------------


def tuned(held: Scores, wanted: Objective, common: str | None, kept: tuple[float, ...]) -> Tuned:
    """Return thresholds tuned on scores; an undefined class keeps its threshold in `kept`."""
    return _tuned(held.stamp, _plain(wanted), common, kept, held, wanted)


@st.cache_resource(max_entries=100, show_spinner="Tuning thresholds")
def _tuned(
    stamp: Stamp, kind: tuple, common: str | None, kept: tuple, _held: Scores, _wanted: Objective
) -> Tuned:
    return tuning.tune(_held.counts, _wanted, common=common, default=np.array(kept))


def threshold_intervals(held: Scores, wanted: Objective, common: str | None) -> Intervals:
    """Return the interval of each threshold tuned on scores."""
    return _threshold_intervals(held.stamp, _plain(wanted), common, held, wanted)


@st.cache_resource(max_entries=100, show_spinner="Resampling clips")
def _threshold_intervals(
    stamp: Stamp, kind: tuple, common: str | None, _held: Scores, _wanted: Objective
) -> Intervals:
    held = _held.predictions
    return tuning_intervals.threshold_intervals(held.truth, held.scores, _wanted, common=common)


def threshold_report(reported: Scores, wanted: Objective, common: str | None) -> pd.DataFrame:
    """Return the measures at fixed, tuned and oracle thresholds on the reported scores."""
    run = reported.run
    validation = scores(run, "validation") if has_scores(run, "validation") else None
    stamps = (validation.stamp if validation else None, reported.stamp)
    return _threshold_report(stamps, _plain(wanted), common, validation, reported, wanted)


@st.cache_resource(max_entries=200, show_spinner="Tuning thresholds")
def _threshold_report(
    stamps: tuple,
    kind: tuple,
    common: str | None,
    _validation: Scores | None,
    _reported: Scores,
    _wanted: Objective,
) -> pd.DataFrame:
    return thresholds.threshold_report(_validation, _reported, _wanted, common)


def best_for_all(held: Scores) -> tuple[float, float]:
    """Return the best macro F1 that one threshold for all classes gives, NaN if undefined, and that threshold."""
    return _best_for_all(held.stamp, held)


@st.cache_data(max_entries=200, show_spinner=False)
def _best_for_all(stamp: Stamp, _held: Scores) -> tuple[float, float]:
    return thresholds.best_for_all(_held)


def _plain(wanted: Objective) -> tuple:
    """Return an objective as part of a cache key."""
    return tuple(sorted(wanted.to_json().items()))


# ---- trainings -------------------------------------------------------------------------------------------------


def look(root: Path, fresh: bool = True) -> Look:
    """Return the live runs; with `fresh` as they are now, else as any session saw them within the last second."""
    if fresh:
        _look.clear(str(root))
    return _look(str(root))


@st.cache_resource(ttl=1.0, max_entries=16, show_spinner=False)
def _look(root: str) -> Look:
    broken = [run.run_id for run in index_of(Path(root)).listed() if run.problem]
    return look_at(Path(root), broken, _seen(root))


@st.cache_resource(max_entries=16, show_spinner=False)
def _seen(root: str) -> dict:
    """Return what was read of each run folder, so that only changed files are read again."""
    listed = index_of(Path(root)).listed()
    return {run.run_id: (run.status_stamp, run.seen) for run in listed if not (run.problem or run.seen.live)}


def cluster_silences(root: Path) -> list[str]:
    """Update the states of runs on a cluster; return a sentence for each cluster that does not answer."""
    return _cluster_silences(str(root))


@st.cache_data(ttl=3, show_spinner=False)
def _cluster_silences(root: str) -> list[str]:
    return refresh(Path(root))


def training_speeds(root: Path, runs: Sequence[Run]) -> dict[str, list[Speed]]:
    """Return the speeds of the newest trainings of each model; `runs` are newest first."""
    datasets = {dataset.name: opened(root, dataset.name) for dataset in list_datasets(root)}
    return speeds_by_model(runs, datasets, lambda run, clips: _speed(_history_stamp(run), clips, run))


@st.cache_data(max_entries=200, show_spinner=False)
def _speed(stamp: tuple[str, int, int], clips: int, _run: Run) -> Speed | None:
    return speed_of(_run, clips)


def best_validation(run: Run) -> float | None:
    """Return validation macro AP of the run's best epoch so far, read once for each state of its history."""
    time = _time(run.path / "history.jsonl")
    return _best_validation(str(run.path), time) if time else None


@st.cache_data(max_entries=5000, show_spinner=False)
def _best_validation(path: str, time: int) -> float | None:
    return best_score(Run(Path(path)))


def importances(sweep: Sweep) -> Mapping[str, float]:
    """Return the importance of each setting of a sweep (shares of variance), {} while there are too few points."""
    return _importances(str(sweep.path), _time(sweep.journal))


@st.cache_data(max_entries=50, show_spinner=False)
def _importances(path: str, time: int) -> Mapping[str, float]:
    from sedcore.jobs.sweeps.study import importances, read_study  # importing Optuna is slow

    study = read_study(Sweep(Path(path)))
    return {} if study is None else dict(importances(study))


# ---- data sets and printed results -----------------------------------------------------------------------------


def label_shifts(dataset: DataSet, balance: pd.DataFrame) -> pd.DataFrame:
    """Return the label shift of each class, given the data set's `summary.balance_table`."""
    return _label_shifts(dataset.fingerprint, balance)


@st.cache_data(max_entries=24, show_spinner=False)
def _label_shifts(fingerprint: str, _balance: pd.DataFrame) -> pd.DataFrame:
    return summary.shift_table(_balance)


@st.cache_data(max_entries=32, show_spinner=False)
def audited(text: str, clips: int | None, classes: int | None) -> Audit:
    """Return the audit of printed results. Raises SedcoreError where they cannot be read."""
    return audit(read_document(text, clips, classes))


@st.cache_data(show_spinner=False)
def audited_report() -> Audit:
    """Return the audit of the course report's tables."""
    return audit(report_document())
