"""The choice met with what is on disk: which runs a page shows, on which split, in which colours.

A page asks `build_scene` once and then works with `Scene.scored` (runs with scores) and `Scene.unscored`
(runs without, each with the reason); every page says the second in a sentence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import streamlit as st

from pages.widgets.base.format import class_title, escape_markdown, listing, plural
from pages.widgets.runs import loading
from pages.widgets.runs.choice import Choice
from pages.widgets.runs.common import Common, in_common, on_common
from pages.widgets.runs.loading import Scores
from sedcore.artifacts.counted import Packed, one_number
from sedcore.artifacts.index import ListedRun, Listing
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run, sorted_splits
from sedcore.evaluation.evaluate import Evaluation
from sedcore.evaluation.grid import slider_range, threshold_grid
from sedcore.figures.palette import UNCHOSEN, Ink, assign_inks

MAX_AUTOMATIC = 8
MOST_COMPARED = 40  # chosen runs on pages that resample or draw each with each
FEW = 20  # runs whose first count needs no word


@dataclass(frozen=True, eq=False)
class Scored:
    """A run with its scores on the split in force, evaluated at the thresholds in force."""

    run: Run
    label: str  # its name, told apart from others of the same name; plain text
    ink: Ink
    scores: Scores
    evaluation: Evaluation

    @property
    def key(self) -> str:
        """Comparison key: runs compare only where it is equal."""
        return self.scores.key


@dataclass(eq=False)
class Scene:
    """What a page shows. `groups` holds the scored runs by comparison key, the baseline's group first."""

    root: Path
    listing: Listing  # all runs at the look that this scene was built from
    runs: list[ListedRun]  # those of them that can be read
    chosen: list[Run]
    automatic: bool  # nobody chose; these are the best of each model
    split: str
    splits: list[str]
    baseline: Run | None
    choice: Choice
    inks: dict[str, Ink]
    labels: dict[str, str]
    left: list[Run] = field(default_factory=list)  # chosen runs beyond those that the page shows
    broken: list[str] = field(default_factory=list)  # what is wrong with folders that cannot be read
    scored: list[Scored] = field(default_factory=list)
    unscored: list[tuple[Run, str]] = field(default_factory=list)
    groups: list[list[Scored]] = field(default_factory=list)
    common: Common | None = None  # of scored runs that do not compare: what they share

    @property
    def lead_group(self) -> list[Scored]:
        """Scored runs that compare with the baseline (or, without it, the largest group)."""
        return self.groups[0] if self.groups else []

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of all scored runs, in the order of their columns."""
        return tuple(dict.fromkeys(name for s in self.scored for name in s.evaluation.classes))

    def ink(self, run: Run) -> Ink:
        """Return the run's ink; grey where it is not chosen."""
        return self.inks.get(run.run_id, UNCHOSEN)

    def score_range(self) -> tuple[float, float]:
        """Return the range that thresholds move in: 0 to 1 for probabilities, else that of the scores."""
        lowest = min((s.scores.lowest for s in self.scored), default=0.0)
        highest = max((s.scores.highest for s in self.scored), default=1.0)
        return slider_range(lowest, highest)

    def grid(self) -> np.ndarray:
        """Return the thresholds that the sliders stop at."""
        return threshold_grid(*self.score_range())


def build_scene(root: Path, choice: Choice, most: int | None = MOST_COMPARED) -> Scene:
    """Resolve a choice against the runs of a root; of the chosen runs the first `most` are shown."""
    index = loading.index_of(root)
    listing = index.refresh()
    runs = [run for run in listing if not run.problem]
    by_id = {run.run_id: run for run in runs}
    chosen = [by_id[run_id] for run_id in choice.runs if run_id in by_id]
    automatic, left = not chosen, chosen[most:] if most else []
    chosen = chosen[:most]
    if automatic:
        wanted = choice.split or "test"
        key = ("best", wanted, index.look_up(wanted, listing)[1])
        chosen = listing.derived(key, lambda: best_of_each_model(runs, wanted))
    splits = _splits_of(chosen)
    split = choice.split if choice.split in splits else next(iter(splits), choice.split or "test")
    scene = Scene(
        root=root,
        listing=listing,
        runs=runs,
        chosen=chosen,
        automatic=automatic,
        split=split,
        splits=splits,
        baseline=None,
        choice=choice,
        inks=assign_inks([run.run_id for run in chosen], listing.derived("order", lambda: _order(runs))),
        labels=listing.derived("labels", lambda: unique_labels(runs)),
        broken=[run.problem for run in listing if run.problem],
        left=left,
    )
    count_first([run for run in chosen if split in run.splits()], split)
    for run in chosen:
        reason = loading.why_no_scores(run, split)
        if reason:
            scene.unscored.append((run, reason))
        else:
            scene.scored.append(score(scene, run))
    if len({s.key for s in scene.scored}) > 1:
        scene.common = in_common([s.scores for s in scene.scored])
        if choice.common and scene.common.enough:
            scene.scored = [_cut(scene, s) for s in scene.scored]
    scene.baseline = _baseline(scene)
    scene.groups = _grouped(scene)
    return scene


