"""Starting trainings from a page: they are queued, and a worker that outlives the page takes them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.jobs.engine import RAY, engine_of
from sedcore.jobs.queue import resume, submit
from sedcore.jobs.switch import SWITCH, training_enabled
from sedcore.jobs.workers import ensure_worker
from sedcore.training.config import SETTINGS, TrainConfig
from sedcore.training.settings import DATA


def start_training(root: Path, config: TrainConfig, name: str = "", job: dict[str, Any] | None = None) -> Run:
    """Queue a training from a page and see that a worker lives to take it; return at once.

    `job` says where it is to be trained (see `sedcore.jobs.engine`); None: on this machine.

    Raises
    ------
    SedcoreError
        Training is switched off, the configuration does not fit, or no worker could be started (the run waits).
    """
    need_training()
    run = submit(root, config, name=name, job=job)
    ensure_worker(root, job)
    return run


def resume_training(root: Path, run: Run) -> None:
    """Queue a run again from a page and see that a worker lives to take it. Raises as `queue.resume` does."""
    need_training()
    resume(root, run)
    ensure_worker(root, run.info["job"])


def need_training() -> None:
    """SedcoreError where this server may not write."""
    if not training_enabled():
        raise SedcoreError(f"training is switched off here; the server's owner can set {SWITCH}=on")


def command_line(config: TrainConfig, job: dict[str, Any] | None = None) -> str:
    """Return the shell command that trains the same there, with the settings that differ from the defaults."""
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
    usual = TrainConfig(config.dataset, config.model).resolved()
    for name, known in SETTINGS.items():
        value = getattr(config, name)
        if known.part == DATA or value in (None, getattr(usual, name)):
            continue
        parts.append(known.option.replace("--", "--no-") if value is False else known.option)
        if known.type is not bool:
            parts.append(f"{value:g}" if known.type is float else str(value))
    if engine_of(job) == RAY:
        parts += ["--engine", RAY, "--cores", f"{job['cores']}", "--gpus", f"{job['gpus']:g}"]
        parts += ["--ray-address", job["address"]] if job["address"] else []
    return shlex.join(parts)


def shell_command(config: TrainConfig, job: dict[str, Any] | None = None, name: str = "") -> str:
    """Return `command_line` for a shell that knows nothing of this server's settings, a line an option."""
    words = shlex.split(command_line(config, job)) + (["--name", name] if name else [])
    root = os.environ.get("SEDCORE_ARTIFACTS")
    if root and Path(root) != Path("artifacts"):
        words += ["--artifacts", root]
    starts = [place for place, word in enumerate(words) if word.startswith("--")]
    lines = [words[: starts[0]], *(words[one:end] for one, end in zip(starts, [*starts[1:], len(words)]))]
    return " \\\n  ".join(map(shlex.join, lines))
