"""Which runs train, which wait, and how did the others end?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import empty_state
from pages.widgets.base.navigation import link_to
from pages.widgets.compare.context_bar import say_broken
from pages.widgets.runs import cached
from pages.widgets.runs.cached import look
from pages.widgets.runs.guarded import guarded
from pages.widgets.runs.trainings import own_inks, trained_runs
from pages.widgets.training.ended_table import ended_runs
from pages.widgets.training.engine_fields import cluster_notes
from pages.widgets.training.live_card import live_card, progress_line
from pages.widgets.training.queued_table import queued_table
from pages.widgets.training.watch import watch
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import Run
from sedcore.comparison.selection import unique_labels
from sedcore.errors import SedcoreError
from sedcore.jobs.live import Look
from sedcore.jobs.switch import training_enabled
from sedcore.jobs.workers import ensure_worker

TITLE = "Queue"


def main() -> None:
    st.title(TITLE, anchor=False)
    if not training_enabled():
        st.markdown("Training is switched off on this server; the command line has `queue` all the same.")
        return
    root = artifact_root()
    runs, shown = trained_runs(root), look(root)
    live = {seen.run.run_id for seen in shown.runs}
    ended = [run for run in runs if run.run_id not in live and not run.seen.live]
    everyone = [*runs, *(seen.run for seen in shown.runs if seen.run.run_id not in {r.run_id for r in runs})]
    labels, inks = unique_labels(everyone), own_inks(root)
    st.markdown(answer(shown, ended, labels))
    say_broken([run.problem for run in cached.index_of(root).listed() if run.problem])
    cluster_notes(root)
    worker_note(root, shown)
    places = {}
    if shown.training:
        st.subheader("Running", anchor=False)
        for seen in shown.training:
            places[seen.run.run_id] = live_card(seen, labels[seen.run.run_id], inks[seen.run.run_id])
    if shown.waiting:
        st.subheader("Waiting", anchor=False)
        queued_table(root, shown.waiting, labels, inks)
    if ended:
        st.subheader("Ended", anchor=False)
        ended_runs(root, ended, labels, inks)
    if not shown.runs and not ended:
        nothing_yet()

    def draw(now: Look) -> None:
        for seen in now.training:
            progress_line(places[seen.run.run_id], seen)

    watch(TITLE, shown, draw)


def answer(shown: Look, ended: list[Run], labels: dict[str, str]) -> str:
    """Return the page's answer in words."""
    training, waiting = shown.training, len(shown.waiting)
    if not training:
        if waiting:
            return f"Nothing trains; {fmt.plural(waiting, 'run waits', 'runs wait')}."
        if not ended:
            return "Nothing trains and nothing waits."
        return f"Nothing trains and nothing waits; {fmt.plural(len(ended), 'training has', 'trainings have')} ended."
    names = [f"**{fmt.escape_markdown(labels[seen.run.run_id])}**" for seen in training]
    verb = "trains" if len(names) == 1 else "train"
    wait = f"{fmt.plural(waiting, 'run waits', 'runs wait')} behind" if waiting else "nothing waits"
    return f"{fmt.listing(names, 4)} {verb}; {wait}."


def worker_note(root: Path, shown: Look) -> None:
    """Warn where runs wait and no worker is alive, with a button that starts one."""
    if not shown.jobs:
        return
    if not shown.unattended:
        st.caption(":material/hourglass_top: Waiting for a worker.")
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="queue-no-worker"):
        st.markdown(
            ":material/pause_circle: No worker is there to take what waits: it has ended, or none was started.",
            width="stretch",
        )
        st.button(
            "Start a worker",
            icon=":material/play_arrow:",
            key="start-worker",
            on_click=_start,
            args=(root, shown.jobs),
        )


def _start(root: Path, jobs: Sequence[dict | None]) -> None:
    try:
        for job in jobs:
            ensure_worker(root, job)
    except SedcoreError as error:
        st.toast(fmt.escape_markdown(str(error)), icon=":material/error:", duration="long")
    else:
        st.toast("A worker is starting.", icon=":material/play_arrow:")


def nothing_yet() -> None:
    """Show what the page is for, with a link to New run."""
    box = empty_state(
        "Nothing has been trained here yet",
        "Trainings wait here, run one after the other, and go on when you close the page.",
        ":material/queue:",
    )
    with box:
        link_to("new_run", "Start a training", icon=":material/play_circle:")


guarded(main)
