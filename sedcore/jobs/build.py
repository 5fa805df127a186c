"""Building the demo data set from a page, in a separate process that outlives the page.

The process inherits a lock, which shows whether it still runs: the kernel releases it however the process ends. Its
output is in ``datasets/.build-NAME.log``.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sedcore.artifacts.files import safe_name
from sedcore.data.store import DataSet, datasets_folder
from sedcore.errors import SedcoreError
from sedcore.jobs.switch import SWITCH, training_enabled

DEMO = "demo"


@dataclass(frozen=True)
class Build:
    """State of a build: none, running or ended; its start (seconds since 1970) and last output."""

    state: str
    since: float = 0.0
    words: str = ""


def is_demo(dataset: DataSet) -> bool:
    """Whether a data set was synthesised by code, so that its features can be computed again anywhere."""
    return dataset.info.get("source", {}).get("kind") == DEMO


def demo_command(dataset: DataSet | None = None) -> list[str]:
    """Return the arguments of `sedcore` that build the demo set, or the missing features of one."""
    return ["demo-data"] + (["--name", dataset.name] if dataset and dataset.name != DEMO else [])


def demo_command_line(dataset: DataSet | None = None) -> str:
    """Return the shell command that builds the demo set."""
    return shlex.join(["python", "-m", "sedcore", *demo_command(dataset)])


def start_demo(root: Path, dataset: DataSet | None = None) -> None:
    """Start building the demo set, or the features of `dataset`; return at once.

    Raises
    ------
    SedcoreError
        Writing is switched off, a build of this name is running, or the process could not be started.
    """
    if not training_enabled():
        raise SedcoreError(f"writing is switched off here; the server's owner can set {SWITCH}=on")
    lock, log = _files(root, dataset.name if dataset else DEMO)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise SedcoreError(f"{lock.parent} cannot be written: {error.strerror or error}") from error
    command = [sys.executable, "-m", "sedcore", "--artifacts", str(Path(root).resolve())]
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.utime(lock)
        with open(log, "wb") as words:
            subprocess.Popen(
                command + demo_command(dataset),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                start_new_session=True,
                pass_fds=(descriptor,),  # the process holds the lock as long as it lives
                cwd=Path(__file__).resolve().parents[2],
            )
    except BlockingIOError:
        raise SedcoreError("this data set is being built already") from None
    except OSError as error:
        raise SedcoreError(f"the process could not be started: {error.strerror or error}") from error
    finally:
        os.close(descriptor)


def build_state(root: Path, name: str = DEMO) -> Build:
    """Return the state of a data set's build."""
    lock, log = _files(root, name)
    try:
        since = lock.stat().st_mtime
        words = log.read_text(encoding="utf-8", errors="replace").strip()
        with open(lock, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return Build("none")
    except BlockingIOError:
        return Build("running", since, words)
    return Build("ended", since, words)


def _files(root: Path, name: str) -> tuple[Path, Path]:
    folder = datasets_folder(root)
    safe_name(name, "data set name")
    return folder / f".build-{name}.lock", folder / f".build-{name}.log"
