"""The worker: takes runs from the queue, up to so many at once, each in a process of its own.

It decides nothing that is not in the run folders: a trainer claims its run by itself, and says itself how it
ended. The worker only speaks for a trainer that died without a word. Should the worker die, its trainings go on.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from sedcore.artifacts import runs
from sedcore.artifacts.locks import LockTaken, RunLock, lock_holder
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import set_status, stored_status
from sedcore.errors import SedcoreError
from sedcore.jobs.queue import Seen, queued_runs, stored_states
from sedcore.jobs.sweeps.advance import Sweeps
from sedcore.jobs.workers import PROJECT, living_workers, register, workers_guard
from sedcore.training.course import TAKEN, WORKER

LOOK_EVERY_S = 0.3
TRAINER = "sedcore.training"


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
        self._until_empty, self._if_none, self._say = until_empty, if_none, announce
        self._children: dict[str, subprocess.Popen] = {}
        self._hopeless: set[str] = set()  # runs that could be neither started nor marked as failed
        self._seen: Seen = {}
        self._sweeps = Sweeps(self._root, announce)
        self._wake = threading.Event()
        self._name = ""
        self._signals = 0

    def work(self) -> None:
        """Take runs until told to go: by a signal, or by an empty queue if so asked.

        The first SIGINT or SIGTERM: take no more, and go when the running ones have ended. The second: go at once;
        they go on by themselves.
        """
        note = {"jobs": self._jobs, "engine": "local"}
        lock = register(self._root, note, alone=self._if_none)
        if lock is None:
            return
        self._name = lock.path.stem
        before = self._listen()
        try:
            while self._signals < 2:
                self._reap()
                if not self._signals:
                    self._sweeps.advance()
                    self._start()
                if not self._children and self._may_go(lock):
                    return
                self._wake.wait(LOOK_EVERY_S)
                self._wake.clear()
        finally:
            lock.release()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _listen(self) -> dict[int, object]:
        """Take SIGINT and SIGTERM; return what was there before. Python delivers them to the main thread only."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1
        self._wake.set()

    def _may_go(self, lock) -> bool:
        if self._signals:
            return True
        if not self._until_empty:
            return False
        self._sweeps.advance(now=True)
        if self._sweeps.busy:
            return False
        # Under the guard: who submits after this look finds no worker and starts one.
        with workers_guard(self._root):
            if any(run.run_id not in self._hopeless for run in queued_runs(self._root, self._seen)):
                return False
            lock.release()
        return True

    def _start(self) -> None:
        room = self._jobs - len(self._children) - len(self._orphans())
        for run in queued_runs(self._root, self._seen):
            if room < 1:
                return
            if run.run_id not in self._children and run.run_id not in self._hopeless:
                self._start_one(run)
                room -= 1

    def _start_one(self, run: Run) -> None:
        command = [sys.executable, "-m", self._trainer, run.run_id, "--artifacts", str(self._root)]
        try:
            with open(run.path / "log.txt", "ab") as log:
                self._children[run.run_id] = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    cwd=PROJECT,
                    env=os.environ | {WORKER: self._name},
                )
        except FileNotFoundError as error:
            if run.path.exists():  # else it was deleted while it waited
                self._fail(run, f"the training process could not be started: {error.strerror}")
        except OSError as error:
            self._fail(run, f"the training process could not be started: {error.strerror or error}")
        else:
            self._say(f"{run.run_id} started")

    def _orphans(self) -> list[str]:
        """Return the runs that train on this machine for a worker that is gone."""
        running = [
            name
            for name, status in stored_states(self._root, self._seen).items()
            if status.state in ("running", "cancelling") and name not in self._children
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
            code = child.poll()
            if code is None:
                continue
            del self._children[run_id]
            run = Run(self._root / "runs" / run_id)
            try:
                self._after(run, code)
                status = run.status()
                self._say(f"{run_id} {status.state}" + (f": {status.reason}" if status.reason else ""))
            except SedcoreError as error:
                if run.path.exists():
                    self._say(f"{run_id}: {error}")
                    self._hopeless.add(run_id)

    def _after(self, run: Run, code: int) -> None:
        """Say how a run ended whose trainer could not say it any more."""
        state = stored_status(run.path).state
        if code == TAKEN or state not in ("queued", "running", "cancelling"):
            return
        try:
            with RunLock(run.path):  # held: another trainer has it
                if code < 0:
                    how = f"the training process was ended by {_signal_name(-code)}"
                    if code == -signal.SIGKILL:
                        how += " (killed, or out of memory)"
                else:
                    how = run.log_tail(1).strip() or f"the training process ended with exit status {code}"
                if state == "cancelling":
                    set_status(run.path, "cancelled", "killed on request", only_from=(state,))
                elif state == "running" and code < 0:
                    set_status(run.path, "interrupted", how, only_from=(state,))
                else:
                    set_status(run.path, "failed", how, only_from=("queued", "running"))
        except LockTaken:
            return

    def _fail(self, run: Run, reason: str) -> None:
        try:
            set_status(run.path, "failed", reason, only_from=("queued",))
            runs.append_log(run, f"failed: {reason}")
        except SedcoreError as error:
            self._hopeless.add(run.run_id)
            reason = f"{reason}; {error}"
        self._say(f"{run.run_id} failed: {reason}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
