"""What the pages read of runs, cached by run folder and file time: scores, counts, evaluations.

Cached objects are shared by all readers and never changed (`st.cache_resource` keeps them without copying).

Scores of ordinary size stay in memory, sorted once. Large ones (AudioSet's evaluation: ten million a run) do not: what
tables and sliders need of them is a summary and counts on the grid of the sliders, kept in the run's cache where the
page may write; anything else is read again when it is asked for, class by class where that is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from sedcore.artifacts.cache import read_cache, write_cache
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import PRF, samples_average
from sedcore.evaluation.counts import Confusion, Counts, cast_thresholds, counts, decide
from sedcore.evaluation.evaluate import Evaluation, Summary, summarise
from sedcore.evaluation.evaluate import evaluation as evaluation_of
from sedcore.evaluation.grid import OnGrid, count_on_grid, threshold_grid
from sedcore.jobs.launch import training_enabled

LARGE = 2_000_000  # scores (clips times classes) that are no longer kept in memory
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


def scores(run: Run, split: str) -> Scores:
    """Return the scores of a split. Raises SedcoreError where there are none, or damaged ones."""
    return _scores(*stamp(run, split))


def stamp(run: Run, split: str) -> tuple[str, str, int]:
    """Return what a cache of something made from a split's scores is keyed by: it changes with their file."""
    try:
        return str(run.path), split, run.predictions_file(split).stat().st_mtime_ns
    except OSError:
        return str(run.path), split, 0


def is_counted(run: Run, split: str) -> bool:
    """Whether a first look at these scores takes no time worth a word."""
    try:
        file = run.predictions_file(split)
        small = file.stat().st_size < LARGE  # a score takes some three bytes on disk
        return small or read_cache(run, f"{split}-summary", file, {}) is not None
    except (OSError, SedcoreError):
        return True


def macro_ap(run: Run, split: str) -> float | None:
    """Return macro AP on a split, None where the run has no scores for it."""
    try:
        return scores(run, split).summary.mAP
    except SedcoreError:
        return None


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
def _scores(run_path: str, split: str, file_time: int) -> Scores:
    run = Run(Path(run_path))
    clips, classes = run.predictions_shape(split)
    if clips * len(classes) <= LARGE:
        found, held = _kept(run_path, split, file_time)
        summary = summarise(found.truth, found.scores, found.classes, held)
        return Scores(run, split, summary, found.comparison_key(), False)
    file = run.predictions_file(split)
    kept = read_cache(run, f"{split}-summary", file, {})
    if kept is None:
        found = _read(run_path, split, file_time)
        summary = summarise(found.truth, found.scores, found.classes)
        kept = _summary_arrays(summary) | {"comparison_key": np.array(found.comparison_key())}
        if training_enabled():
            write_cache(run, f"{split}-summary", file, {}, kept)
        # while the scores are at hand: the counts that the sliders will ask for
        _on_grid(
            run_path, split, file_time, tuple(threshold_grid(*slider_range(summary.lowest, summary.highest)))
        )
    return Scores(run, split, _summary(kept), str(kept["comparison_key"]), True)


@st.cache_resource(max_entries=200, show_spinner=COUNTING)
def _on_grid(run_path: str, split: str, file_time: int, grid: tuple[float, ...]) -> OnGrid:
    run, points = Run(Path(run_path)), np.array(grid)
    clips, classes = run.predictions_shape(split)
    if clips * len(classes) <= LARGE:
        found = _kept(run_path, split, file_time)[0]
        return count_on_grid(found.truth, found.scores, points)
    file, depends = run.predictions_file(split), {"grid": list(grid)}
    kept = read_cache(run, f"{split}-grid", file, depends)
    if kept is None:
        found = _read(run_path, split, file_time)
        counted = count_on_grid(found.truth, found.scores, points)
        kept = {"tp": counted.tp, "fp": counted.fp, "samples": counted.samples, "empty": counted.empty}
        if training_enabled():
            write_cache(run, f"{split}-grid", file, depends, kept)
    return OnGrid(points, kept["tp"], kept["fp"], kept["samples"], kept["empty"])


@st.cache_resource(max_entries=400, show_spinner=False)
def _evaluation(run_path: str, split: str, file_time: int, thresholds: tuple[float, ...]) -> Evaluation:
    held = _scores(run_path, split, file_time)
    wanted = list(thresholds)
    if held.large:
        confusion, samples = _counted_large(held, cast_thresholds(wanted, len(wanted), held.summary.dtype))
    else:
        found, every = _kept(run_path, split, file_time)
        confusion = every.at(wanted)
        samples = samples_average(found.truth, decide(found.scores, wanted))
    return evaluation_of(held.summary, wanted, confusion, samples)


def slider_range(lowest: float, highest: float) -> tuple[float, float]:
    """Return the range that thresholds move in: 0 to 1 for probabilities, else that of the scores."""
    return (0.0, 1.0) if lowest >= 0 and highest <= 1 else (lowest, highest)


def _counted_large(held: Scores, thresholds: np.ndarray) -> tuple[Confusion, tuple[PRF, int]]:
    """Count a large run at (classes,) thresholds: on the grid from the cache, elsewhere from the classes' scores."""
    summary = held.summary
    counted = held.on_grid(threshold_grid(*slider_range(summary.lowest, summary.highest)))
    points = counted.grid.astype(summary.dtype)
    place = np.minimum(np.searchsorted(points, thresholds), len(points) - 1)
    columns = np.arange(len(summary.classes))
    tp, fp = counted.tp[place, columns].astype(np.int64), counted.fp[place, columns].astype(np.int64)
    between = np.flatnonzero(points[place] != thresholds)
    if len(between):
        found = held.run.class_predictions(held.split, [summary.classes[c] for c in between])
        fired = found.scores >= thresholds[between]
        tp[between], fp[between] = (fired & found.truth).sum(axis=0), (fired & ~found.truth).sum(axis=0)
    rest = summary.clips - summary.positives
    confusion = Confusion(tp=tp, fp=fp, fn=summary.positives - tp, tn=rest - fp)
    if not len(between) and (place == place[0]).all():
        return confusion, (PRF(*counted.samples[place[0]].tolist()), int(counted.empty[place[0]]))
    found = held.predictions
    return confusion, samples_average(found.truth, found.scores >= thresholds)


def _summary_arrays(summary: Summary) -> dict[str, np.ndarray]:
    plain = {"dtype": str(summary.dtype), "classes": list(summary.classes)}
    return {name: np.array(plain.get(name, value)) for name, value in vars(summary).items()}


def _summary(kept: dict[str, np.ndarray]) -> Summary:
    single = {"clips": int, "lowest": float, "highest": float, "lwlrap": float, "collapsed": bool}
    values = {name: kept[name] for name in ("positives", "ap", "roc_auc", "eer")}
    values |= {name: kind(kept[name]) for name, kind in single.items()}
    return Summary(classes=tuple(kept["classes"].tolist()), dtype=np.dtype(str(kept["dtype"])), **values)
