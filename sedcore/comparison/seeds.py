"""Seeds of one configuration as one: mean and deviation of their measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sedcore.artifacts.runs import Run
from sedcore.artifacts.seeds import group_label, seed_groups

DEVIATION = "SD {}"  # heading of a deviation column, filled with the title of its measure


def seeds_frame(
    runs: Sequence[Run], labels: Sequence[str], measures: Mapping[str, Sequence[float]]
) -> pd.DataFrame:
    """Return a row a configuration with several seeds: name, seeds, mean and deviation of each measure; best first.

    measures : {title: a value for each run}; rows are sorted by the first. The deviation is that of the sample
        (divided by seeds minus 1). The table is empty where no configuration has several seeds.
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
    """Return (groups,) means and deviations; groups of one size are computed together."""
    sizes = np.array([len(rows) for rows in groups])
    mean, deviation = np.empty(len(groups)), np.empty(len(groups))
    for size in np.unique(sizes):
        same = np.flatnonzero(sizes == size)
        known = values[np.array([groups[number] for number in same])]
        mean[same], deviation[same] = known.mean(axis=1), known.std(axis=1, ddof=1)
    return mean, deviation
