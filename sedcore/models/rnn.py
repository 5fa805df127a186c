"""Recurrent networks: the report's, which runs over mel bands, and one that runs over time."""

from __future__ import annotations

import keras
from keras import layers

from sedcore.models.recurrent import FastLSTM


def rnn(classes: int, bands: int, frames: int) -> keras.Model:
    """Build the report's RNN (section 3.5): two LSTM layers over the mel bands.

    Input (batch, frames, bands), output (batch, classes) probabilities. The report's ``input_shape=(64, 1000)`` makes
    each band a step whose features are its 1000 frames; that flaw is kept. For 10 classes, 64 bands and 1000 frames:
    629,866 parameters, 80 MFLOP a clip.
    """
    return keras.Sequential(
        [
            layers.Input((frames, bands)),
            layers.Permute((2, 1)),
            FastLSTM(128, recurrent_dropout=0.2, return_sequences=True, dtype="float32"),
            FastLSTM(64, recurrent_dropout=0.2, dtype="float32"),
            layers.Dense(32, activation="relu"),
            layers.Dense(classes, activation="sigmoid", dtype="float32"),
        ],
        name="rnn",
    )


def rnn_time(classes: int, bands: int, frames: int) -> keras.Model:
    """Build an RNN that runs over time: the report's layers with the axes the right way round.

    Input (batch, frames, bands), output (batch, classes) probabilities. Steps are means of four frames (40 ms at the
    default hop), because 1000 steps cost four times as much and a single frame says little; the outputs are
    averaged over time, so that an early event still counts at the end of the clip. 75 MFLOP a clip.
    """
    return keras.Sequential(
        [
            layers.Input((frames, bands)),
            layers.AveragePooling1D(4),
            FastLSTM(128, return_sequences=True, dtype="float32"),
            FastLSTM(64, return_sequences=True, dtype="float32"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(32, activation="relu"),
            layers.Dense(classes, activation="sigmoid", dtype="float32"),
        ],
        name="rnn_time",
    )
