"""From a configuration to a run, and from a run to the fit loop. Light until a training begins."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sedcore.artifacts import runs
from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.runs import Run
from sedcore.data.features import check_kinds
from sedcore.data.store import DataSet, open_dataset
from sedcore.errors import SedcoreError
from sedcore.extras import need
from sedcore.models.backend import load_keras
from sedcore.models.catalog import model_card
from sedcore.training.config import TrainConfig
from sedcore.training.course import Course, follow

_LIBRARIES = ("tensorflow", "keras", "numpy", "scikit-learn", "librosa", "pandas")


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


def check_fit(dataset: DataSet, config: TrainConfig) -> None:
    """SedcoreError where a data set lacks what a configuration needs: splits, features, enough bands and frames."""
    check_splits(dataset)
    check_kinds(config.features)
    if config.features not in dataset.feature_names():
        built = ", ".join(dataset.feature_names()) or "none"
        # A copied demo set has tables only, and nothing stored that features could follow from.
        bare = built == "none" and dataset.info["source"].get("kind") == "demo"
        command = f"demo-data --name {dataset.name}" if bare else f"data features {dataset.name}"
        raise SedcoreError(
            f"data set {dataset.name} has no features {config.features!r} (built: {built}); "
            f"add them with: {command} --features {config.features}"
        )
    info = dataset.feature_info(config.features)
    misfit = model_card(config.model).misfit(info["bands"], info["frames"])
    if misfit:
        raise SedcoreError(misfit)


def check_splits(dataset: DataSet) -> None:
    """SedcoreError where a data set lacks what training needs: clips to learn from and clips to validate on."""
    for split in ("train", "validation"):
        if split not in dataset.splits:
            raise SedcoreError(
                f"data set {dataset.name} has no {split} split; import it again with --fractions or --{split}"
            )


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
    """Train a queued run to its end and return its final state (see `sedcore.training.course.follow`)."""
    return follow(_learn, root, run, announce, bar, lock)


def _learn(course: Course) -> tuple[str, str]:
    config = TrainConfig.from_json(course.run.info["config"])
    check_fit(open_dataset(course.root, config.dataset), config)  # it may have waited for long
    load_keras()  # after the run was claimed: it takes seconds
    from sedcore.training.fit import learn

    return learn(course)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a result may depend on."""
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_revision() -> str | None:
    """Return the revision of the checkout that this package lies in, None where it is not one."""
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
