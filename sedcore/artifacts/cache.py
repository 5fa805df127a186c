"""Arrays derived from a run's files, cached as ``cache/NAME.npz`` in the run; safe to delete.

An entry records size and time of its source file and the settings it depends on; it is ignored once either has
changed. Nothing is pickled.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sedcore.artifacts.files import DAMAGED_ZIP, SCHEMA, atomic_path, safe_name
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError

_KEY = "key"


def read_cache(run: Run, name: str, source: Path, depends: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """Return the arrays cached under `name`, None where there are none for this `source` and these settings."""
    try:
        with np.load(_file(run, name), allow_pickle=False) as kept:
            if str(kept[_KEY]) != _key(source, depends):
                return None
            return {key: kept[key] for key in kept.files if key != _KEY}
    except (*DAMAGED_ZIP, KeyError):
        return None  # missing or damaged: the caller computes it again


def has_cache(run: Run, name: str, source: Path, depends: Mapping[str, Any]) -> bool:
    """Whether `read_cache` would find an entry; its arrays are not read."""
    try:
        with np.load(_file(run, name), allow_pickle=False) as kept:
            return str(kept[_KEY]) == _key(source, depends)
    except (*DAMAGED_ZIP, KeyError):
        return False


def write_cache(
    run: Run, name: str, source: Path, depends: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Cache arrays under `name`; does nothing where the folder cannot be written."""
    file = _file(run, name)
    with contextlib.suppress(SedcoreError, OSError):
        file.parent.mkdir(exist_ok=True)
        with atomic_path(file, durable=False) as temporary:
            np.savez_compressed(temporary, **{_KEY: np.array(_key(source, depends))}, **arrays)


def _file(run: Run, name: str) -> Path:
    return run.path / "cache" / f"{safe_name(name, 'cache')}.npz"


def _key(source: Path, depends: Mapping[str, Any]) -> str:
    stat = source.stat()
    return json.dumps([SCHEMA, source.name, stat.st_size, stat.st_mtime_ns, dict(depends)], sort_keys=True)
