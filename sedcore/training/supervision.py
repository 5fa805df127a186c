"""The frame of a training: from claiming a run to its last word. Light; the training itself is a function given to it.

The process that trains holds the run's lock all the way. Whatever happens, the run's status says how it ended,
in a sentence: finished, cancelled or failed. Only a process that is killed says nothing; then the lock is free,
and readers see *interrupted*.
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

WORKER = "SEDCORE_WORKER"  # the variable by which a worker tells its trainers its name
TAKEN = 3  # exit status of a trainer that found its run taken, or no longer waiting
Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainingContext:
    """What a training is handed by who supervises it.

    Attributes
    ----------
    root, run : the artifact root, and the run to train.
    stop : whether somebody wants it to end.
    progress : where it says how far it is.
    say : writes a line to the run's log.
    """

    root: Path
    run: Run
    stop: StopRequest
    progress: Progress
    say: Say


# Trains, and returns the state that the run ends in (finished or cancelled) and the reason in words.
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

    What goes wrong ends in the run's status as a sentence (and, where it was not foreseen, in log.txt as a
    traceback), never as an exception.

    Parameters
    ----------
    learn : the training proper.
    root : artifact root that holds the data set.
    run : a queued run, claimed here by its lock; or with `lock`, one that was made running under that lock.
    announce : called with each line of the log as well.
    bar : draw a progress bar on stderr.

    Raises
    ------
    SedcoreError
        Another process trains this run (a LockTaken), it is not waiting to be trained (a NotQueued), or its state
        could not be written.
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
            remove_checkpoint(run)  # not before it is said: who is killed in between would begin again
    return state


class NotQueued(SedcoreError):
    """The run does not wait to be trained: somebody cancelled it, or trained it, first."""


def _claimed(run: Run) -> RunLock:
    """Return the run's lock, held."""
    worker = os.environ.get(WORKER)
    lock = RunLock(run.path, note={"worker": worker} if worker else {})
    try:
        lock.acquire()
    except LockTaken:
        raise
    except SedcoreError:
        recording.drop_reserve(run)  # on a full disk there is no room for its note
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
    """Return the reason of a failure with what a person can do about its error, where that is known."""
    again = "resume it" + (" to go on from its last checkpoint" if has_checkpoint(run) else "")
    numbers = errnos(error)
    if numbers & {errno.ENOSPC, errno.EDQUOT}:
        return f"{reason}; make room there, then {again}"
    if numbers & {errno.EROFS, errno.EACCES, errno.EPERM}:
        return f"{reason}; make the folder writable, then {again}"
    return reason


def trainer_main(train_run: Callable[[Path, Run], str], arguments: list[str] | None = None) -> int:
    """Answer the command line of a trainer: ``RUN_ID --artifacts DIR``; return its exit status.

    0: the run was trained, or cancelled; 1: it failed and says why; 2: it could not be claimed or its state not
    be written, with the reason on stderr; TAKEN: another process has it, or it waits no more.
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
        if WORKER not in os.environ:  # two workers are no news, and this is the log of the one that trains
            print(error, file=sys.stderr)
        return TAKEN
    except SedcoreError as error:
        print(with_remedy(run, str(error), error) if run else error, file=sys.stderr)
        return 2
