"""What a page shows in place of its content: errors, notes, and empty states that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.widgets.base.format import escape_markdown
from sedcore.errors import SedcoreError

Row = TypeVar("Row")


def show_error(error: SedcoreError | str) -> None:
    """Show an error as one sentence."""
    st.error(escape_markdown(str(error)), icon=":material/error:")


def show_note(text: str, icon: str = ":material/info:") -> None:
    """Show a caption under the page's answer; `text` is Markdown: escape what comes from people."""
    st.caption(f"{icon} {text}")


def empty_state(title: str, text: str, icon: str = ":material/inbox:") -> DeltaGenerator:
    """Say what is missing and what to do; return the container, for the button that does it.

    `title` and `text` are Markdown: escape what comes from people.
    """
    box = st.container(border=True, horizontal_alignment="left")
    box.markdown(f"{icon} **{title}**")
    box.markdown(text)
    return box


def pressed_row(key: str, rows: Sequence[Row], act: Callable[[Row], None]) -> None:
    """Run the action of a button in a table row (a callback). Errors become toasts; an empty cell does nothing."""
    click = st.session_state[key]
    if not click["label"]:
        return
    try:
        act(rows[click["row"]])
    except SedcoreError as error:
        st.toast(escape_markdown(str(error)), icon=":material/error:", duration="long")
