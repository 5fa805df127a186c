"""How long a training would take here: from earlier runs of the model, else from its card. Light: pages read it."""

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
class Speed:
    """Measured speed: values of features a second in training, the time of validation relative to it, the begin."""

    values_per_s: float
    look_share: float
    begin_s: float  # by which the first epoch was longer


def estimates(dataset: DataSet, features: str, speeds: Mapping[str, Sequence[Speed]]) -> dict[str, Estimate]:
    """Return what an epoch of each model takes on features of a data set; of a usual size where they are not built."""
    frames, bands = USUAL_SIZE
    if features in dataset.feature_names():
        info = dataset.feature_info(features)
        frames, bands = int(info["frames"]), int(info["bands"])
    values = training_clips(dataset) * frames * bands
    return {name: _estimate(card, values, speeds.get(name, ())) for name, card in MODELS.items()}


def _estimate(card: ModelCard, values: int, speeds: Sequence[Speed]) -> Estimate:
    """Return what an epoch of so many values of features takes."""
    if not speeds:
        return Estimate(BEGIN_S, values / (card.clips_per_s * math.prod(USUAL_SIZE)) * (1 + LOOK_SHARE), 0)
    epoch_s = np.median([values / s.values_per_s * (1 + s.look_share) for s in speeds])
    begin_s = LOAD_S + np.median([s.begin_s for s in speeds])
    return Estimate(float(begin_s), float(epoch_s), len(speeds))


def speed_of(run: Run, clips: int) -> Speed | None:
    """Return how fast a run was trained on so many training clips, None where its history does not say."""
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
    """Return the speeds of the newest runs of each model; `runs` are newest first, `speed` finds that of one."""
    speeds: dict[str, list[Speed]] = {}
    for run in runs:
        known = speeds.setdefault(run.info["model"], [])
        dataset = datasets.get(run.info["dataset"])
        if run.info["kind"] != "trained" or dataset is None or len(known) >= MOST_RUNS:
            continue
        if (of_run := speed(run, training_clips(dataset))) is not None:
            known.append(of_run)
    return speeds


def training_clips(dataset: DataSet) -> int:
    """Return the number of clips that are trained on."""
    return dataset.info["splits"].get("train", {}).get("clips", 0)
