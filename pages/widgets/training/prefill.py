"""New run filled in by a link: ``?like=RUN_ID`` takes a run's settings, ``?edit=RUN_ID`` changes a queued run's.

Links are untrusted: the id must be that of a training here, and its settings must be readable.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.navigation import go_to
from pages.widgets.data.dataset_choice import choose
from pages.widgets.runs.address import say_link
from pages.widgets.training import train_form as form
from pages.widgets.training.setting_fields import fill
from sedcore.artifacts.files import safe_name
from sedcore.artifacts.runs import Run
from sedcore.data.store import open_dataset
from sedcore.errors import SedcoreError
from sedcore.jobs.launch import need_training
from sedcore.jobs.queue import edit
from sedcore.training.config import TrainConfig

LIKE, EDIT = "like", "edit"
_TAKEN, _PROBLEM = "new-link-taken", "new-link-problem"


def open_filled(kind: str, run: Run) -> None:
    """Open New run filled in from a run, from a callback; unsaved changes there are dropped.

    kind : LIKE takes its settings, EDIT changes them.
    """
    st.session_state.pop(_TAKEN, None)
    go_to("new_run", **{kind: run.run_id})


def take_link(root: Path) -> Run | None:
    """Fill in the form from the page's link, once; return the run that is edited, if any. Shows any problem."""
    kind = next((kind for kind in (EDIT, LIKE) if st.query_params.get(kind)), None)
    asked = (kind, st.query_params.get(kind or ""))
    if asked != st.session_state.get(_TAKEN):
        st.session_state[_TAKEN], st.session_state[_PROBLEM] = asked, ""
        if kind:
            try:
                _fill(root, _asked_run(root, asked[1]), keep_name=kind == EDIT)
            except SedcoreError as error:
                st.session_state[_PROBLEM] = str(error)
    problem = st.session_state.get(_PROBLEM)
    if problem:
        say_link(fmt.escape_markdown(f"The link cannot be followed: {problem}"))
        return None
    return _asked_run(root, asked[1]) if kind == EDIT else None


def _asked_run(root: Path, run_id: str) -> Run:
    run = Run(root / "runs" / safe_name(run_id[:81], "run id"))
    if not run.path.is_dir() or run.info["kind"] != "trained":
        raise SedcoreError(f"there is no training {run_id[:80]!r} here")
    return run


def _fill(root: Path, run: Run, keep_name: bool) -> None:
    config = TrainConfig.from_json(run.info["config"]).resolved()
    dataset = open_dataset(root, config.dataset)
    if config.features not in dataset.feature_names():
        raise SedcoreError(
            f"run {run.name} was trained on features {config.features}, which are not built for {config.dataset}"
        )
    choose(config.dataset)
    st.session_state.update(
        {
            form.MODEL: config.model,
            form.FEATURES: config.features,
            form.NAME: run.info["name"] if keep_name else "",
        }
    )
    fill(config)


def edit_part(root: Path, run: Run, config: TrainConfig | None, problem: str) -> None:
    """Show the buttons that save the changes to a queued run, or drop them."""
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Save changes",
            type="primary",
            icon=":material/save:",
            key="new-save",
            disabled=bool(problem) or config is None,
            on_click=_save,
            args=(root, run, config, st.session_state.get(form.NAME) or ""),
        )
        st.button("Leave it as it is", key="new-leave", on_click=_leave)


def _save(root: Path, run: Run, config: TrainConfig, name: str) -> None:
    try:
        need_training()
        edit(root, run, config, name)
    except SedcoreError as error:
        st.session_state[form.PROBLEM] = str(error)
        return
    st.toast(f"Saved {fmt.escape_markdown(run.name)}", icon=":material/save:")
    _leave()


def _leave() -> None:
    st.session_state.pop(_TAKEN, None)
    st.session_state[form.NAME] = ""
    go_to("queue")
