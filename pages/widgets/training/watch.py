"""The live runs, read at most once a second for all sessions, and announcements of a training's end on any page.

Pages poll only while a run is live and their tab is visible (`pages.widgets.base.pulse`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.pulse import pulsed
from pages.widgets.runs import cached
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.jobs.live import Look
from sedcore.jobs.switch import training_enabled

EVERY_S = 3.0  # between looks of a page; with the shared second a change shows within 5 s
TOLD = {"finished": "Done", "failed": "Failed", "interrupted": "Interrupted"}
ICONS = {"finished": ":material/check_circle:", "failed": ":material/error:"}
_KNOWN, _DONE, _OWN_RERUN, _WATCHED = "watch-known", "watch-done", "watch-own-rerun", "watch-this-page"


def watch(title: str, shown: Look | None = None, draw: Callable[[Look], None] | None = None) -> None:
    """Announce the end of trainings by toast and in the browser's title, while something is live.

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
        st.session_state[_DONE] = []  # the reader has seen it
    shown = shown or cached.look(root)
    _tell(root, shown)
    _set_title(title, shown)
    if not shown.runs:
        return
    first = [shown]

    def again() -> float | None:
        now = first.pop() if first else cached.look(root, fresh=False)
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
    """Announce each run that was live at this session's last look and has ended since."""
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
