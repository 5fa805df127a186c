"""What trains and waits, read once a second for all who look, and the end of a training told on any page.

Nothing polls where nothing is live, and no hidden tab does (`pages.widgets.base.pulse`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.pulse import pulsed
from pages.widgets.runs import cached
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import Status
from sedcore.errors import SedcoreError
from sedcore.jobs.engine import takes
from sedcore.jobs.listing import live_runs
from sedcore.jobs.switch import training_enabled
from sedcore.jobs.workers import living_workers

LOOK_S = 1.0  # one read serves all sessions for so long
EVERY_S = 3.0  # between two looks of a page; with what others saw a second before, the truth within 5 s
STARTING_S = 15.0  # a worker may take so long to come
MOST_ASKED = 20  # runs that wait whose wishes are read at each look
TOLD = {"finished": "Done", "failed": "Failed", "interrupted": "Interrupted"}
ICONS = {"finished": ":material/check_circle:", "failed": ":material/error:"}
_KNOWN, _DONE, _OWN_RERUN, _WATCHED = "watch-known", "watch-done", "watch-own-rerun", "watch-this-page"


@dataclass(frozen=True)
class LiveRun:
    """A run that trains or waits, as it was at the last look."""

    run: Run
    status: Status
    progress: dict[str, Any] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        """Whether it is queued."""
        return self.status.state == "queued"


@dataclass(frozen=True)
class Look:
    """All that is live: what trains, the oldest first, then what waits, the next one first."""

    runs: tuple[LiveRun, ...]
    jobs: tuple[dict[str, Any] | None, ...] = ()  # what runs that wait ask for and no living worker takes
    unattended: bool = False  # ... and a worker should have come by now

    @property
    def training(self) -> list[LiveRun]:
        """Runs that a process trains."""
        return [live for live in self.runs if not live.waits]

    @property
    def waiting(self) -> list[LiveRun]:
        """Runs that wait, in order."""
        return [live for live in self.runs if live.waits]

    @property
    def outline(self) -> tuple:
        """What a page is built from, beside progress: where it is another, the page is out of date."""
        return (bool(self.jobs), self.unattended, *((r.run.run_id, r.status.state) for r in self.runs))


def look(root: Path, fresh: bool = True) -> Look:
    """Return what is live; with `fresh` as it is this moment, else as somebody saw it within the last second."""
    if fresh:
        _look.clear(str(root))
    return _look(str(root))


@st.cache_resource(ttl=LOOK_S, max_entries=16, show_spinner=False)
def _look(root: str) -> Look:
    found, broken = [], {run.run_id for run in cached.index_of(Path(root)).listed() if run.problem}
    for run in live_runs(Path(root), _seen(root)):
        if run.run_id in broken:
            continue  # Queue and the pages with runs name it
        try:
            status = run.status()
            found.append(LiveRun(run, status, (status.state != "queued" and run.progress()) or {}))
        except SedcoreError:
            continue  # deleted meanwhile
    runs = tuple(live for live in found if live.status.live)
    in_vain = _in_vain(Path(root), [live for live in runs if live.waits][:MOST_ASKED])
    jobs = [
        job for place, (job, _) in enumerate(in_vain) if job not in [other for other, _ in in_vain[:place]]
    ]
    return Look(runs, tuple(jobs), unattended=max((age for _, age in in_vain), default=0.0) > STARTING_S)


def _in_vain(root: Path, waiting: list[LiveRun]) -> list[tuple[dict[str, Any] | None, float]]:
    """Return what each run asks for that no living worker takes, and for how many seconds it has waited."""
    workers, found = living_workers(root), []
    for live in waiting:
        try:
            job = live.run.info["job"]
        except SedcoreError:
            continue  # deleted meanwhile
        if not any(takes(worker, job) for worker in workers):
            found.append((job, _age_s(live.status)))
    return found


def _age_s(status: Status) -> float:
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(status.since)).total_seconds()
    except (ValueError, TypeError):
        return float("inf")


@st.cache_resource(max_entries=16, show_spinner=False)
def _seen(root: str) -> dict:
    """What was read of each run folder, so that only changed files are read again; the index knows most at first."""
    listed = cached.index_of(Path(root)).listed()
    return {run.run_id: (run.status_stamp, run.seen) for run in listed if not (run.problem or run.seen.live)}


def watch(title: str, shown: Look | None = None, draw: Callable[[Look], None] | None = None) -> None:
    """Tell the end of trainings by toast and in the browser's title, for as long as something is live.

    Parameters
    ----------
    title : of the page, which the browser shows.
    shown, draw : a page about the queue says what it shows, and draws here what moves. It is run as a whole where
        a run has come, gone or changed its state.
    """
    if st.session_state.pop(_WATCHED, False) and draw is None:
        return  # the page did it
    st.session_state[_WATCHED] = draw is not None
    if not training_enabled():
        return
    root = artifact_root()
    if not st.session_state.pop(_OWN_RERUN, False):
        st.session_state[_DONE] = []  # the reader has come by and seen it
    shown = shown or look(root)
    _tell(root, shown)
    _set_title(title, shown)
    if not shown.runs:
        return
    first = [shown]

    def again() -> float | None:
        now = first.pop() if first else look(root, fresh=False)
        if now.outline != shown.outline:
            if draw is not None:
                st.session_state[_OWN_RERUN] = True
                st.rerun()
            _tell(root, now)
            _set_title(title, now)
        if not now.runs:
            return None
        if draw is not None:
            draw(now)
        return EVERY_S

    pulsed(again, "watch")


def _tell(root: Path, now: Look) -> None:
    """Announce what was live when this session looked last and has ended since, each once."""
    known = st.session_state.setdefault(_KNOWN, set())
    live = {seen.run.run_id for seen in now.runs}
    for run_id in sorted(known - live):
        run = Run(Path(root) / "runs" / run_id)
        try:
            status, name = run.status(), run.name
        except SedcoreError:
            continue  # deleted
        if status.state in TOLD:
            text = fmt.escape_markdown(name)
            reason = f": {fmt.escape_markdown(status.reason)}" if status.state != "finished" else "."
            st.toast(
                f"**{text}** {'has finished' if status.state == 'finished' else _was(status.state)}{reason}",
                icon=ICONS.get(status.state, ":material/warning:"),
                duration="long",
            )
            st.session_state.setdefault(_DONE, []).append(f"{TOLD[status.state]}: {name}")
    known.clear()
    known.update(live)


def _was(state: str) -> str:
    return "has failed" if state == "failed" else f"was {state}"


def _set_title(title: str, now: Look) -> None:
    done = st.session_state.get(_DONE) or []
    if done:
        title = f"{done[-1]} · {title}"
    elif now.runs:
        title = f"({len(now.runs)}) {title}"
    st.set_page_config(page_title=title)
