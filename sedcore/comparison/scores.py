"""Scores of one run on one split: a summary, counts and every measure at any thresholds.

The index of the root holds the summary and the counts on the sliders' grid, so these need no scores. Scores of
ordinary size are read when clips are needed, sorted once, and kept as long as their `Scores` object. Large ones
(AudioSet's evaluation: ten million a run) are read again for each use, class by class where that is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from sedcore.artifacts.cache import has_cache
from sedcore.artifacts.counted import LARGE, VERSION, ScoreSummary, one_number
from sedcore.artifacts.index import ListedRun, RunIndex
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run
from sedcore.comparison.recent import Recent
from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import samples_average
from sedcore.evaluation.counts import Confusion, Counts, cast_thresholds, counts, decide
from sedcore.evaluation.evaluate import Evaluation, assemble, summarise
from sedcore.evaluation.grid import OnGrid, count_on_grid
from sedcore.evaluation.measures import ByMeasure

Stamp = tuple[str, str, int]  # path of the run, split, time of the file: changes with the scores
_MOST_DERIVED = 24
_last_large: Recent[Predictions] = Recent(1)  # one large run in memory at a time, for all readers


class Scores:
    """Scores of a run on a split, immutable: what needs no threshold, and methods for the rest.

    Attributes
    ----------
    run, split : where the scores are.
    stamp : the cache key of anything computed from these scores.
    key : comparison key; runs compare only where it is equal.
    summary : the measures that need no threshold.
    large : whether the scores are too many to be kept in memory.
    """

    whole = True  # all scores of the split: what follows from them may be kept in the run

    def __init__(self, run: Run, split: str, counted: ScoreSummary, stamp: Stamp):
        self.run, self.split, self.stamp = run, split, stamp
        self.key, self.summary = counted.key, counted.summary
        self.large = counted.summary.size > LARGE
        self._at_stops = counted.on_grid
        self._derived: Recent[Any] = Recent(_MOST_DERIVED)

    def derived(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the result of `make`, kept under the key; it must depend on nothing but these scores and the key."""
        return self._derived.get(key, make)

    def has_derived(self, key: Hashable) -> bool:
        """Whether `derived` has a result under this key."""
        return key in self._derived

    @property
    def predictions(self) -> Predictions:
        """Truth and scores of all clips; those of a large run are read again at each access."""
        if self.large:
            return _last_large.get(self.stamp, lambda: self.run.predictions(self.split))
        return self._held[0]

    @property
    def labels(self) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
        """Clip ids, classes and truth (clips, classes); for a large run its scores are not read."""
        if self.large:
            return self.run.truth(self.split)
        held = self.predictions
        return held.clip_ids, held.classes, held.truth

    @property
    def counts(self) -> Counts:
        """Counts at every distinct score of every class; for a large run 12 bytes a score, not kept."""
        if not self.large:
            return self._held[1]
        held = self.predictions
        return counts(held.truth, held.scores)

    def class_counts(self, c: int) -> Counts:
        """Return the counts of one class alone, as class 0."""
        if self.large:
            held, columns = self.run.class_predictions(self.split, [self.summary.classes[c]]), slice(None)
        else:
            held, columns = self.predictions, slice(c, c + 1)
        return counts(held.truth[:, columns], held.scores[:, columns])

    def on_grid(self, grid: np.ndarray) -> OnGrid:
        """Return the counts and the samples average at each threshold of a grid."""
        if self._at_stops is not None and np.array_equal(self._at_stops.grid, grid):
            return self._at_stops
        return self.derived(("grid", grid.tobytes()), lambda: self._count_on(grid))

    def evaluation(self, thresholds: tuple[float, ...]) -> Evaluation:
        """Return every measure at (classes,) thresholds."""
        return self.derived(("evaluation", thresholds), lambda: self._evaluate(thresholds))

    @property
    def _held(self) -> tuple[Predictions, Counts]:
        return self.derived("held", self._read)

    def _read(self) -> tuple[Predictions, Counts]:
        held = self.run.predictions(self.split)
        return held, counts(held.truth, held.scores)

    def _count_on(self, grid: np.ndarray) -> OnGrid:
        held = self.predictions
        return count_on_grid(held.truth, held.scores, grid)

    def _evaluate(self, thresholds: tuple[float, ...]) -> Evaluation:
        wanted = list(thresholds)
        cast = cast_thresholds(wanted, len(wanted), self.summary.dtype)
        confusion, samples = (
            self._look_up(cast)
            or (self._count_large(cast) if self.large else None)
            or (self.counts.at(wanted), self._samples(wanted))
        )
        return assemble(self.summary, wanted, confusion, samples)

    def _samples(self, wanted: list[float]) -> tuple[ByMeasure, int]:
        held = self.predictions
        return samples_average(held.truth, decide(held.scores, wanted))

    def _look_up(self, thresholds: np.ndarray) -> tuple[Confusion, tuple[ByMeasure, int]] | None:
        """Return the index's counts at (classes,) thresholds, None unless all are the same stop of the grid."""
        known = self._at_stops
        place = None if known is None else stop_of(known.grid, thresholds)
        if place is None:
            return None
        confusion = self._confusion(known.tp[place], known.fp[place])
        return confusion, known.samples_at(place)

    def _count_large(self, thresholds: np.ndarray) -> tuple[Confusion, tuple[ByMeasure, int]]:
        """Count at (classes,) thresholds: from the index for classes at a stop, from the scores for others."""
        known = self._at_stops
        points = known.grid.astype(self.summary.dtype)
        place = np.minimum(np.searchsorted(points, thresholds), len(points) - 1)
        columns = np.arange(len(self.summary.classes))
        tp, fp = known.tp[place, columns], known.fp[place, columns]
        between = np.flatnonzero(points[place] != thresholds)
        if len(between):
            held = self.run.class_predictions(self.split, [self.summary.classes[c] for c in between])
            fired = held.scores >= thresholds[between]
            tp[between], fp[between] = (fired & held.truth).sum(axis=0), (fired & ~held.truth).sum(axis=0)
        held = self.predictions
        return self._confusion(tp, fp), samples_average(held.truth, held.scores >= thresholds)

    def _confusion(self, tp: np.ndarray, fp: np.ndarray) -> Confusion:
        return Confusion.from_counts(tp, fp, self.summary.positives, self.summary.clips)


