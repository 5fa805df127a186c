"""Fully connected network on the flattened spectrogram."""

from __future__ import annotations

import keras
from keras import layers


def ann(classes: int, bands: int, frames: int) -> keras.Model:
    """Build the report's ANN (section 3.3): five dense layers, dropout between them.

    Input (batch, frames, bands), output (batch, classes) probabilities. For 10 classes, 64 bands and 1000 frames:
    32,937,194 parameters, of which 32.8 million are the first layer; 66 MFLOP a clip. It has no notion of time
    or frequency: a dog a second later is a different pattern. At the report's learning rate of 1e-2 its units die
    in the first epoch and every clip gets the label priors. The report flattens (bands, frames); here the first
    layer's weights are in the order (frames, bands), which saves transposing each batch.
    """
    return keras.Sequential(
        [
            layers.Input((frames, bands)),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(512, activation="relu"),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(classes, activation="sigmoid", dtype="float32"),
        ],
        name="ann",
    )
