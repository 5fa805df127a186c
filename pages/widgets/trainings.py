"""The trainings of a root: those made here, and the ink that each has on every page."""

from __future__ import annotations

from pathlib import Path

from sedcore.artifacts.runs import Run, list_runs
from sedcore.figures.palette import Ink, assign_inks


def trained_runs(root: Path) -> list[Run]:
    """Return the runs trained here, newest first."""
    return [run for run in list_runs(root) if run.info["kind"] == "trained"]


def own_inks(root: Path) -> dict[str, Ink]:
    """Return the ink that each run has by its place among all runs of the root."""
    runs = sorted(list_runs(root), key=lambda r: (r.info["kind"] == "reported", r.info["created"], r.run_id))
    ids = [run.run_id for run in runs]
    return {run_id: assign_inks([run_id], ids)[run_id] for run_id in ids}
