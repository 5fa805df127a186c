"""Seeds of one configuration in a table: mean and standard deviation, beside the rows of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from sedcore.artifacts.runs import Run
from sedcore.artifacts.seeds import group_label, seed_groups

DEVIATION = "SD {}"
MOST_STYLED = 300


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


def seeds_table(frame: pd.DataFrame, measures: Sequence[str], key: str) -> None:
    """Show the table of `seeds_frame` under that of the runs; nothing where no two runs differ in their seed only."""
    if frame.empty:
        return
    st.markdown("**Seeds of one configuration**")
    spreads = [DEVIATION.format(title) for title in measures]
    long = len(frame) > MOST_STYLED
    printed = "%.3f" if long else None
    styled = (
        None
        if long
        else tables.styled(
            frame,
            dict.fromkeys([*measures, *spreads], fmt.score),
            bold=tables.bold_best(frame, measures),
            faint_columns=spreads,
        )
    )
    st.dataframe(
        frame if long else styled,
        key=key,
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame), 10),
        column_config={
            "Configuration": st.column_config.TextColumn(pinned=True, width="medium"),
            **{title: tables.number_column(help="Mean over seeds.", format=printed) for title in measures},
            **{
                name: tables.number_column("SD", help="Standard deviation over seeds.", format=printed)
                for name in spreads
            },
        },
    )
