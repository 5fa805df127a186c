"""Advancing sweeps: give points while fewer than some runs wait, follow the runs, tell Optuna how they did.

Each step looks at what is there and does what is missing: a worker may be killed between any two, and the next
look, of this worker or another, goes on. The sweep's lock keeps two from looking at once.

With a pruner the first seed of a point is its scout: it is judged epoch by epoch against the other points, and the
other seeds train only where it was not pruned.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sedcore.artifacts.files import safe_name
from sedcore.artifacts.locks import FileLock, LockTaken
from sedcore.artifacts.recording import append_log
from sedcore.artifacts.runs import Run, new_run_id
from sedcore.artifacts.states import Seen, stored_states
from sedcore.artifacts.status import STOP_REQUESTED, set_status
from sedcore.artifacts.sweeps import LIVE_STATES, Sweep, list_sweeps, set_sweep_state
from sedcore.data.store import open_dataset
from sedcore.errors import SedcoreError
from sedcore.jobs.engine import takes
from sedcore.jobs.queue import cancel, leave_queue, submit
from sedcore.jobs.sweeps.results import best_score
from sedcore.jobs.sweeps.spec import Spec, misfits, parse_spec
from sedcore.jobs.workers import living_workers

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

LOOK_EVERY_S = 1.0
_AHEAD = 8  # runs that wait at least, where what they are does not hang on how others do
_MOST_ASKED = 4  # trials at most, as a multiple of the points wanted: skipped and repeated ones are no points

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
        found: dict[tuple[int, int], Run] = {}
        for run_id in sorted(stored_states(self._root, self._seen)):
            run = Run(self._root / "runs" / run_id)
            if run_id not in self._members:
                try:
                    self._members[run_id] = run.info["sweep"]
                except SedcoreError:
                    continue
            member = self._members[run_id]
            if member and member["name"] == sweep.name:
                found[member["trial"], member["seed"]] = run
        return found

    def _advance_one(self, sweep: Sweep) -> bool:
        with FileLock(sweep.path / "lock"):
            info = sweep.read()
            state = info["state"]
            if state not in LIVE_STATES:
                return False
            from sedcore.jobs.sweeps.study import open_study

            spec = parse_spec(info["spec"])
            if sweep.name not in self._studies:
                self._studies[sweep.name] = open_study(sweep, spec)
            runs = self._given_runs(sweep)
            step = _Step(
                self._root, sweep, spec, self._studies[sweep.name], runs, state == "open", info["job"]
            )
            busy, done = step.take()
            if step.gives != (state == "open"):
                return True  # it was stopped meanwhile: the next look takes away what it left
            if not done:
                return busy
            if not set_sweep_state(sweep, *_ending(state, step), only_from=(state,)):
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
        if own and leave_queue(run, _was_stopped(sweep)):
            cancelled += 1
    return cancelled


def _was_stopped(sweep: Sweep) -> str:
    return f"sweep {sweep.name} was stopped"


def _ending(state: str, step: _Step) -> tuple[str, str]:
    if state == "stopping":
        return "stopped", STOP_REQUESTED
    return "finished", step.summary()


class _Step:
    """One look at one sweep, under its lock."""

    def __init__(self, root: Path, sweep: Sweep, spec: Spec, study: Study, runs: dict, gives: bool, job: Job):
        from sedcore.jobs.sweeps import study as optuna_side

        self._root, self._sweep, self._spec, self._study = root, sweep, spec, study
        self._runs, self._gives, self._side = runs, gives, optuna_side
        self._job = job
        self._states = optuna_side.TrialState
        self._misfits: dict[tuple[str, str], str] | None = None

    @property
    def gives(self) -> bool:
        """Whether the sweep gives points; asked anew each time, since stopping it takes no lock."""
        if self._gives:
            self._gives = self._sweep.read()["state"] == "open"
        return self._gives

    def take(self) -> tuple[bool, bool]:
        """Do what is due; say whether more will be without anybody's help, and whether the sweep is at its end."""
        for trial in self._trials(self._states.RUNNING):
            self._follow(trial)
        while self.gives and self._wants_more():
            trial = self._side.next_point(self._study, self._spec)
            if trial is not None:
                self._follow(trial)
        more = self.gives and self._points_left()
        return more, not more and not self._trials(self._states.RUNNING)

    def summary(self) -> str:
        """Return how the points ended, in words."""
        points = self._points()
        names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
        counts = {word: sum(t.state.name == name for t in points) for name, word in names.items()}
        return ", ".join(f"{n} {word}" for word, n in counts.items() if n)

    def _trials(self, *states: Any) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states or None)

    def _points(self) -> list[FrozenTrial]:
        """Return the trials that count: those that were neither skipped nor repeats of others."""
        return [t for t in self._trials() if "skipped" not in t.user_attrs and "same-as" not in t.user_attrs]

    def _points_left(self) -> bool:
        asked = len(self._trials())
        if self._spec.sampler == "grid":
            return asked < self._spec.trials
        return len(self._points()) < self._spec.trials and asked < _MOST_ASKED * self._spec.trials

    def _wants_more(self) -> bool:
        if not self._points_left():
            return False
        takers = [worker for worker in living_workers(self._root) if takes(worker, self._job)]
        jobs = sum(worker.get("jobs") or 1 for worker in takers) or 1
        blind = self._spec.sampler != "tpe" and self._spec.pruner == "none"
        waiting = 0
        for trial in self._trials(self._states.RUNNING):
            waiting += sum(run.status().state == "queued" for run in self._runs_of(trial).values() if run)
        return waiting < (max(_AHEAD, 2 * jobs) if blind else jobs)

    def _runs_of(self, trial: FrozenTrial) -> dict[int, Run | None]:
        """Return the run of each seed that has been given; None where it was deleted."""
        found: dict[int, Run | None] = {}
        for seed in self._spec.seeds:
            run = self._runs.get((trial.number, seed))
            if run is not None and run.path.exists():
                found[seed] = run
            elif self._side.RUN.format(seed) in trial.user_attrs:
                found[seed] = None
        return found

    def _follow(self, trial: FrozenTrial) -> None:
        trial = self._side.complete(self._study, self._spec, trial)
        runs = self._runs_of(trial)
        if not runs and self._set_aside(trial):
            return
        scouting = self._spec.pruner != "none"
        for seed in self._spec.seeds:
            if scouting and any(not _finished(run) for run in runs.values()):
                break
            if seed not in runs and self._side.PRUNED not in trial.user_attrs and self.gives:
                runs[seed] = self._give(trial, seed)
        if scouting:
            self._judge(trial, runs.get(self._spec.seeds[0]))
        self._tell(trial.number, runs)

    def _set_aside(self, trial: FrozenTrial) -> bool:
        """Tell a point that needs no runs: it cannot train, or it was tried before."""
        if why := self._unfit(trial):
            self._note(trial, "skipped", why)
            self._study.tell(trial.number, state=self._states.FAIL)
            return True
        twin = next((t for t in self._trials()[: trial.number] if t.params == trial.params), None)
        if twin is None:
            return False
        self._note(trial, "same-as", twin.number)
        known = twin.value if twin.state == self._states.COMPLETE else None
        self._study.tell(trial.number, known, None if known is not None else self._states.FAIL)
        return True

    def _unfit(self, trial: FrozenTrial) -> str | None:
        """Return why a point cannot train: its model and features do not fit, or its settings not the model."""
        if self._misfits is None:
            self._misfits = misfits(open_dataset(self._root, self._spec.dataset), self._spec)
        try:
            config = self._spec.config(trial.params, self._spec.seeds[0])
        except SedcoreError as error:
            return str(error)
        return self._misfits.get((config.model, config.features))

    def _give(self, trial: FrozenTrial, seed: int) -> Run:
        """Queue the run of a seed. Killed right after, the run itself tells that it was given."""
        config = self._spec.config(trial.params, seed)
        run_id = new_run_id(config.model)
        while (self._root / "runs" / run_id).exists():
            run_id = new_run_id(config.model)
        name = f"{self._sweep.name} {trial.number}" + (f", seed {seed}" if len(self._spec.seeds) > 1 else "")
        member = {"name": self._sweep.name, "trial": trial.number, "seed": seed}
        run = submit(self._root, config, safe_name(run_id, "run id"), name, self._job, member)
        self._runs[trial.number, seed] = run
        self._note(trial, self._side.RUN.format(seed), run.run_id)
        return run

    def _judge(self, trial: FrozenTrial, scout: Run | None) -> None:
        """Report the scout's epochs that are not known yet, and end it where it falls behind."""
        if scout is None or self._side.PRUNED in trial.user_attrs:
            return
        handle = self._side.handle(self._study, trial)
        known = trial.intermediate_values
        for epoch, score in _scores(scout):
            if epoch not in known:
                handle.report(score, epoch)
        status = scout.status()
        if status.state in ("queued", "running") and handle.should_prune():
            self._note(trial, self._side.PRUNED, _scores(scout)[-1][0])

    def _tell(self, number: int, runs: dict[int, Run | None]) -> None:
        """Tell how a point did, once all of its runs have ended. Where the sweep gives no more, none of them waits."""
        trial = self._study.get_trials(deepcopy=False)[number]
        pruned = trial.user_attrs.get(self._side.PRUNED)
        states, gives = {}, self.gives
        if not runs:
            if not gives:
                self._note(trial, self._side.WHY, _was_stopped(self._sweep))
                self._study.tell(number, state=self._states.FAIL)
            return
        for seed, run in runs.items():
            states[seed] = run.status().state if run else "cancelled"
            if pruned is not None and states[seed] in ("queued", "running"):
                cancel(run)
                states[seed] = run.status().state
            elif states[seed] == "queued" and not gives and leave_queue(run, _was_stopped(self._sweep)):
                states[seed] = "cancelled"
        ends = {"finished", "cancelled", "failed"} | (set() if gives else {"interrupted"})
        if not set(states.values()) <= ends:
            return
        if pruned is not None and "cancelled" in states.values():
            for seed, run in runs.items():
                if run and states[seed] == "cancelled":
                    _mark_pruned(run, pruned)
            self._study.tell(number, state=self._states.PRUNED)
        elif "failed" in states.values():
            self._note(trial, self._side.WHY, "a run failed")
            self._study.tell(number, state=self._states.FAIL)
        elif "finished" in states.values():
            done = [best_score(run) for seed, run in runs.items() if run and states[seed] == "finished"]
            self._complete(trial, done)
        else:
            self._note(trial, self._side.WHY, "cancelled")
            known = trial.intermediate_values
            self._study.tell(number, state=self._states.PRUNED if known else self._states.FAIL)

    def _complete(self, trial: FrozenTrial, scores: list[float | None]) -> None:
        if any(score is None for score in scores):
            self._note(trial, self._side.WHY, "no validation macro AP: no positive clip in validation")
            self._study.tell(trial.number, state=self._states.FAIL)
        else:
            self._study.tell(trial.number, math.fsum(scores) / len(scores))

    def _note(self, trial: FrozenTrial, key: str, value: Any) -> None:
        self._side.handle(self._study, trial).set_user_attr(key, value)


def _finished(run: Run | None) -> bool:
    return run is None or run.status().state == "finished"


def _scores(run: Run) -> list[tuple[int, float]]:
    """Return (epoch, validation macro AP) of the epochs that have one."""
    history = run.history()
    if not {"epoch", "validation.mAP"} <= set(history.columns):
        return []
    known = history[["epoch", "validation.mAP"]].dropna()
    return [(int(epoch), float(score)) for epoch, score in known.to_numpy()]


def _mark_pruned(run: Run, epoch: int) -> None:
    """Say in the run's status that the sweep ended it, not a person."""
    reason = f"pruned after epoch {epoch}: other points of its sweep did better by then"
    if run.status().reason != reason and set_status(run.path, "cancelled", reason, only_from=("cancelled",)):
        append_log(run, reason)
