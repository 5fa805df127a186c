"""How long a training would take here, from earlier runs of the model, else from its card. Light: pages import it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sedcore.artifacts.runs import Run
from sedcore.data.store import DataSet
from sedcore.errors import SedcoreError
from sedcore.models.catalog import MODELS, ModelCard

USUAL_SIZE = 1000, 64  # frames and bands that the cards' speeds are for
LOOK_SHARE = 0.3  # time of scoring both splits relative to training, where there is no earlier run
LOAD_S, BEGIN_S = 8.0, 15.0  # to load TensorFlow; to load it and build the graph
MOST_RUNS = 3  # only the newest count: machines and code change


@dataclass(frozen=True)
class Estimate:
    """Seconds to begin, seconds of an epoch with validation, number of earlier runs used (0: the card)."""

    begin_s: float
    epoch_s: float
    runs: int

    def total_s(self, epochs: int) -> float:
        """Return the seconds that a training of `epochs` epochs takes."""
        return self.begin_s + epochs * self.epoch_s


@dataclass(frozen=True)
class Speed:
    """Measured speed: feature values a second in training, validation time relative to it, time to begin."""

    values_per_s: float
    look_share: float
    begin_s: float  # by which the first epoch was longer


def estimates(dataset: DataSet, features: str, speeds: Mapping[str, Sequence[Speed]]) -> dict[str, Estimate]:
    """Return an estimate for each model on features of a data set; of the usual size where they are not built."""
    frames, bands = USUAL_SIZE
    if features in dataset.feature_names():
        info = dataset.feature_info(features)
        frames, bands = int(info["frames"]), int(info["bands"])
    values = training_clips(dataset) * frames * bands
    return {name: _estimate(card, values, speeds.get(name, ())) for name, card in MODELS.items()}


def _estimate(card: ModelCard, values: int, speeds: Sequence[Speed]) -> Estimate:
    """Return the estimate for epochs of `values` feature values."""
    if not speeds:
        return Estimate(BEGIN_S, values / (card.clips_per_s * math.prod(USUAL_SIZE)) * (1 + LOOK_SHARE), 0)
    epoch_s = np.median([values / s.values_per_s * (1 + s.look_share) for s in speeds])
    begin_s = LOAD_S + np.median([s.begin_s for s in speeds])
    return Estimate(float(begin_s), float(epoch_s), len(speeds))


def speed_of(run: Run, clips: int) -> Speed | None:
    """Return the speed of a run that was trained on `clips` clips, None where its history does not show it."""
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
    frames, bands = (int(size.get(name, usual)) for name, usual in zip(("frames", "bands"), USUAL_SIZE))
    looks = history.get("validation_seconds")
    share = LOOK_SHARE if looks is None or looks.isna().all() else float(looks.median()) / seconds
    return Speed(clips * frames * bands / seconds, share, max(first - seconds, 0.0))


def speeds_by_model(
    runs: Sequence[Run],
    datasets: Mapping[str, DataSet],
    speed: Callable[[Run, int], Speed | None] = speed_of,
) -> dict[str, list[Speed]]:
    """Return the speeds of the newest runs of each model; `runs` are newest first, `speed` measures a run."""
    speeds: dict[str, list[Speed]] = {}
    for run in runs:
        of_model = speeds.setdefault(run.info["model"], [])
        dataset = datasets.get(run.info["dataset"])
        if run.info["kind"] != "trained" or dataset is None or len(of_model) >= MOST_RUNS:
            continue
        if (of_run := speed(run, training_clips(dataset))) is not None:
            of_model.append(of_run)
    return speeds


def training_clips(dataset: DataSet) -> int:
    """Return the number of training clips."""
    return dataset.info["splits"].get("train", {}).get("clips", 0)
