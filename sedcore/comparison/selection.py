"""Which runs are compared, on which split, at which thresholds: a choice resolved against the runs on disk.

`select` resolves a choice; `Selection.scored` holds the runs with scores and `Selection.unscored` those without, each
with the reason. Runs compare only within a group: on the same clips, classes and truth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sedcore.artifacts.counted import PackedSummary, one_number
from sedcore.artifacts.index import ListedRun, Listing, RunIndex
from sedcore.artifacts.runs import Run, sorted_splits
from sedcore.comparison import common_clips
from sedcore.comparison.common_clips import Common
from sedcore.comparison.scores import Scores, macro_ap, read_scores, why_no_scores
from sedcore.evaluation.evaluate import Evaluation
from sedcore.evaluation.grid import slider_range, threshold_grid

DEFAULT_THRESHOLD = 0.5
MAX_AUTOMATIC = 8
MOST_COMPARED = 40  # chosen runs that are resampled and compared pair by pair


@dataclass(frozen=True)
class Choice:
    """What is asked for; for empty fields ("not chosen") `select` takes defaults."""

    runs: tuple[str, ...] = ()  # run ids, in order
    split: str = ""
    baseline: str = ""  # a run id; differences are against it
    threshold: float = DEFAULT_THRESHOLD
    by_class: tuple[tuple[str, float], ...] = ()  # (class, threshold), each in place of `threshold`
    common: bool = False  # runs that do not compare are cut to the clips and classes that they share

    def class_thresholds(self, classes: tuple[str, ...]) -> tuple[float, ...]:
        """Return the threshold of each class."""
        own = dict(self.by_class)
        return tuple(own.get(name, self.threshold) for name in classes)


class Reader:
    """Reads what a selection needs of a root's runs. The dashboard's subclass caches, and shows progress."""

    def __init__(self, index: RunIndex):
        self.index = index

    def scores(self, run: Run, split: str) -> Scores:
        """Return the scores of a split. Raises SedcoreError where there are none, or damaged ones."""
        return read_scores(self.index, run, split)

    def in_common(self, scores: Sequence[Scores]) -> Common:
        """Return what runs share."""
        return common_clips.in_common(scores)

    def on_common(self, one: Scores, common: Common) -> Scores:
        """Return scores cut to what is shared."""
        return common_clips.on_common(one, common)

    def count(self, runs: Sequence[Run], split: str) -> None:
        """Count the scores of runs that the index has not counted yet."""
        self.index.count(self.uncounted(runs, split), split)

    def uncounted(self, runs: Sequence[Run], split: str) -> list[Run]:
        """Return the runs whose scores on a split have not been counted yet."""
        return [run for run in runs if split in run.splits() and not self.index.known(run, split)]

    def look_up(
        self, runs: Sequence[ListedRun], split: str, listing: Listing | None = None
    ) -> tuple[dict[str, PackedSummary], str]:
        """Count the runs that were never counted, then return the result of `RunIndex.look_up`."""
        known, _ = self.index.look_up(split, listing)
        self.count([run for run in runs if run.run_id not in known and split in run.seen_splits], split)
        return self.index.look_up(split, listing)


@dataclass(frozen=True, eq=False)
class Scored:
    """A run with its scores on the split in force, evaluated at the thresholds in force."""

    run: Run
    label: str  # unique name, plain text
    scores: Scores
    evaluation: Evaluation

    @property
    def key(self) -> str:
        """Comparison key: runs compare only where it is equal."""
        return self.scores.key


@dataclass(eq=False)
class Selection:
    """A resolved choice. `groups` holds the scored runs by comparison key, the baseline's group first."""

    reader: Reader
    choice: Choice
    listing: Listing  # all runs of the root when the selection was made
    runs: list[ListedRun]  # those of them that can be read
    labels: dict[str, str]  # of all runs that can be read, by run id
    chosen: list[Run]
    automatic: bool  # nothing was chosen; these are the best of each model
    split: str
    splits: list[str]  # of the chosen runs
    not_shown: list[Run] = field(default_factory=list)  # chosen runs beyond the limit
    missing: list[str] = field(default_factory=list)  # ids asked for that do not exist
    scored: list[Scored] = field(default_factory=list)
    unscored: list[tuple[Run, str]] = field(default_factory=list)
    common: Common | None = None  # what the scored runs share, where they do not compare
    baseline: Run | None = None
    groups: list[list[Scored]] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """Why runs of the root cannot be read, a sentence each."""
        return [run.problem for run in self.listing if run.problem]

    @property
    def lead_group(self) -> list[Scored]:
        """Scored runs that compare with the baseline (or, without it, the largest group)."""
        return self.groups[0] if self.groups else []

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of all scored runs, in the order of their columns."""
        return tuple(dict.fromkeys(name for s in self.scored for name in s.evaluation.classes))

    def score_range(self) -> tuple[float, float]:
        """Return the range of thresholds: 0 to 1 for probabilities, else that of the scores."""
        lowest = min((s.scores.summary.lowest for s in self.scored), default=0.0)
        highest = max((s.scores.summary.highest for s in self.scored), default=1.0)
        return slider_range(lowest, highest)

    def grid(self) -> np.ndarray:
        """Return the thresholds that sliders stop at."""
        return threshold_grid(*self.score_range())

    def score(self, run: Run) -> Scored:
        """Return any run with its scores at the thresholds in force. Raises SedcoreError where it has none."""
        return self._at_thresholds(run, self.reader.scores(run, self.split))

    def _at_thresholds(self, run: Run, scores: Scores) -> Scored:
        thresholds = self.choice.class_thresholds(scores.summary.classes)
        return Scored(run, self.labels[run.run_id], scores, scores.evaluation(thresholds))

    def _cut_to_common(self, s: Scored) -> Scored:
        scores = self.reader.on_common(s.scores, self.common)
        return replace(s, scores=scores, evaluation=self._at_thresholds(s.run, scores).evaluation)


def select(reader: Reader, choice: Choice, most: int | None = MOST_COMPARED) -> Selection:
    """Resolve a choice against the runs of a root; of the chosen runs the first `most` are taken."""
    listing = reader.index.refresh()
    runs = [run for run in listing if not run.problem]
    by_id = {run.run_id: run for run in runs}
    asked = [by_id[run_id] for run_id in choice.runs if run_id in by_id]
    chosen, not_shown = asked[:most], asked[most:] if most else []
    if not asked:
        wanted = choice.split or "test"
        key = ("best", wanted, reader.index.look_up(wanted, listing)[1])
        chosen = listing.derived(key, lambda: best_of_each_model(reader, runs, wanted))
    splits = splits_of(chosen)
    split = choice.split if choice.split in splits else next(iter(splits), choice.split or "test")
    selection = Selection(
        reader=reader,
        choice=choice,
        listing=listing,
        runs=runs,
        labels=listing.derived("labels", lambda: unique_labels(runs)),
        chosen=chosen,
        automatic=not asked,
        split=split,
        splits=splits,
        not_shown=not_shown,
        missing=[run_id for run_id in (*choice.runs, choice.baseline) if run_id and run_id not in by_id],
    )
    _score(selection)
    return selection


def _score(selection: Selection) -> None:
    reader, split = selection.reader, selection.split
    reader.count(selection.chosen, split)
    for run in selection.chosen:
        reason = why_no_scores(reader.index, run, split)
        if reason:
            selection.unscored.append((run, reason))
        else:
            selection.scored.append(selection.score(run))
    if len({s.key for s in selection.scored}) > 1:
        selection.common = reader.in_common([s.scores for s in selection.scored])
        if selection.choice.common and selection.common.enough:
            selection.scored = [selection._cut_to_common(s) for s in selection.scored]
    selection.baseline = _baseline(selection)
    selection.groups = _groups(selection)


def best_of_each_model(reader: Reader, runs: list[ListedRun], split: str) -> list[Run]:
    """Return the best run of each model on the newest data set that has scores, best first."""
    with_scores = [run for run in runs if split in run.splits()] or [run for run in runs if run.splits()]
    if not with_scores:
        return []
    newest = with_scores[0].info["dataset"]
    rivals = [run for run in with_scores if run.info["dataset"] == newest]
    best: dict[str, tuple[float, Run]] = {}
    for run, value in zip(rivals, _macro_aps(reader, rivals, split)):
        value = -1.0 if value is None or np.isnan(value) else value
        model = run.info["model"] or run.name
        if model not in best or value > best[model][0]:
            best[model] = (value, run)
    ranked = sorted(best.values(), key=lambda pair: -pair[0])
    return [run for _, run in ranked[:MAX_AUTOMATIC]]


def _macro_aps(reader: Reader, runs: Sequence[ListedRun], split: str) -> list[float | None]:
    """Return macro AP on a split; where no run has that split, on the first split of each."""
    if split in runs[0].splits():
        known, _ = reader.look_up(runs, split)
        return [one_number(known[run.run_id], "macro_ap") if run.run_id in known else None for run in runs]
    return [macro_ap(reader.index, run, run.splits()[0]) for run in runs]


def unique_labels(runs: Sequence[Run]) -> dict[str, str]:
    """Return a unique name for each run, by run id.

    A run without a name is named after its model; the end of the id tells namesakes apart.
    """
    names = {run.run_id: run.info["name"] or run.info["model"] or run.run_id for run in runs}
    often = Counter(names.values())
    return {
        run_id: name if often[name] == 1 or name == run_id else f"{name} ({run_id[-4:]})"
        for run_id, name in names.items()
    }


def splits_of(runs: Sequence[Run]) -> list[str]:
    """Return the splits that any of the runs has scores or printed tables of, in the usual order."""
    splits = {split for run in runs for split in run.splits()}
    for run in runs:
        splits |= set(((run.reported() or {}) if run.info["kind"] == "reported" else {}).get("tables", {}))
    return sorted_splits(splits)


def _baseline(selection: Selection) -> Run | None:
    for s in selection.scored:
        if s.run.run_id == selection.choice.baseline:
            return s.run
    return selection.scored[0].run if selection.scored else None


def _groups(selection: Selection) -> list[list[Scored]]:
    groups: dict[str, list[Scored]] = {}
    for s in selection.scored:
        groups.setdefault(s.key, []).append(s)
    return sorted(groups.values(), key=lambda group: selection.baseline not in [s.run for s in group])
