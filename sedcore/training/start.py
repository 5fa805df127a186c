"""From a configuration to a run, and from a run to the fit loop. Light until a training begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sedcore.artifacts import runs
from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.runs import Run
from sedcore.data.store import open_dataset
from sedcore.extras import need
from sedcore.models.backend import load_keras
from sedcore.training.checks import check_fit
from sedcore.training.config import TrainConfig
from sedcore.training.environment import git_revision, versions
from sedcore.training.supervision import TrainingContext, supervise


def plan(root: Path, config: TrainConfig, run_id: str | None = None, name: str = "") -> dict[str, Any]:
    """Check a configuration against its data set and return what run.json will say of the run.

    Raises
    ------
    SedcoreError
        A value is out of range, the data set or its features do not exist, or the model cannot take them.
    """
    config = config.resolved()
    dataset = open_dataset(root, config.dataset)
    check_fit(dataset, config)
    return {
        "run_id": run_id or "",
        "name": " ".join(name.split()),
        "kind": "trained",
        "model": config.model,
        "features": config.features,
        "dataset": config.dataset,
        "seed": config.seed,
        "classes": list(dataset.classes),
        "config": config.to_json(),
        "data_fingerprint": dataset.fingerprint,
        "versions": versions(),
        "git_revision": git_revision(),
    }


def train_now(
    root: Path,
    config: TrainConfig,
    run_id: str | None = None,
    name: str = "",
    announce: Callable[[str], None] | None = None,
    bar: bool = False,
) -> tuple[Run, str]:
    """Train here and now, past the queue; return the run and its final state.

    The run is born running, under this process's lock, so that no worker takes it.
    """
    need("tensorflow", "training")  # before there is a run
    info, held = plan(root, config, run_id, name), []
    run = runs.create_run(
        root, info, "running", "begins", fill=lambda run: held.append(RunLock(run.path, note={}).acquire())
    )
    return run, train_run(root, run, announce, bar, lock=held[0])


def train_run(
    root: Path,
    run: Run,
    announce: Callable[[str], None] | None = None,
    bar: bool = False,
    lock: RunLock | None = None,
) -> str:
    """Train a queued run to its end and return its final state (see `sedcore.training.supervision.supervise`)."""
    return supervise(_learn, root, run, announce, bar, lock)


def _learn(context: TrainingContext) -> tuple[str, str]:
    config = TrainConfig.from_json(context.run.info["config"])
    check_fit(open_dataset(context.root, config.dataset), config)  # it may have waited for long
    load_keras()  # after the run was claimed: it takes seconds
    from sedcore.training.fit import learn

    return learn(context)
