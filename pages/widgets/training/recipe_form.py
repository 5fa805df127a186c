"""The fields of New run that say how a model learns; each begins as the model's card has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from sedcore.models.catalog import PLAIN, ModelCard
from sedcore.training.config import PRECISIONS, SCHEDULES, TrainConfig

WORDS = {
    "schedule": ("Rate over time", "Constant, or a short rise and then half a cosine down to nothing."),
    "precision": (
        "Precision",
        "Of the convolutions. bfloat16 is several times as fast on processors that have it (AMX, AVX-512 BF16), and "
        "far slower on others.",
    ),
    "mixup": (
        "Mixup",
        "Clips of a batch are mixed, labels too; the alpha of the shares' Beta distribution, 0: not.",
    ),
    "shifting": (
        "Shifting",
        "Each clip is moved up or down by some mel bands, at most so many, as another voice would sound; 0: not.",
    ),
    "averaging": (
        "Weight averaging",
        "Scored with a moving average of the weights; the share of the old in a step, 0: not.",
    ),
    "masking": ("Masking", "Stretches of time and of frequency are put out (SpecAugment)."),
    "filtering": (
        "Filtering",
        "Bands are raised and lowered along a random line (FilterAugment); log-mel only.",
    ),
    "frame_labels": (
        "Learn when, too",
        "Where the labels have times and the model has frames, it learns from them as well.",
    ),
}


def key_of(name: str) -> str:
    """Return the session's key of a field."""
    return f"new-{name.replace('_', '-')}"


def take_recipe(card: ModelCard, before: ModelCard | None = None) -> None:
    """Give each field the card's value where it has none, or still that of the card before."""
    for name, value in card.recipe.items():
        key = key_of(name)
        if key not in st.session_state or (before and st.session_state[key] == before.recipe[name]):
            st.session_state[key] = value


def fill_recipe(config: TrainConfig) -> None:
    """Give the fields the values of a resolved configuration."""
    st.session_state.update({key_of(name): getattr(config, name) for name in PLAIN})


def recipe_fields(card: ModelCard) -> None:
    """Show the fields."""
    left, right = st.columns(2)
    for column, name, words in ((left, "schedule", SCHEDULES), (right, "precision", PRECISIONS)):
        label, about = WORDS[name]
        column.selectbox(label, words, key=key_of(name), persist_state="session", help=about)
    for column, name, highest, step, form in (
        (left, "mixup", 100.0, 0.1, "%g"),
        (right, "averaging", 1.0, 0.001, "%g"),
        (left, "shifting", 1000, 1, "%d"),
    ):
        label, about = WORDS[name]
        lowest = type(step)(0)
        column.number_input(
            label,
            lowest,
            highest,
            step=step,
            format=form,
            key=key_of(name),
            persist_state="session",
            help=about,
        )
    with st.container(horizontal=True):
        for name in ("masking", "filtering", "frame_labels"):
            if name != "frame_labels" or card.frames:
                label, about = WORDS[name]
                st.toggle(label, key=key_of(name), persist_state="session", help=about)


def chosen_recipe(card: ModelCard) -> Mapping[str, Any]:
    """Return what differs from the model's card, as settings of a training."""
    chosen = {name: st.session_state.get(key_of(name), value) for name, value in card.recipe.items()}
    if not card.frames:
        chosen.pop("frame_labels")
    return {name: value for name, value in chosen.items() if value != card.recipe[name]}
