"""What a page shows: the reader's choice resolved against the runs on disk, each run in its colour.

A page asks `build_scene` once and then works with `Scene.scored` (runs with scores) and `Scene.unscored` (runs without,
each with the reason); every page says the second in a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from pages.widgets.base.format import escape_markdown
from pages.widgets.runs import cached
from sedcore.artifacts.runs import Run
from sedcore.comparison.all_runs import AllRuns, all_runs
from sedcore.comparison.common_clips import Common
from sedcore.comparison.scores import Scores, slow_to_count
from sedcore.comparison.selection import MOST_COMPARED, Choice, Reader, Selection, select
from sedcore.figures.palette import UNCHOSEN, Ink, assign_inks

FEW = 20  # up to so many runs are counted without a progress bar
COUNTING = "Counting scores for the first time …"
BETWEEN = "Looking up scores between the stops of the slider"


@dataclass(eq=False)
class Scene(Selection):
    """A selection as the pages show it."""

    inks: dict[str, Ink] = field(default_factory=dict)  # of the chosen runs

    @property
    def root(self) -> Path:
        """The artifact root."""
        return self.reader.index.root

    def ink(self, run: Run) -> Ink:
        """Return the run's ink; grey where it is not chosen."""
        return self.inks.get(run.run_id, UNCHOSEN)


class PageReader(Reader):
    """Reads scores through the pages' cache, and shows the progress of a long first count."""

    def scores(self, run: Run, split: str) -> Scores:
        return cached.scores(run, split)

    def in_common(self, scores: Sequence[Scores]) -> Common:
        return cached.in_common(scores)

    def on_common(self, one: Scores, common: Common) -> Scores:
        return cached.on_common(one, common)

    def count(self, runs: Sequence[Run], split: str) -> None:
        uncounted = self.uncounted(runs, split)
        large = [run for run in uncounted if slow_to_count(run, split)]
        small = [run for run in uncounted if run not in large]
        if not large and len(small) <= FEW:
            self.index.count(small, split)
            return
        bar = st.progress(0.0, text=COUNTING)
        for number, run in enumerate(large):
            words = f"{COUNTING} {escape_markdown(run.name)}, {number + 1} of {len(large)}"
            bar.progress(number / len(large), text=words)
            self.index.count([run], split)
        self.index.count(
            small,
            split,
            lambda done, total: bar.progress(done / total, text=f"{COUNTING} {done} of {total}"),
        )
        bar.empty()


def build_scene(root: Path, choice: Choice, most: int | None = MOST_COMPARED) -> Scene:
    """Resolve a choice against the runs of a root; of the chosen runs the first `most` are shown."""
    selection = select(PageReader(cached.index_of(root)), choice, most)
    oldest = selection.listing.derived("order", lambda: [run.run_id for run in oldest_first(selection.runs)])
    return Scene(**vars(selection), inks=assign_inks([run.run_id for run in selection.chosen], oldest))


def oldest_first(runs: Sequence[Run]) -> list[Run]:
    """Return the runs in the order that gives them their inks; printed results come last."""
    return sorted(runs, key=lambda run: (run.info["kind"] == "reported", run.info["created"], run.run_id))


def every_run(scene: Scene) -> AllRuns:
    """Return what all runs of the root have on the split in force, at the thresholds in force."""
    runs, split, choice = scene.runs, scene.split, scene.choice
    counted, state = scene.reader.look_up(runs, split, scene.listing)
    key = (str(scene.root), split, choice.threshold, choice.by_class, state)

    def look() -> AllRuns:
        bars = []

        def reading(done: int, total: int) -> None:
            if total > FEW and not bars:
                bars.append(st.progress(0.0, text=BETWEEN))
            if bars and done % 50 == 0:
                bars[0].progress(done / total, text=f"{BETWEEN}: {done} of {total} runs")

        columns = all_runs(runs, split, choice, counted, reading)
        for bar in bars:
            bar.empty()
        return columns

    return cached.recent_all_runs().get(key, look)
