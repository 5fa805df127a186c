"""Which data set a page is about: one choice for all pages that ask, in the URL as ``data=NAME``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.widgets.base.format import escape_markdown, plural
from pages.widgets.base.messages import empty_state
from pages.widgets.data.build_button import build_button
from pages.widgets.runs.address import quoted, say_link
from pages.widgets.runs.cached import opened
from sedcore.artifacts.root import artifact_root
from sedcore.data.store import DataSet, datasets_folder, list_datasets
from sedcore.errors import SedcoreError
from sedcore.jobs.build import is_demo

PARAM = "data"
_CHOSEN, _WRITTEN, _WIDGET = "data-chosen", "data-written", "data-select"


def choose_dataset(on_change: Callable[[], None] | None = None) -> DataSet | None:
    """Show the choice among the data sets and return the chosen one; the empty state where there is none.

    A link that names a data set wins over the earlier choice; a data set that does not exist is reported.
    """
    root = artifact_root()
    names = [dataset.name for dataset in list_datasets(root)]
    _say_broken(root, names)
    asked = st.query_params.get(PARAM)
    if not names:
        if asked:
            say_link(f"There is no data set {quoted(asked)} in this artifact root.")
        no_datasets(root)
        return None
    if asked and asked != st.session_state.get(_WRITTEN):
        st.session_state[_CHOSEN] = asked  # a link, a reload or typed by hand: this session did not write it
    wanted = st.session_state.get(_CHOSEN)
    if wanted and wanted not in names:
        say_link(f"There is no data set {quoted(wanted)} in this artifact root; another is shown.")
    st.session_state[_WIDGET] = wanted if wanted in names else _first(root, names)

    def take() -> None:
        st.session_state[_CHOSEN] = st.session_state[_WIDGET]
        _write(st.session_state[_WIDGET])
        if on_change:
            on_change()

    name = st.selectbox("Data set", names, key=_WIDGET, on_change=take, width=320)
    if wanted in names or len(names) > 1:
        _write(name)
    return opened(root, name)


def choose(name: str) -> None:
    """Choose a data set for all pages that ask, before `choose_dataset` is drawn."""
    st.session_state[_CHOSEN] = name
    _write(name)


def no_datasets(root: Path) -> None:
    """Say that there is no data set, and how to make one."""
    where = f"`{str(root).replace('`', '')}`"
    box = empty_state(
        "No data set yet",
        f"There is none in {where}. Import your clips and labels, or make the demo data set from code alone.",
    )
    box.code(
        "python -m sedcore demo-data\n"
        "python -m sedcore data import NAME --train DIR --fractions 0.7,0.15,0.15",
        language="bash",
    )
    with box:
        build_button(root, None)


def _first(root: Path, names: list[str]) -> str:
    """Return the data set to begin with: the newest imported one, else the demo set."""
    found = [opened(root, name) for name in names]
    own = [dataset for dataset in found if not is_demo(dataset)] or found
    return max(own, key=lambda dataset: str(dataset.info.get("created", ""))).name


def _say_broken(root: Path, names: list[str]) -> None:
    folder = datasets_folder(root)
    problems = []
    for path in sorted(folder.glob("[!.]*/dataset.json")) if folder.is_dir() else []:
        if path.parent.name not in names:
            try:
                DataSet(path.parent)
            except SedcoreError as error:
                problems.append(str(error))
    if problems:
        with st.expander(f"{plural(len(problems), 'data set')} cannot be read", icon=":material/warning:"):
            st.markdown("\n".join(f"- {escape_markdown(problem)}" for problem in problems))


def _write(name: str) -> None:
    st.session_state[_WRITTEN] = name
    if st.query_params.get(PARAM) != name:
        st.query_params[PARAM] = name
