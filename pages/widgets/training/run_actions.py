"""What a reader may do with a run on its page: resume, clone, name, tag, note and delete it."""

from __future__ import annotations

import streamlit as st

from pages.widgets.base.messages import show_error
from pages.widgets.base.navigation import link_to
from pages.widgets.runs import choice
from pages.widgets.training.ended_table import ask_to_delete, clone, resume_from_page
from sedcore.artifacts.checkpoint import has_checkpoint
from sedcore.artifacts.manage import note_run, rename_run, tag_run
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import RESUMABLE_STATES
from sedcore.errors import SedcoreError


def run_actions(run: Run) -> None:
    """Offer what changes the run; shown only where the server may write."""
    status = run.status()
    trained = run.info["kind"] == "trained"
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if trained and status.live:
            link_to("queue", "Queue", icon=":material/queue:")
        if trained and status.state in RESUMABLE_STATES:
            st.button(
                "Resume",
                icon=":material/resume:",
                key="run-resume",
                help="It goes on from its last checkpoint." if has_checkpoint(run) else "It begins again.",
                on_click=resume_from_page,
                args=(artifact_root(), run),
            )
        if trained:
            st.button("Clone", icon=":material/content_copy:", key="run-clone", on_click=clone, args=(run,))
        with st.popover("Rename", icon=":material/edit:"):
            name = st.text_input("Name", value=run.info["name"], key="run-name")
            if st.button("Save name", key="run-name-save"):
                _attempt(rename_run, run, name)
        with st.popover("Tags", icon=":material/label:"):
            tags = st.text_input(
                "Tags, separated by commas", value=", ".join(run.info["tags"]), key="run-tags"
            )
            if st.button("Save tags", key="run-tags-save"):
                _attempt(tag_run, run, tags.split(","))
        with st.popover("Note", icon=":material/notes:"):
            note = st.text_area("Note", value=run.info["note"], key="run-note")
            if st.button("Save note", key="run-note-save"):
                _attempt(note_run, run, note)
        if st.button("Delete", icon=":material/delete:", disabled=status.live, key="run-delete"):
            _confirm_delete(run)


def _attempt(change, run: Run, *values: object) -> None:
    """Make a change and rerun the page, or show why it cannot be made."""
    try:
        change(run, *values)
    except SedcoreError as error:
        show_error(error)
    else:
        st.rerun()


@st.dialog("Delete this run?")
def _confirm_delete(run: Run) -> None:
    ask_to_delete(
        run,
        "run-delete",
        deleted=lambda: st.switch_page("pages/overview.py", query_params=choice.url_params()),
    )
