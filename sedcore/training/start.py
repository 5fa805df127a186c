"""From a configuration to a queued run, and from a queued run to the fit loop. Light until `train` is called."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

from sedcore.artifacts import runs
from sedcore.artifacts.runs import Run
from sedcore.data.features import check_kinds
from sedcore.data.store import DataSet, open_dataset
from sedcore.errors import SedcoreError
from sedcore.models.backend import load_keras
from sedcore.models.catalog import model_card
from sedcore.training.config import TrainConfig

_LIBRARIES = ("tensorflow", "keras", "numpy", "scikit-learn", "librosa", "pandas")


def queue_run(root: Path, config: TrainConfig, run_id: str | None = None, name: str = "") -> Run:
    """Check a configuration against its data set and make the queued run folder.

    Raises
    ------
    SedcoreError
        A value is out of range, the data set or its features do not exist, the model cannot take them, or the
        run id is taken.
    """
    config = config.resolved()
    dataset = open_dataset(root, config.dataset)
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
    return runs.create_run(
        root,
        {
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
        },
    )


def check_splits(dataset: DataSet) -> None:
    """SedcoreError where a data set lacks what training needs: clips to learn from and clips to validate on."""
    for split in ("train", "validation"):
        if split not in dataset.splits:
            raise SedcoreError(
                f"data set {dataset.name} has no {split} split; import it again with --fractions or --{split}"
            )


def train(root: Path, run: Run, announce: Callable[[str], None] | None = None, bar: bool = False) -> str:
    """Train a queued run here and now (see `sedcore.training.fit.train_run`); return its final state."""
    try:
        load_keras()
        from sedcore.training.fit import train_run
    except BaseException as error:  # Ctrl-C too: nobody else will train a run that was queued here
        state = "failed" if isinstance(error, Exception) else "cancelled"
        runs.set_status(run, state, f"ended before it began ({type(error).__name__})", only_from=("queued",))
        raise
    return train_run(root, run, announce, bar)


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
