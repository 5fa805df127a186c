"""The queue as a table: what trains now, then what waits, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sedcore.artifacts.runs import Run
from sedcore.artifacts.states import Seen, stored_states
from sedcore.artifacts.status import TRAINING_STATES, Status
from sedcore.errors import SedcoreError
from sedcore.jobs.queue import queued_runs, waiting_in_order


def live_runs(root: Path, seen: Seen | None = None) -> list[Run]:
    """Return the runs that train, the oldest first, then those that wait, the next one first."""
    states = stored_states(root, seen)
    training = sorted(
        (status.since, name) for name, status in states.items() if status.state in TRAINING_STATES
    )
    runs = [Run(Path(root) / "runs" / name) for _, name in training]
    return [run for run in runs if _trains(run)] + waiting_in_order(root, states)


def _trains(run: Run) -> bool:
    """Say whether a process trains it: without one it was interrupted, and is no part of the queue."""
    try:
        return run.status().state in TRAINING_STATES
    except SedcoreError:
        return False  # deleted meanwhile


def queue_rows(root: Path) -> list[dict[str, Any]]:
    """Return a row a run: position (None while it trains), run_id, name, state, since, reason, place, model,
    features, dataset, sweep, and how far it is: epoch, epochs, seconds_left (None where unknown)."""
    rows: list[dict[str, Any]] = []
    waiting = 0
    for run in live_runs(root):
        try:
            status, info, progress = run.status(), run.info, run.progress() or {}
        except SedcoreError:
            continue  # deleted meanwhile
        if not status.live:
            continue  # ended meanwhile
        waiting += status.state == "queued"
        rows.append(_row(run, status, info, progress, waiting if status.state == "queued" else None))
    return rows


def _row(run: Run, status: Status, info: dict, progress: dict, position: int | None) -> dict[str, Any]:
    return {
        "position": position,
        "run_id": run.run_id,
        "name": run.name,
        "state": status.state,
        "since": status.since,
        "reason": status.reason,
        "place": status.place,
        **{key: info[key] for key in ("model", "features", "dataset", "sweep")},
        **{key: progress.get(key) for key in ("epoch", "epochs", "seconds_left")},
    }


def whereabouts(root: Path, run: Run) -> str:
    """Return where a run is, as what follows its name: "is next", "is 3rd in the queue", "trains now"."""
    waiting = [other.run_id for other in queued_runs(root)]
    if run.run_id not in waiting:
        words = {"running": "trains now", "cancelling": "is being cancelled"}
        return words.get(run.status().state, "has ended")
    place = waiting.index(run.run_id) + 1
    return "is next" if place == 1 else f"is {_ordinal(place)} in the queue"


def _ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th, 21st."""
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
