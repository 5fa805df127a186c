"""One look at one sweep: give points while few runs wait, follow the runs, tell Optuna how they did.

Each step looks at what is there and does what is missing: a worker may be killed between any two, and the next
look, of this worker or another, goes on.

With a pruner the first seed of a point is its scout: it is judged epoch by epoch against the other points, and the
other seeds train only where it was not pruned. The one module beside `study` that knows Optuna's trials.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from sedcore.artifacts.files import safe_name
from sedcore.artifacts.recording import append_log
from sedcore.artifacts.runs import Run, new_run_id
from sedcore.artifacts.status import set_status
from sedcore.artifacts.sweeps import Sweep
from sedcore.data.store import open_dataset
from sedcore.errors import SedcoreError
from sedcore.jobs.engine import takes
from sedcore.jobs.queue import cancel, leave_queue, submit
from sedcore.jobs.sweeps.results import best_score
from sedcore.jobs.sweeps.spec import Spec, misfits
from sedcore.jobs.sweeps.study import PRUNED, RUN, WHY, complete, handle, next_point
from sedcore.jobs.workers import living_workers

_AHEAD = 8  # runs that wait at least, where what they are does not hang on how others do
_MOST_ASKED = 4  # trials at most, as a multiple of the points wanted: skipped and repeated ones are no points


class SweepStep:
    """What is due of one sweep at one look, under its lock.

    Parameters
    ----------
    runs : the newest run by trial and seed, so far.
    gives : whether the sweep gave points when it was read.
    job : what its runs ask for.
    """

    def __init__(
        self,
        root: Path,
        sweep: Sweep,
        spec: Spec,
        study: Study,
        runs: dict[tuple[int, int], Run],
        gives: bool,
        job: dict[str, Any] | None,
    ):
        self._root, self._sweep, self._spec, self._study = root, sweep, spec, study
        self._runs, self._gives, self._job = runs, gives, job
        self._misfits: dict[tuple[str, str], str] | None = None

    @property
    def gives(self) -> bool:
        """Whether the sweep gives points; asked anew each time, since stopping it takes no lock."""
        if self._gives:
            self._gives = self._sweep.read()["state"] == "open"
        return self._gives

    def take(self) -> tuple[bool, bool]:
        """Do what is due; say whether more will be without anybody's help, and whether the sweep is at its end."""
        for trial in self._trials(TrialState.RUNNING):
            self._follow(trial)
        while self.gives and self._wants_more():
            trial = next_point(self._study, self._spec)
            if trial is not None:
                self._follow(trial)
        more = self.gives and self._points_left()
        return more, not more and not self._trials(TrialState.RUNNING)

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
        for trial in self._trials(TrialState.RUNNING):
            waiting += sum(run.status().state == "queued" for run in self._runs_of(trial).values() if run)
        return waiting < (max(_AHEAD, 2 * jobs) if blind else jobs)

    def _runs_of(self, trial: FrozenTrial) -> dict[int, Run | None]:
        """Return the run of each seed that has been given; None where it was deleted."""
        given: dict[int, Run | None] = {}
        for seed in self._spec.seeds:
            run = self._runs.get((trial.number, seed))
            if run is not None and run.path.exists():
                given[seed] = run
            elif RUN.format(seed) in trial.user_attrs:
                given[seed] = None
        return given

    def _follow(self, trial: FrozenTrial) -> None:
        trial = complete(self._study, self._spec, trial)
        runs = self._runs_of(trial)
        if not runs and self._set_aside(trial):
            return
        scouting = self._spec.pruner != "none"
        for seed in self._spec.seeds:
            if scouting and any(not _finished(run) for run in runs.values()):
                break
            if seed not in runs and PRUNED not in trial.user_attrs and self.gives:
                runs[seed] = self._give(trial, seed)
        if scouting:
            self._judge(trial, runs.get(self._spec.seeds[0]))
        self._tell(trial.number, runs)

    def _set_aside(self, trial: FrozenTrial) -> bool:
        """Tell a point that needs no runs: it cannot train, or it was tried before."""
        if why := self._unfit(trial):
            self._note(trial, "skipped", why)
            self._study.tell(trial.number, state=TrialState.FAIL)
            return True
        twin = next((t for t in self._trials()[: trial.number] if t.params == trial.params), None)
        if twin is None:
            return False
        self._note(trial, "same-as", twin.number)
        known = twin.value if twin.state == TrialState.COMPLETE else None
        self._study.tell(trial.number, known, None if known is not None else TrialState.FAIL)
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
        self._note(trial, RUN.format(seed), run.run_id)
        return run

    def _judge(self, trial: FrozenTrial, scout: Run | None) -> None:
        """Report the scout's epochs that are not known yet, and end it where it falls behind."""
        if scout is None or PRUNED in trial.user_attrs:
            return
        reporter, known = handle(self._study, trial), trial.intermediate_values
        for epoch, score in _scores(scout):
            if epoch not in known:
                reporter.report(score, epoch)
        if scout.status().state in ("queued", "running") and reporter.should_prune():
            self._note(trial, PRUNED, _scores(scout)[-1][0])

    def _tell(self, number: int, runs: dict[int, Run | None]) -> None:
        """Tell how a point did, once all of its runs have ended. Where the sweep gives no more, none of them waits."""
        trial = self._study.get_trials(deepcopy=False)[number]
        pruned, gives = PRUNED in trial.user_attrs, self.gives
        if not runs:
            if not gives:
                self._fail(trial, self._sweep.stopped_words)
            return
        states = {seed: self._state_now(run, pruned, gives) for seed, run in runs.items()}
        ends = {"finished", "cancelled", "failed"} | (set() if gives else {"interrupted"})
        if set(states.values()) <= ends:
            self._tell_end(trial, runs, states)

    def _state_now(self, run: Run | None, pruned: bool, gives: bool) -> str:
        """Return the state of a run, ended here where its point was pruned or its sweep gives no more."""
        if run is None:
            return "cancelled"
        state = run.status().state
        if pruned and state in ("queued", "running"):
            cancel(run)
            return run.status().state
        if state == "queued" and not gives and leave_queue(run, self._sweep.stopped_words):
            return "cancelled"
        return state

    def _tell_end(self, trial: FrozenTrial, runs: dict[int, Run | None], states: dict[int, str]) -> None:
        """Tell how a point did whose runs have all ended, in these states by seed."""
        pruned = trial.user_attrs.get(PRUNED)
        if pruned is not None and "cancelled" in states.values():
            for seed, run in runs.items():
                if run and states[seed] == "cancelled":
                    _mark_pruned(run, pruned)
            self._study.tell(trial.number, state=TrialState.PRUNED)
        elif "failed" in states.values():
            self._fail(trial, "a run failed")
        elif "finished" in states.values():
            finished = [run for seed, run in runs.items() if run and states[seed] == "finished"]
            self._complete(trial, [best_score(run) for run in finished])
        else:
            self._note(trial, WHY, "cancelled")
            known = trial.intermediate_values
            self._study.tell(trial.number, state=TrialState.PRUNED if known else TrialState.FAIL)

    def _complete(self, trial: FrozenTrial, scores: list[float | None]) -> None:
        if any(score is None for score in scores):
            self._fail(trial, "no validation macro AP: no positive clip in validation")
        else:
            self._study.tell(trial.number, math.fsum(scores) / len(scores))

    def _fail(self, trial: FrozenTrial, why: str) -> None:
        self._note(trial, WHY, why)
        self._study.tell(trial.number, state=TrialState.FAIL)

    def _note(self, trial: FrozenTrial, key: str, value: Any) -> None:
        handle(self._study, trial).set_user_attr(key, value)


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
