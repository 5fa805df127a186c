"""How a model learns, apart from the model: the batches as they are fed, the learning rate, the averaged weights."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import keras
import numpy as np

from sedcore.data.features import FEATURE_KINDS
from sedcore.data.frame_truth import FrameTruth, has_times
from sedcore.data.store import DataSet
from sedcore.training import augment
from sedcore.training.batches import RowReader, in_background, shuffled
from sedcore.training.config import TrainConfig

WARM_UP = 0.05  # share of all steps in which the rate rises
LOWEST = 0.01  # of the rate, at the end of the cosine


class TrainingBatches:
    """The batches of the training split, epoch by epoch, as a configuration asks for them.

    What is random follows from the seed and the epoch alone, so that a resumed training sees what an uninterrupted
    one does.

    Attributes
    ----------
    number : of batches an epoch.
    """

    def __init__(self, dataset: DataSet, reader: RowReader, config: TrainConfig, steps: int | None = None):
        self._reader, self._config, self._steps = reader, config, steps
        self._rows = dataset.rows_of("train")
        self._truth = dataset.row_truth("train").astype(np.float32)
        self._frames = FrameTruth(dataset, "train") if steps else None
        self.number = -(-len(self._rows) // config.batch_size)

    def __call__(self, epoch: int) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Yield x (batch, frames, bands) and the target of each output of the model, prepared in the background."""
        seed = [self._config.seed, epoch]
        order = shuffled(np.arange(len(self._rows)), self._config.batch_size, np.random.default_rng(seed))
        return in_background(self._batch(rows, [*seed, place]) for place, rows in enumerate(order))

    def _batch(self, rows: np.ndarray, seed: list[int]) -> tuple[np.ndarray, list[np.ndarray]]:
        config, rng = self._config, np.random.default_rng(seed)
        kind = FEATURE_KINDS[config.features]
        x, targets = self._reader(self._rows[rows]), [self._truth[rows]]
        if self._frames:
            targets.append(self._frames(rows, self._steps))
        if config.mixup:
            x, targets = augment.mixed(x, targets, config.mixup, rng)
        if config.label_smoothing:
            targets = [augment.smoothed(labels, config.label_smoothing) for labels in targets]
        if config.shifting and kind.scale:
            augment.shift(x, min(config.shifting, x.shape[2] - 1), rng)
        if config.filtering and kind.scale == "dB":
            augment.filtered(x, 1 / self._reader.std, rng)
        if config.masking:
            augment.mask(x, rng)
        return x, targets


def learns_frames(dataset: DataSet, config: TrainConfig) -> bool:
    """Whether a training uses when things sound: asked for, and said by the labels."""
    return bool(config.frame_labels) and has_times(dataset, "train")


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Return the learning rate of a step, numbered from 0, of so many."""
    if config.schedule == "constant":
        return config.learning_rate
    warm = max(WARM_UP * steps, 1)
    if step < warm:
        return config.learning_rate * (step + 1) / (warm + 1)
    along = (step - warm) / max(steps - warm, 1)
    return config.learning_rate * (LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * along)) / 2)


@contextlib.contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Put the moving averages of the weights in their place for a while, where the optimizer keeps them."""
    optimizer = model.optimizer
    if not optimizer.use_ema or not optimizer.built:
        yield
        return
    averages = optimizer._model_variables_moving_average
    kept = [np.asarray(variable) for variable in model.trainable_variables]
    for variable, average in zip(model.trainable_variables, averages):
        variable.assign(average)
    try:
        yield
    finally:
        for variable, values in zip(model.trainable_variables, kept):
            variable.assign(values)
