"""Training on one device, or on all of the machine: each batch is divided, and the gradients are summed.

`devices = "all"` is TensorFlow's MirroredStrategy: every device holds the weights and takes a part of the batch. Step,
loss and learning rate are those of the whole batch, so the results are those of one device, except for dropout's
random numbers and for batch normalisation, which uses the means of each part.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import keras
import numpy as np

from sedcore.errors import SedcoreError

SMALL_ROW = 2**17  # largest layer output, in values per row, of a model that scores more rows at a time


class OneDevice:
    """TensorFlow's first device, or the default device of another Keras backend."""

    number = 1

    def __init__(self) -> None:
        self._steps: dict[keras.Model, Callable] = {}
        self._scorings: dict[keras.Model, Scoring] = {}

    def scope(self) -> contextlib.AbstractContextManager:
        """Return the context in which a model is built and compiled."""
        return contextlib.nullcontext()

    def step(self, model: keras.Model, x: np.ndarray, *targets: np.ndarray) -> float:
        """Train a compiled model on a batch (batch, frames, bands); return its mean loss.

        targets : one per output of the model, (batch, ..., classes) in 0..1; their losses are summed.

        Equivalent to Keras' train_on_batch, but traced once for batches of any size; Keras' is traced three times.
        """
        if keras.backend.backend() != "tensorflow":
            return float(np.sum(model.train_on_batch(x, list(targets))))
        if model not in self._steps:
            self._steps[model] = _step_of(model)
        return float(self._steps[model](x, *targets))

    def scoring(self, model: keras.Model) -> keras.Model | Scoring:
        """Return an object whose `predict_on_batch` scores a batch."""
        if keras.backend.backend() != "tensorflow":
            return model
        if model not in self._scorings:
            self._scorings[model] = Scoring(model)
        return self._scorings[model]


def _step_of(model: keras.Model) -> Callable:
    import tensorflow as tf

    model.optimizer.build(model.trainable_variables)  # else it would create its variables inside the graph

    def step(x, *targets):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(_losses(model, x, targets))
            total = tf.add_n([loss, *model.losses])
        gradients = _gradients(tape, total, model)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return total

    given = [tf.TensorSpec((None, *t.shape[1:]), tf.float32) for t in (*model.inputs, *model.outputs)]
    return tf.function(step, input_signature=given, autograph=False)


def _gradients(tape, total, model: keras.Model) -> list:
    """Return the gradient of each trainable variable; zeros where the loss does not depend on it."""
    import tensorflow as tf

    learned = [variable.value for variable in model.trainable_variables]
    return tape.gradient(total, learned, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _losses(model: keras.Model, x, targets):
    """Return the loss of each clip (batch,): binary cross-entropy, averaged within outputs and summed over them."""
    outputs = model(x, training=True)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    ops, losses = keras.ops, 0.0
    for target, output in zip(targets, outputs):
        of_rows = keras.losses.binary_crossentropy(target, output)
        losses += ops.mean(of_rows, axis=tuple(range(1, len(of_rows.shape))))
    return losses


class Scoring:
    """A model that scores batches of any size, traced once.

    Attributes
    ----------
    rows : rows to score at a time: 64 where layers are small, so that large weights are read half as often; fewer where
        a layer's output is large, since more would be no faster and take memory.
    """

    def __init__(self, model: keras.Model):
        import tensorflow as tf

        largest = max(math.prod(layer.output.shape[1:]) for layer in model.layers)
        self.rows = 64 if largest <= SMALL_ROW else 32
        given = [tf.TensorSpec((None, *t.shape[1:]), tf.float32) for t in model.inputs]
        self._scores = tf.function(lambda x: model(x, training=False), input_signature=given, autograph=False)

    def predict_on_batch(self, batch: np.ndarray) -> np.ndarray:
        """Return scores (batch, classes) of (batch, frames, bands) float32."""
        return np.asarray(self._scores(batch))


class AllDevices:
    """All GPUs of the machine; without GPUs, all CPU devices configured in TensorFlow.

    Raises
    ------
    SedcoreError
        Keras runs on another backend than TensorFlow.
    """

    def __init__(self) -> None:
        if keras.backend.backend() != "tensorflow":
            raise SedcoreError(
                f"devices = all needs Keras on TensorFlow; here it runs on {keras.backend.backend()}"
            )
        import tensorflow as tf

        self._tf = tf
        gpus, cpus = tf.config.list_logical_devices("GPU"), tf.config.list_logical_devices("CPU")
        self._strategy = tf.distribute.MirroredStrategy(
            [device.name for device in gpus or cpus],
            # TensorFlow's collective sum on CPU devices mixes up two models in one process (2.21)
            cross_device_ops=None if gpus else tf.distribute.ReductionToOneDevice(),
        )
        self._steps: dict[keras.Model, Callable] = {}
        self._scorings: dict[keras.Model, Scoring] = {}  # kept: TensorFlow traces each anew

    @property
    def number(self) -> int:
        return self._strategy.num_replicas_in_sync

    def scope(self) -> contextlib.AbstractContextManager:
        """Return the context in which a model is built and compiled."""
        return self._strategy.scope()

    def step(self, model: keras.Model, x: np.ndarray, *targets: np.ndarray) -> float:
        """Train a compiled model on a batch, divided among the devices; return the batch's mean loss.

        Keras' own train_on_batch would give every device the whole batch.
        """
        if model not in self._steps:
            self._steps[model] = self._make_step(model)
        weights = np.full(len(x), 1 / len(x), np.float32)
        parts = [self._shared_out(values) for values in (weights, x, *targets)]
        return float(self._steps[model](*parts))

    def _shared_out(self, values: np.ndarray):
        """Give each device its part of an array; a device without one gets a row of zeros.

        The clips' weights (1 / batch) are divided in this way too, so that row has weight 0 and does not count.
        """
        parts = np.array_split(values, self.number)
        spare = np.zeros_like(values[:1])
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: self._tf.constant(
                part if len(part := parts[context.replica_id_in_sync_group]) else spare
            )
        )

    def _make_step(self, model: keras.Model) -> Callable:
        tf, strategy = self._tf, self._strategy
        with strategy.scope():  # else the first step would create the optimizer's variables inside its graph
            model.optimizer.build(model.trainable_variables)

        def on_one(weights, x, *targets):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(_losses(model, x, targets) * weights)
                penalties = tf.add_n(model.losses) / self.number if model.losses else 0.0
                total = loss + penalties
            gradients = _gradients(tape, total, model)
            model.optimizer.apply_gradients(zip(gradients, model.trainable_variables))  # sums over devices
            return total

        @tf.function(reduce_retracing=True)
        def on_all(*given):
            losses = strategy.run(on_one, args=given)
            return strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

        return on_all

    def scoring(self, model: keras.Model) -> Scoring:
        """Return an object whose `predict_on_batch` scores a batch, on one device.

        Keras' predict_on_batch would score the whole batch on every device and return the scores of all.
        """
        if model not in self._scorings:
            self._scorings[model] = Scoring(model)
        return self._scorings[model]


def devices(which: str) -> OneDevice | AllDevices:
    """Return the devices for the setting `which`, "one" or "all"."""
    return AllDevices() if which == "all" else OneDevice()
