"""Building a model by its name. Imports TensorFlow; `catalog` holds the facts that do not need it."""

from __future__ import annotations

from collections.abc import Callable

import keras

from sedcore.errors import SedcoreError
from sedcore.models import ann, cnn, compact, crnn, rnn
from sedcore.models.catalog import model_card

BUILDERS: dict[str, Callable[[int, int, int], keras.Model]] = {
    "compact": compact.compact,
    "ann": ann.ann,
    "cnn": cnn.cnn,
    "cnn_per_class": cnn.cnn_per_class,
    "rnn": rnn.rnn,
    "rnn_time": rnn.rnn_time,
    "crnn": crnn.crnn,
    "crnn_time": crnn.crnn_time,
}


def build(name: str, classes: int, bands: int, frames: int, precision: str = "float32") -> keras.Model:
    """Return a new model: input (batch, frames, bands) float32, output (batch, classes) in 0..1.

    precision : "float32", or "bfloat16" for all layers that do not ask for float32.

    Raises
    ------
    SedcoreError
        There is no such model, there is no class, or the input is too small for it.
    """
    misfit = model_card(name).misfit(bands, frames)
    if misfit:
        raise SedcoreError(misfit)
    if classes < 1:
        raise SedcoreError(f"model {name} needs at least one class; the data set has {classes}")
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        return BUILDERS[name](classes, bands, frames)
    finally:
        keras.config.set_dtype_policy(usual)


def with_frames(model: keras.Model) -> keras.Model:
    """Return a model with the same weights and two outputs: clip and frame probabilities (batch, steps, classes)."""
    return keras.Model(model.inputs, [*model.outputs, model.get_layer("frames").output])
