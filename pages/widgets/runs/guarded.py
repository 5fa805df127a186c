"""The frame of each page: navigation, and one sentence in place of a traceback."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from pages.widgets.base.messages import show_error
from pages.widgets.base.navigation import asked_page
from pages.widgets.runs import choice
from pages.widgets.runs.address import page_was_drawn, say_address
from sedcore.errors import SedcoreError

NOTHING: Mapping[str, Collection[str] | None] = {}


def guarded(page: Callable[[], None], reads: Mapping[str, Collection[str] | None] = NOTHING) -> None:
    """Run a page; bad input ends it with one sentence instead of a traceback.

    reads : parameters of the address besides the choice, each with its valid values, or `BY_PAGE`; any other parameter
        is reported as unknown.
    """
    if PagesManager.uses_pages_directory:
        # The first visit of a fresh server is a deep link: Streamlit has discovered pages/ and runs this file
        # alone. The entry script sets up the navigation and runs this page within it.
        runpy.run_path(str(Path(__file__).parents[3] / "dashboard.py"))
        return
    if asked := asked_page():
        name, params = asked
        if any(key in choice.KEYS for key in params):
            choice.take_over(choice.url_params() | params)
        st.switch_page(f"pages/{name}.py", query_params=choice.url_params() | params)
    try:
        with st.container():  # always there, so that what is below keeps its place
            say_address(Path(page.__code__.co_filename).stem, reads)
        page()
        page_was_drawn()
    except SedcoreError as error:
        show_error(error)
