"""The faster ways to train are the same mathematics as Keras' own: equal losses from the same weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest

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
