"""Seeds of one configuration as one: how far what they give lies apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sedcore.artifacts.runs import Run
from sedcore.artifacts.seeds import group_label, seed_groups

DEVIATION = "SD {}"  # of a measure's title: the column of its deviations


def seeds_frame(
    runs: Sequence[Run], labels: Sequence[str], measures: Mapping[str, Sequence[float]]
) -> pd.DataFrame:
    """Return a row a configuration with several seeds: its name, seeds, and of each measure mean and deviation;
    the best by the first measure comes first.

    measures : by title, the value of each run. The deviation is that of the sample (divided by seeds minus 1).
        Without a configuration that has several seeds the table is empty.
    """
    place = {id(run): row for row, run in enumerate(runs)}
    groups = [[place[id(run)] for run in group] for group in seed_groups(runs) if len(group) > 1]
    if not groups:
        return pd.DataFrame()
    named = [group_label([runs[row] for row in rows], labels[rows[0]]) for rows in groups]
    columns: dict[str, object] = {"Configuration": named, "Seeds": [len(rows) for rows in groups]}
    for title, found in measures.items():
        known = np.asarray(found, dtype=float)
        columns[title], columns[DEVIATION.format(title)] = _spread(known, groups)
    frame = pd.DataFrame(columns)
    order = np.argsort(-np.nan_to_num(frame[next(iter(measures))].to_numpy(), nan=-1), kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def _spread(values: np.ndarray, groups: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return (groups,) means and deviations; groups of one size are looked at in one step."""
    sizes = np.array([len(rows) for rows in groups])
    mean, deviation = np.empty(len(groups)), np.empty(len(groups))
    for size in np.unique(sizes):
        same = np.flatnonzero(sizes == size)
        known = values[np.array([groups[number] for number in same])]
        mean[same], deviation[same] = known.mean(axis=1), known.std(axis=1, ddof=1)
    return mean, deviation
