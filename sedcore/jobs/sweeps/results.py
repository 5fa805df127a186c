"""What a sweep has found, from its runs alone: a table of runs, and one of points. No Optuna here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import LIVE_STATES
from sedcore.errors import SedcoreError
from sedcore.jobs.sweeps.spec import Spec

Members = dict[str, str | None]  # run id: the sweep that it belongs to
OWN_COLUMNS = ("run_id", "trial", "seed", "state", "since", "value")


def best_score(run: Run) -> float | None:
    """Return validation macro AP of the best epoch, None where no epoch has one."""
    history = run.history()
    values = history.get("validation.mAP")
    if values is None or values.isna().all():
        return None
    return float(values.max())


def runs_of(root: Path, name: str, members: Members | None = None) -> list[Run]:
    """Return the runs of a sweep, the oldest first.

    With `members`, kept by the caller from call to call, only the files of new runs are read: a run never changes
    its sweep.
    """
    known = {} if members is None else members
    runs = []
    for run_id in sorted(known_run_ids(root)):
        run = Run(Path(root) / "runs" / run_id)
        if run_id not in known:
            try:
                known |= members_of([run])
            except SedcoreError:
                continue
        if known[run_id] == name:
            runs.append(run)
    return runs


def members_of(runs: Sequence[Run]) -> Members:
    """Return the sweep of each run, None where it belongs to none: what `runs_of` keeps from call to call."""
    return {run.run_id: (run.info["sweep"] or {}).get("name") for run in runs}


def known_run_ids(root: Path) -> list[str]:
    """Return the names of all run folders."""
    try:
        return [entry.name for entry in os.scandir(Path(root) / "runs") if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []


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
                "ended": not part["state"].isin(LIVE_STATES).any(),
                "since": part["since"].max(),
            }
        )
    columns = ["trial", *spec.space, "mean", "sd", "runs", "run_ids", "ended", "since"]
    return pd.DataFrame(rows, columns=columns).astype({"mean": float, "sd": float})
