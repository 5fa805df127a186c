"""The sweeps of a root: which are due for a look, what ends or holds up one of them, and stopping one.

The sweep's lock keeps two workers from looking at once. What a look does is `sedcore.jobs.sweeps.step`; it brings
Optuna, and is not loaded while no sweep lives.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sedcore.artifacts.locks import FileLock, LockTaken
from sedcore.artifacts.runs import Run
from sedcore.artifacts.states import Seen, stored_states
from sedcore.artifacts.status import STOP_REQUESTED
from sedcore.artifacts.sweeps import LIVE_STATES, Sweep, list_sweeps, set_sweep_state
from sedcore.errors import SedcoreError
from sedcore.jobs.queue import leave_queue
from sedcore.jobs.sweeps.spec import parse_spec

if TYPE_CHECKING:
    from optuna import Study

LOOK_EVERY_S = 1.0

Say = Callable[[str], None]
Job = dict[str, Any] | None


def _any(_job: Job) -> bool:
    return True


class Sweeps:
    """The sweeps of a root, as one worker advances them.

    Parameters
    ----------
    root : artifact root.
    say : called with a line for each sweep that ends, or that the disk holds up.
    mine : whether the worker takes runs with this job. Other sweeps are left to the workers that take theirs: this one
        would wait for runs that it cannot train.
    """

    def __init__(self, root: Path, say: Say = lambda line: None, mine: Callable[[Job], bool] = _any):
        self._root, self._say, self._mine = Path(root), say, mine
        self._looked = -math.inf
        self._busy = False
        self._seen: Seen = {}
        self._members: dict[str, dict[str, Any] | None] = {}  # what run.json says of a run's sweep
        self._studies: dict[str, Study] = {}
        self._held_up: set[str] = set()  # by the disk, which was told

    def advance(self, now: bool = False) -> None:
        """Take the steps that are due; at most one look a second, unless `now`."""
        if not now and time.monotonic() - self._looked < LOOK_EVERY_S:
            return
        self._looked, self._busy = time.monotonic(), False
        known = [(sweep, sweep.read()) for sweep in list_sweeps(self._root)]
        live = [s for s, info in known if info["state"] in LIVE_STATES and self._mine(info["job"])]
        if not live:
            self._studies.clear()
            return
        for sweep in live:
            try:
                self._busy |= self._advance_one(sweep)
                self._held_up.discard(sweep.name)
            except LockTaken:
                self._busy = True  # another worker is at it
            except OSError as error:  # of Optuna's journal
                self._hold_up(sweep, error.strerror or str(error))
            except SedcoreError as error:
                if isinstance(error.__cause__, OSError):
                    self._hold_up(sweep, str(error))
                else:
                    self._stop(sweep, str(error))
            except Exception as error:  # of Optuna: one sweep must not end the worker
                self._stop(sweep, f"unexpected {type(error).__name__}: {error}")

    @property
    def busy(self) -> bool:
        """Whether, at the last look, a sweep had more to do without anybody's help."""
        return self._busy

    def _given_runs(self, sweep: Sweep) -> dict[tuple[int, int], Run]:
        """Return the runs of a sweep by trial and seed; where there are several, the newest.

        To be called with the sweep's lock: else another worker gives runs meanwhile, and they look like deleted ones.
        """
        newest: dict[tuple[int, int], Run] = {}
        for run_id in sorted(stored_states(self._root, self._seen)):
            run = Run(self._root / "runs" / run_id)
            if run_id not in self._members:
                try:
                    self._members[run_id] = run.info["sweep"]
                except SedcoreError:
                    continue
            member = self._members[run_id]
            if member and member["name"] == sweep.name:
                newest[member["trial"], member["seed"]] = run
        return newest

    def _advance_one(self, sweep: Sweep) -> bool:
        with FileLock(sweep.path / "lock"):
            info = sweep.read()
            state = info["state"]
            if state not in LIVE_STATES:
                return False
            from sedcore.jobs.sweeps.step import SweepStep
            from sedcore.jobs.sweeps.study import open_study

            spec = parse_spec(info["spec"])
            if sweep.name not in self._studies:
                self._studies[sweep.name] = open_study(sweep, spec)
            study, runs, gives = self._studies[sweep.name], self._given_runs(sweep), state == "open"
            step = SweepStep(self._root, sweep, spec, study, runs, gives, info["job"])
            busy, done = step.take()
            if step.gives != gives:
                return True  # it was stopped meanwhile: the next look takes away what it left
            if not done:
                return busy
            ending = ("finished", step.summary()) if gives else ("stopped", STOP_REQUESTED)
            if not set_sweep_state(sweep, *ending, only_from=(state,)):
                return True  # it was stopped just now
            self._say(f"sweep {sweep.name} {sweep.read()['state']}")
            return False

    def _hold_up(self, sweep: Sweep, reason: str) -> None:
        """Leave a sweep that the disk fails open for a later look: a full one has room again some day."""
        self._studies.pop(sweep.name, None)  # what was written of its journal last may be torn
        self._busy = True
        if sweep.name not in self._held_up:
            self._held_up.add(sweep.name)
            self._say(f"sweep {sweep.name}: {reason}; the worker goes on trying")

    def _stop(self, sweep: Sweep, reason: str) -> None:
        self._studies.pop(sweep.name, None)
        try:
            set_sweep_state(sweep, "stopped", reason, only_from=LIVE_STATES)
        except SedcoreError as error:
            reason = f"{reason}; {error}"
        self._say(f"sweep {sweep.name} stopped: {reason}")


def stop_sweep(root: Path, sweep: Sweep) -> int:
    """Let a sweep give no more points and take its waiting runs from the queue; return how many these were.

    What trains goes on to its end.

    Raises
    ------
    SedcoreError
        It has ended already.
    """
    if not set_sweep_state(sweep, "stopping", STOP_REQUESTED, only_from=("open",)):
        raise SedcoreError(f"sweep {sweep.name} is {sweep.read()['state']}; there is nothing to stop")
    cancelled = 0
    for run_id, status in stored_states(root).items():
        run = Run(Path(root) / "runs" / run_id)
        try:
            own = status.state == "queued" and (run.info["sweep"] or {}).get("name") == sweep.name
        except SedcoreError:
            continue  # damaged, or deleted meanwhile
        if own and leave_queue(run, sweep.stopped_words):
            cancelled += 1
    return cancelled
