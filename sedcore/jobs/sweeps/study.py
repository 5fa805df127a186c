"""The Optuna side of a sweep: its study, kept as Optuna's own journal ``optuna.log`` in the sweep's folder.

The journal is Optuna's storage for file systems that machines share, and its tools open it. Only who holds the
sweep's lock writes to it (`sedcore.jobs.sweeps.step`); so a lock of the journal's own, which a killed process
would leave behind for half a minute, is not needed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from sedcore.artifacts.sweeps import Sweep
from sedcore.errors import SedcoreError
from sedcore.jobs.sweeps.space import SETTINGS, Choices, Range, grid
from sedcore.jobs.sweeps.spec import Spec

optuna.logging.set_verbosity(optuna.logging.WARNING)

# What this project notes at a trial, beside what Optuna knows.
RUN = "run-{}"  # of a seed: the id of its run
PRUNED, WHY = "pruned", "why"  # the epoch after which it fell behind; why it has no runs or failed

LEAST_POINTS = 8  # that importance is made from


class _NoLock:
    """The writer holds the sweep's lock already."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def open_study(sweep: Sweep, spec: Spec) -> optuna.Study:
    """Return the study, made where there is none yet, to be written to. The caller holds the sweep's lock."""
    _mend(sweep)
    storage = JournalStorage(JournalFileBackend(str(sweep.journal), lock_obj=_NoLock()))
    known = {"study_name": sweep.name, "storage": storage, "pruner": _pruner(spec)}
    try:
        return optuna.load_study(**known)
    except KeyError:
        return optuna.create_study(direction="maximize", **known)


def read_study(sweep: Sweep) -> optuna.Study | None:
    """Return the study, to be read; None before the first point was given.

    Raises
    ------
    SedcoreError
        The journal cannot be read.
    """
    if not sweep.journal.exists():
        return None
    try:
        storage = JournalStorage(JournalFileBackend(str(sweep.journal), lock_obj=_NoLock()))
        return optuna.load_study(study_name=sweep.name, storage=storage)
    except KeyError:
        return None
    except (OSError, ValueError) as error:
        raise SedcoreError(f"sweep {sweep.name}: {sweep.journal} could not be read ({error})") from error


def _mend(sweep: Sweep) -> None:
    """Cut off what a killed writer left of a line, which the next line would be glued to."""
    with contextlib.suppress(FileNotFoundError), open(sweep.journal, "rb+") as file:
        end = file.seek(0, os.SEEK_END)
        position, last = end, b""
        while position and b"\n" not in last:
            position = max(position - 4096, 0)
            file.seek(position)
            last = file.read(end - position)
        file.truncate(position + last.rfind(b"\n") + 1)


def _pruner(spec: Spec) -> optuna.pruners.BasePruner:
    if spec.pruner == "median":
        # One epoch says little of a model that begins slowly; five points are a median worth the name.
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1)
    if spec.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=_most_epochs(spec))
    return optuna.pruners.NopPruner()


def _most_epochs(spec: Spec) -> int:
    """Return the most epochs that a run of the sweep may train."""
    points = [{}]
    for key in ("model", "epochs"):
        dimension = spec.space.get(key)
        if isinstance(dimension, Choices):
            points = [point | {key: value} for point in points for value in dimension.values]
        elif isinstance(dimension, Range):
            points = [point | {key: int(dimension.high)} for point in points]
    epochs = []
    for point in points:
        with contextlib.suppress(SedcoreError):  # settings that do not suit the model: the point is skipped
            epochs.append(spec.config(point, spec.seeds[0]).epochs)
    return max(epochs, default=1)


def distributions(spec: Spec) -> dict[str, BaseDistribution]:
    """Return the space as Optuna's distributions."""
    return {key: _distribution(key, dimension) for key, dimension in spec.space.items()}


def _distribution(key: str, dimension: Choices | Range) -> BaseDistribution:
    if isinstance(dimension, Choices):
        return CategoricalDistribution(dimension.values)
    if SETTINGS[key].type is int:
        return IntDistribution(
            int(dimension.low), int(dimension.high), dimension.log, int(dimension.step or 1)
        )
    return FloatDistribution(dimension.low, dimension.high, dimension.log, dimension.step)


def next_point(study: optuna.Study, spec: Spec) -> FrozenTrial | None:
    """Give the next point and return its trial; None where a grid has no more.

    The sampler begins anew at each point, from the number of points given: a worker that takes over goes on as the
    one before would have.
    """
    number = len(study.get_trials(deepcopy=False))
    if spec.sampler == "grid":
        points = grid(spec.space)
        if number >= len(points):
            return None
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.RUNNING, params=points[number], distributions=distributions(spec)
            )
        )
    else:
        study.sampler = (
            optuna.samplers.RandomSampler(seed=number)
            if spec.sampler == "random"
            else optuna.samplers.TPESampler(seed=number)
        )
        study.ask(distributions(spec))
    return study.get_trials(deepcopy=False)[number]


def complete(study: optuna.Study, spec: Spec, trial: FrozenTrial) -> FrozenTrial:
    """Return a running trial with all its parameters, drawn now where a worker was killed before it drew them."""
    if set(trial.params) < set(spec.space):
        study.sampler = optuna.samplers.RandomSampler(seed=trial.number)
        rest = handle(study, trial)
        for key, dimension in distributions(spec).items():
            if isinstance(dimension, CategoricalDistribution):
                rest.suggest_categorical(key, dimension.choices)
            elif isinstance(dimension, IntDistribution):
                rest.suggest_int(key, dimension.low, dimension.high, step=dimension.step, log=dimension.log)
            else:
                rest.suggest_float(key, dimension.low, dimension.high, step=dimension.step, log=dimension.log)
        trial = study.get_trials(deepcopy=False)[trial.number]
    return trial


def handle(study: optuna.Study, trial: FrozenTrial) -> Trial:
    """Return what reports to a running trial, whichever process began it."""
    return Trial(study, trial._trial_id)


def importances(study: optuna.Study) -> Mapping[str, float]:
    """Return how much of the spread of values each setting accounts for, as shares of 1, the largest first (f-ANOVA).

    Empty while fewer than LEAST_POINTS are complete or only one setting varies: then there is little to say. Optuna's
    default, PED-ANOVA, looks at the best tenth of the points alone, which of a small grid is a single one.
    Source: Hutter, Hoos and Leyton-Brown 2014, https://proceedings.mlr.press/v32/hutter14.html.
    """
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(done) < LEAST_POINTS or len(done[0].params) < 2 or len({trial.value for trial in done}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.get_param_importances(study, evaluator=evaluator)
