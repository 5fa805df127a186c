"""Waiting for what another process brings about: for the condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 240  # a slow machine with all processors busy


def wait_until(condition: Callable[[], Any], what: Callable[[], Any] = lambda: "") -> Any:
    """Return the condition's first true value; fail with `what` tells where it does not come."""
    end = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < end, what()
        time.sleep(0.02)  # between two looks
    return value
