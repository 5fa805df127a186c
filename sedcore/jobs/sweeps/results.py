"""What a sweep has found, from its runs alone: a table of runs, and one of points. No Optuna here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.jobs.queue import Seen, stored_states
from sedcore.jobs.sweeps.spec import Spec

OWN_COLUMNS = ("run_id", "trial", "seed", "state", "since", "value")


def best_score(run: Run) -> float | None:
    """Return validation macro AP of the best epoch, None where no epoch has one."""
    history = run.history()
    values = history.get("validation.mAP")
    if values is None or values.isna().all():
        return None
    return float(values.max())


def runs_of(root: Path, name: str, seen: Seen | None = None) -> list[Run]:
    """Return the runs of a sweep, the oldest first."""
    found = []
    for run_id in sorted(stored_states(root, seen)):
        run = Run(Path(root) / "runs" / run_id)
        try:
            if (run.info["sweep"] or {}).get("name") == name:
                found.append(run)
        except SedcoreError:
            continue
    return found


def run_table(
    runs: Sequence[Run], spec: Spec, score: Callable[[Run], float | None] = best_score
) -> pd.DataFrame:
    """Return a row a run, by trial and seed: OWN_COLUMNS and a column for each setting that varies.

    `value` is validation macro AP of the best epoch so far, NaN where there is none; `score` finds it.
    """
    rows = []
    for run in runs:
        try:
            info, status = run.info, run.status()
            value = score(run)
        except SedcoreError:
            continue  # deleted meanwhile, or damaged: the pages of runs tell
        member = info["sweep"]
        row = {
            "run_id": run.run_id,
            "trial": member["trial"],
            "seed": member["seed"],
            "state": status.state,
            "since": status.since,
            "value": np.nan if value is None else value,
        }
        rows.append(row | {key: info["config"].get(key) for key in spec.space})
    frame = pd.DataFrame(rows, columns=[*OWN_COLUMNS, *spec.space])
    return frame.astype({"value": float}).sort_values(["trial", "seed"], ignore_index=True)


def point_table(table: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return a row a point, in the order given: trial, settings, mean, sd, runs (with a value), run_ids, ended.

    Runs that failed have no value; those that still train count with their best so far. `sd` is the standard
    deviation over seeds, NaN with one run; `ended` says whether none of its runs waits or trains.
    """
    rows = []
    for trial, part in table.groupby("trial", sort=True):
        values = part["value"][part["state"] != "failed"].dropna()
        rows.append(
            {
                "trial": int(trial),
                **{key: part[key].iloc[0] for key in spec.space},
                "mean": values.mean() if len(values) else np.nan,
                "sd": values.std(ddof=1) if len(values) > 1 else np.nan,
                "runs": len(values),
                "run_ids": part["run_id"].tolist(),
                "ended": not part["state"].isin(["queued", "running", "cancelling"]).any(),
                "since": part["since"].max(),
            }
        )
    columns = ["trial", *spec.space, "mean", "sd", "runs", "run_ids", "ended", "since"]
    return pd.DataFrame(rows, columns=columns).astype({"mean": float, "sd": float})
