"""Seeds of one configuration in a table: mean and standard deviation, beside the rows of the runs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from sedcore.comparison.seeds import DEVIATION

MOST_STYLED = 300


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