def _cut(scene: Scene, s: Scored) -> Scored:
    cut = on_common(s.scores, scene.common)
    thresholds = scene.choice.class_thresholds(scene.common.classes)
    return replace(s, scores=cut, evaluation=cut.evaluation(thresholds))


def score(scene: Scene, run: Run) -> Scored:
    """Return a run with its scores at the thresholds in force. Raises SedcoreError where it has none."""
    held = loading.scores(run, scene.split)
    thresholds = scene.choice.class_thresholds(held.summary.classes)
    return Scored(
        run=run,
        label=scene.labels[run.run_id],
        ink=scene.ink(run),
        scores=held,
        evaluation=held.evaluation(thresholds),
    )


def best_of_each_model(runs: list[Run], split: str) -> list[Run]:
    """Return the best run of each model on the newest data set that has scores, best first."""
    with_scores = [run for run in runs if split in run.splits()] or [run for run in runs if run.splits()]
    if not with_scores:
        return []
    newest = with_scores[0].info["dataset"]
    rivals = [run for run in with_scores if run.info["dataset"] == newest]
    found = _macro_aps(rivals, split)
    best: dict[str, tuple[float, Run]] = {}
    for run, value in zip(rivals, (-1.0 if ap is None or np.isnan(ap) else ap for ap in found)):
        model = run.info["model"] or run.name
        if model not in best or value > best[model][0]:
            best[model] = (value, run)
    ranked = sorted(best.values(), key=lambda pair: -pair[0])
    return [run for _, run in ranked[:MAX_AUTOMATIC]]


def _macro_aps(runs: Sequence[ListedRun], split: str) -> list[float | None]:
    """Return macro AP on a split, or, of runs that all lack it, on the first that each has."""
    if split in runs[0].splits():
        known, _ = count_and_look_up(runs, split)
        return [one_number(known[run.run_id], "macro_ap") if run.run_id in known else None for run in runs]
    return [loading.macro_ap(run, run.splits()[0]) for run in runs]


def count_and_look_up(
    runs: Sequence[ListedRun], split: str, listing: Listing | None = None
) -> tuple[dict[str, Packed], str]:
    """Return what `RunIndex.look_up` does; those of the runs that were never counted are, and where that takes its
    time it shows.
    """
    index = loading.index_of(runs[0].path.parents[1])
    known, _ = index.look_up(split, listing)
    slow = [run for run in runs if run.run_id not in known and split in run.seen_splits]
    count_first(slow, split)
    return index.look_up(split, listing)


def count_first(runs: Sequence[Run], split: str) -> None:
    """Count the scores of runs that were not counted yet; show how far it is where that takes its time."""
    if not runs:
        return
    index = loading.index_of(runs[0].path.parents[1])
    slow = [run for run in runs if split in run.splits() and not index.known(run, split)]
    large = [run for run in slow if loading.is_slow(run, split)]
    small = [run for run in slow if run not in large]
    if not large and len(small) <= FEW:
        index.count(small, split)
        return
    bar = st.progress(0.0, text=loading.COUNTING)
    for number, run in enumerate(large):
        words = f"{loading.COUNTING} {escape_markdown(run.name)}, {number + 1} of {len(large)}"
        bar.progress(number / len(large), text=words)
        index.count([run], split)
    index.count(
        small,
        split,
        lambda done, total: bar.progress(done / total, text=f"{loading.COUNTING} {done} of {total}"),
    )
    bar.empty()


