"""The queue: the run folders whose state is ``queued``, by their place. There is no second list of them.

A run is taken from the queue by its trainer, which holds the lock in the folder from then on; so two workers
never train one run. Steps that look at all that wait (a new place, another order) are serialised by a guard on
the folder of all runs.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

from sedcore.artifacts import recording, runs
from sedcore.artifacts.checkpoint import has_checkpoint
from sedcore.artifacts.locks import RunLock, folder_guard, is_locked, kill_holder, lock_holder
from sedcore.artifacts.runs import Run
from sedcore.artifacts.states import Seen, next_place, stored_states
from sedcore.artifacts.status import (
    CANCELLED_BEFORE,
    KILL_REQUESTED,
    KILLED,
    RESUMABLE_STATES,
    STOP_REQUESTED,
    TRAINING_STATES,
    Status,
    set_place,
    set_status,
    status_of,
    stored_status,
)
from sedcore.data.store import open_dataset
from sedcore.errors import SedcoreError
from sedcore.jobs import cluster
from sedcore.training.checks import check_fit
from sedcore.training.config import TrainConfig
from sedcore.training.start import plan

_DEATH_S, _LOOK_S = 10.0, 0.05  # how long a killed process may take to go, and how often to look


def queued_runs(root: Path, seen: Seen | None = None) -> list[Run]:
    """Return the runs that wait, the next one first. `seen` as for `stored_states`."""
    return waiting_in_order(root, stored_states(root, seen))


def waiting_in_order(root: Path, states: dict[str, Status]) -> list[Run]:
    """Return those of `states` that wait, the next one first."""
    waiting = sorted((s.place or 0, s.since, name) for name, s in states.items() if s.state == "queued")
    return [Run(Path(root) / "runs" / name) for _, _, name in waiting]


def submit(
    root: Path,
    config: TrainConfig,
    run_id: str | None = None,
    name: str = "",
    job: dict[str, Any] | None = None,
    sweep: dict[str, Any] | None = None,
) -> Run:
    """Put a training at the end of the queue and return its run.

    Parameters
    ----------
    job : engine and resources that it asks for; None: this machine.
    sweep : the sweep and trial that it belongs to.

    Raises
    ------
    SedcoreError
        A value is out of range, the data set or its features do not exist, the model cannot take them, or the
        run id is taken.
    """
    info = plan(root, config, run_id, name) | {"job": job, "sweep": sweep}
    folder = _runs_folder(root)
    with folder_guard(folder):
        return runs.create_run(root, info, "queued", fill=recording.keep_reserve, place=next_place(root))


def move(root: Path, run: Run, position: int) -> None:
    """Give a run that waits another position, 1 for the next to be trained.

    Raises
    ------
    SedcoreError
        It does not wait.
    """
    with folder_guard(_runs_folder(root)):
        order = queued_runs(root)
        ids = [waiting.run_id for waiting in order]
        if run.run_id not in ids:
            raise SedcoreError(f"run {run.name} is {run.status().state}; only a queued one can be moved")
        order.insert(max(position, 1) - 1, order.pop(ids.index(run.run_id)))
        for place, waiting in enumerate(order, start=1):
            try:
                if stored_status(waiting.path).place != place:
                    set_place(waiting.path, place)
            except SedcoreError:
                if waiting.path.exists():  # else it was deleted meanwhile
                    raise


def edit(root: Path, run: Run, config: TrainConfig, name: str | None = None) -> None:
    """Replace the configuration, and the name if given, of a run that waits and has not begun.

    Raises
    ------
    SedcoreError
        It waits no more, it has a checkpoint to go on from, or the configuration does not fit.
    """
    info = plan(root, config, run.run_id, run.info["name"] if name is None else name)
    taken = f"run {run.name} has begun; cancel it, or clone it with other settings"
    with RunLock(run.path, taken):
        if stored_status(run.path).state != "queued" or has_checkpoint(run):
            raise SedcoreError(taken)
        del info["run_id"], info["kind"]
        runs.update_info(run, **info)


def cancel(run: Run, at_once: bool = False) -> str:
    """Ask a run to end and return what happened: "cancelled", "cancelling", "killed", or "" where nothing ran.

    A run that waits is cancelled. One that trains ends after the batch in hand and keeps what it has learned; asked
    for a second time, or with `at_once`, it is killed and keeps its last checkpoint. Raises SedcoreError for a run that
    another program logs: it can only be ended there.
    """
    if logged(run):
        raise SedcoreError(
            f"run {run.name} is logged by a program of its own; end that program, or finish it there"
        )
    if leave_queue(run, CANCELLED_BEFORE):
        return "cancelled"
    status = run.status()
    if status.state not in TRAINING_STATES:
        return ""
    if status.state == "running" and not at_once:
        done = set_status(run.path, "cancelling", STOP_REQUESTED, only_from=("running",))
        return "cancelling" if done else ""
    return _kill(run)


def logged(run: Run) -> bool:
    """Whether a run is one that somebody's own program logs, so that no trainer of ours has it."""
    return run.info["kind"] == "imported"


