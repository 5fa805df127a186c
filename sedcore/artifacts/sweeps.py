"""The sweep folder ``sweeps/NAME``: the search and its state. The only code that reads or writes it.

``sweep.json`` holds the specification as it was given and the state; ``optuna.log`` beside it is Optuna's own
journal. The trainings of a sweep are ordinary runs; each names its sweep, trial and seed in run.json.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from sedcore.artifacts.files import read_json, safe_name, write_json
from sedcore.artifacts.locks import folder_guard
from sedcore.artifacts.status import now
from sedcore.errors import SedcoreError

# open: starts trials; stopping: starts no more, some still train; stopped, finished: no trial is left.
STATES = ("open", "stopping", "stopped", "finished")
LIVE_STATES = ("open", "stopping")
_FOLDER, _FILE = "sweeps", "sweep.json"


class Sweep:
    """A sweep folder, read lazily."""

    def __init__(self, path: Path):
        self.path = Path(path)
        self.name = self.path.name

    def __repr__(self) -> str:
        return f"Sweep({self.name!r})"

    @property
    def journal(self) -> Path:
        """Path of Optuna's journal, whether or not it exists."""
        return self.path / "optuna.log"

    @property
    def stopped_words(self) -> str:
        """Status reason of a run that left the queue because its sweep was stopped."""
        return f"sweep {self.name} was stopped"

    def read(self) -> dict[str, Any]:
        """Return sweep.json: name, created, state, since, reason, job and ``spec`` (see `sedcore.jobs.sweeps.spec`).

        Raises
        ------
        SedcoreError
            It is missing or damaged.
        """
        info = read_json(self.path / _FILE, f"sweep {self.name}")
        if info.get("state") not in STATES or not isinstance(info.get("spec"), dict):
            raise SedcoreError(
                f"sweep {self.name}: {self.path / _FILE} has state {info.get('state')!r} and needs one of "
                f"{', '.join(STATES)}, and a spec"
            )
        return {"created": "", "since": "", "reason": "", "job": None} | info


def create_sweep(root: Path, spec: dict[str, Any], name: str, job: dict[str, Any] | None = None) -> Sweep:
    """Create the folder of an open sweep and return the sweep; a name that is taken gets a number.

    `job` holds engine and resources of each of its runs; None: this machine.

    Raises
    ------
    SedcoreError
        The name is unsafe as a folder, or the root cannot be written.
    """
    safe_name(name, "sweep name")
    parent = Path(root) / _FOLDER
    filling = parent / f".new-{name}-{secrets.token_hex(2)}"
    try:
        filling.mkdir(parents=True)
        with folder_guard(parent):
            free, number = name, 1
            while (parent / free).exists():
                number += 1
                free = f"{name}-{number}"
            created = now()
            info = {"name": free, "created": created, "state": "open", "since": created, "reason": ""}
            write_json(filling / _FILE, info | {"job": job, "spec": spec})
            os.rename(filling, parent / safe_name(free, "sweep name"))
    except OSError as error:
        raise SedcoreError(
            f"the sweep folder {parent / name} could not be made: {error.strerror or error}"
        ) from error
    finally:
        shutil.rmtree(filling, ignore_errors=True)
    return Sweep(parent / free)


def list_sweeps(root: Path) -> list[Sweep]:
    """Return the readable sweeps, newest first."""
    readable = []
    for sweep in _folders(root):
        try:
            readable.append((sweep.read()["created"], sweep.name, sweep))
        except SedcoreError:
            continue
    return [sweep for _, _, sweep in sorted(readable, key=lambda entry: entry[:2], reverse=True)]


def broken_sweeps(root: Path) -> list[tuple[Path, str]]:
    """Return the folders that cannot be read as sweeps, each with the reason."""
    problems = []
    for sweep in _folders(root):
        try:
            sweep.read()
        except SedcoreError as error:
            problems.append((sweep.path, str(error)))
    return problems


def find_sweep(root: Path, name: str) -> Sweep:
    """Return the sweep of this name. Raises SedcoreError, with the names that exist, where there is none."""
    folders = {sweep.name: sweep for sweep in _folders(root)}
    if name in folders:
        return folders[name]
    there = f"there are {', '.join(sorted(folders))}" if folders else "there is none yet"
    raise SedcoreError(f"no sweep {name!r} in {Path(root) / _FOLDER}; {there}")


def set_sweep_state(sweep: Sweep, state: str, reason: str = "", only_from: tuple[str, ...] = STATES) -> bool:
    """Write the state where the stored one is in `only_from`; return whether it was written."""
    with folder_guard(sweep.path):
        info = sweep.read()
        if info["state"] not in only_from:
            return False
        write_json(sweep.path / _FILE, info | {"state": state, "since": now(), "reason": reason})
    return True


def _folders(root: Path) -> list[Sweep]:
    folder = Path(root) / _FOLDER
    if not folder.is_dir():
        return []
    paths = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [Sweep(path) for path in paths]
