"""The configuration of a training run: plain data, saved in run.json. Light: no TensorFlow.

A setting is defined once, by its field here: checks, command line options, sweeps, the form of New run and the names
in figures and tables follow from its `sedcore.training.settings.Setting`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, dataclass
from typing import Any

from sedcore.errors import SedcoreError
from sedcore.models.catalog import MODELS, ModelCard, model_card
from sedcore.naming import suggestion
from sedcore.training.settings import DATA, MAIN, MORE, Setting, setting, settings_of


def _without_frames(card: ModelCard) -> str | None:
    if card.frames:
        return None
    return f"model {card.name} gives no frames, so it cannot learn from frame labels"


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a training. None stands for the default of the model's card."""

    dataset: str = setting(
        "Data set", "the data set to train on", default=MISSING, part=DATA, searched=False, metavar="NAME"
    )
    model: str = setting("Model", f"the model to train: {', '.join(MODELS)}", default=MISSING, part=DATA)
    features: str = setting(
        "Features",
        "what the model sees of a clip: time by mel bands, or cepstral coefficients",
        default="logmel",
        part=DATA,
    )
    epochs: int | None = setting(
        "Epochs at most",
        "passes over the training clips; early stopping usually ends sooner",
        part=MAIN,
        low=1,
        high=100_000,
    )
    batch_size: int | None = setting(
        "Batch size", "clips a step of the optimiser", part=MAIN, short="batch", low=1, high=65_536, step=8
    )
    learning_rate: float | None = setting(
        "Learning rate", "of Adam", part=MAIN, short="rate", low=0, above=True, high=100, step=1e-4
    )
    seed: int = setting(
        "Seed",
        "of the first weights, the order of clips and dropout; runs that differ in it alone show the noise",
        default=0,
        part=MAIN,
        low=0,
        high=2**32 - 1,
        searched=False,
    )
    patience: int = setting(
        "Patience",
        "epochs without a better validation macro AP before training ends; 0: never stop early",
        default=10,
        part=MORE,
        low=0,
        high=100_000,
    )
    threshold: float = setting(
        "Threshold of the F1",
        "of the F1 in the training history alone: scores are kept, and thresholds are set later",
        default=0.5,
        part=MORE,
        step=0.05,
    )
    deterministic: bool = setting(
        "Deterministic",
        "the same numbers each time on the same machine, to the last digit, at the cost of speed",
        default=False,
        part=MORE,
    )
    devices: str = setting(
        "Devices",
        "all: each batch is divided among the machine's GPUs, which is worth it from batches of some hundred clips on",
        default="one",
        part=MORE,
        choices=("one", "all"),
    )
    # Loshchilov and Hutter 2017, arXiv:1608.03983
    schedule: str | None = setting(
        "Rate over time",
        "the learning rate is constant, or rises shortly and then falls along half a cosine down to nothing",
        choices=("constant", "cosine"),
        plain="constant",
    )
    mixup: float | None = setting(
        "Mixup",
        "clips of a batch are mixed, labels too; the alpha of the shares' Beta distribution, 0: not",
        metavar="ALPHA",
        low=0,
        high=100,
        below=True,
        step=0.1,
        plain=0.0,
    )
    masking: bool | None = setting(
        "Masking", "stretches of time and of frequency are put out (SpecAugment)", plain=False
    )
    filtering: bool | None = setting(
        "Filtering",
        "bands are raised and lowered along a random line (FilterAugment); log-mel only",
        plain=False,
    )
    shifting: int | None = setting(
        "Shifting",
        "each clip is moved up or down by some mel bands, at most so many, as another voice would sound; 0: not",
        metavar="BANDS",
        low=0,
        high=1_000,
        plain=0,
    )
    # Polyak and Juditsky 1992, 10.1137/0330046; the share is smaller in the first steps, see `FusedAdam`
    averaging: float | None = setting(
        "Weight averaging",
        "scored with a moving average of the weights; the share of the old in a step, 0: not",
        metavar="SHARE",
        low=0,
        high=1,
        below=True,
        step=0.001,
        plain=0.0,
    )
    frame_labels: bool | None = setting(
        "Frame labels",
        "learn from when things sound, too, where the labels have times and the model has frames",
        plain=False,
        unfit=_without_frames,
    )
    precision: str | None = setting(
        "Precision",
        "of the convolutions; bfloat16 is several times as fast on processors that have it (AMX, AVX-512 BF16), and "
        "far slower on others",
        choices=("float32", "bfloat16"),
        plain="float32",
    )
    label_smoothing: float | None = setting(
        "Label smoothing",
        "learned labels are moved this far from 0 and 1 towards one half, so that scores become less extreme; 0: not",
        metavar="SHARE",
        low=0,
        high=0.5,
        step=0.01,
        plain=0.0,
    )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrainConfig:
        """Return the configuration saved as `values`. Raises SedcoreError for an unknown key, with the nearest one."""
        for key in values:
            if key not in SETTINGS:
                raise SedcoreError(f"training knows no setting {key!r}; {suggestion(key, SETTINGS)}")
        missing = [name for name, known in SETTINGS.items() if known.required and name not in values]
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
        filled = {}
        for name, known in SETTINGS.items():
            value = getattr(self, name)
            filled[name] = known.checked(card.defaults.get(name, known.plain) if value is None else value)
            if value and known.unfit and (why := known.unfit(card)):
                raise SedcoreError(why)
        return TrainConfig(**filled)

    def to_json(self) -> dict[str, Any]:
        """Return the configuration as plain values."""
        return dataclasses.asdict(self)


SETTINGS: dict[str, Setting] = settings_of(TrainConfig)


def setting_words(name: str) -> str:
    """Return a setting's title for use within a sentence; for any other name, its words."""
    return SETTINGS[name].words if name in SETTINGS else name.replace("_", " ")
