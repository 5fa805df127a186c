"""What a page shows where features are not on disk: how to build them, for the demo set with a button."""

from __future__ import annotations

import time
from pathlib import Path

import streamlit as st

from pages.widgets.base.format import duration, escape_markdown
from pages.widgets.base.messages import empty_state, show_error
from pages.widgets.base.pulse import pulsed
from sedcore.data.store import DataSet
from sedcore.errors import SedcoreError
from sedcore.jobs.build import DEMO, Build, build_state, demo_command_line, is_demo, start_demo
from sedcore.jobs.switch import training_enabled

POLL_S = 1.0


def features_missing(root: Path, dataset: DataSet, why: str) -> None:
    """Say that features are missing and how to make them; `why` is a sentence (Markdown)."""
    box = empty_state("Features are not built", why, ":material/graphic_eq:")
    if not is_demo(dataset):
        box.markdown(
            "They are made when a data set is imported and are not part of what is shared. Import it again where "
            "its audio is, or copy its folder `features` here."
        )
        return
    box.markdown("The demo set is made from code alone, so they can be computed here:")
    box.code(demo_command_line(dataset), language=None)
    with box:
        build_button(root, dataset)


def build_button(root: Path, dataset: DataSet | None) -> None:
    """Show the button that builds the demo set (or its features), or the progress of the build."""
    if not training_enabled():
        return
    name = dataset.name if dataset else DEMO
    build = build_state(root, name)
    if build.state == "running":
        pulsed(lambda: _watch(root, name), f"build-{name}")
        return
    if build.state == "ended" and build.words:
        show_error(f"The last try ended so: {build.words.splitlines()[-1][:400]}")
    label = "Compute them here" if dataset else "Make the demo data set here"
    st.button(label, icon=":material/build:", key=f"build-{name}", on_click=_start, args=(root, dataset))
    problem = st.session_state.pop("build-problem", None)
    if problem:
        show_error(problem)


def _start(root: Path, dataset: DataSet | None) -> None:
    try:
        start_demo(root, dataset)
    except SedcoreError as error:
        st.session_state["build-problem"] = str(error)


def _watch(root: Path, name: str) -> float:
    build: Build = build_state(root, name)
    if build.state != "running":
        st.rerun()
    st.markdown(
        f":material/hourglass_top: {escape_markdown(name)} is being built, "
        f"for {duration(max(time.time() - build.since, 0))} now. It goes on when you leave the page."
    )
    return POLL_S
