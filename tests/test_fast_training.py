"""The faster ways to train are the same mathematics as Keras' own: equal losses from the same weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from sedcore.models.recurrent import FastGRU, FastLSTM
from sedcore.training.devices import OneDevice
from sedcore.training.optimizer import FusedAdam


@pytest.fixture(autouse=True)
def no_graphs_left():
    yield
    keras.utils.clear_session()


def dense(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.layers.Input((6, 4)),
            keras.layers.Flatten(),
            keras.layers.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(0.1)),
            keras.layers.Dense(3, "sigmoid"),
        ]
    )
    model.compile(optimizer=optimizer, loss="binary_crossentropy")
    return model


def batches(number: int = 20) -> list[tuple[np.ndarray, np.ndarray]]:
    """Batches of several sizes, among them one of a single clip."""
    rng = np.random.default_rng(0)
    sizes = [8, 8, 5, 1] * (number // 4)
    return [(rng.normal(size=(n, 6, 4)).astype("f4"), (rng.random((n, 3)) < 0.4).astype("f4")) for n in sizes]


def test_a_step_is_that_of_keras():
    plain, ours, device = dense(keras.optimizers.Adam(0.05)), dense(FusedAdam(0.05)), OneDevice()
    expected = [float(plain.train_on_batch(x, y)) for x, y in batches()]
    found = [device.step(ours, x, y) for x, y in batches()]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for mine, other in zip(ours.get_weights(), plain.get_weights()):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)
    for mine, other in zip(ours.optimizer.variables, plain.optimizer.variables):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)
    x = batches()[0][0]
    np.testing.assert_allclose(
        device.scoring(ours).predict_on_batch(x), plain.predict_on_batch(x), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("ours", [FastLSTM, FastGRU])
def test_a_recurrent_layer_is_that_of_keras(ours, whole, dropout):
    """Outputs, states and all gradients, with dropout of the recurrent state (same seed, same masks) and without."""
    rng = np.random.default_rng(1)
    x = tf.constant(rng.normal(size=(3, 7, 5)).astype("f4"))
    target = rng.normal(size=(3, 7, 4) if whole else (3, 4)).astype("f4")
    found = []
    for layer in (ours, ours.__base__):
        layer = layer(4, return_sequences=whole, recurrent_dropout=dropout, return_state=True, seed=5)
        layer.build(x.shape)
        weights = np.random.default_rng(2)
        layer.set_weights([weights.normal(0, 0.5, w.shape) for w in layer.get_weights()])
        values, states, gradients = gradients_of(layer, x, target)
        found.append([values, *states, *gradients])
    assert [np.shape(part) for part in found[0]] == [np.shape(part) for part in found[1]]
    for mine, other in zip(*found):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


def gradients_of(layer: keras.Layer, x: tf.Tensor, target: np.ndarray):
    @tf.function
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            values, *states = layer(x, training=True)
            loss = tf.reduce_sum(values * target) + tf.add_n([tf.reduce_sum(s * s) for s in states])
        return values, states, tape.gradient(loss, [x, *(w.value for w in layer.trainable_weights)])

    return run(x)
