"""Starting and stopping trainings from a page. Each training is a process of its own that outlives the page."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from sedcore.artifacts import runs
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.training.config import TrainConfig
from sedcore.training.start import queue_run

SWITCH = "SEDBOARD_TRAINING"


def training_enabled() -> bool:
    """Say whether this server may write: start trainings, rename, delete. Off unless switched on."""
    return os.environ.get(SWITCH) == "on"


def start_training(root: Path, config: TrainConfig, name: str = "") -> Run:
    """Make a queued run and start its training in a detached process; return at once.

    Raises
    ------
    SedcoreError
        Training is switched off, the configuration does not fit, or the process could not be started (then the
        run says so as failed).
    """
    if not training_enabled():
        raise SedcoreError(f"training is switched off here; the server's owner can set {SWITCH}=on")
    run = queue_run(root, config, name=name)
    command = [sys.executable, "-m", "sedcore.training", run.run_id, "--artifacts", str(Path(root).resolve())]
    try:
        with open(run.path / "log.txt", "ab") as log:
            # A session of its own: Ctrl-C in the dashboard's terminal does not reach it.
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                cwd=Path(__file__).resolve().parents[2],
            )
    except OSError as error:
        runs.set_status(
            run, "failed", f"the training process could not be started: {error.strerror or error}"
        )
        raise SedcoreError(f"the training process could not be started: {error.strerror or error}") from error
    return run


def request_stop(run: Run) -> bool:
    """Ask a training to end after the batch in hand, keeping what it has learned; say whether it was running.

    A run that still waits is cancelled at once.
    """
    if runs.set_status(run, "cancelled", "cancelled before it began", only_from=("queued",)):
        return False
    return runs.set_status(run, "cancelling", "stop requested", only_from=("running",))


def command_line(config: TrainConfig) -> str:
    """Return the shell command that trains the same, with the settings that differ from the defaults."""
    parts = [
        "python",
        "-m",
        "sedcore",
        "train",
        config.dataset,
        "--model",
        config.model,
        "--features",
        config.features,
    ]
    defaults = TrainConfig(config.dataset, config.model)
    for setting in ("epochs", "batch_size", "learning_rate", "seed", "patience", "threshold"):
        value = getattr(config, setting)
        if value is not None and value != getattr(defaults, setting):
            parts += [
                f"--{setting.replace('_', '-')}",
                f"{value:g}" if isinstance(value, float) else str(value),
            ]
    return shlex.join(parts)
