"""Other processes: waiting for what they bring about (for the condition, never for a time), and finding them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE_S = 240  # a slow machine with all processors busy


def wait_until(condition: Callable[[], Any], what: Callable[[], Any] = lambda: "") -> Any:
    """Return the condition's first true value; fail with `what` tells where it does not come."""
    end = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < end, what()
        time.sleep(0.02)  # between two looks
    return value


def processes(root: Path, module: str) -> dict[int, list[str]]:
    """Return pid and words of the living processes that work on a root as this module."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                if str(root) in words and module in words:
                    found[int(entry.name)] = words
    return found


def end_trainers(root: Path, module: str) -> None:
    """Kill what a failed test left training on its root."""
    for pid in processes(root, module):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
