"""The worker: takes runs from the queue, up to so many at once, each in a process of its own.

It decides nothing that is not in the run folders: a trainer claims its run by itself, and says itself how it
ended. The worker only speaks for a trainer that died without a word. Should the worker die, its trainings go on.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sedcore.artifacts import recording
from sedcore.artifacts.checkpoint import remove_checkpoint
from sedcore.artifacts.locks import FileLock, LockTaken, RunLock, lock_holder
from sedcore.artifacts.runs import Run
from sedcore.artifacts.states import Seen, stored_states
from sedcore.artifacts.status import LIVE_STATES, TRAINING_STATES, set_status, stored_status
from sedcore.errors import SedcoreError
from sedcore.jobs.engine import LOCAL, takes
from sedcore.jobs.last_words import LastWord, last_word
from sedcore.jobs.queue import queued_runs
from sedcore.jobs.sweeps.advance import Sweeps
from sedcore.jobs.workers import PROJECT, living_workers, register, workers_guard
from sedcore.training.supervision import TAKEN, WORKER, with_remedy

TRAINER = "sedcore.training"


@dataclass(frozen=True)
class _Child:
    """A trainer that was started: its process, the attempt it was started for, and where its words begin in log.txt."""

    process: subprocess.Popen
    attempt: int
    log_from: int


class Worker:
    """Takes runs from the queue of a root.

    Parameters
    ----------
    root : artifact root.
    jobs : trainings at once; those that a dead worker left running count too.
    until_empty : end when nothing waits and nothing runs.
    if_none : end at once where another worker lives.
    trainer : module that trains one run, started as ``python -m MODULE RUN_ID --artifacts DIR``.
    announce : called with a line for each thing that happens.
    """

    look_every_s = 0.3

    def __init__(
        self,
        root: Path,
        jobs: int = 1,
        until_empty: bool = False,
        if_none: bool = False,
        trainer: str = TRAINER,
        announce: Callable[[str], None] = print,
    ):
        if jobs < 1:
            raise SedcoreError(f"a worker takes at least 1 job at a time; given {jobs}")
        self._root, self._jobs, self._trainer = Path(root).resolve(), jobs, trainer
        self._until_empty, self._if_none, self._announce = until_empty, if_none, announce
        self._children: dict[str, _Child] = {}
        self._owed: dict[str, LastWord] = {}  # what could not be written yet: a full or read-only disk
        self._seen: Seen = {}
        self._asked: dict[str, dict | None] = {}  # run id to the job that the run asks for
        self._sweeps = Sweeps(self._root, self._say, lambda job: takes(self._note(), job))
        self._wake = threading.Event()
        self._name = ""
        self._signals = 0
        self._trouble = ""

    def work(self) -> None:
        """Take runs until told to go: by a signal, or by an empty queue if so asked.

        The first SIGINT or SIGTERM: take no more, and go when the running ones have ended. The second: go at once;
        they go on by themselves.
        """
        lock = register(self._root, self._note(), alone=self._if_none)
        if lock is None:
            return
        self._name = lock.path.stem
        before = self._listen()
        try:
            self._tidy(stored_states(self._root, self._seen))
            while self._signals < 2:
                if self._round(lock):
                    return
                self._wake.wait(self.look_every_s)
                self._wake.clear()
        finally:
            lock.release()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _tidy(self, runs_known: Iterable[str]) -> None:
        """Take away checkpoints of finished runs: of those whose trainer was killed after its last word."""
        for name in runs_known:
            run = Run(self._root / "runs" / name)
            with contextlib.suppress(LockTaken, SedcoreError):
                if (run.path / "checkpoint").exists() and stored_status(run.path).state == "finished":
                    with RunLock(run.path):
                        remove_checkpoint(run)

    def _note(self) -> dict[str, Any]:
        """Return what this worker says of itself."""
        return {"jobs": self._jobs, "engine": LOCAL}

    def _busy(self) -> bool:
        """Say whether runs train that this worker looks after."""
        return bool(self._children)

    def _mine(self) -> list[Run]:
        """Return the queued runs that this worker may take, in order."""
        waiting, note = [], self._note()
        for run in queued_runs(self._root, self._seen):
            if run.run_id in self._owed:
                continue
            try:
                if run.run_id not in self._asked:
                    self._asked[run.run_id] = run.info["job"]
                if takes(note, self._asked[run.run_id]):
                    waiting.append(run)
            except SedcoreError:
                continue  # deleted meanwhile, or broken: `runs` tells of those
        return waiting

    def _listen(self) -> dict[int, object]:
        """Take SIGINT and SIGTERM; return what was there before. Python delivers them to the main thread only."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1
        self._wake.set()

    def _round(self, lock: FileLock) -> bool:
        """Look once at children and queue; say whether to go. What goes wrong on the disk ends no worker."""
        try:
            self._reap()
            for name, word in list(self._owed.items()):
                self._write(Run(self._root / "runs" / name), word)
            if not self._signals:
                self._sweeps.advance()
                self._start()
            elif lock.held:
                lock.release()  # who queues a run from now on finds no worker and starts another
                if self._busy():
                    self._say("takes no more, ends with the running ones; a second signal: ends now")
            self._trouble = ""
            return not self._busy() and self._may_go(lock)
        except (SedcoreError, OSError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._say(f"{error}; the worker goes on trying")
            return bool(self._signals) and not self._busy()

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a full disk, a terminal that is gone
            self._announce(line)

    def _may_go(self, lock: FileLock) -> bool:
        if self._signals:
            return True
        if not self._until_empty:
            return False
        self._sweeps.advance(now=True)
        if self._sweeps.busy:
            return False
        # Under the guard: who submits after this look finds no worker and starts one.
        with workers_guard(self._root):
            if self._mine():
                return False
            lock.release()
        return True

    def _start(self) -> None:
        waiting = self._mine()
        room = self._room() if waiting else 0
        for run in waiting:
            if room < 1:
                return
            if not self._started(run):
                room -= self._start_one(run)

    def _room(self) -> int:
        """Return how many more trainings may begin."""
        return self._jobs - len(self._children) - len(self._orphans())

    def _started(self, run: Run) -> bool:
        """Say whether this worker has started a run that still says it waits."""
        return run.run_id in self._children

    def _start_one(self, run: Run) -> bool:
        """Start a run that waits; say whether it takes room."""
        command = [sys.executable, "-m", self._trainer, run.run_id, "--artifacts", str(self._root)]
        try:
            attempt = stored_status(run.path).attempt
            with open(run.path / "log.txt", "ab") as log:
                log_from = log.tell()
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    cwd=PROJECT,
                    env=os.environ | {WORKER: self._name},
                )
                self._children[run.run_id] = _Child(process, attempt, log_from)
        except SedcoreError:
            return False  # deleted while it waited
        except OSError as error:
            reason = f"the training process could not be started: {error.strerror or error}"
            self._fail(run, with_remedy(run, reason, error), attempt)
            return False
        self._say(f"{run.run_id} started")
        return True

    def _fail(self, run: Run, reason: str, attempt: int) -> None:
        """Say that a run that waited could not be started."""
        if run.path.exists():
            self._write(run, LastWord("failed", reason, "queued", attempt))

    def _orphans(self) -> list[str]:
        """Return the runs that train on this machine for a worker that is gone."""
        running = [
            name
            for name, status in stored_states(self._root, self._seen).items()
            if status.state in TRAINING_STATES and not status.remote and name not in self._children
        ]
        if not running:
            return []
        living = {worker["worker"] for worker in living_workers(self._root)}
        holders = {name: lock_holder(self._root / "runs" / name / "lock") for name in running}
        return [
            name
            for name, note in holders.items()
            if note.get("host") == platform.node() and note.get("worker", self._name) not in living
        ]

    def _reap(self) -> None:
        for run_id, child in list(self._children.items()):
            code = child.process.poll()
            if code is None:
                continue
            del self._children[run_id]
            run = Run(self._root / "runs" / run_id)
            try:
                status = stored_status(run.path)
                # Where it waits for another attempt, or another trainer has it, there is nothing to say.
                if code != TAKEN and status.state in LIVE_STATES and status.attempt == child.attempt:
                    self._write(run, last_word(run, status, code, child.log_from))
                else:
                    self._say(f"{run_id} {status.state}" + (f": {status.reason}" if status.reason else ""))
                self._tidy([run_id])
            except SedcoreError as error:
                if run.path.exists():
                    self._say(f"{run_id}: {error}")

    def _write(self, run: Run, word: LastWord) -> None:
        """Say how a run ended; keep the word where it cannot be written yet."""
        known = self._owed.pop(run.run_id, None)
        try:
            recording.drop_reserve(run)
            with RunLock(run.path):
                if stored_status(run.path).attempt != word.attempt:
                    return
                if not set_status(run.path, word.state, word.reason, only_from=(word.only_from,)):
                    return
            recording.append_log(run, f"{word.state}: {word.reason}")
            self._say(f"{run.run_id} {word.state}: {word.reason}")
        except LockTaken:
            return  # another trainer has it
        except SedcoreError as error:
            if not run.path.exists():
                return
            self._owed[run.run_id] = word
            if not known:
                self._say(f"{run.run_id} {word.state}: {word.reason}; this could not be written yet: {error}")
