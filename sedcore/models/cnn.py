"""Convolutional networks: the report's, and its idea of a small network per class."""

from __future__ import annotations

import keras
from keras import layers

from sedcore.models.layers import MOMENTUM, FusedBatchNormalization, NormalisedConvolution, PointwisePerClass


def cnn(classes: int, bands: int, frames: int) -> keras.Model:
    """Build the report's CNN (section 3.4): four convolution blocks, global maximum, two dense layers.

    Input (batch, frames, bands), output (batch, classes) probabilities. For 10 classes, 64 bands and 1000 frames:
    516,426 parameters, 3.0 GFLOP a clip, about three times that for a training step. The report's `Flatten`
    after the global maximum has no effect and is left out.
    """
    model = keras.Sequential(
        [layers.Input((frames, bands)), layers.Permute((2, 1)), layers.Reshape((bands, frames, 1))],
        name="cnn",
    )
    for filters in (32, 128, 128, 256):
        model.add(NormalisedConvolution(filters))
        # pooled before the ReLU, which then works on a quarter of the values or less; the result is the same
        model.add(layers.MaxPooling2D(2, 2) if filters < 256 else layers.GlobalMaxPooling2D())
        model.add(layers.Activation("relu"))
        model.add(layers.Dropout(0.2))
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dense(classes, activation="sigmoid", dtype="float32"))
    return model


def cnn_per_class(classes: int, bands: int, frames: int) -> keras.Model:
    """Build one small CNN for each class, trained together (the report's section 6).

    Input (batch, frames, bands), output (batch, classes) probabilities. Each class owns 8, 16 and 16 channels: a 7x7
    convolution with stride 4, two depthwise separable blocks (Chollet 2017), the global maximum, one sigmoid.
    Classes share no weights, so the sum of their losses trains each as if alone. The cost grows with
    the number of classes: 1,201 parameters and about 5.5 MFLOP a clip per class.
    """
    inputs = layers.Input((frames, bands))
    x = layers.Reshape((frames, bands, 1))(inputs)
    # One input channel: every output channel already belongs to one class alone.
    x = NormalisedConvolution(8 * classes, 7, strides=4, use_bias=False, momentum=MOMENTUM)(x)
    x = layers.Activation("relu")(x)
    for pool in ((2, 2), (1, 1)):
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = PointwisePerClass(classes, 16)(x)
        x = layers.Activation("relu")(FusedBatchNormalization(momentum=MOMENTUM)(x))
        x = layers.MaxPooling2D(pool, padding="same")(x) if pool != (1, 1) else x
    x = layers.GlobalMaxPooling2D()(x)
    x = layers.Dropout(0.2)(x)
    x = PointwisePerClass(classes, 1)(x)
    return keras.Model(inputs, layers.Activation("sigmoid", dtype="float32")(x), name="cnn_per_class")
