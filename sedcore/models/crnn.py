"""Convolutional-recurrent networks: the report's as printed, and one that does what it intended."""

from __future__ import annotations

import keras
from keras import layers

from sedcore.models.layers import (
    MOMENTUM,
    FusedBatchNormalization,
    LinearSoftmaxPooling,
    NormalisedConvolution,
)
from sedcore.models.recurrent import FastGRU


def crnn(classes: int, bands: int, frames: int) -> keras.Model:
    """Build the report's CRNN (section 3.6): four bare convolutions, a GRU, two dense layers.

    Input (batch, frames, bands), output (batch, classes) probabilities. Kept as printed: no activation after a
    convolution, and a reshape of (4, 24, 128) to (96, 128) that reads four frequency rows one after another, so
    that the GRU does not see 96 steps of time. For 10 classes, 64 bands and 1000 frames: 411,658 parameters,
    0.4 GFLOP a clip. Takes at least 38 bands and 70 frames.
    """
    model = keras.Sequential(
        [layers.Input((frames, bands)), layers.Permute((2, 1)), layers.Reshape((bands, frames, 1))],
        name="crnn",
    )
    for filters, pool in ((16, (2, 2)), (32, (2, 2)), (64, (2, 2)), (128, (1, 5))):
        model.add(layers.Conv2D(filters, 3))
        model.add(layers.MaxPool2D(pool))
        model.add(FusedBatchNormalization())
    model.add(layers.Reshape((-1, 128)))
    model.add(FastGRU(256, activation="tanh", dtype="float32"))
    model.add(layers.Dense(64))
    model.add(layers.Dropout(0.4))
    model.add(layers.Dense(classes, activation="sigmoid", dtype="float32"))
    return model


def crnn_time(classes: int, bands: int, frames: int) -> keras.Model:
    """Build a CRNN with activations whose GRU walks over time.

    Input (batch, frames, bands), output (batch, classes) probabilities. Four convolution blocks halve time three
    times and frequency four times; what is left of frequency is folded into the features of a step (80 ms at
    the default hop), as in Cakir et al. 2017 (10.1109/TASLP.2017.2690575); a bidirectional GRU gives class
    probabilities for each step, pooled over time by linear softmax (Wang et al. 2019,
    10.1109/ICASSP.2019.8682847). 0.4 GFLOP a clip at 64 bands and 1000 frames. Takes at least 8 bands and frames.
    """
    inputs = layers.Input((frames, bands))
    x = layers.Reshape((frames, bands, 1))(inputs)
    for filters, pool in ((16, (2, 2)), (32, (2, 2)), (64, (2, 2)), (64, (1, 2))):
        x = NormalisedConvolution(filters, use_bias=False, momentum=MOMENTUM)(x)
        # pooled before the ReLU: the same result from fewer values
        x = layers.MaxPooling2D(pool, padding="same")(x)
        x = layers.Activation("relu")(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x)
    x = layers.Bidirectional(FastGRU(64, return_sequences=True, dtype="float32"), dtype="float32")(x)
    x = layers.Dropout(0.2)(x)
    frame_probabilities = layers.Dense(classes, activation="sigmoid", dtype="float32", name="frames")(x)
    return keras.Model(inputs, LinearSoftmaxPooling(dtype="float32")(frame_probabilities), name="crnn_time")
