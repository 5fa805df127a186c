"""What a page shows when it cannot show what it is for: errors in words, and empty states with a way on."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.pages_manager import PagesManager

from pages.widgets import state
from pages.widgets.format import escape_markdown
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError

Row = TypeVar("Row")
_NEXT = "next-page"


def guarded(page: Callable[[], None]) -> None:
    """Run a page; bad input ends it with one sentence instead of a traceback."""
    if PagesManager.uses_pages_directory:
        # The first visit of a fresh server is a deep link: Streamlit has found pages/ by itself and runs this
        # file alone. The entry puts its own navigation in place, and runs this page within it.
        runpy.run_path(str(Path(__file__).parents[2] / "dashboard.py"))
        return
    if _NEXT in st.session_state:
        name, params = st.session_state.pop(_NEXT)
        if any(key in state.KEYS for key in params):
            state.take_over(state.url_params() | params)
        st.switch_page(f"pages/{name}.py", query_params=state.url_params() | params)
    try:
        page()
    except SedcoreError as error:
        show_error(error)


def go_to(page: str, **params: str) -> None:
    """Ask, from a callback (which cannot leave the page itself), for another page: "run", run=ID."""
    st.session_state[_NEXT] = (page, params)


def follow_to() -> None:
    """Go where a callback within a fragment asked for: only the page around a fragment can leave."""
    if _NEXT in st.session_state:
        st.rerun()


def open_run(runs: Sequence[Run], click: str) -> None:
    """Open the run whose name was clicked in a table; rows below the runs (trivial baselines) have no page."""
    row = st.session_state[click]["row"]
    if row < len(runs):
        go_to("run", run=runs[row].run_id)


def pressed_row(key: str, rows: Sequence[Row], act: Callable[[Row], None]) -> None:
    """Do what a button in a row of a table is for; a callback. Errors are told by toast; an empty cell does nothing."""
    click = st.session_state[key]
    if not click["label"]:
        return
    try:
        act(rows[click["row"]])
    except SedcoreError as error:
        st.toast(escape_markdown(str(error)), icon=":material/error:", duration="long")


def show_error(error: SedcoreError | str) -> None:
    """Show one sentence: file, cause, remedy."""
    st.error(escape_markdown(str(error)), icon=":material/error:")


def show_note(text: str, icon: str = ":material/info:") -> None:
    """Show a quiet line under the page's answer; `text` is Markdown (escape what people wrote)."""
    st.caption(f"{icon} {text}")


def empty_state(title: str, text: str, icon: str = ":material/inbox:") -> DeltaGenerator:
    """Say what is missing and what to do; returns the box, for the button that does it.

    `title` and `text` are Markdown: escape what comes from people.
    """
    box = st.container(border=True, horizontal_alignment="left")
    box.markdown(f"{icon} **{title}**")
    box.markdown(text)
    return box


def link_to(page: str, label: str, *, icon: str | None = None, query_params: dict | None = None) -> None:
    """Link to another page ("new_run"); nothing where the navigation does not have it."""
    if not Path(__file__).parents[1].joinpath(f"{page}.py").exists():
        return
    try:
        st.page_link(f"pages/{page}.py", label=label, icon=icon, query_params=query_params)
    except (st.errors.StreamlitAPIException, KeyError):
        return  # not in this navigation: training is off, or the page is tested alone