class HeldScores(Scores):
    """Scores held in memory: some clips and classes of a run, or a run that is not on disk."""

    whole = False

    def __init__(self, run: Run, held: Predictions, stamp: Stamp):
        counted = counts(held.truth, held.scores)
        summary = summarise(held.truth, held.scores, held.classes, counted)
        super().__init__(run, held.split, ScoreSummary(held.comparison_key(), summary, None), stamp)
        self.large = False
        self._kept = held, counted

    @property
    def _held(self) -> tuple[Predictions, Counts]:
        return self._kept


def stop_of(grid: np.ndarray, thresholds: np.ndarray) -> int | None:
    """Return the grid index shared by (classes,) thresholds; None where they differ or are not on the grid."""
    points = grid.astype(thresholds.dtype)
    place = int(np.searchsorted(points, thresholds[0]))
    stops = place < len(points) and points[place] == thresholds[0] and (thresholds == thresholds[0]).all()
    return place if stops else None


def stamp_of(run: Run, split: str) -> Stamp:
    """Return the cache key of anything computed from a split's scores: it changes with their file."""
    try:
        return str(run.path), split, run.predictions_file(split).stat().st_mtime_ns
    except OSError:
        return str(run.path), split, 0


def read_scores(index: RunIndex, run: Run, split: str) -> Scores:
    """Return the scores of a split. Raises SedcoreError where there are none, or damaged ones."""
    stamp = stamp_of(run, split)
    return Scores(Run(run.path), split, index.counted(run, split), stamp)


def slow_to_count(run: Run, split: str) -> bool:
    """Whether counting these scores for the first time takes seconds."""
    try:
        file = run.predictions_file(split)
        small = file.stat().st_size < LARGE  # a score takes some three bytes on disk
        return not small and not has_cache(run, f"{split}-counted", file, {"version": VERSION})
    except (OSError, SedcoreError):
        return False


def macro_ap(index: RunIndex, run: Run, split: str) -> float | None:
    """Return macro AP on a split, None where the run has no scores for it."""
    try:
        return index.counted(run, split).summary.mAP
    except SedcoreError:
        return None


def macro_aps(index: RunIndex, runs: Sequence[ListedRun], split: str) -> list[float | None]:
    """Return macro AP of each run on a split, None without scores. The index holds most of them."""
    known, _ = index.look_up(split)
    return [
        one_number(known[run.run_id], "macro_ap")
        if run.run_id in known
        else (macro_ap(index, run, split) if split in run.seen_splits else None)
        for run in runs
    ]


def same_clips(index: RunIndex, run: Run, others: Sequence[ListedRun], split: str) -> list[ListedRun]:
    """Return the other runs that are scored on the same clips, classes and truth as this one."""
    key, same = index.counted(run, split).key, []
    known, _ = index.look_up(split)
    for other in others:
        one = known.get(other.run_id)
        try:
            if (one_number(one, "key").decode() if one else index.counted(other, split).key) == key:
                same.append(other)
        except SedcoreError:
            continue
    return same


def why_no_scores(index: RunIndex, run: Run, split: str) -> str:
    """Return why a run has no scores on a split, as the end of a sentence; "" where it has."""
    if split in run.splits():
        try:
            index.counted(run, split)
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
