"""The trainings that have ended, with buttons to resume, clone or delete each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.base.messages import show_error
from pages.widgets.base.navigation import go_to
from pages.widgets.runs import cached, choice
from pages.widgets.training.prefill import LIKE, open_filled
from sedcore.artifacts.checkpoint import has_checkpoint
from sedcore.artifacts.index import ListedRun
from sedcore.artifacts.manage import delete_run
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import RESUMABLE_STATES, Status
from sedcore.errors import SedcoreError
from sedcore.figures.palette import Ink
from sedcore.jobs.launch import resume_training

ROWS, AT_FIRST = 12, 50
DELETE = "delete-run"
MOST_OFFERED = 3  # interrupted runs offered above the table


def ended_runs(root: Path, runs: list[ListedRun], labels: dict[str, str], inks: dict[str, Ink]) -> None:
    """Show the trainings that have ended, latest first, and offer to resume interrupted ones."""
    ended = sorted(((run, run.seen) for run in runs), key=lambda pair: pair[1].since, reverse=True)
    broken = [(run, status) for run, status in ended if status.state == "interrupted"]
    for run, status in broken[:MOST_OFFERED]:
        _offer(root, run, status, labels[run.run_id])
    if len(ended) > AT_FIRST and not st.toggle(f"All {fmt.count(len(ended))}", key="ended-all"):
        ended = ended[:AT_FIRST]
    _table(root, ended, labels, inks)
    if st.session_state.get(DELETE):
        _confirm_delete(root, st.session_state[DELETE])


def resume_from_page(root: Path, run: Run) -> None:
    """Put a run back into the queue, from a callback; show a toast on the result."""
    try:
        resume_training(root, run)
    except SedcoreError as error:
        st.toast(fmt.escape_markdown(str(error)), icon=":material/error:", duration="long")
    else:
        how = "goes on from its checkpoint" if has_checkpoint(run) else "begins again"
        st.toast(f"**{fmt.escape_markdown(run.name)}** waits again and {how}.", icon=":material/queue:")


def _offer(root: Path, run: Run, status: Status, label: str) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"broken-{run.run_id}"):
        how = "It can go on from its last checkpoint." if has_checkpoint(run) else "It would begin again."
        st.markdown(
            f":material/warning: **{fmt.escape_markdown(label)}** was interrupted: "
            f"{fmt.escape_markdown(status.reason or 'no reason is known')}. {how}",
            width="stretch",
        )
        st.button(
            "Resume",
            icon=":material/resume:",
            key=f"resume-{run.run_id}",
            on_click=resume_from_page,
            args=(root, run),
        )


def _table(root: Path, ended: list[tuple[Run, Status]], labels: dict[str, str], inks: dict[str, Ink]) -> None:
    runs = [run for run, _ in ended]
    frame = pd.DataFrame([_row(run, status, labels[run.run_id]) for run, status in ended])
    frame = frame.astype({"Macro AP": "float64", "Training": "float64"})
    frame.insert(0, tables.MARK, tables.mark_cells([run.run_id for run in runs]))

    def button(key: str, help: str, act: Callable[[Run], None], width: int) -> dict:
        return tables.action_column(key, help, runs, act, width)

    st.dataframe(
        tables.styled(frame, {"Macro AP": fmt.score, "Training": fmt.duration}),
        key="past-runs",
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame), ROWS),
        column_config={
            tables.MARK: tables.mark_column({run.run_id: inks[run.run_id] for run in runs}),
            "Run": tables.name_column("Run", "Click a name to open the run.", "past-open", _open, runs),
            "State": st.column_config.TextColumn(width=130),
            "How it ended": st.column_config.TextColumn(width="medium"),
            "Resume": button(
                "past-resume", "Go on from the last checkpoint", lambda run: resume_from_page(root, run), 80
            ),
            "Clone": button("past-clone", "New run with the same settings", clone, 70),
            "Delete": button("past-delete", "Remove it with all its files", _ask_delete, 75),
            "Macro AP": tables.number_column(
                help="On validation, which chose the best epoch; Overview has test."
            ),
            "Best epoch": st.column_config.TextColumn(alignment="right"),
            "Training": tables.number_column(help="Time of training, validation included."),
            "Ended": st.column_config.TextColumn(help="Time in UTC."),
        },
    )


def _row(run: Run, status: Status, label: str) -> dict[str, object]:
    info = run.info
    return {
        "Run": label,
        "State": status.state + (", collapsed" if info["collapsed"] else ""),
        "How it ended": status.reason or fmt.DASH,
        "Resume": "Resume" if status.state in RESUMABLE_STATES else None,
        "Clone": "Clone",
        "Delete": "Delete",
        "Macro AP": cached.macro_ap(run, "validation"),
        "Best epoch": fmt.epochs(info["best_epoch"], info["epochs_run"]),
        "Training": info["wall_s"],
        "Model": info["model"],
        "Features": info["features"],
        "Data set": info["dataset"],
        "Ended": fmt.moment(status.since),
    }


def clone(run: Run) -> None:
    """Open New run with the settings of a run."""
    open_filled(LIKE, run)


def _open(runs: list[Run]) -> None:
    go_to("run", run=runs[st.session_state["past-open"]["row"]].run_id)


def _ask_delete(run: Run) -> None:
    st.session_state[DELETE] = run.run_id


def _decided() -> None:
    st.session_state.pop(DELETE, None)


# The dialog stays open over reruns of the page until it is answered.
@st.dialog("Delete this run?", on_dismiss=_decided)
def _confirm_delete(root: Path, run_id: str) -> None:
    run = Run(root / "runs" / run_id)
    if not run.path.exists():
        _decided()
        st.markdown("It is gone already.")
        return
    ask_to_delete(run, "past-delete", deleted=_decided, kept=_decided)


def ask_to_delete(
    run: Run, key: str, deleted: Callable[[], None], kept: Callable[[], None] = lambda: None
) -> None:
    """Ask, in a dialog, before a run folder is removed, and show the page anew after the answer.

    key : the buttons are KEY-yes and KEY-no.
    deleted, kept : called after the answer.
    """
    st.markdown(
        f"**{fmt.escape_markdown(run.name)}** is removed with its scores, history and weights. This cannot be undone."
    )
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", key=f"{key}-yes"):
            try:
                delete_run(run)
            except SedcoreError as error:
                show_error(error)
                return
            choice.forget(run.run_id)
            deleted()
            st.rerun()
        if st.button("Keep", key=f"{key}-no"):
            kept()
            st.rerun()
