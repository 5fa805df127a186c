"""The folder in which a data set is built: hidden beside its place, then renamed.

The building process holds a lock in the folder. A folder left by a killed process (SIGKILL, a power cut) is removed
by the next build in the same root.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from sedcore.artifacts.locks import FileLock, lock_is_held
from sedcore.data.store import datasets_folder
from sedcore.errors import SedcoreError

_LOCK = ".lock"
_HIDDEN = re.compile(r"\..+\.tmp-\d+-[0-9a-f]{6}")
_DAY_S = 86_400.0


@contextlib.contextmanager
def new_dataset_folder(root: str | Path, name: str) -> Iterator[Path]:
    """Yield a hidden folder that becomes ``datasets/NAME`` on success and goes away on any failure."""
    check_new(root, name)
    parent = datasets_folder(root)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(parent)
        folder = parent / f".{name}.tmp-{os.getpid()}-{secrets.token_hex(3)}"
        folder.mkdir()
    except OSError as error:
        raise SedcoreError(f"{parent} cannot be written: {error.strerror or error}") from error
    lock = FileLock(folder / _LOCK, note={})
    try:
        with contextlib.suppress(SedcoreError):  # a drive without locks can still store data sets
            lock.acquire()
        yield folder
        check_new(root, name)
        os.rename(folder, parent / name)  # with its lock: without it the folder would look like a leftover
        lock.release()
        with contextlib.suppress(OSError):
            (parent / name / _LOCK).unlink()
    except OSError as error:
        raise SedcoreError(f"{parent / name} could not be written: {error.strerror or error}") from error
    finally:
        lock.release()  # before removal: a network drive keeps the folder of an open file
        shutil.rmtree(folder, ignore_errors=True)


def check_new(root: str | Path, name: str) -> None:
    """Raise SedcoreError where a data set of this name exists."""
    target = datasets_folder(root) / name
    if target.exists():
        raise SedcoreError(
            f"there is already a data set {target.name!r} in {target.parent}; choose another name, or delete "
            f"the folder {target} first"
        )


def _remove_leftovers(parent: Path) -> None:
    """Remove the hidden folders of dead builders. One that cannot be removed stays: it stops no build."""
    with contextlib.suppress(OSError):
        for folder in list(parent.iterdir()):
            if _HIDDEN.fullmatch(folder.name) and folder.is_dir() and _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Whether a hidden folder was abandoned by its builder.

    For a builder on this machine a free lock proves it: the builder wrote its note under the lock. Another machine's
    lock may be invisible over a network drive, and a folder without a note may be brand new, or made by a version that
    held no lock. Such folders count as abandoned after a day without change; never where locks do not work.
    """
    try:
        note = _note(folder / _LOCK)  # read before trying the lock: an existing note was written under it
        if lock_is_held(folder / _LOCK):
            return False
        if note.get("host") == platform.node():
            return True
        changed = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:
        return False
    return time.time() - changed > _DAY_S


def _note(path: Path) -> dict:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
