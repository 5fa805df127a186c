"""The states of all runs of a root, from their ``status.json`` alone: cheap enough to poll."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sedcore.artifacts.status import Status, stored_status
from sedcore.errors import SedcoreError

# A file younger than this is read again: a replacement within one tick of the clock leaves the same time.
_YOUNG_NS = 2_000_000_000

Seen = dict[str, tuple[tuple[int, int], Status]]  # run id: stamp of its file, and status


def stored_states(root: Path, seen: Seen | None = None) -> dict[str, Status]:
    """Return the stored status of every run folder, by run id; folders that cannot be read are left out.

    With `seen`, a dict that the caller passes to each call, unchanged files are not read again: thousands of runs
    take milliseconds.
    """
    known, states, young_ns = {}, {}, time.time_ns() - _YOUNG_NS
    folder = Path(root) / "runs"
    try:
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except FileNotFoundError:
        entries = []
    for entry in entries:
        try:
            file = os.stat(os.path.join(entry.path, "status.json"))
            stamp = (file.st_mtime_ns, file.st_ino)
            before = (seen or {}).get(entry.name)
            status = before[1] if before and before[0] == stamp else stored_status(Path(entry.path))
        except (OSError, SedcoreError):
            continue  # no run, half deleted, or broken: `runs.broken_runs` lists those
        states[entry.name] = status
        if file.st_mtime_ns < young_ns:
            known[entry.name] = (stamp, status)
    if seen is not None:
        seen.clear()
        seen.update(known)
    return states


def next_place(root: Path) -> int:
    """Return the place behind all queued runs."""
    places = [status.place or 0 for status in stored_states(root).values() if status.state == "queued"]
    return max(places, default=0) + 1
