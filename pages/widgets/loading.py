"""What the pages read of runs, cached by run folder and file time: scores, counts, evaluations.

Cached objects are shared by all readers and never changed (`st.cache_resource` keeps them without copying).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import Counts, counts
from sedcore.evaluation.evaluate import Evaluation, evaluate
from sedcore.evaluation.grid import OnGrid, count_on_grid


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of a run on a split, sorted once: `counts` answers for any threshold."""

    predictions: Predictions
    counts: Counts
    key: str  # runs compare only where it is equal
    lowest: float
    highest: float


@st.cache_resource(max_entries=96, show_spinner=False)
def _scores(run_path: str, split: str, file_time: int) -> Scores:
    found = Run(Path(run_path)).predictions(split)
    return Scores(
        predictions=found,
        counts=counts(found.truth, found.scores),
        key=found.comparison_key(),
        lowest=float(found.scores.min()),
        highest=float(found.scores.max()),
    )


@st.cache_resource(max_entries=400, show_spinner=False)
def _evaluation(run_path: str, split: str, file_time: int, thresholds: tuple[float, ...]) -> Evaluation:
    held = _scores(run_path, split, file_time)
    found = held.predictions
    return evaluate(found.truth, found.scores, found.classes, list(thresholds), counts=held.counts)


@st.cache_resource(max_entries=96, show_spinner=False)
def _on_grid(run_path: str, split: str, file_time: int, grid: tuple[float, ...]) -> OnGrid:
    found = _scores(run_path, split, file_time).predictions
    return count_on_grid(found.truth, found.scores, np.array(grid))


def on_grid(run: Run, split: str, grid: np.ndarray) -> OnGrid:
    """Return counts and the samples average at each threshold of a grid."""
    return _on_grid(str(run.path), split, _file_time(run, split), tuple(grid.tolist()))


def scores(run: Run, split: str) -> Scores:
    """Return scores and counts of a split. Raises SedcoreError where there are none, or damaged ones."""
    return _scores(str(run.path), split, _file_time(run, split))


def evaluation(run: Run, split: str, thresholds: tuple[float, ...]) -> Evaluation:
    """Return every number of a run on a split at a threshold a class."""
    return _evaluation(str(run.path), split, _file_time(run, split), thresholds)


def macro_ap(run: Run, split: str) -> float | None:
    """Return macro AP on a split, None where the run has no scores for it."""
    try:
        classes = scores(run, split).predictions.classes
        return evaluation(run, split, (0.5,) * len(classes)).mAP
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


def _file_time(run: Run, split: str) -> int:
    try:
        return run.predictions_file(split).stat().st_mtime_ns
    except OSError:
        return 0


def stamp(run: Run, split: str) -> tuple[str, str, int]:
    """Return what a cache of something made from a split's scores is keyed by: it changes with their file."""
    return str(run.path), split, _file_time(run, split)
