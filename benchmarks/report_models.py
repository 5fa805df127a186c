"""The report's four models in plain Keras, as it prints them: the other side of every comparison of speed.

Input is what the report feeds: (clips, bands, frames, 1) to the convolutional models and the fully connected one,
(clips, bands, frames) to the recurrent one. Compiled as there: Adam, 1e-2 for the fully connected network and Keras'
default for the others, binary cross-entropy, the metric "accuracy".
"""

from __future__ import annotations

import keras
from keras import layers


def ann(classes: int, bands: int, frames: int) -> keras.Model:
    """Section 3.3."""
    model = keras.Sequential([layers.Input((bands, frames, 1)), layers.Flatten(), layers.Dropout(0.3)])
    for units, dropout in ((512, 0), (256, 0.2), (128, 0.2), (32, 0.2)):
        model.add(layers.Dense(units, activation="relu"))
        if dropout:
            model.add(layers.Dropout(dropout))
    model.add(layers.Dense(classes, activation="sigmoid"))
    return model


def cnn(classes: int, bands: int, frames: int) -> keras.Model:
    """Section 3.4."""
    model = keras.Sequential([layers.Input((bands, frames, 1))])
    for filters in (32, 128, 128, 256):
        model.add(layers.Conv2D(filters, (3, 3), padding="same"))
        model.add(layers.BatchNormalization())
        model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D(2, 2) if filters < 256 else layers.GlobalMaxPooling2D())
        model.add(layers.Dropout(0.2))
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dense(classes, activation="sigmoid"))
    return model


def rnn(classes: int, bands: int, frames: int) -> keras.Model:
    """Section 3.5."""
    return keras.Sequential(
        [
            layers.Input((bands, frames)),
            layers.LSTM(128, recurrent_dropout=0.2, return_sequences=True),
            layers.LSTM(64, recurrent_dropout=0.2),
            layers.Dense(32, activation="relu"),
            layers.Dense(classes, activation="sigmoid"),
        ]
    )


def crnn(classes: int, bands: int, frames: int) -> keras.Model:
    """Section 3.6."""
    model = keras.Sequential([layers.Input((bands, frames, 1))])
    for filters, pool in ((16, (2, 2)), (32, (2, 2)), (64, (2, 2)), (128, (1, 5))):
        model.add(layers.Conv2D(filters, (3, 3)))
        model.add(layers.MaxPool2D(pool))
        model.add(layers.BatchNormalization())
    model.add(layers.Reshape((-1, 128)))
    model.add(layers.GRU(256, activation="tanh"))
    model.add(layers.Dense(64))
    model.add(layers.Dropout(0.4))
    model.add(layers.Dense(classes, activation="sigmoid"))
    return model


BUILDERS = {"ann": ann, "cnn": cnn, "rnn": rnn, "crnn": crnn}
RATES = {"ann": 1e-2, "cnn": 1e-3, "rnn": 1e-3, "crnn": 1e-3}


def as_fed(x, name: str):
    """Return features (clips, frames, bands) as the report feeds them to a model."""
    turned = x.transpose(0, 2, 1)
    return turned if name == "rnn" else turned[..., None]


def compiled(name: str, classes: int, bands: int, frames: int) -> keras.Model:
    """Return one of the four, compiled as the report does."""
    model = BUILDERS[name](classes, bands, frames)
    model.compile(
        optimizer=keras.optimizers.Adam(RATES[name]), loss="binary_crossentropy", metrics=["accuracy"]
    )
    return model