def oldest_first(runs: Sequence[Run]) -> list[Run]:
    """Return the runs in the order that gives them their inks; printed results come last."""
    return sorted(runs, key=lambda run: (run.info["kind"] == "reported", run.info["created"], run.run_id))


def _order(runs: Sequence[Run]) -> list[str]:
    return [run.run_id for run in oldest_first(runs)]


def unique_labels(runs: list[Run]) -> dict[str, str]:
    """Return a name for each run that no other run has.

    A run without a name goes by its model; the end of the id tells namesakes apart.
    """
    names = {run.run_id: run.info["name"] or run.info["model"] or run.run_id for run in runs}
    often = Counter(names.values())
    return {
        run_id: name if often[name] == 1 or name == run_id else f"{name} ({run_id[-4:]})"
        for run_id, name in names.items()
    }


def names_of(group: list[Scored], limit: int = 4) -> str:
    """Return the names of runs as a Markdown phrase."""
    return _named([s.label for s in group], limit)


def group_differences(groups: list[list[Scored]]) -> list[str]:
    """Return what keeps the runs of other groups from comparing with those of the first, in words."""
    return differences([([s.label for s in group], group[0].scores) for group in groups])


def differences(groups: Sequence[tuple[Sequence[str], Scores]]) -> list[str]:
    """Return what `group_differences` does, of groups given by their labels and the scores of one of their runs."""
    sentences = []
    for labels, scores in groups[1:]:
        verb = "is" if len(labels) == 1 else "are"
        sentences.append(
            f"{_named(labels)} {verb} not comparable with {_named(groups[0][0])}: "
            f"{listing(_what_differs(groups[0][1].predictions, scores.predictions))}."
        )
    return sentences


def _named(labels: Sequence[str], limit: int = 4) -> str:
    # of many names only as many are escaped as are shown
    shown = [f"**{escape_markdown(label)}**" for label in labels[:limit]]
    return listing(shown + [""] * (len(labels) - len(shown)), limit)


def _what_differs(ours: Predictions, theirs: Predictions) -> list[str]:
    words = []
    other_classes = set(theirs.classes) ^ set(ours.classes)
    if other_classes:
        named = listing([escape_markdown(class_title(name)) for name in sorted(other_classes)], 4)
        words.append(f"other classes ({named} on one side only)")
    shared = np.intersect1d(ours.clip_ids, theirs.clip_ids)
    if len(shared) < max(len(ours.clip_ids), len(theirs.clip_ids)):
        words.append(
            f"other clips ({plural(len(theirs.clip_ids), 'clip')} against "
            f"{plural(len(ours.clip_ids), 'clip')}, {plural(len(shared), 'clip')} in common)"
        )
    common = [name for name in ours.classes if name in theirs.classes]
    if len(shared) and common:
        changed = int((_truth(ours, shared, common) != _truth(theirs, shared, common)).any(axis=1).sum())
        if changed:
            words.append(f"other labels for {plural(changed, 'clip')}")
    return words


def _truth(predictions: Predictions, clips: np.ndarray, classes: list[str]) -> np.ndarray:
    order = np.argsort(predictions.clip_ids)
    rows = order[np.searchsorted(predictions.clip_ids[order], clips)]
    return predictions.truth[np.ix_(rows, [predictions.classes.index(name) for name in classes])]


def _splits_of(runs: list[Run]) -> list[str]:
    found = {split for run in runs for split in run.splits()}
    for run in runs:
        found |= set(((run.reported() or {}) if run.info["kind"] == "reported" else {}).get("tables", {}))
    return sorted_splits(found)


def _baseline(scene: Scene) -> Run | None:
    for s in scene.scored:
        if s.run.run_id == scene.choice.baseline:
            return s.run
    return scene.scored[0].run if scene.scored else None


def _grouped(scene: Scene) -> list[list[Scored]]:
    groups: dict[str, list[Scored]] = {}
    for s in scene.scored:
        groups.setdefault(s.key, []).append(s)
    return sorted(groups.values(), key=lambda group: scene.baseline not in [s.run for s in group])
