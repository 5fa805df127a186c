"""Moving from page to page: requested in a callback, carried out when the page is drawn next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from sedcore.artifacts.runs import Run

_NEXT = "next-page"


def go_to(page: str, **params: str) -> None:
    """Request another page from a callback, which cannot leave the page itself: "run", run=ID."""
    st.session_state[_NEXT] = (page, params)


def asked_page() -> tuple[str, dict[str, str]] | None:
    """Return the page that a callback asked for and its URL parameters, once; None without a request."""
    return st.session_state.pop(_NEXT, None)


def follow_to() -> None:
    """Go to the page requested in a fragment's callback: only the whole page, not a fragment, can leave."""
    if _NEXT in st.session_state:
        st.rerun()


def open_run(runs: Sequence[Run], click: str) -> None:
    """Open the run whose name was clicked in a table; rows below the runs (trivial baselines) have no page."""
    row = st.session_state[click]["row"]
    if row < len(runs):
        go_to("run", run=runs[row].run_id)


def link_to(page: str, label: str, *, icon: str | None = None, query_params: dict | None = None) -> None:
    """Show a link to another page ("new_run"), if the navigation has it."""
    if not Path(__file__).parents[2].joinpath(f"{page}.py").exists():
        return
    try:
        st.page_link(f"pages/{page}.py", label=label, icon=icon, query_params=query_params)
    except (st.errors.StreamlitAPIException, KeyError):
        return  # not in this navigation: training is off, or the page is tested alone
