"""The table of classes with runs side by side, and notes on classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.base.navigation import go_to
from pages.widgets.compare.mismatch import names_of
from pages.widgets.runs.scene import Scene
from sedcore.comparison.classes import (
    below_baselines_of_classes,
    class_support,
    class_values,
    spread,
    trivial_values,
)
from sedcore.comparison.contenders import caution, class_intervals
from sedcore.evaluation.bootstrap import FEW_POSITIVES, Draws
from sedcore.evaluation.measures import PICKED

SUPPORT, SPREAD, CAUTION, TRIVIAL = "Support", "Spread", "Caution", "Trivial"
INTERVAL = "95 % {}"  # filled with a run id: the column of a run's intervals


def class_table(scene: Scene, measure: str, key: str, draws: Mapping[str, Draws] | None = None) -> None:
    """Show a row a class and a column a run; bold is the best of a row among runs that compare.

    draws : by run id; with them each value has its marginal interval beside it.
    """
    classes, runs = scene.classes, scene.scored
    frame = classes_frame(scene, measure, draws)
    intervals = [INTERVAL.format(s.run.run_id) for s in runs] if draws else []
    formats = {SUPPORT: fmt.count, SPREAD: fmt.score, TRIVIAL: fmt.score}
    formats |= {s.run.run_id: fmt.score for s in runs}
    under = pd.DataFrame(
        below_baselines_of_classes(runs, measure, classes), columns=[s.run.run_id for s in runs]
    )
    click = f"{key}-class"
    st.dataframe(
        tables.styled(
            frame,
            formats,
            bold=_bold_rows(frame, [s.run.run_id for s in scene.lead_group]),
            faint_columns=[name for name in (*intervals, CAUTION, TRIVIAL) if name in frame.columns],
            flagged=under,
        ),
        key=key,
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(classes), 24),
        column_config=_columns(scene, measure, classes, click),
    )
    if len(scene.groups) > 1:
        st.caption(f"Bold, support and spread are those of {names_of(scene.lead_group)}, which compare.")
    undefined = dict.fromkeys(name for s in runs for name in s.evaluation.undefined_classes)
    tables.undefined_note(list(undefined), scene.split)
    never_predicted_note(scene)
    below_note(scene, under)


def classes_frame(scene: Scene, measure: str, draws: Mapping[str, Draws] | None = None) -> pd.DataFrame:
    """Return a row a class: support, the trivial value, each run's (and its interval), the lead group's spread."""
    classes, runs = scene.classes, scene.scored
    values, support = class_values(runs, measure, classes), class_support(scene)
    frame = pd.DataFrame({"Class": [fmt.class_title(name) for name in classes], SUPPORT: support})
    if draws and any(caution(support)):
        frame[CAUTION] = caution(support)
    frame[TRIVIAL] = trivial_values(scene, measure)
    ends = class_intervals(runs, draws, measure, classes) if draws else None
    for column, s in enumerate(runs):
        frame[s.run.run_id] = values[:, column]
        if ends is not None:
            frame[INTERVAL.format(s.run.run_id)] = [fmt.interval(*pair) for pair in ends[:, :, column].T]
    lead = [column for column, s in enumerate(runs) if s in scene.lead_group]
    if len(lead) > 1:
        frame[SPREAD] = spread(values[:, lead])
    return frame


def _columns(scene: Scene, measure: str, classes: Sequence[str], click: str) -> dict:
    title, meaning = PICKED[measure].title, PICKED[measure].help
    columns = {
        "Class": tables.name_column(
            "Class", "Click a class to see it on Thresholds.", click, _open_class, classes, click
        ),
        SUPPORT: tables.number_column(
            help=f"Clips of {fmt.escape_markdown(scene.split)} that hold the class."
        ),
        CAUTION: st.column_config.TextColumn(
            "",
            width=96,
            help=f"Under {FEW_POSITIVES} clips hold the class: its intervals hold less than they promise.",
        ),
        SPREAD: tables.number_column(
            help="Highest minus lowest of the runs; sort by it to see where they disagree."
        ),
    }
    columns[TRIVIAL] = tables.number_column(
        help=f"{title} of predicting the class for every clip. Of the trivial baselines none does better in a class: "
        "the most frequent class gets the same in that one and nothing elsewhere; a draw from the label priors has "
        "the same precision, on average, and less recall. What is below it is tinted"
        + (
            "."
            if PICKED[measure].merit_of_all_positive
            else f", except in {title.lower()}, where this is no merit."
        ),
    )
    for s in scene.scored:
        label, name = f"{scene.ink(s.run).glyph} {s.label}", fmt.escape_markdown(s.label)
        columns[s.run.run_id] = tables.number_column(label, help=f"{title}. {meaning}")
        columns[INTERVAL.format(s.run.run_id)] = st.column_config.TextColumn(
            "95 %",
            help=f"Marginal interval of {title} of {name}: of this number alone.",
            width=104,
        )
    return columns


def below_note(scene: Scene, under: pd.DataFrame) -> None:
    """Say in how many classes each run is below a trivial baseline."""
    found = [(fmt.escape_markdown(s.label), int(under[s.run.run_id].sum())) for s in scene.scored]
    parts = [f"{label} in {fmt.plural(many, 'class', 'classes')}" for label, many in found if many]
    if parts:
        st.caption(
            f":material/warning: Tinted: below what one gets without listening (Trivial): {fmt.listing(parts)}."
        )


def _open_class(classes: Sequence[str], click: str) -> None:
    # in the URL a bound widget's parameter holds the option as it is shown
    go_to("thresholds", **{"class": fmt.class_title(classes[st.session_state[click]["row"]])})


def _bold_rows(frame: pd.DataFrame, run_ids: Sequence[str]) -> pd.DataFrame:
    cells = frame[list(run_ids)].round(3)
    if len(run_ids) < 2:
        return pd.DataFrame(False, index=frame.index, columns=list(run_ids))
    return cells.eq(cells.max(axis=1), axis=0) & cells.notna()


def never_predicted_note(scene: Scene) -> None:
    """Say which classes each run never predicts at the thresholds in force, though clips hold them."""
    parts = []
    for s in scene.scored:
        names = s.evaluation.never_predicted_classes
        if names:
            named = fmt.listing([fmt.escape_markdown(fmt.class_title(name)) for name in names], 4)
            parts.append(f"{fmt.escape_markdown(s.label)}: {named}")
    if parts:
        st.caption(
            "Never predicted at these thresholds, though there are clips with it (precision counts 0): "
            f"{'; '.join(parts)}."
        )
