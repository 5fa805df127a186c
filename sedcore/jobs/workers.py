"""The living workers of an artifact root, and starting one on demand.

A worker has a file in ``workers/`` with its note, which it holds locked while it lives. The next worker removes the
files of dead ones.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sedcore.artifacts.locks import FileLock, folder_guard, lock_holder
from sedcore.errors import SedcoreError
from sedcore.jobs.engine import LOCAL, RAY, engine_of, ray_address, takes

PROJECT = Path(__file__).resolve().parents[2]


def same_work(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two workers, by their notes, take the same runs."""
    return all(
        one.get(key, usual) == other.get(key, usual) for key, usual in (("engine", LOCAL), ("address", None))
    )


@contextmanager
def workers_guard(root: Path) -> Iterator[Path]:
    """Serialise starts and ends of workers on a root; yield their folder."""
    folder = Path(root) / "workers"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SedcoreError(f"{folder} cannot be written: {error.strerror or error}") from error
    with folder_guard(folder):
        yield folder


def living_workers(root: Path) -> list[dict[str, Any]]:
    """Return the note of each living worker: worker (its name), pid, host, jobs, engine."""
    folder = Path(root) / "workers"
    files = sorted(folder.glob("[!.]*.lock")) if folder.is_dir() else []
    return [note for note in map(lock_holder, files) if note]


def register(root: Path, note: dict[str, Any], alone: bool = False) -> FileLock | None:
    """Enter this process as a worker and return its lock; None if `alone` and another takes the same runs."""
    with workers_guard(root) as folder:
        for file in folder.glob("[!.]*.lock"):
            if not lock_holder(file):
                file.unlink(missing_ok=True)
        if alone and any(same_work(worker, note) for worker in living_workers(root)):
            return None
        host = re.sub(r"[^A-Za-z0-9-]", "-", platform.node()) or "host"
        name = f"{host}-{os.getpid()}-{secrets.token_hex(2)}"
        return FileLock(folder / f"{name}.lock", note=note | {"worker": name}).acquire()


def ensure_worker(root: Path, job: dict[str, Any] | None = None) -> None:
    """Start a detached worker on this machine unless a living one takes `job`; it ends when its queue is empty.

    A cluster's worker runs on this machine too: it only submits runs.

    Raises
    ------
    SedcoreError
        The worker could not be started; runs stay queued.
    """
    with workers_guard(root) as folder:
        if any(takes(worker, job) for worker in living_workers(root)):
            return
        log_file = folder / "worker.log"
    root = Path(root).resolve()
    engine = (
        ["--engine", RAY, "--ray-address", ray_address((job or {}).get("address"))]
        if engine_of(job) == RAY
        else []
    )
    # Of two started at once, the second sees the first and ends (--if-none).
    command = [
        sys.executable,
        "-m",
        "sedcore",
        "--artifacts",
        str(root),
        "worker",
        "--until-empty",
        "--if-none",
        *engine,
    ]
    try:
        with open(log_file, "ab") as log:
            # Its own session, so that Ctrl-C in the dashboard's terminal does not reach it.
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=PROJECT,
            )
    except OSError as error:
        raise SedcoreError(f"the worker could not be started: {error.strerror or error}") from error
