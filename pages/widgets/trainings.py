"""Trainings under the form of New run: the live ones, read again and again, and those that have ended."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from pages.widgets import format as fmt
from pages.widgets import loading, tables
from pages.widgets.bar import swatch
from pages.widgets.guard import go_to, link_to, show_error
from pages.widgets.scene import unique_labels
from sedcore.artifacts.manage import delete_run
from sedcore.artifacts.runs import Run, list_runs
from sedcore.errors import SedcoreError
from sedcore.figures import style
from sedcore.figures.curves import History, curves_figure
from sedcore.figures.palette import Ink, assign_inks
from sedcore.jobs.queue import cancel

POLL_S, IDLE_POLL_S = 1.0, 15.0
PATIENT_S = 90  # a waiting run whose process has not begun by then deserves a word
_DELETE, _LIVE = "delete-run", "trainings-live"
PHASES = {"training": "trains", "validating": "looks how it went", "scoring": "scores validation and test"}


def trained_runs(root: Path) -> list[Run]:
    """Return the runs trained here, newest first."""
    return [run for run in list_runs(root) if run.info["kind"] == "trained"]


def live_trainings(root: Path, runs: list[Run]) -> None:
    """Show the trainings that wait or run; reads them again on its own while there is one."""
    live = [run for run in runs if run.status().live]
    st.session_state[_LIVE] = [run.run_id for run in live]
    if live:
        st.subheader("Running", anchor=False)
        every = IDLE_POLL_S if all(_stuck(run) for run in live) else POLL_S
        st.fragment(_watch, run_every=every)(root)


def past_trainings(root: Path, runs: list[Run]) -> None:
    """Show the trainings that have ended, and how."""
    past = [run for run in runs if not run.status().live]
    if past:
        st.subheader("Past runs", anchor=False)
        _past_table(root, past)
    if st.session_state.get(_DELETE):
        _confirm_delete(root, st.session_state[_DELETE])


def _watch(root: Path) -> None:
    runs = trained_runs(root)
    live = [run for run in runs if run.status().live]
    if [run.run_id for run in live] != st.session_state.get(_LIVE):
        st.rerun()  # one has begun or ended: the page around follows, and ends the polling with the last
    labels, inks = unique_labels(runs), own_inks(root)
    for run in live:
        try:
            live_run(run, labels[run.run_id], inks[run.run_id])
        except SedcoreError as error:
            show_error(error)  # its folder changed under our hands; the next look tells more


def own_inks(root: Path) -> dict[str, Ink]:
    """Return the ink that each run has by its place among all runs of the root."""
    runs = sorted(list_runs(root), key=lambda r: (r.info["kind"] == "reported", r.info["created"], r.run_id))
    ids = [run.run_id for run in runs]
    return {run_id: assign_inks([run_id], ids)[run_id] for run_id in ids}


def live_run(run: Run, label: str, ink: Ink) -> None:
    """Show one live training: how far it is, its curves, its log, and the button that stops it."""
    status, progress = run.status(), run.progress() or {}
    with st.container(border=True, key=f"live-{run.run_id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{swatch(ink)} {fmt.escape_markdown(label)}**", width="stretch")
            st.button(
                "Stop" if status.state != "queued" else "Cancel",
                icon=":material/stop_circle:",
                key=f"stop-{run.run_id}",
                disabled=status.state == "cancelling",
                help="It ends after the batch in hand and keeps its best epoch.",
                on_click=_stop,
                args=(run,),
            )
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            facts = " · ".join(
                str(run.info[key]) for key in ("model", "features", "dataset") if run.info[key]
            )
            st.markdown(f":small[:gray[{fmt.escape_markdown(facts)}]]", width="stretch")
            link_to("run", "Details", icon=":material/description:", query_params={"run": run.run_id})
        share, words = how_far(run)
        st.progress(share, text=words)
        history = run.history()
        if not history.empty and "epoch" in history:
            _curves(run, label, ink, history)
        elif "epoch" in progress:
            st.caption("Curves begin with the end of the first epoch.")
        with st.expander("Log", key=f"log-{run.run_id}"):
            st.code(run.log_tail(30) or "Nothing yet.", language=None)


def how_far(run: Run) -> tuple[float, str]:
    """Return the share of all epochs that is done, 0 to 1, and the state in words (Markdown)."""
    status, progress = run.status(), run.progress()
    if status.state == "queued":
        words = "Waits for its process to begin; TensorFlow takes some seconds to load."
        if _stuck(run):
            words = f"Queued {fmt.ago(status.since)} and not begun; the log may say why. It can be cancelled."
        return 0.0, words
    if not progress:
        words = {"cancelling": "Stops"}.get(status.state, "Begins: opens the data and builds the model")
        return 0.0, f"{words}."
    done = progress["epoch"] - 1 + progress["batch"] / max(progress["batches"], 1)
    parts = [f"Epoch {fmt.count(progress['epoch'])} of {fmt.count(progress['epochs'])}"]
    if progress.get("phase") in ("validating", "scoring"):
        parts.append(PHASES[progress["phase"]])
    else:
        parts.append(f"batch {fmt.count(progress['batch'])} of {fmt.count(progress['batches'])}")
    if progress.get("clips_per_s"):
        parts.append(f"{fmt.count(progress['clips_per_s'])} clips/s")
    if progress.get("seconds_left") is not None:
        parts.append(f"{fmt.duration(progress['seconds_left'])} left at most")
    if status.state == "cancelling":
        parts = ["Stops after the batch in hand", *parts[:1]]
    return min(done / max(progress["epochs"], 1), 1.0), " · ".join(parts)


def _curves(run: Run, label: str, ink: Ink, history: pd.DataFrame) -> None:
    best = None
    if "validation.mAP" in history and history["validation.mAP"].notna().any():
        best = int(history.loc[history["validation.mAP"].idxmax(), "epoch"])
    found = History(label, ink, history, best)
    for column, (measure, title) in zip(st.columns(2, gap="small"), (("loss", "Loss"), ("mAP", "Macro AP"))):
        with column:
            values = history.get(f"validation.{measure}")
            last = (
                ""
                if values is None or values.isna().all()
                else f" {fmt.score(float(values.dropna().iloc[-1]))}"
            )
            st.markdown(f"**{title}**:small[:gray[{last} on validation]]" if last else f"**{title}**")
            figure = curves_figure([found], measure, labels=False, height=150)
            st.plotly_chart(figure, key=f"live-{run.run_id}-{measure}", config=style.CONFIG)
    st.caption("Solid: validation, dashed: train; the marker is the best epoch so far.")


def _stop(run: Run) -> None:
    try:
        cancel(run)
    except SedcoreError as error:
        st.toast(fmt.escape_markdown(str(error)), icon=":material/error:")


def _past_table(root: Path, runs: list[Run]) -> None:
    labels, inks = unique_labels(runs), own_inks(root)
    rows = []
    for run in runs:
        info, status = run.info, run.status()
        rows.append(
            {
                "Run": labels[run.run_id],
                "State": status.state + (", collapsed" if info["collapsed"] else ""),
                "How it ended": status.reason or fmt.DASH,
                "Macro AP": loading.macro_ap(run, "validation"),
                "Best epoch": fmt.epochs(info["best_epoch"], info["epochs_run"]),
                "Training": info["wall_s"],
                "Model": info["model"],
                "Features": info["features"],
                "Data set": info["dataset"],
                "Created": fmt.moment(info["created"]),
                "Remove": "Delete",
            }
        )
    frame = pd.DataFrame(rows).astype({"Macro AP": "float64", "Training": "float64"})
    frame.insert(0, tables.MARK, tables.mark_cells([run.run_id for run in runs]))
    st.dataframe(
        tables.styled(frame, {"Macro AP": fmt.score, "Training": fmt.duration}),
        key="past-runs",
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame), 12),
        column_config={
            tables.MARK: tables.mark_column({run.run_id: inks[run.run_id] for run in runs}),
            "Run": tables.name_column("Run", "Click a name to open the run.", "past-open", _open, runs),
            "State": st.column_config.TextColumn(width=130),
            "How it ended": st.column_config.TextColumn(width="medium"),
            "Macro AP": tables.number_column(
                help="On validation, which chose the best epoch; Overview has test."
            ),
            "Best epoch": st.column_config.TextColumn(alignment="right"),
            "Training": tables.number_column(help="Wall time of the training."),
            "Created": st.column_config.TextColumn(help="Time in UTC."),
            "Remove": st.column_config.ButtonColumn(
                "", type="tertiary", key="past-delete", on_click=_ask_delete, args=(runs,), width="small"
            ),
        },
    )


def _open(runs: list[Run]) -> None:
    go_to("run", run=runs[st.session_state["past-open"]["row"]].run_id)


def _ask_delete(runs: list[Run]) -> None:
    st.session_state[_DELETE] = runs[st.session_state["past-delete"]["row"]].run_id


def _decided() -> None:
    st.session_state.pop(_DELETE, None)


# It stays open over the reruns of a live training beside it, until there is a decision.
@st.dialog("Delete this run?", on_dismiss=_decided)
def _confirm_delete(root: Path, run_id: str) -> None:
    run = next((run for run in list_runs(root) if run.run_id == run_id), None)
    if run is None:
        _decided()
        st.markdown("It is gone already.")
        return
    st.markdown(
        f"**{fmt.escape_markdown(run.name)}** is removed with its scores, history and weights. This cannot be undone."
    )
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", key="past-delete-yes"):
            try:
                delete_run(run)
            except SedcoreError as error:
                show_error(error)
                return
            _decided()
            st.rerun()
        if st.button("Keep", key="past-delete-no"):
            _decided()
            st.rerun()


def _stuck(run: Run) -> bool:
    """Whether a run waits for longer than a process takes to begin."""
    status = run.status()
    return status.state == "queued" and _age_s(status.since) > PATIENT_S


def _age_s(iso: str) -> float:
    """Return the seconds since an ISO 8601 time; 0 where it cannot be read."""
    moment = pd.to_datetime(iso, utc=True, errors="coerce")
    return 0.0 if moment is pd.NaT else max((pd.Timestamp.now("UTC") - moment).total_seconds(), 0.0)
