"""The configuration of a training run: plain data, saved in run.json. Light: no TensorFlow."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from sedcore.errors import SedcoreError
from sedcore.models.catalog import model_card
from sedcore.naming import suggestion

DEVICES = ("one", "all")
SCHEDULES = ("constant", "cosine")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class TrainConfig:
    """What a run is trained on and how. None stands for the default of the model's card.

    Attributes
    ----------
    dataset, model, features : names; the features must have been built for the data set.
    epochs : most epochs to train; early stopping usually ends sooner. None: the model's default (the report's
        epochs for the report's models).
    batch_size : clips a step. None: the model's default (the report's 32 for most).
    learning_rate : Adam's. None: the model's default (1e-2 for `ann`, 1e-3 for the others, as in the report).
    seed : of the weights, the order of clips and dropout.
    patience : epochs without a better validation macro AP before training ends; 0 switches early stopping off.
    threshold : at which the F1 of each epoch is computed; a score equal to it counts as positive.
    deterministic : the same numbers each time on the same machine, to the last digit, at the cost of speed.
    devices : "one", or "all": each batch is divided among all GPUs of the machine. Worth it from batches of some
        hundred clips on, since each device takes a part of the batch.

    The rest is the recipe; None stands for what the model's card says (`catalog.PLAIN` for most).

    schedule : of the learning rate: "constant", or "cosine": a rise over the first twentieth of the steps, then half
        a cosine down to nothing (Loshchilov and Hutter 2017, arXiv:1608.03983).
    mixup : alpha of mixing clips of a batch, 0 without; see `augment.mixed`.
    masking, filtering : see `augment.mask` and `augment.filtered`; the second only where features are in dB.
    shifting : bands by which a clip is moved at most, 0 without; see `augment.shift`. Only where features are bands.
    averaging : share of the old in a moving average of the weights after each step, with which is scored; 0 without
        (Polyak and Juditsky 1992, 10.1137/0330046). In the first steps it is less; see `FusedAdam`.
    frame_labels : learn from when things sound too, where the labels say it and the model has frames.
    precision : "float32", or "bfloat16": convolutions multiply in bfloat16, which newer processors do several times
        as fast and older ones far slower; weights, sums and all else stay float32.
    """

    dataset: str
    model: str
    features: str = "logmel"
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    patience: int = 10
    threshold: float = 0.5
    deterministic: bool = False
    devices: str = "one"
    schedule: str | None = None
    mixup: float | None = None
    masking: bool | None = None
    filtering: bool | None = None
    shifting: int | None = None
    averaging: float | None = None
    frame_labels: bool | None = None
    precision: str | None = None

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrainConfig:
        """Return the configuration saved as `values`; an unknown key is an error that names the nearest."""
        known = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in known:
                raise SedcoreError(f"training knows no setting {key!r}; {suggestion(key, known)}")
        missing = [key for key in ("dataset", "model") if key not in values]
        if missing:
            raise SedcoreError(f"training needs the setting {missing[0]!r}")
        return cls(**values)

    def resolved(self) -> TrainConfig:
        """Return the configuration with the model's defaults filled in and every value checked.

        Raises
        ------
        SedcoreError
            There is no such model, or a value is out of range.
        """
        card = model_card(self.model)
        filled = dataclasses.replace(
            self,
            **{name: value for name, value in card.defaults.items() if getattr(self, name) is None},
        )
        for name, lowest, highest in (
            ("epochs", 1, 100_000),
            ("batch_size", 1, 65_536),
            ("seed", 0, 2**32 - 1),
            ("patience", 0, 100_000),
            ("shifting", 0, 1_000),
        ):
            value = getattr(filled, name)
            if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
                raise SedcoreError(f"{name} is a whole number from {lowest} to {highest}; given {value!r}")
        rate = filled.learning_rate
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate <= 100:
            raise SedcoreError(f"learning_rate is a number above 0 and at most 100; given {rate!r}")
        if not isinstance(filled.threshold, (int, float)) or not math.isfinite(filled.threshold):
            raise SedcoreError(f"threshold is a finite number; given {filled.threshold!r}")
        for name in ("deterministic", "masking", "filtering", "frame_labels"):
            if not isinstance(getattr(filled, name), bool):
                raise SedcoreError(f"{name} is true or false; given {getattr(filled, name)!r}")
        for name, words in (("devices", DEVICES), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(filled, name) not in words:
                raise SedcoreError(f"{name} is one of {', '.join(words)}; given {getattr(filled, name)!r}")
        for name, highest in (("mixup", 100), ("averaging", 1)):
            value = getattr(filled, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < highest:
                raise SedcoreError(f"{name} is a number from 0 to below {highest}; given {value!r}")
        if self.frame_labels and not card.frames:
            raise SedcoreError(f"model {self.model} gives no frames, so it cannot learn from frame labels")
        # A whole number, as JSON and TOML have it, is a rate too.
        return dataclasses.replace(filled, learning_rate=float(rate))

    def to_json(self) -> dict[str, Any]:
        """Return the configuration as plain values."""
        return dataclasses.asdict(self)
