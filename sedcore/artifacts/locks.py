"""Locks that tell whether a process lives: the kernel drops them when it dies, whatever killed it.

A pid would lie (zombies, reuse), so liveness is ``flock`` on a file. The holder writes into the file who it is;
that is true as long as the lock is held, and means nothing after.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import signal
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sedcore.errors import SedcoreError

_CLAIM_TRIES, _CLAIM_PAUSE_S = 20, 0.02  # a reader's probe may hold the lock for an instant


class FileLock:
    """Exclusive lock of a file, held while this process lives or until released. A context manager too.

    Parameters
    ----------
    path : the file; made where it is missing.
    taken : the error's words where another process holds it.
    note : what to write into the file beside pid and host; None writes nothing, so that the holder cannot be killed
        through the lock. A process that holds it for a moment, to change a file, must not be.
    """

    def __init__(self, path: Path, taken: str = "", note: dict[str, Any] | None = None):
        self.path = Path(path)
        self._taken = taken or f"{self.path} is locked by another process"
        self._note = note
        self._descriptor: int | None = None
        _alive.add(self)

    def acquire(self) -> FileLock:
        """Take the lock. Raises SedcoreError where another process holds it or the file cannot be written."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise SedcoreError(f"{self.path} cannot be written: {error.strerror or error}") from error
        try:
            self._claim(descriptor)
            os.ftruncate(descriptor, 0)  # remove the note of a former holder
            if self._note is not None:
                who = {"pid": os.getpid(), "host": platform.node()} | self._note
                os.pwrite(descriptor, json.dumps(who).encode(), 0)
        except OSError as error:
            os.close(descriptor)
            raise SedcoreError(f"{self.path} cannot be written: {error.strerror or error}") from error
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def _claim(self, descriptor: int) -> None:
        for _ in range(_CLAIM_TRIES):
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_CLAIM_PAUSE_S)
        raise LockTaken(self._taken)

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FileLock:
        return self if self._descriptor is not None else self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


_alive: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _let_go_in_child() -> None:
    """Close the locks in a forked child, which would hold them beyond the death of this process."""
    for lock in list(_alive):
        lock.release()


# Children that run another program need no such step: Python's descriptors are closed on exec.
os.register_at_fork(after_in_child=_let_go_in_child)


class LockTaken(SedcoreError):
    """Another process holds the lock."""


class RunLock(FileLock):
    """The lock of a run folder, held by its trainer while it lives."""

    def __init__(self, folder: Path, taken: str = "", note: dict[str, Any] | None = None):
        folder = Path(folder)
        super().__init__(
            folder / "lock", taken or f"run {folder.name} is being trained by another process", note
        )


def lock_is_held(path: Path) -> bool:
    """Whether a living process holds the lock of a file."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
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


def is_locked(folder: Path) -> bool:
    """Whether a living process holds the lock of a run folder."""
    return lock_is_held(Path(folder) / "lock")


def lock_holder(path: Path) -> dict[str, Any]:
    """Return what the living holder of a lock wrote of itself (pid, host, ...); empty where none holds it."""
    try:
        note = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    # Read first, then probed: a note is its holder's own, unless the holder changed in between.
    return note if isinstance(note, dict) and lock_is_held(path) else {}


def kill_holder(path: Path, number: int = signal.SIGKILL) -> bool:
    """Send a signal to the process that holds a lock; return whether there was one on this machine."""
    note = lock_holder(path)
    pid = note.get("pid")
    if not isinstance(pid, int) or pid <= 1 or note.get("host") != platform.node():
        return False
    try:
        if not hasattr(os, "pidfd_open"):
            os.kill(pid, number)
            return True
        # The second look guards against a pid that was reused before the handle was opened.
        handle = os.pidfd_open(pid)
        try:
            if lock_holder(path) != note:
                return False
            signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def folder_guard(folder: Path) -> Iterator[None]:
    """Serialise short read-change-write steps on the files of a folder, by a lock on the folder itself."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise SedcoreError(f"{folder} cannot be opened: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
