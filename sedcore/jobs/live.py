"""What trains and waits in a root at one look, and what of it no living worker takes."""

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

STARTING_S = 15.0  # a worker may take so long to come
MOST_ASKED = 20  # runs that wait whose wishes are read at each look


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
    """All that is live: what trains, the oldest first, then what waits, the next one first."""

    runs: tuple[LiveRun, ...]
    jobs: tuple[dict[str, Any] | None, ...] = ()  # what runs that wait ask for and no living worker takes
    unattended: bool = False  # ... and a worker should have come by now

    @property
    def training(self) -> list[LiveRun]:
        """Runs that a process trains."""
        return [live for live in self.runs if not live.waits]

    @property
    def waiting(self) -> list[LiveRun]:
        """Runs that wait, in order."""
        return [live for live in self.runs if live.waits]

    @property
    def outline(self) -> tuple:
        """What a page is built from, beside progress: where it is another, the page is out of date."""
        return (bool(self.jobs), self.unattended, *((r.run.run_id, r.status.state) for r in self.runs))


def look_at(root: Path, broken: Iterable[str], seen: dict) -> Look:
    """Return what is live.

    broken : ids of runs that cannot be read; they are left out.
    seen : what earlier looks read of each run folder, as `live_runs` fills it.
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
    runs = tuple(one for one in live if one.status.live)
    in_vain = _in_vain(root, [one for one in runs if one.waits][:MOST_ASKED])
    jobs = [
        job for place, (job, _) in enumerate(in_vain) if job not in [other for other, _ in in_vain[:place]]
    ]
    return Look(runs, tuple(jobs), unattended=max((age for _, age in in_vain), default=0.0) > STARTING_S)


def _in_vain(root: Path, waiting: Iterable[LiveRun]) -> list[tuple[dict[str, Any] | None, float]]:
    """Return what each run asks for that no living worker takes, and for how many seconds it has waited."""
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
