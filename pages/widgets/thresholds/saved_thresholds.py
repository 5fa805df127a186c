"""Threshold vectors of a run: use a saved one, save the one in force, download and upload JSON.

Saving and deleting are offered only where the server may write.
"""

from __future__ import annotations

import json

import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import show_error
from pages.widgets.runs import cached
from pages.widgets.runs.scene import Scene
from pages.widgets.thresholds.tuning_form import APPLIED, OnApply
from sedcore.artifacts import thresholds as saved
from sedcore.artifacts.thresholds import ThresholdVector
from sedcore.comparison.selection import Scored
from sedcore.errors import SedcoreError
from sedcore.jobs.switch import training_enabled

_WORD = "vectors-word"  # session state: (is an error, sentence) of the last callback


def vector_controls(scene: Scene, on_apply: OnApply) -> None:
    """Show a popover to save, use, download and upload threshold vectors; `on_apply` receives the chosen one."""
    if not scene.scored:
        return
    with st.popover("Save or load", icon=":material/folder_open:", key="vectors"):
        by_id = {s.run.run_id: s for s in scene.scored}
        first = scene.baseline.run_id if scene.baseline else next(iter(by_id))
        run_id = st.selectbox(
            "Thresholds of",
            list(by_id),
            index=list(by_id).index(first),
            format_func=lambda run_id: by_id[run_id].label,
            key="vectors-run",
        )
        s = by_id[run_id]
        _saved(s, scene, on_apply)
        if training_enabled():
            _save(s, scene)
        _files(s, scene, on_apply)
        error, word = st.session_state.pop(_WORD, (False, ""))
        if error:
            show_error(word)
        elif word:
            st.caption(fmt.escape_markdown(word))


def in_force(s: Scored, scene: Scene, name: str) -> ThresholdVector:
    """Return the thresholds in force for a run as a vector; it records a tuning until a threshold is moved."""
    classes = _classes(s, scene)
    by_class = dict(zip(classes, scene.choice.class_thresholds(classes)))
    run_id, applied, split, objective = st.session_state.get(APPLIED, ("", {}, None, None))
    if applied == by_class and run_id == s.run.run_id:
        return ThresholdVector(name, by_class, run_id, split, objective)
    return ThresholdVector(name, by_class, s.run.run_id)


def _classes(s: Scored, scene: Scene) -> tuple[str, ...]:
    """Return all classes of a run, including those cut away where runs are cut to what they share."""
    return cached.scores(s.run, scene.split).summary.classes


def _saved(s: Scored, scene: Scene, on_apply: OnApply) -> None:
    names = saved.list_thresholds(s.run)
    if not names:
        st.caption("None saved in this run yet.")
        return
    name = st.selectbox("Saved", names, key="vectors-saved")
    with st.container(horizontal=True, gap="small"):
        st.button("Use", key="vectors-use", on_click=_use, args=(s, scene, name, on_apply))
        if training_enabled():
            st.button("Delete", type="tertiary", key="vectors-delete", on_click=_delete, args=(s, name))


def _save(s: Scored, scene: Scene) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Save the thresholds in force as",
            "tuned",
            key="vectors-name",
            max_chars=80,
            help="Letters, digits, '.', '_' and '-'. The command line's `--threshold tuned` takes \"tuned\".",
        )
        st.button("Save", key="vectors-save", on_click=_save_now, args=(s, scene))


def _files(s: Scored, scene: Scene, on_apply: OnApply) -> None:
    vector = in_force(s, scene, "thresholds")
    st.download_button(
        "Download JSON",
        json.dumps({"schema": 1, **vector.to_json()}, indent=1, ensure_ascii=False).encode(),
        file_name="thresholds.json",
        mime="application/json",
        icon=":material/download:",
        type="tertiary",
        key="vectors-download",
        on_click="ignore",
    )
    st.file_uploader(
        "Upload JSON",
        type="json",
        key="vectors-upload",
        max_upload_size=1,
        help='A downloaded file, or {"Dog": 0.4, ...} with a number for each class.',
        on_change=_uploaded,
        args=(s, scene, on_apply),
    )


def _use(s: Scored, scene: Scene, name: str, on_apply: OnApply) -> None:
    _told(lambda: _hand_over(saved.read_thresholds(s.run, name, _classes(s, scene)), s, on_apply))


def _delete(s: Scored, name: str) -> None:
    if training_enabled():
        _told(lambda: saved.delete_thresholds(s.run, name))


def _save_now(s: Scored, scene: Scene) -> None:
    if training_enabled():
        name = st.session_state["vectors-name"].strip()
        vector = _told(lambda: in_force(s, scene, name))
        _told(lambda: saved.save_thresholds(s.run, vector, _classes(s, scene)), f"Saved as {name}.")


def _uploaded(s: Scored, scene: Scene, on_apply: OnApply) -> None:
    file = st.session_state["vectors-upload"]
    if file is not None:
        classes = _classes(s, scene)
        _told(lambda: _hand_over(saved.from_bytes(file.getvalue(), classes, file.name), s, on_apply))


def _hand_over(vector: ThresholdVector, s: Scored, on_apply: OnApply) -> None:
    st.session_state[APPLIED] = (s.run.run_id, vector.thresholds, vector.split, vector.objective)
    on_apply(dict(vector.thresholds))


def _told(step, done: str = ""):
    """Run a callback's step; its message is shown by the next run of the page."""
    try:
        result = step()
    except SedcoreError as error:
        st.session_state[_WORD] = (True, str(error))
        return None
    st.session_state[_WORD] = (False, done)
    return result