def leave_queue(run: Run, reason: str) -> bool:
    """Take a run that waits out of the queue; return whether it did wait."""
    if not set_status(run.path, "cancelled", reason, only_from=("queued",)):
        return False
    recording.drop_reserve(run)
    cluster.forget(run)
    return True


def _kill(run: Run) -> str:
    if stored_status(run.path).remote:
        return cluster.stop(run)
    # Said first: should this process die before its last line, the worker still knows that it was on request.
    set_status(run.path, "cancelling", KILL_REQUESTED, only_from=TRAINING_STATES)
    lock, end = run.path / "lock", time.monotonic() + _DEATH_S
    while is_locked(run.path) and stored_status(run.path).state == "cancelling":
        host = lock_holder(lock).get("host", platform.node())
        if host != platform.node():
            raise SedcoreError(
                f"run {run.name} is trained on {host} and can be killed there only; it ends after the batch in hand"
            )
        kill_holder(lock)
        if time.monotonic() > end:
            raise SedcoreError(f"run {run.name} was killed but has not ended within {_DEATH_S:.0f} s")
        time.sleep(_LOOK_S)
    if set_status(run.path, "cancelled", KILLED, only_from=(*TRAINING_STATES, "interrupted")):
        recording.append_log(run, f"cancelled: {KILLED}")
    # Its worker may have said so first; or it ended by itself meanwhile.
    return "killed" if stored_status(run.path).reason == KILLED else ""


def resume(root: Path, run: Run) -> None:
    """Put a run that was cancelled, interrupted or failed back into the queue, at its end.

    It goes on from its last checkpoint; without one it begins again.

    Raises
    ------
    SedcoreError
        It is trained or waits already, it has finished, or its data set no longer fits.
    """
    status = run.status()
    if run.info["kind"] != "trained" or status.state not in RESUMABLE_STATES:
        raise SedcoreError(
            f"run {run.name} is {status.state}; only a training that was {', '.join(RESUMABLE_STATES[:-1])} or has "
            "failed can be resumed"
        )
    config = TrainConfig.from_json(run.info["config"])
    check_fit(open_dataset(root, config.dataset), config)
    with RunLock(run.path), folder_guard(_runs_folder(root)):
        recording.keep_reserve(run)
        # The lock is ours: whatever the file says, nobody trains it.
        only_from = (*RESUMABLE_STATES, *TRAINING_STATES)
        again = "goes on from its checkpoint" if has_checkpoint(run) else "begins again"
        if not set_status(run.path, "queued", f"resumed; {again}", only_from, next_place(root)):
            raise SedcoreError(f"run {run.name} is {status_of(run.path).state} by now")
    recording.append_log(run, f"resumed, was {status.state}: {status.reason}")


def _runs_folder(root: Path) -> Path:
    folder = Path(root) / "runs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SedcoreError(f"{folder} cannot be written: {error.strerror or error}") from error
    return folder
