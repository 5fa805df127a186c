"""Arrays kept in a run's ``cache/``: derived, safe to delete, made again where they do not fit any more.

A file ``cache/NAME.npz`` holds named arrays (no pickle) and the key they were made for, a dictionary of plain
values (what was computed, with which settings, and the time and size of the score file it came from). A reader
whose key differs gets nothing.
"""

from __future__ import annotations

import json
import zipfile
from typing import Any

import numpy as np

from sedcore.artifacts.files import SCHEMA, atomic_path, safe_name
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError

_KEY = "kept-for"


def source_key(run: Run, split: str) -> dict[str, Any]:
    """What a derived array hangs on: split, and time and size of its score file."""
    try:
        found = run.predictions_file(split).stat()
    except OSError as error:
        raise SedcoreError(f"run {run.name} has no predictions for split {split!r}") from error
    return {"split": split, "time_ns": found.st_mtime_ns, "bytes": found.st_size}


def keep_arrays(run: Run, name: str, key: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write arrays into the run's cache, in place of what was kept under `name`."""
    file = run.path / "cache" / f"{safe_name(name, 'cache entry')}.npz"
    try:
        file.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise SedcoreError(f"{file.parent} could not be made: {error.strerror or error}") from error
    with atomic_path(file) as temporary:
        np.savez(temporary, **{_KEY: np.array(_text(key))}, **arrays)


def kept_arrays(run: Run, name: str, key: dict[str, Any]) -> dict[str, np.ndarray] | None:
    """Read what was kept under `name` for this very key; None where there is none, or a damaged one."""
    file = run.path / "cache" / f"{safe_name(name, 'cache entry')}.npz"
    try:
        with np.load(file, allow_pickle=False) as found:
            if _KEY not in found or str(found[_KEY]) != _text(key):
                return None
            return {entry: found[entry] for entry in found.files if entry != _KEY}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # a cache is made again, whatever happened to it


def _text(key: dict[str, Any]) -> str:
    return json.dumps({"schema": SCHEMA, **key}, sort_keys=True)
