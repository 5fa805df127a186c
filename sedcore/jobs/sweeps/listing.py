"""A row per sweep, for lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sedcore.artifacts.runs import Run
from sedcore.artifacts.sweeps import Sweep
from sedcore.jobs.sweeps.results import Members, best_score, point_table, run_table, runs_of
from sedcore.jobs.sweeps.spec import parse_spec


def sweep_row(
    root: Path,
    sweep: Sweep,
    members: Members | None = None,
    score: Callable[[Run], float | None] = best_score,
) -> dict[str, Any]:
    """Return name, state, reason, created, dataset, sampler, pruner, points, runs (at most), given, finished, and
    best: the highest mean over seeds of a point all of whose runs have ended, None where there is none."""
    info = sweep.read()
    spec = parse_spec(info["spec"])
    table = run_table(runs_of(root, sweep.name, members), spec, score)
    points = point_table(table, spec)
    ended = points[points["ended"]]["mean"].dropna()
    return {
        **{key: info[key] for key in ("name", "state", "reason", "created")},
        "dataset": spec.dataset,
        "sampler": spec.sampler,
        "pruner": spec.pruner,
        "points": spec.trials,
        "runs": spec.runs,
        "given": len(table),
        "finished": int((table["state"] == "finished").sum()),
        "best": float(ended.max()) if len(ended) else None,
    }
