"""Supervising a training, from claiming the run to recording its end. Light: the training is a function passed in.

The training process holds the run's lock throughout. Whatever happens, it records the run's end in its status, with a
reason: finished, cancelled or failed. Only a killed process records nothing; then the lock is free, and readers see
*interrupted*.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sedcore.artifacts import recording
from sedcore.artifacts.checkpoint import drop_unfinished, has_checkpoint, remove_checkpoint
from sedcore.artifacts.files import safe_name
from sedcore.artifacts.locks import LockTaken, RunLock
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import LIVE_STATES, set_status, stored_status
from sedcore.errors import SedcoreError, errnos
from sedcore.training.progress import Progress
from sedcore.training.stop import StopRequest

WORKER = "SEDCORE_WORKER"  # environment variable with the worker's name, set for its trainers
TAKEN = 3  # exit status of a trainer whose run was taken or no longer queued
Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainingContext:
    """Context that `supervise` passes to a training.

    Attributes
    ----------
    root, run : the artifact root, and the run to train.
    stop : whether it was asked to end.
    progress : receives its progress.
    say : writes a line to the run's log.
    """

    root: Path
    run: Run
    stop: StopRequest
    progress: Progress
    say: Say


# Trains, and returns the run's final state (finished or cancelled) and the reason.
Learn = Callable[[TrainingContext], tuple[str, str]]


def supervise(
    learn: Learn,
    root: Path,
    run: Run,
    announce: Say | None = None,
    bar: bool = False,
    lock: RunLock | None = None,
) -> str:
    """Train a queued run to its end and return its final state: finished, cancelled or failed.

    An error in training is recorded in the run's status as a sentence (and, if unexpected, in log.txt as a
    traceback), never raised.

    Parameters
    ----------
    learn : function that trains.
    root : artifact root that holds the data set.
    run : a queued run, whose lock is taken here; or with `lock`, a run created as running under that lock.
    announce : called with each line of the log as well.
    bar : draw a progress bar on stderr.

    Raises
    ------
    SedcoreError
        Another process trains this run (a LockTaken), it is not queued (a NotQueued), or its state could not be
        written.
    """

    def say(line: str) -> None:
        recording.append_log(run, line)
        if announce:
            announce(line)

    born_running = lock is not None
    with lock or _claimed(run), StopRequest(run) as stop, Progress(run, bar) as progress:
        try:
            if not born_running:
                _begin(run)
            recording.keep_reserve(run)
            recording.remove_leftovers(run)
            drop_unfinished(run)
            state, reason = learn(TrainingContext(root, run, stop, progress, say))
        except NotQueued:
            raise
        except Exception as error:
            state, reason = "failed", _why_failed(run, error)
            if not isinstance(error, (SedcoreError, OSError)):
                say(traceback.format_exc())
        recording.drop_reserve(run)
        say(f"{state}: {reason}" if reason else state)
        progress.end()
        set_status(run.path, state, reason, only_from=LIVE_STATES)
        if state == "finished":
            remove_checkpoint(run)  # only after the status: killed in between, the run would begin again
    return state


class NotQueued(SedcoreError):
    """The run is not queued: it was cancelled or trained in the meantime."""


def _claimed(run: Run) -> RunLock:
    """Return the run's lock, held."""
    worker = os.environ.get(WORKER)
    lock = RunLock(run.path, note={"worker": worker} if worker else {})
    try:
        lock.acquire()
    except LockTaken:
        raise
    except SedcoreError:
        recording.drop_reserve(run)  # on a full disk this makes room for the lock's note
        lock.acquire()
    return lock


def _begin(run: Run) -> None:
    if not set_status(run.path, "running", only_from=("queued",)):
        state = stored_status(run.path).state
        raise NotQueued(f"run {run.run_id} is {state}, and only a queued run can be trained")


def _why_failed(run: Run, error: Exception) -> str:
    if isinstance(error, SedcoreError):
        reason = str(error)
    elif isinstance(error, OSError):
        reason = f"{error.filename or run.path}: {error.strerror or error}"
    else:
        reason = f"unexpected {type(error).__name__}: {error}; log.txt has the traceback"
    return with_remedy(run, reason, error)


def with_remedy(run: Run, reason: str, error: BaseException) -> str:
    """Return the reason of a failure, with a remedy where one is known."""
    again = "resume it" + (" to go on from its last checkpoint" if has_checkpoint(run) else "")
    numbers = errnos(error)
    if numbers & {errno.ENOSPC, errno.EDQUOT}:
        return f"{reason}; make room there, then {again}"
    if numbers & {errno.EROFS, errno.EACCES, errno.EPERM}:
        return f"{reason}; make the folder writable, then {again}"
    return reason


def trainer_main(train_run: Callable[[Path, Run], str], arguments: list[str] | None = None) -> int:
    """Run a trainer with its command line ``RUN_ID --artifacts DIR``; return its exit status.

    0: the run was trained or cancelled; 1: it failed, with the reason in its status; 2: it could not be claimed or its
    state not written, with the reason on stderr; TAKEN: another process has it, or it is no longer queued.
    """
    parser = argparse.ArgumentParser(description="Train one queued run.")
    parser.add_argument("run")
    parser.add_argument("--artifacts")
    args = parser.parse_args(arguments)
    run = None
    try:
        root = artifact_root(args.artifacts)
        run = Run(root / "runs" / safe_name(args.run, "run id"))
        return 1 if train_run(root, run) == "failed" else 0
    except (LockTaken, NotQueued) as error:
        if WORKER not in os.environ:  # a worker's trainer writes stderr to the log of the run taken
            print(error, file=sys.stderr)
        return TAKEN
    except SedcoreError as error:
        print(with_remedy(run, str(error), error) if run else error, file=sys.stderr)
        return 2
