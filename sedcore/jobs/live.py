"""The runs that train or wait in a root, and which of them no living worker takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import Status
from sedcore.errors import SedcoreError
from sedcore.jobs.engine import takes
from sedcore.jobs.listing import live_runs
from sedcore.jobs.workers import living_workers

STARTING_S = 15.0  # time for a worker to start
MOST_ASKED = 20  # queued runs whose job is read at each look


@dataclass(frozen=True)
class LiveRun:
    """A run that trains or waits, as it was at the last look."""

    run: Run
    status: Status
    progress: dict[str, Any] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        """Whether it is queued."""
        return self.status.state == "queued"


@dataclass(frozen=True)
class Look:
    """All live runs: those in training, the oldest first, then the queued ones, the next first."""

    runs: tuple[LiveRun, ...]
    jobs: tuple[dict[str, Any] | None, ...] = ()  # jobs of queued runs that no living worker takes
    unattended: bool = False  # ... for longer than a worker needs to start

    @property
    def training(self) -> list[LiveRun]:
        """Runs in training."""
        return [live for live in self.runs if not live.waits]

    @property
    def waiting(self) -> list[LiveRun]:
        """Queued runs, in order."""
        return [live for live in self.runs if live.waits]

    @property
    def outline(self) -> tuple:
        """What a page shows apart from progress: once it changes, the page is out of date."""
        return (bool(self.jobs), self.unattended, *((r.run.run_id, r.status.state) for r in self.runs))


def look_at(root: Path, broken: Iterable[str], seen: dict) -> Look:
    """Return the live runs.

    broken : ids of runs that cannot be read; they are left out.
    seen : cache of what earlier calls read of each run folder, filled by `live_runs`.
    """
    broken, live = set(broken), []
    for run in live_runs(root, seen):
        if run.run_id in broken:
            continue
        try:
            status = run.status()
            live.append(LiveRun(run, status, (status.state != "queued" and run.progress()) or {}))
        except SedcoreError:
            continue  # deleted meanwhile
    runs = tuple(run for run in live if run.status.live)
    in_vain = _in_vain(root, [run for run in runs if run.waits][:MOST_ASKED])
    jobs = [
        job for place, (job, _) in enumerate(in_vain) if job not in [other for other, _ in in_vain[:place]]
    ]
    return Look(runs, tuple(jobs), unattended=max((age for _, age in in_vain), default=0.0) > STARTING_S)


def _in_vain(root: Path, waiting: Iterable[LiveRun]) -> list[tuple[dict[str, Any] | None, float]]:
    """Return job and seconds of waiting of each run that no living worker takes."""
    workers, asked = living_workers(root), []
    for live in waiting:
        try:
            job = live.run.info["job"]
        except SedcoreError:
            continue  # deleted meanwhile
        if not any(takes(worker, job) for worker in workers):
            asked.append((job, _age_s(live.status)))
    return asked


def _age_s(status: Status) -> float:
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(status.since)).total_seconds()
    except (ValueError, TypeError):
        return float("inf")
