"""How long a training would take here: from earlier runs of the model, else from its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.runs import cached
from sedcore.artifacts.runs import Run
from sedcore.data.store import DataSet
from sedcore.errors import SedcoreError
from sedcore.models.catalog import ModelCard

CARD_SIZE = 1000 * 64  # frames x bands that the cards' speeds are for
LOOK_SHARE = 0.3  # time to score validation and train samples, of the training itself, where no run tells
LOAD_S, BEGIN_S = 8.0, 15.0  # to load TensorFlow; to load it and build the graph
MOST_RUNS = 3  # the newest ones count: machines and code change


@dataclass(frozen=True)
class Estimate:
    """Seconds to begin, seconds of an epoch with its validation, how many earlier runs say so (0: the card does)."""

    begin_s: float
    epoch_s: float
    runs: int

    def total_s(self, epochs: int) -> float:
        """Return the seconds that a training of so many epochs takes."""
        return self.begin_s + epochs * self.epoch_s


@dataclass(frozen=True)
class _Speed:
    """Measured speed: values of features a second in training, the time of validation relative to it, the begin."""

    values_per_s: float
    look_share: float
    begin_s: float  # by which the first epoch was longer


def estimate(card: ModelCard, clips: int, frames: int, bands: int, speeds: list[_Speed]) -> Estimate:
    """Return what an epoch of `clips` training clips takes, features of (frames, bands) each."""
    values = clips * frames * bands
    if not speeds:
        return Estimate(BEGIN_S, values / (card.clips_per_s * CARD_SIZE) * (1 + LOOK_SHARE), 0)
    epoch_s = np.median([values / s.values_per_s * (1 + s.look_share) for s in speeds])
    begin_s = LOAD_S + np.median([s.begin_s for s in speeds])
    return Estimate(float(begin_s), float(epoch_s), len(speeds))


def speeds_by_model(runs: list[Run], datasets: dict[str, DataSet]) -> dict[str, list[_Speed]]:
    """Return the speeds of the newest runs of each model; `runs` are newest first."""
    found: dict[str, list[_Speed]] = {}
    for run in runs:
        known = found.setdefault(run.info["model"], [])
        dataset = datasets.get(run.info["dataset"])
        if run.info["kind"] != "trained" or dataset is None or len(known) >= MOST_RUNS:
            continue
        speed = _speed(
            str(run.path), _history_time(run), dataset.info["splits"].get("train", {}).get("clips", 0)
        )
        if speed is not None:
            known.append(speed)
    return found


@st.cache_data(max_entries=200, show_spinner=False)
def _speed(run_path: str, history_time: int, clips: int) -> _Speed | None:
    run = Run(Path(run_path))
    try:
        history: pd.DataFrame = run.history()
    except SedcoreError:
        return None
    if history.empty or "seconds" not in history or not clips:
        return None
    first = float(history["seconds"].iloc[0])
    if len(history) > 1:
        history = history.iloc[1:]  # the first epoch also builds the graph
    seconds = float(history["seconds"].median())
    if not seconds > 0:
        return None
    size = run.info["input"] or {}
    values = clips * int(size.get("frames", 1000)) * int(size.get("bands", 64))
    looks = history.get("validation_seconds")
    share = LOOK_SHARE if looks is None or looks.isna().all() else float(looks.median()) / seconds
    return _Speed(values / seconds, share, max(first - seconds, 0.0))


def best_results(runs: list[Run], dataset: str, split: str = "validation") -> dict[str, tuple[float, Run]]:
    """Return the best macro AP of each model on a data set, with its run."""
    best: dict[str, tuple[float, Run]] = {}
    some = [run for run in runs if run.info["dataset"] == dataset and run.info["kind"] == "trained"]
    for run, value in zip(some, cached.macro_aps(some, split)):
        model = run.info["model"]
        if value is not None and not np.isnan(value) and (model not in best or value > best[model][0]):
            best[model] = (value, run)
    return best


def _history_time(run: Run) -> int:
    try:
        return (run.path / "history.jsonl").stat().st_mtime_ns
    except OSError:
        return 0
