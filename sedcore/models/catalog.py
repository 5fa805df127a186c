"""What the models say of themselves, without importing TensorFlow: pages and the command line read this.

`parameters` and `clips_per_s` are for ten classes and input of 1000 frames x 64 bands; the speed is of
training on two cores of a 2023 server processor without accelerator, and only a first guess: once a model has
run on a machine, the history of that run is the better estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sedcore.errors import SedcoreError
from sedcore.naming import nearest

REPORT = "the course report on multi-label audio event classification with ANN, CNN, RNN and CRNN"


@dataclass(frozen=True)
class ModelCard:
    """One model in words and numbers.

    Attributes
    ----------
    name : what `--model` takes.
    title : name for people.
    summary : one sentence on what it is and when to take it.
    source : where the architecture comes from.
    learning_rate, epochs, batch_size : defaults of training.
    parameters : at 10 classes, 1000 frames, 64 bands.
    clips_per_s : training speed at that size, two cores; rough.
    min_bands, min_frames : the smallest input whose layers still have something to work on.
    frames : whether it also says when, in a layer named "frames", so that it can learn from labels with times.
    recipe : how it is trained where nobody says otherwise; settings of `TrainConfig`. What it leaves out is as in the
        report (`Setting.plain`).
    """

    name: str
    title: str
    summary: str
    source: str
    learning_rate: float
    epochs: int
    parameters: int
    clips_per_s: float
    min_bands: int = 1
    min_frames: int = 1
    frames: bool = False
    batch_size: int = 32
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def defaults(self) -> dict[str, Any]:
        """Return the settings of `TrainConfig` that the model brings, the recipe among them."""
        own = ("epochs", "learning_rate", "batch_size")
        return {name: getattr(self, name) for name in own} | dict(self.recipe)

    def misfit(self, bands: int, frames: int) -> str | None:
        """Return why an input of (frames, bands) cannot be taken, None where it can."""
        if bands >= self.min_bands and frames >= self.min_frames:
            return None
        return (
            f"model {self.name} needs at least {self.min_bands} bands and {self.min_frames} frames, and the "
            f"features have {bands} bands and {frames} frames: its pooling would leave nothing"
        )


_CARDS = (
    ModelCard(
        "compact",
        "Compact CRNN",
        "Convolutions of equal work, a GRU that walks over time, pooled over time; learns with "
        "mixing, masks and averaged weights, and from when things sound where that is known: the one to start with.",
        "after Cakir et al. 2017 (10.1109/TASLP.2017.2690575), pooling of Wang et al. 2019 "
        "(10.1109/ICASSP.2019.8682847)",
        learning_rate=2e-3,
        epochs=30,
        parameters=239_578,
        clips_per_s=100.0,
        min_bands=16,
        min_frames=16,
        frames=True,
        batch_size=16,
        recipe={
            "schedule": "cosine",
            "mixup": 0.3,
            "masking": True,
            "filtering": True,
            "shifting": 3,
            "averaging": 0.99,
            "frame_labels": True,
        },
    ),
    ModelCard(
        "crnn_time",
        "CRNN over time",
        "Convolutions with activations, frequency folded away, a GRU that walks over time, pooled over time: "
        "the CRNN as the field builds it.",
        "after Cakir et al. 2017 (10.1109/TASLP.2017.2690575), pooling of Wang et al. 2019 "
        "(10.1109/ICASSP.2019.8682847)",
        learning_rate=1e-3,
        epochs=40,
        parameters=185_690,
        clips_per_s=69.0,
        min_bands=8,
        min_frames=8,
        frames=True,
    ),
    ModelCard(
        "cnn",
        "CNN",
        "The report's CNN: four blocks of convolution, batch norm and max pooling, then the global maximum. "
        "Slow, and its batch norm needs many epochs on a small set before validation shows what it has learned.",
        f"{REPORT}, section 3.4",
        learning_rate=1e-3,
        epochs=100,
        parameters=516_426,
        clips_per_s=13.0,
        min_bands=8,
        min_frames=8,
    ),
    ModelCard(
        "crnn",
        "CRNN",
        "The report's CRNN: four convolutions without activations; its GRU reads four frequency rows one "
        "after another instead of time.",
        f"{REPORT}, section 3.6",
        learning_rate=1e-3,
        epochs=150,
        parameters=411_658,
        clips_per_s=79.0,
        min_bands=38,
        min_frames=70,
    ),
    ModelCard(
        "rnn_time",
        "RNN over time",
        "Two LSTM layers that walk over time in steps of four frames, averaged over time.",
        "the report's RNN with its axes the right way round",
        learning_rate=1e-3,
        epochs=60,
        parameters=150_634,
        clips_per_s=180.0,
        min_frames=4,
    ),
    ModelCard(
        "rnn",
        "RNN",
        "The report's RNN: two LSTM layers that walk over the mel bands, a step a band, not over time.",
        f"{REPORT}, section 3.5",
        learning_rate=1e-3,
        epochs=150,
        parameters=629_866,
        clips_per_s=335.0,
    ),
    ModelCard(
        "cnn_per_class",
        "A CNN per class",
        "One small CNN for each class, all trained together: the report's idea for improvement. No class can "
        "borrow what another has learned.",
        f"{REPORT}, section 6; depthwise separable convolutions of Chollet 2017 (10.1109/CVPR.2017.195)",
        learning_rate=1e-3,
        epochs=40,
        parameters=12_010,
        clips_per_s=100.0,
        min_bands=8,
        min_frames=8,
    ),
    ModelCard(
        "ann",
        "ANN",
        "The report's fully connected network on the flattened spectrogram: 33 million weights. At its own "
        "learning rate it tends to collapse to the label priors.",
        f"{REPORT}, section 3.3",
        learning_rate=1e-2,
        epochs=150,
        parameters=32_937_194,
        clips_per_s=330.0,
    ),
)
MODELS: dict[str, ModelCard] = {card.name: card for card in _CARDS}


def model_card(name: str) -> ModelCard:
    """Return the card of a model.

    Raises
    ------
    SedcoreError
        There is no such model; the nearest name is given.
    """
    if name in MODELS:
        return MODELS[name]
    near = nearest(name, MODELS)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(MODELS))}"
    raise SedcoreError(f"there is no model {name!r}; {hint}")
