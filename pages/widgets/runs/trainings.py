"""The trainings of a root: those made here, and the ink that each has on every page."""

from __future__ import annotations

from pathlib import Path

from pages.widgets.runs.cached import listed_runs
from pages.widgets.runs.scene import oldest_first
from sedcore.artifacts.index import ListedRun
from sedcore.figures.palette import HUES, Ink, ink


def trained_runs(root: Path) -> list[ListedRun]:
    """Return the runs trained here, newest first."""
    return [run for run in listed_runs(root) if run.info["kind"] == "trained"]


def own_inks(root: Path) -> dict[str, Ink]:
    """Return the ink that each run has by its place among all runs of the root."""
    ids = [run.run_id for run in oldest_first(listed_runs(root))]
    return {run_id: ink(place % len(HUES)) for place, run_id in enumerate(ids)}
