"""Whether pages may write. Light: the dashboard asks before it has loaded anything."""

from __future__ import annotations

import os

SWITCH = "SEDBOARD_TRAINING"


def training_enabled() -> bool:
    """Whether this server may write: start trainings, rename, delete. Off unless switched on."""
    return os.environ.get(SWITCH) == "on"
