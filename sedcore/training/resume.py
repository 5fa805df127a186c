"""From a model in training to the run's checkpoint and back: weights, optimizer, random state, what was best.

The order of clips follows seed and epoch alone, so that nothing of it has to be kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from sedcore.artifacts.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from sedcore.artifacts.inputs import feature_settings, recorded_features
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError

_DEAREST = 0.1  # share of the time that writing checkpoints may take
_ROUNDING = 0.01  # of a band's deviation: far above what machines differ by, far below what a model notices


@dataclass
class TrainingState:
    """What a training has to remember beyond its model: epochs complete, seconds spent, peak memory, the best epoch.

    The best weights are kept in memory: a model is far smaller than its data.
    """

    epoch: int = 0
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    best_epoch: int = 0
    goodness: float = -math.inf
    best: list[np.ndarray] | None = None


def save(run: Run, model: keras.Model, state: TrainingState) -> None:
    """Write the run's checkpoint: where the training stands after a complete epoch."""
    model_state = {f"model-{i}": np.asarray(v) for i, v in enumerate(model.variables)}
    optimizer_state = {f"optimizer-{i}": np.asarray(v) for i, v in enumerate(model.optimizer.variables)}
    note = {
        "epoch": state.epoch,
        "seconds": state.seconds,
        "peak_memory_mb": state.peak_memory_mb,
        "best_epoch": state.best_epoch,
        "goodness": state.goodness if state.best else None,
    }
    write_checkpoint(run, Checkpoint(model_state | optimizer_state, note, state.best))


def restore(run: Run, model: keras.Model) -> TrainingState:
    """Bring a compiled model to the run's checkpoint and return what was remembered; a fresh start without one.

    Raises
    ------
    SedcoreError
        The checkpoint is damaged, or of another model.
    """
    checkpoint = read_checkpoint(run)
    if checkpoint is None:
        return TrainingState()
    model.optimizer.build(model.trainable_variables)
    for name, variables in (("model", model.variables), ("optimizer", model.optimizer.variables)):
        stored = [checkpoint.arrays.get(f"{name}-{i}") for i in range(len(variables))]
        if any(s is None or s.shape != tuple(v.shape) for s, v in zip(stored, variables)):
            raise SedcoreError(
                f"run {run.run_id}: its checkpoint does not fit the model as it is built now (was the data set or "
                "the model changed?); clone the run to train from the beginning"
            )
        for variable, values in zip(variables, stored):
            variable.assign(values)
    note = checkpoint.note
    goodness = -math.inf if note["goodness"] is None else note["goodness"]
    return TrainingState(
        note["epoch"], note["seconds"], note["peak_memory_mb"], note["best_epoch"], goodness, checkpoint.best
    )


def check_features(run: Run, dataset: str, now: Mapping[str, Any]) -> None:
    """SedcoreError where features are no longer made as those were that the run was trained on so far.

    The data's fingerprint covers clips and labels, and says nothing of how features were made. A run that kept
    nothing of its features goes on.

    Parameters
    ----------
    dataset : the data set's name.
    now : what it says of the run's kind of features, as `DataSet.feature_info`.
    """
    then, differ = recorded_features(run.info), []
    made_now = feature_settings(now)
    for name, value in feature_settings(then).items():
        if name in made_now and made_now[name] != value:
            differ.append(f"{name} was {value} and is {made_now[name]}")
    if not differ:
        differ = _other_values(then, now)
    if differ:
        raise SedcoreError(
            f"run {run.run_id} was trained so far on other {now['kind']} features than data set {dataset} has now: "
            f"{', '.join(differ)}; import the data set as it was and resume, or clone the run to train from the "
            "beginning"
        )


def _other_values(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say where mean or deviation of a band is another one: of features with the same settings and other values."""
    if not all(np.shape(then.get(key)) == np.shape(now[key]) for key in ("mean", "std")):
        return []  # not kept; another number of bands is a setting
    for key in ("mean", "std"):
        before = np.asarray(then[key], float)
        off = np.abs(np.asarray(now[key], float) - before) / np.asarray(then["std"], float)
        if off.max() > _ROUNDING:
            band = int(off.argmax())
            return [f"the {key} of band {band} was {before[band]:.4g} and is {now[key][band]:.4g}"]
    return []


class CheckpointPacer:
    """Writes checkpoints after epochs, but so seldom that writing takes at most a tenth of the time."""

    def __init__(self) -> None:
        self._written = -math.inf
        self._cost_s = 0.0

    def write(self, write: Callable[[], None]) -> None:
        """Call `write` unless the last one is too near for what it cost."""
        began = time.monotonic()
        if began - self._written < self._cost_s / _DEAREST:
            return
        write()
        self._written = time.monotonic()
        self._cost_s = self._written - began


def make_deterministic() -> None:
    """Let every operation give the same result each time, at the cost of speed.

    See https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_op_determinism.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
