"""Locks that tell whether a process lives: the kernel drops them when it dies, whatever killed it.

A pid would lie (zombies, reuse), so liveness is ``flock`` on a file in the run folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from sedcore.errors import SedcoreError

_CLAIM_TRIES, _CLAIM_PAUSE_S = 20, 0.02  # a reader's probe may hold the lock for an instant


class RunLock:
    """Exclusive lock of a run folder, held by its trainer while it lives. Use it as a context manager."""

    def __init__(self, folder: Path):
        self.path = Path(folder) / "lock"
        self._descriptor: int | None = None

    def __enter__(self) -> RunLock:
        # Descriptors that Python opens are not inherited by children it starts.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        for _ in range(_CLAIM_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_CLAIM_PAUSE_S)
            else:
                self._descriptor = descriptor
                return self
        os.close(descriptor)
        raise SedcoreError(f"run {self.path.parent.name} is being trained by another process")

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_locked(folder: Path) -> bool:
    """Say whether a living process holds the lock of a run folder."""
    try:
        descriptor = os.open(Path(folder) / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def folder_guard(folder: Path) -> Iterator[None]:
    """Serialise short read-change-write steps on the files of a folder, by a lock on the folder itself."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
