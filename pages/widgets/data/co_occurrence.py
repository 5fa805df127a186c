"""Which classes share clips, and how long their events are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.data.clip_pictures import seconds, title
from sedcore.data import summary
from sedcore.data.store import DataSet
from sedcore.figures import style
from sedcore.figures.data import lengths_figure, together_figure

MOST_CLASSES = 40  # in a figure; tables have them all


def together_and_lengths(dataset: DataSet, balance: pd.DataFrame) -> None:
    """Show which classes share clips, and how long events are where labels are strong."""
    labels = summary.most_frequent(balance, MOST_CLASSES)
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader("Classes in the same clip", anchor=False)
        together_part(dataset, labels)
    with right:
        st.subheader("Lengths of events", anchor=False)
        lengths_part(dataset, labels)


def together_part(dataset: DataSet, labels: list[str]) -> None:
    truth = np.concatenate([dataset.truth(split) for split in dataset.splits])
    counts = summary.together(truth)
    place = [dataset.classes.index(label) for label in labels]
    shared = counts[np.ix_(place, place)]
    several = int((truth.sum(axis=1) > 1).sum())
    st.caption(
        f"{fmt.count(several)} of {fmt.plural(len(truth), 'clip')} hold more than one class. Read a row: of the clips "
        "with this class, how many in a hundred also have the column's."
    )
    figure = together_figure(shared, labels)
    st.plotly_chart(
        figure, key="data-together", config=style.CONFIG, alt="Share of clips that two classes share"
    )
    say_cut(dataset)


def lengths_part(dataset: DataSet, labels: list[str]) -> None:
    lengths = summary.length_table(dataset)
    if lengths is None:
        st.caption("The labels are weak: they say what sounds in a clip, not when, so events have no length.")
        return
    known = lengths.dropna(subset=["q50"])
    if known.empty:
        st.caption("There is no event.")
        return
    short, long = known.loc[known["q50"].idxmin()], known.loc[known["q50"].idxmax()]
    st.caption(
        f"Half of the events of {title(short['label'])} are shorter than {seconds(short['q50'])}, of "
        f"{title(long['label'])} than {seconds(long['q50'])}. Thick: the middle half; thin: 10 to 90 %."
    )
    figure = lengths_figure(lengths, labels)
    st.plotly_chart(figure, key="data-lengths", config=style.CONFIG, alt="Lengths of events by class")
    with st.expander("As a table"):
        frame = lengths.set_index("label").loc[labels].reset_index()
        frame["label"] = [fmt.class_title(label) for label in frame["label"]]
        frame.columns = [
            "Class",
            "Events",
            "A clip",
            "10 %",
            "25 %",
            "Median",
            "75 %",
            "90 %",
            "Longest",
            "Filled",
        ]
        spans = {c: seconds for c in ("10 %", "25 %", "Median", "75 %", "90 %", "Longest")}
        st.dataframe(
            tables.styled(
                frame,
                spans
                | {"Events": fmt.count, "A clip": lambda mean: fmt.score(mean, 1), "Filled": fmt.percent},
            ),
            hide_index=True,
            placeholder=fmt.DASH,
            key="data-lengths-table",
            height=tables.height_of(len(frame), 14),
            column_config={
                "Class": st.column_config.TextColumn(pinned=True),
                "A clip": tables.number_column(help="Mean number of events in a clip that has the class."),
                "Filled": tables.number_column(help="Share of the time of such clips that its events fill."),
            },
        )


def say_cut(dataset: DataSet, more: str = "") -> None:
    """Say of a figure that it does not have all classes."""
    if len(dataset.classes) > MOST_CLASSES:
        st.caption(f"The {MOST_CLASSES} most frequent of {len(dataset.classes)} classes. {more}")
