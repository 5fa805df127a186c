"""The fields of New run, one a training setting, built from its metadata (`sedcore.training.settings`).

Their values live in the session; they start as the model's defaults, and follow the model until the reader changes
them.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from sedcore.figures.sweeps import setting_text
from sedcore.models.catalog import model_card
from sedcore.training.config import SETTINGS, TrainConfig
from sedcore.training.settings import DATA, Setting

FIELDS = {name: known for name, known in SETTINGS.items() if known.part != DATA}


def key_of(name: str) -> str:
    """Return the session's key of a setting."""
    return f"new-{SETTINGS[name].label.replace('_', '-')}"


def take_usual(usual: TrainConfig, before: TrainConfig | None = None) -> None:
    """Set each field to its default where it is empty or still has the previous model's default."""
    for name in FIELDS:
        key = key_of(name)
        if key not in st.session_state or (before and st.session_state[key] == getattr(before, name)):
            st.session_state[key] = getattr(usual, name)


def fill(config: TrainConfig) -> None:
    """Give the fields the values of a resolved configuration."""
    st.session_state.update({key_of(name): getattr(config, name) for name in FIELDS})


def chosen(usual: TrainConfig) -> dict[str, Any]:
    """Return the settings that differ from the defaults: only these go into the command."""
    values = {name: st.session_state.get(key_of(name)) for name in _fields_of(usual)}
    return {name: value for name, value in values.items() if value not in (None, getattr(usual, name))}


def setting_fields(part: str, usual: TrainConfig, columns: int = 1) -> None:
    """Show the fields of a part of the form in columns, switches in a row below."""
    fields = [known for known in _fields_of(usual).values() if known.part == part]
    boxes = [known for known in fields if known.type is not bool]
    height = -(-len(boxes) // columns)
    for place, column in enumerate(st.columns(columns, gap="small")):
        with column:
            for known in boxes[place * height : (place + 1) * height]:
                _box(known, usual)
    with st.container(horizontal=True):
        for known in fields:
            if known.type is bool:
                st.toggle(known.title, **_common(known, usual))


def _fields_of(usual: TrainConfig) -> dict[str, Setting]:
    """Return the fields that suit the model."""
    card = model_card(usual.model)
    return {name: known for name, known in FIELDS.items() if not (known.unfit and known.unfit(card))}


def _box(known: Setting, usual: TrainConfig) -> None:
    if not known.numeric:
        st.selectbox(known.title, known.choices, **_common(known, usual))
        return
    low, high = (None if bound is None else known.type(bound) for bound in (known.low, known.high))
    form = "%d" if known.type is int else "%g"
    st.number_input(known.title, low, high, step=known.type(known.step), format=form, **_common(known, usual))


def _common(known: Setting, usual: TrainConfig) -> dict[str, Any]:
    """Return the arguments common to all fields: key and help."""
    words = known.help[0].upper() + known.help[1:]
    if known.default is None:
        value = getattr(usual, known.name)
        shown = ("off", "on")[value] if known.type is bool else setting_text(value)
        words += f"; the model's own default is {shown}"
    return {"key": key_of(known.name), "persist_state": "session", "help": f"{words}."}
