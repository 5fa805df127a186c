"""How a run stands: ``status.json``, the one truth about it, and the steps from one state to the next.

The queue is this file too: a run whose state is ``queued`` waits at its ``place``. Every step is one atomic
replacement of the file, under a guard, and only from the states that it may be taken from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sedcore.artifacts.files import read_json, write_json
from sedcore.artifacts.locks import folder_guard, is_locked
from sedcore.errors import SedcoreError

STATES = ("queued", "running", "cancelling", "cancelled", "interrupted", "failed", "finished")
LIVE_STATES = ("queued", "running", "cancelling")
ENDED_STATES = ("cancelled", "interrupted", "failed", "finished")
RESUMABLE_STATES = ("cancelled", "interrupted", "failed")
_FILE = "status.json"


@dataclass(frozen=True)
class Status:
    """State of a run (one of STATES), since when (ISO 8601 UTC), why, in words, and its place in the queue.

    `place` orders the runs that wait, the lowest first; None where the run does not wait.
    """

    state: str
    since: str
    reason: str = ""
    place: int | None = None

    @property
    def live(self) -> bool:
        """Whether the run waits or trains, so that its files may still change."""
        return self.state in LIVE_STATES


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stored_status(folder: Path) -> Status:
    """Return the status as it was last written, whether or not the writer lives."""
    what = f"run {folder.name}"
    stored = read_json(folder / _FILE, what)
    state, place = stored.get("state", ""), stored.get("place")
    if state not in STATES:
        raise SedcoreError(f"{what}: state {state!r} is none of {', '.join(STATES)}")
    if place is not None and (isinstance(place, bool) or not isinstance(place, int)):
        raise SedcoreError(f"{what}: place {place!r} in {folder / _FILE} is no whole number")
    return Status(state, stored.get("since", ""), stored.get("reason", ""), place)


def status_of(folder: Path) -> Status:
    """Return the status as it is: ``running`` or ``cancelling`` with a free lock is ``interrupted``."""
    status = stored_status(folder)
    if status.state in ("running", "cancelling") and not is_locked(folder):
        # The trainer may have ended between the two looks: then the file has its last word.
        again = stored_status(folder)
        if again.state == status.state:
            return Status("interrupted", status.since, "the training process ended without a word")
        return again
    return status


def set_status(
    folder: Path, state: str, reason: str = "", only_from: tuple[str, ...] = (), place: int | None = None
) -> bool:
    """Write the state (only where the stored one is in `only_from`, if given); say whether it was done."""
    with folder_guard(folder):
        if only_from and stored_status(folder).state not in only_from:
            return False
        write_status(folder, state, reason, place)
    return True


def write_status(
    folder: Path, state: str, reason: str = "", place: int | None = None, since: str = ""
) -> None:
    """Write the state of a run that nobody else knows yet, or whose guard the caller holds."""
    status: dict[str, Any] = {"state": state, "since": since or now(), "reason": reason}
    write_json(folder / _FILE, status | ({} if place is None else {"place": place}))


def set_place(folder: Path, place: int) -> bool:
    """Give a run that waits another place in the queue; say whether it still waited."""
    with folder_guard(folder):
        status = stored_status(folder)
        if status.state != "queued":
            return False
        write_status(folder, "queued", status.reason, place, since=status.since)
    return True
