"""Seeds of one configuration in a table: mean and standard deviation, beside the rows of the runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets import format as fmt
from pages.widgets import tables
from pages.widgets.scene import Scored
from sedcore.artifacts.seeds import group_label, seed_groups

Values = Mapping[str, Callable[[Scored], float | None]]
MEASURES: Values = {
    "Macro AP": lambda s: s.evaluation.mAP,
    "Micro F1": lambda s: s.evaluation.averages["micro"].f1,
    "Macro F1": lambda s: s.evaluation.averages["macro"].f1,
}
DEVIATION = "SD {}"


def seeds_frame(scored: Sequence[Scored], measures: Values = MEASURES) -> pd.DataFrame:
    """Return a row a configuration with several seeds: its name, seeds, and of each measure mean and deviation;
    the best by the first measure comes first.

    The deviation is that of the sample (divided by seeds minus 1). Without such a configuration it is empty.
    """
    by_id = {s.run.run_id: s for s in scored}
    rows = []
    for group in seed_groups([s.run for s in scored]):
        if len(group) < 2:
            continue
        members = [by_id[run.run_id] for run in group]
        row: dict[str, object] = {"Configuration": group_label(group, members[0].label), "Seeds": len(group)}
        for title, value in measures.items():
            known = np.array([value(s) for s in members], dtype=float)
            row[title], row[DEVIATION.format(title)] = known.mean(), known.std(ddof=1)
        rows.append(row)
    rows.sort(key=lambda row: -np.nan_to_num(row[next(iter(measures))], nan=-1))
    return pd.DataFrame(rows)


def seeds_table(scored: Sequence[Scored], key: str, measures: Values = MEASURES) -> None:
    """Show the table under that of the runs; nothing where no two runs differ in their seed only."""
    frame = seeds_frame(scored, measures)
    if frame.empty:
        return
    st.markdown("**Seeds of one configuration**")
    spreads = [DEVIATION.format(title) for title in measures]
    st.dataframe(
        tables.styled(
            frame,
            dict.fromkeys([*measures, *spreads], fmt.score),
            bold=tables.bold_best(frame, list(measures)),
            faint_columns=spreads,
        ),
        key=key,
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame), 10),
        column_config={
            "Configuration": st.column_config.TextColumn(pinned=True, width="medium"),
            **{title: tables.number_column(help="Mean over seeds.") for title in measures},
            **{name: tables.number_column("SD", help="Standard deviation over seeds.") for name in spreads},
        },
    )
