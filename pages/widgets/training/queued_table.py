"""The queued trainings in order, with buttons to move, edit or remove each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.base.navigation import go_to
from pages.widgets.training.prefill import EDIT, open_filled
from sedcore.artifacts.checkpoint import has_checkpoint
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.figures.palette import Ink
from sedcore.figures.sweeps import setting_text
from sedcore.jobs.live import LiveRun
from sedcore.jobs.queue import cancel, move
from sedcore.training.config import SETTINGS

ROWS = 12
SHOWN = ("epochs", "learning_rate", "batch_size", "seed")


def queued_table(root: Path, waiting: list[LiveRun], labels: dict[str, str], inks: dict[str, Ink]) -> None:
    """Show the runs that wait, the next one first, with buttons in each row."""
    runs = [live.run for live in waiting]
    steps = moves(root, runs)
    frame = pd.DataFrame([_row(place, live, labels) for place, live in enumerate(waiting, start=1)])
    if frame["Note"].isna().all():
        del frame["Note"]
    frame.insert(0, tables.MARK, tables.mark_cells([run.run_id for run in runs]))

    def button(key: str, help: str, act: Callable[[Run], None], width: int = 52) -> dict:
        return tables.action_column(key, help, runs, act, width)

    st.dataframe(
        frame,
        key="queued-runs",
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame), ROWS),
        column_config={
            tables.MARK: tables.mark_column({run.run_id: inks[run.run_id] for run in runs}),
            "Run": tables.name_column("Run", "Click a name to open the run.", "queued-open", _open, runs),
            "Place": st.column_config.NumberColumn(help="1 is trained next.", width=60),
            "Up": button("queued-up", "One place forward", steps["queued-up"]),
            "Down": button("queued-down", "One place back", steps["queued-down"]),
            "First": button("queued-first", "To the top: trained next", steps["queued-first"]),
            "Edit": button("queued-edit", "Change its settings while it waits", edit),
            "Remove": button(
                "queued-remove", "Take it out of the queue; it can be resumed or deleted below.", remove, 90
            ),
            "Settings": st.column_config.TextColumn(help="Epochs at most, learning rate, batch size, seed."),
            "Queued": st.column_config.TextColumn(help="How long ago."),
        },
    )


def _row(place: int, live: LiveRun, labels: dict[str, str]) -> dict[str, object]:
    run, info = live.run, live.run.info
    return {
        "Run": labels[run.run_id],
        "Place": place,
        "Up": "↑",
        "Down": "↓",
        "First": "⤒",
        # A run that has begun goes on from its checkpoint, with the settings it began with.
        "Edit": None if has_checkpoint(run) else "Edit",
        "Remove": "Remove",
        "Model": info["model"],
        "Features": info["features"],
        "Data set": info["dataset"],
        "Settings": settings_text(info["config"]),
        "Queued": fmt.ago(live.status.since),
        "Note": live.status.reason or None,
    }


def settings_text(config: dict) -> str:
    """Return the main settings of a training: 40 epochs, 0.001, 32, seed 0."""
    known = {name: config[name] for name in SHOWN if config.get(name) is not None}
    epochs = [fmt.plural(known.pop("epochs"), "epoch")] if "epochs" in known else []
    return ", ".join(
        epochs + [f"{SETTINGS[name].label} {setting_text(value)}" for name, value in known.items()]
    )


def moves(root: Path, runs: list[Run]) -> dict[str, Callable[[Run], None]]:
    """Return the actions of the buttons that change the order, by column key; `runs` are in queue order."""
    place = {run.run_id: number for number, run in enumerate(runs, start=1)}
    return {
        "queued-up": lambda run: move(root, run, place[run.run_id] - 1),
        "queued-down": lambda run: move(root, run, place[run.run_id] + 1),
        "queued-first": lambda run: move(root, run, 1),
    }


def edit(run: Run) -> None:
    """Open New run with the settings of a run that waits."""
    open_filled(EDIT, run)


def remove(run: Run) -> None:
    """Take a run out of the queue. Raises SedcoreError where it no longer waits."""
    if run.status().state != "queued":
        raise SedcoreError(f"run {run.name} waits no more; it is {run.status().state}")
    cancel(run)


def _open(runs: list[Run]) -> None:
    go_to("run", run=runs[st.session_state["queued-open"]["row"]].run_id)
