"""A training while it runs: progress, curves, classes over the epochs, confusion, log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import show_error
from pages.widgets.base.navigation import link_to
from pages.widgets.base.pulse import pulsed
from pages.widgets.compare.context_bar import swatch
from pages.widgets.runs import cached
from sedcore.artifacts.checkpoint import has_checkpoint
from sedcore.artifacts.epochs import best_epoch, validation_matrices
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.figures import style
from sedcore.figures.classes import confusion_bars
from sedcore.figures.curves import History, curves_figure
from sedcore.figures.epochs import class_epochs_figure
from sedcore.figures.palette import Ink
from sedcore.jobs.live import LiveRun
from sedcore.jobs.queue import cancel, logged

FASTEST_S, SLOWEST_S = 10.0, 60.0  # limits of the time between redraws, which is about an epoch
FIRST_S = 5.0  # between redraws before the end of the first epoch
MOST_MATRICES = 10  # classes with a 2x2, those with the most errors first
PHASES = {"validating": "looks how it went", "scoring": "scores validation and test"}
CANCEL_HELP = (
    "It ends after the batch in hand and keeps its best epoch as a run that can be used, and resumed."
)
KILL_HELP = "It ends at once. Kept is {kept}; what it has learned since is lost."


def live_card(live: LiveRun, label: str, ink: Ink) -> DeltaGenerator:
    """Show a training; return the place for `progress_line`, which is redrawn more often than the rest."""
    run, info = live.run, live.run.info
    with st.container(border=True, key=f"live-{run.run_id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(gap=None, width="stretch"):
                st.markdown(f"**{swatch(ink)} {fmt.escape_markdown(label)}**")
                facts = " · ".join(str(info[key]) for key in ("model", "features", "dataset") if info[key])
                st.markdown(f":small[:gray[{fmt.escape_markdown(facts)}]]")
            link_to("run", "Details", icon=":material/description:", query_params={"run": run.run_id})
            if not logged(run):
                _end_button(live)
        place = st.empty()
        pulsed(lambda: _figures(run, label, ink), f"figures-{run.run_id}")
    return place


def _end_button(live: LiveRun) -> None:
    """Show the button that ends the run: after the batch in hand at the first press, at once at the second."""
    cancelling = live.status.state == "cancelling"
    kept = (
        "its last checkpoint"
        if has_checkpoint(live.run)
        else "nothing but its log, for it has no checkpoint yet"
    )
    st.button(
        "Kill now" if cancelling else "Cancel",
        icon=":material/dangerous:" if cancelling else ":material/stop_circle:",
        key=f"{'kill' if cancelling else 'cancel'}-{live.run.run_id}",
        help=KILL_HELP.format(kept=kept) if cancelling else CANCEL_HELP,
        on_click=end_run,
        args=(live.run, cancelling),
    )


def end_run(run: Run, at_once: bool = False) -> None:
    """Cancel or kill a run, from a callback; errors become toasts."""
    try:
        cancel(run, at_once)
    except SedcoreError as error:
        st.toast(fmt.escape_markdown(str(error)), icon=":material/error:")


def progress_line(place: DeltaGenerator, live: LiveRun) -> None:
    """Draw the progress of a training."""
    share, words = how_far(live)
    place.progress(share, text=words)


def how_far(live: LiveRun) -> tuple[float, str]:
    """Return the share of epochs done, 0 to 1, and the progress in words."""
    progress, cancelling = live.progress, live.status.state == "cancelling"
    if "epoch" not in progress:
        if logged(live.run):
            return 0.0, "Logged by a program of its own, epoch by epoch; it ends there."
        return 0.0, "Stops." if cancelling else "Begins: loads TensorFlow, opens the data, builds the model."
    done = progress["epoch"] - 1 + progress["batch"] / max(progress["batches"], 1)
    parts = [f"Epoch {fmt.count(progress['epoch'])} of {fmt.count(progress['epochs'])}"]
    if progress.get("phase") in PHASES:
        parts.append(PHASES[progress["phase"]])
    else:
        parts.append(f"batch {fmt.count(progress['batch'])} of {fmt.count(progress['batches'])}")
    if progress.get("clips_per_s"):
        parts.append(f"{fmt.count(progress['clips_per_s'])} clips/s")
    if progress.get("memory_mb"):
        parts.append(f"{fmt.count(progress['memory_mb'])} MB")
    if progress.get("seconds_left") is not None:
        parts.append(f"{fmt.duration(progress['seconds_left'])} left at most")
    if cancelling:
        parts = ["Ends after the batch in hand and keeps its best epoch", *parts[:1]]
    return min(done / max(progress["epochs"], 1), 1.0), " · ".join(parts)


def _figures(run: Run, label: str, ink: Ink) -> float:
    """Draw what grows by the epoch; return the seconds until the next redraw."""
    try:
        state = str(run.path), _time(run.path / "history.jsonl"), label, ink
        drawn = cached.figures(state, lambda: _draw(run, label, ink))
        log = run.log_tail(30)
    except SedcoreError as error:
        show_error(error)  # its folder changed while it was read; the next redraw tries again
        return FIRST_S
    if drawn is None:
        st.caption("Curves begin with the end of the first epoch.")
    else:
        _show(run, drawn)
    with st.expander("Log", key=f"log-{run.run_id}"):
        st.code(log or "Nothing yet.", language=None, height=260)
    return FIRST_S if drawn is None else float(np.clip(drawn.epoch_s, FASTEST_S, SLOWEST_S))


@dataclass(frozen=True, eq=False)
class _Drawn:
    """The figures of a training after an epoch, made once for all sessions."""

    curves: dict[str, object]
    last: dict[str, float]
    classes: object | None
    matrices: object | None
    matrices_of: str  # what the matrices show, Markdown
    epoch_s: float


def _draw(run: Run, label: str, ink: Ink) -> _Drawn | None:
    history = run.history()
    if history.empty or "epoch" not in history:
        return None
    best = best_epoch(history)
    found = History(label, ink, history, best)
    table = run.class_history("ap")
    matrices, words = _matrices(run, history, best, label)
    seconds = [history[name].iloc[-1] for name in ("seconds", "validation_seconds") if name in history]
    return _Drawn(
        curves={
            measure: curves_figure([found], measure, labels=False, height=190) for measure in ("loss", "mAP")
        },
        last={measure: _last(history.get(f"validation.{measure}")) for measure in ("loss", "mAP")},
        classes=None if table.empty else class_epochs_figure(table, best),
        matrices=matrices,
        matrices_of=words,
        epoch_s=float(np.nansum(seconds)),
    )


def _last(values: pd.Series | None) -> float:
    return float("nan") if values is None or values.isna().all() else float(values.dropna().iloc[-1])


def _matrices(run: Run, history: pd.DataFrame, best: int | None, label: str) -> tuple[object | None, str]:
    cells = validation_matrices(run, history, best)
    if cells is None:
        return None, ""
    worst = np.sort(np.argsort(-(cells[:, 0, 1] + cells[:, 1, 0]), kind="stable")[:MOST_MATRICES])
    shown = cells[worst]
    names = [fmt.class_title(run.info["classes"][place]) for place in worst]
    scale = (max(shown[:, 1].sum(axis=1).max(), 1), max(shown[:, 0].sum(axis=1).max(), 1))
    figure = confusion_bars(names, shown, rates=False, scale=scale, hover=label)
    many = f"the {len(names)} classes with the most errors, " if len(cells) > len(names) else ""
    threshold = fmt.threshold(run.info["config"].get("threshold"))
    return figure, f"{many}epoch {best}, threshold {threshold}"


def _show(run: Run, drawn: _Drawn) -> None:
    key = f"live-{run.run_id}"
    for column, (measure, title) in zip(st.columns(2, gap="small"), (("loss", "Loss"), ("mAP", "Macro AP"))):
        with column:
            value = f" :small[:gray[{fmt.score(drawn.last[measure])} on validation]]"
            st.markdown(f"**{title}**{'' if np.isnan(drawn.last[measure]) else value}")
            st.plotly_chart(drawn.curves[measure], key=f"{key}-{measure}", config=style.CONFIG)
    st.caption("Solid: validation, dashed: train; the marker is the best epoch so far.")
    if drawn.classes is None:
        return
    left, right = st.columns(2, gap="small")
    with left:
        st.markdown("**AP of each class** :small[:gray[on validation, by epoch; the best epoch is framed]]")
        st.plotly_chart(drawn.classes, key=f"{key}-classes", config=style.CONFIG)
    if drawn.matrices is not None:
        with right:
            st.markdown(f"**Hits and errors** :small[:gray[on validation: {drawn.matrices_of}]]")
            st.plotly_chart(drawn.matrices, key=f"{key}-matrices", config=style.CONFIG)
            st.caption(
                "Upper bar: clips with the class; lower: without. Right of the line they are predicted."
            )


def _time(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
