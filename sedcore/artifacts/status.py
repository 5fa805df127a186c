"""The state of a run: ``status.json``, its only record, and the transitions between states.

The queue is made of these files too: a ``queued`` run waits at its ``place``. Every transition replaces the file
atomically, under a guard, and only from the states that allow it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sedcore.artifacts.files import read_json, write_json
from sedcore.artifacts.locks import folder_guard, is_locked
from sedcore.errors import SchemaMismatch, SedcoreError

STATES = ("queued", "running", "cancelling", "cancelled", "interrupted", "failed", "finished")
TRAINING_STATES = ("running", "cancelling")
LIVE_STATES = ("queued", *TRAINING_STATES)
ENDED_STATES = ("cancelled", "interrupted", "failed", "finished")
RESUMABLE_STATES = ("cancelled", "interrupted", "failed")
# Reasons that are written by one process and understood by another.
STOP_REQUESTED, KILL_REQUESTED, KILLED = "stop requested", "kill requested", "killed on request"
CANCELLED_BEFORE = "cancelled before it began"
REMOTE_KEYS = ("engine", "address", "job")
_FILE = "status.json"


@dataclass(frozen=True)
class Status:
    """State of a run (one of STATES), since when (ISO 8601 UTC), why, and its place in the queue.

    `place` orders the queued runs, the lowest first; None for others. `attempt` counts how often the run was queued,
    so that a late report on a dead trainer is not applied to a later attempt. `remote` names the cluster job that has
    the run (engine, address, job, and at: when, as `since`); the run then lives as long as that job, since locks need
    not work across machines. None for a run of this machine.
    """

    state: str
    since: str
    reason: str = ""
    place: int | None = None
    attempt: int = 1
    remote: dict[str, str] | None = None

    @property
    def handed_over_s_ago(self) -> float:
        """Seconds since the run was handed over; infinite where unknown, negative where clocks differ."""
        try:
            at = datetime.fromisoformat((self.remote or {})["at"])
            return (datetime.now(UTC) - at).total_seconds()
        except (KeyError, TypeError, ValueError):
            return float("inf")  # written by an older version, or by hand

    @property
    def live(self) -> bool:
        """Whether the run is queued or training, so that its files may still change."""
        return self.state in LIVE_STATES


def now() -> str:
    """Return the current time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stored_status(folder: Path) -> Status:
    """Return the status as last written, whether or not its writer is alive. Raises SedcoreError where damaged."""
    what = f"run {folder.name}"
    try:
        stored = read_json(folder / _FILE, what)
    except SchemaMismatch:
        raise
    except SedcoreError as error:
        if not folder.exists():
            raise
        mend = '{"schema": 1, "state": "interrupted"}'
        raise SedcoreError(
            f"{error}; write {mend} into it to resume the run, or remove its folder"
        ) from error
    state, place, attempt = stored.get("state", ""), stored.get("place"), stored.get("attempt", 1)
    if state not in STATES:
        raise SedcoreError(f"{what}: state {state!r} is none of {', '.join(STATES)}")
    for name, value in (("place", place), ("attempt", attempt)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise SedcoreError(f"{what}: {name} {value!r} in {folder / _FILE} is no whole number")
    remote = stored.get("remote")
    if remote is not None and not (
        isinstance(remote, dict) and all(isinstance(remote.get(key), str) for key in REMOTE_KEYS)
    ):
        raise SedcoreError(f"{what}: remote {remote!r} in {folder / _FILE} lacks {', '.join(REMOTE_KEYS)}")
    since, reason = str(stored.get("since", "")), str(stored.get("reason", ""))
    return Status(state, since, reason, place, attempt or 1, remote)


def status_of(folder: Path) -> Status:
    """Return the current status: ``running`` or ``cancelling`` with a free lock is ``interrupted``.

    For a run on a cluster it is the stored status, which `sedcore.jobs.cluster.refresh` keeps up to date.
    """
    status = stored_status(folder)
    if status.state in TRAINING_STATES and status.remote is None and not is_locked(folder):
        # The trainer may have ended between the two looks: then the file holds its final state.
        again = stored_status(folder)
        if again.state == status.state:
            return Status("interrupted", status.since, "the training process ended without a word")
        return again
    return status


def set_status(
    folder: Path,
    state: str,
    reason: str = "",
    only_from: tuple[str, ...] = (),
    place: int | None = None,
    job: str = "",
) -> bool:
    """Write the state where the stored one is in `only_from` (default: any); return whether it was written.

    With `job`, only where the run was handed over to this cluster job. A run that is queued again is detached from
    its cluster job.
    """
    with folder_guard(folder):
        before = stored_status(folder)
        if only_from and before.state not in only_from:
            return False
        if job and (before.remote or {}).get("job") != job:
            return False
        remote = None if state == "queued" else before.remote
        attempt = before.attempt + (state == "queued")
        write_status(folder, state, reason, place, attempt=attempt, remote=remote)
    return True


def hand_over(folder: Path, remote: dict[str, str]) -> bool:
    """Record that a queued run was handed over to a cluster job; return whether it was still queued here."""
    with folder_guard(folder):
        status = stored_status(folder)
        if status.state != "queued" or status.remote is not None:
            return False
        why = f"waits at {remote['address']}"
        write_status(folder, "queued", why, status.place, status.since, status.attempt, remote)
    return True


def write_status(
    folder: Path,
    state: str,
    reason: str = "",
    place: int | None = None,
    since: str = "",
    attempt: int = 1,
    remote: dict[str, str] | None = None,
) -> None:
    """Write the state of a run that is not visible yet, or whose guard the caller holds."""
    status: dict[str, Any] = {"state": state, "since": since or now(), "reason": reason}
    more = {"place": place, "attempt": attempt if attempt > 1 else None, "remote": remote}
    write_json(folder / _FILE, status | {key: value for key, value in more.items() if value is not None})


def set_place(folder: Path, place: int) -> bool:
    """Move a queued run to another place in the queue; return whether it was still queued."""
    with folder_guard(folder):
        status = stored_status(folder)
        if status.state != "queued":
            return False
        write_status(folder, "queued", status.reason, place, status.since, status.attempt, status.remote)
    return True
