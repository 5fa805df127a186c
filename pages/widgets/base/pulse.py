"""Parts of a page that are redrawn periodically while the tab is visible.

Streamlit's own `run_every` goes on in a hidden tab; this components-v2 element asks only while
``document.visibilityState`` is "visible".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.widgets.base.messages import show_error
from sedcore.errors import SedcoreError

_pulse = st.components.v2.component("pulse", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"))


def pulsed(draw: Callable[[], float | None], key: str) -> None:
    """Draw a fragment now, and again after the seconds that `draw` returns; None ends it."""
    st.fragment(_beat)(draw, key)


def _beat(draw: Callable[[], float | None], key: str) -> None:
    try:
        every_s = draw()
    except SedcoreError as error:
        # A run was deleted or damaged meanwhile; `guarded` does not catch errors of a fragment.
        show_error(error)
        return
    if every_s is None:
        return
    number = st.session_state.get(f"{key}-number", 0) + 1
    st.session_state[f"{key}-number"] = number
    _pulse(
        key=f"pulse-{key}",  # the frame's CSS takes it out of the layout
        data={"number": number, "every_ms": round(1000 * every_s)},
        on_beat_change=_asked,
        height=1,
    )


def _asked() -> None:
    """Do nothing: a beat's only purpose is to rerun the fragment."""
