"""The threshold report: each run at fixed, tuned and oracle thresholds, on the split in force.

Tuned thresholds come from the run's validation scores, by the objective of the tuning form; the oracle's are tuned on
the split itself, which is optimistic.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.runs import cached
from pages.widgets.runs.scene import Scene
from pages.widgets.thresholds.tuning_form import TUNED_ON, chosen_objective
from sedcore.evaluation.objectives import FBeta, Objective


def thresholds_worth(scene: Scene) -> None:
    """Show the result of tuning on validation on the split in force, beside fixed and oracle thresholds."""
    st.subheader("What thresholds are worth", anchor=False)
    slow = any(s.scores.large for s in scene.scored)
    if slow and not st.toggle(
        "Tune every run and the oracle", key="thresholds-worth", help="Takes some seconds a run."
    ):
        return
    honest_table(scene)


def honest_table(scene: Scene, wanted: Objective | None = None, common: str | None = None) -> None:
    """Show for every scored run macro and micro F1 at 0.1, 0.5, tuned on validation and the oracle's.

    wanted, common : objective and average to tune for; by default those of the form.
    """
    if wanted is None:
        wanted, common = chosen_objective()
    reports = [cached.threshold_report(s.scores, wanted, common) for s in scene.scored]
    st.markdown(fixed_thresholds(scene, reports))
    frame, groups = honest_frame(scene, reports, wanted)
    numbers = [column for column in frame.columns[2:] if "gap" not in column]
    gaps = [column for column in frame.columns if "gap" in column]
    bold = pd.DataFrame(False, index=frame.index, columns=numbers)
    for group in scene.groups:
        inside = [i for i, s in enumerate(scene.scored) if s in group]
        compared = [column for column in numbers if "oracle" not in column]
        low = [c for c in compared if wanted.lower_is_better and c.startswith(wanted.measured.capitalize())]
        high = [column for column in compared if column not in low]
        bold.loc[inside, compared] = tables.bold_best(frame.loc[inside], high, low)[compared]
    formats = dict.fromkeys(numbers, fmt.score) | dict.fromkeys(gaps, fmt.difference)
    st.dataframe(
        tables.styled(frame, formats, bold=bold),
        key="honest-table",
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame)),
        column_config={
            tables.MARK: tables.mark_column({s.run.run_id: scene.ink(s.run) for s in scene.scored}),
            "Run": st.column_config.TextColumn(pinned=True, width="medium"),
        }
        | {c: tables.number_column(c.replace(" F1 ", " "), help=meaning) for c, meaning in groups.items()},
    )
    st.caption(_honest_caption(scene, wanted, common, reports))


def fixed_thresholds(scene: Scene, reports: list[pd.DataFrame]) -> str:
    """Return a sentence (Markdown) comparing the micro F1 of a fixed 0.1 with that of a fixed 0.5."""
    change = np.array([r["micro_f1"]["0.1"] - r["micro_f1"]["0.5"] for r in reports])
    change = change[~np.isnan(change)]
    if not len(change):
        return f"Micro F1 is undefined on {fmt.escape_markdown(scene.split)}."
    low, high = fmt.difference(change.min()), fmt.difference(change.max())
    span = low if low == high else f"{low} to {high}"
    who = (
        "the run"
        if len(change) == 1
        else "each run"
        if (change < 0).all() or (change > 0).all()
        else "the runs"
    )
    if (change < 0).all():
        return f"A fixed 0.1 costs {who} micro F1 against a fixed 0.5: {span}."
    if (change > 0).all():
        return f"A fixed 0.1 gives {who} more micro F1 than a fixed 0.5: {span}."
    return f"A fixed 0.1 instead of 0.5 changes the micro F1 of {who} by {span}."


def honest_frame(
    scene: Scene, reports: list[pd.DataFrame], wanted: Objective
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the table, a row a scored run, and the help text of each number column."""
    split = fmt.escape_markdown(scene.split)
    measures = {"Macro F1": "macro_f1", "Micro F1": "micro_f1"}
    if not isinstance(wanted, FBeta) or wanted.beta != 1:
        measures[wanted.measured.capitalize()] = "value"
        if wanted.bounded:
            measures[wanted.bounded.capitalize()] = "bound"
    meanings = {
        "0.1": "at 0.1 for every class",
        "0.5": "at 0.5 for every class",
        "tuned": f"at thresholds tuned on {TUNED_ON}",
        "oracle": f"at thresholds tuned on {split} itself: optimistic, no one can have it",
    }
    columns: dict[str, list] = {
        tables.MARK: tables.mark_cells([s.run.run_id for s in scene.scored]),
        "Run": [s.label for s in scene.scored],
    }
    help_of = {}
    for title, key in measures.items():
        for point, meaning in meanings.items():
            name = f"{title} {point}" + (" (optimistic)" if point == "oracle" else "")
            columns[name] = [float(r[key].get(point, np.nan)) for r in reports]
            help_of[name] = f"{title} on {split} {meaning}."
        name = f"{title} gap"
        columns[name] = [float(r[key].get("tuned", np.nan) - r[key]["oracle"]) for r in reports]
        help_of[name] = "Tuned minus oracle: what the choice of thresholds loses between the two splits."
    return pd.DataFrame(columns), help_of


def _honest_caption(scene: Scene, wanted: Objective, common: str | None, reports: list) -> str:
    split = fmt.escape_markdown(scene.split)
    scope = f"one threshold for all, by the {common} average" if common else "a threshold a class"
    words = [
        f"Thresholds for {fmt.escape_markdown(wanted.words)}, {scope}. *Tuned* on {TUNED_ON}, shown on {split};",
        f"*oracle* is tuned on {split} itself, so it is optimistic: thresholds picked with the answers at hand.",
        "*Gap* is tuned minus oracle; macro and micro are F1.",
    ]
    if scene.split == TUNED_ON:
        words.append(
            f"Here both are the same split, so *tuned* is optimistic too: choose another than {split}."
        )
    lacking = [s.label for s, r in zip(scene.scored, reports) if "tuned" not in r.index]
    if lacking:
        named = fmt.listing([fmt.escape_markdown(label) for label in lacking])
        words.append(f"Not tuned, without scores of these classes on {TUNED_ON}: {named}.")
    return " ".join(words)
