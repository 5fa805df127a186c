"""A small convolutional-recurrent network that trains quickly on a CPU: the one to begin with."""

from __future__ import annotations

import keras
from keras import layers

from sedcore.models.layers import MOMENTUM, LinearSoftmaxPooling, NormalisedConvolution
from sedcore.models.recurrent import FastGRU

# filters, window, step, pooling of each convolution, all of (time, frequency)
BLOCKS = (
    (16, (5, 5), (2, 2), (2, 1)),
    (32, (3, 3), (1, 1), (2, 2)),
    (64, (3, 3), (1, 1), (2, 2)),
    (128, (3, 3), (1, 1), (1, 2)),
)


def compact(classes: int, bands: int, frames: int) -> keras.Model:
    """Build a convolutional-recurrent network whose convolutions all cost about the same.

    Input (batch, frames, bands), output (batch, classes) probabilities. Three quarters of a usual CRNN's cost is in its
    first two blocks, at full resolution; here the first convolution has stride 2 in time and frequency, and each later
    one has twice the filters on a quarter of the values. A bidirectional GRU runs over steps of sixteen frames (160 ms
    at the default hop), the layer "frames" gives class probabilities for each step, and linear softmax pools them over
    time (Wang et al. 2019, 10.1109/ICASSP.2019.8682847). Takes at least 16 bands and 16 frames.
    """
    inputs = layers.Input((frames, bands))
    x = layers.Reshape((frames, bands, 1))(inputs)
    for filters, window, step, pool in BLOCKS:
        x = NormalisedConvolution(filters, window, step, use_bias=False, momentum=MOMENTUM)(x)
        # pooled before the ReLU: the same result from fewer values
        x = layers.MaxPooling2D(pool, padding="same")(x)
        x = layers.Activation("relu")(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Bidirectional(FastGRU(64, return_sequences=True, dtype="float32"), dtype="float32")(x)
    x = layers.Dropout(0.2)(x)
    of_frames = layers.Dense(classes, activation="sigmoid", dtype="float32", name="frames")(x)
    return keras.Model(inputs, LinearSoftmaxPooling(dtype="float32")(of_frames), name="compact")
