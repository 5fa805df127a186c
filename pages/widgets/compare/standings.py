"""Runs in order with intervals, every pair with its verdict, and one pair in numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.base.navigation import go_to
from pages.widgets.runs.scene import Scene
from sedcore.comparison.contenders import (
    Contender,
    mcnemar_of,
    resamples_of,
    support_of,
    trivial_baselines,
)
from sedcore.comparison.verdicts import (
    class_differences,
    every_pair,
    trivial_of_classes,
)
from sedcore.data.summary import train_priors
from sedcore.evaluation.baselines import beaten_by_baselines, measure_value
from sedcore.evaluation.evaluate import Evaluation
from sedcore.evaluation.measures import MEASURES, RUN_MEASURES, measure_behind
from sedcore.evaluation.verdicts import Differences, proven_ranks


def measure_in_force() -> str:
    """Return the chosen measure before its control is drawn, since the answer stands above it."""
    titles = {one.title: name for name, one in RUN_MEASURES.items()}
    return st.session_state.get("judge") or titles.get(st.query_params.get("judge"), "macro_ap")


def standings(scene: Scene, rivals: list[Contender], measure: str) -> None:
    """Show a row a run: rank, value, interval, and its verdict against each other run; baselines in grey."""
    title = RUN_MEASURES[measure].title
    first = rivals[0].members[0]
    trivial = trivial_baselines(first, train_priors(scene.root, first.run))
    frame = standings_frame(rivals, measure, trivial)
    against = list(frame.columns[5:])
    runs = [rival.run for rival in rivals]
    click = "verdicts-open"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Every pair", anchor=False)
        named = frame.drop(columns=tables.MARK).rename(
            columns={rival.run.run_id: f"against {rival.label}" for rival in rivals}
        )
        tables.csv_button(named, f"verdicts-pairs-{scene.split}.csv", "verdicts-pairs-csv")
    styled = tables.styled(
        frame, {"Value": fmt.score}, faint_rows=range(len(rivals), len(frame)), bold=_best(frame, len(rivals))
    )
    st.dataframe(
        tables.tinted(styled, frame, against),
        key="verdicts-pairs",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(frame)),
        column_config={
            tables.MARK: tables.mark_column({run.run_id: scene.ink(run) for run in runs}),
            "Run": tables.name_column(
                "Run", "Click a name to open the run.", click, _open_run, [run.run_id for run in runs], click
            ),
            "Rank": st.column_config.TextColumn(
                width=62,
                alignment="right",
                help="1 plus the number of runs proven better. Runs that share a rank tie: = marks them.",
            ),
            "Value": tables.number_column(title, help=RUN_MEASURES[measure].help),
            "95 %": st.column_config.TextColumn(
                help="Marginal 95 % interval, of this number alone; verdicts do not follow from it."
            ),
        }
        | {
            rival.run.run_id: st.column_config.TextColumn(
                f"− {scene.ink(rival.run).glyph} {rival.label}",
                help=f"The row's {title} minus that of {fmt.escape_markdown(rival.label)}, and the verdict on the "
                "row's run.",
                width=132,
            )
            for rival in rivals
        },
    )
    pairs = len(rivals) * (len(rivals) - 1) // 2
    known = "training" if train_priors(scene.root, first.run) else f"{scene.split}'s own"
    words = f"Verdicts are corrected over the {fmt.plural(pairs, 'pair')} on screen (Holm). " if pairs else ""
    grey = f" Grey: what one gets without listening, from {fmt.escape_markdown(known)} label priors."
    st.caption(f"{words}{resampling_note(rivals[0])}{grey if trivial else ''}")
    sentences = below_baselines([(s.label, s.evaluation) for rival in rivals for s in rival.members], trivial)
    if sentences:
        st.caption("  \n".join(f":material/warning: {sentence}" for sentence in sentences))


def standings_frame(
    rivals: Sequence[Contender], measure: str, trivial: dict[str, Evaluation]
) -> pd.DataFrame:
    """Return rank, value, interval and a column against each run (by run id), best first."""
    pairs = every_pair(rivals, measure)
    ranks = proven_ranks(pairs.verdict == "better")
    rows = []
    for i, rival in enumerate(rivals):
        tied = np.count_nonzero(ranks == ranks[i]) > 1
        row = {
            tables.MARK: [rival.run.run_id],
            "Run": rival.label,
            "Rank": fmt.DASH if np.isnan(rival.value(measure)) else f"{'=' if tied else ''}{ranks[i]}",
            "Value": rival.value(measure),
            "95 %": fmt.interval(*rival.draws.interval(measure)),
        }
        for j, other in enumerate(rivals):
            gap = fmt.difference(pairs.difference[i, j])
            row[other.run.run_id] = "" if i == j else f"{pairs.verdict[i, j]} {gap}"
        rows.append(row)
    for name, e in trivial.items():
        rows.append(
            {tables.MARK: [], "Run": name, "Rank": "", "Value": measure_value(e, measure), "95 %": ""}
        )
    return pd.DataFrame(rows).astype({"Value": "float64"})


def below_baselines(runs: Sequence[tuple[str, Evaluation]], trivial: dict[str, Evaluation]) -> list[str]:
    """Return a sentence (Markdown) for each run, by label, that a trivial baseline beats."""
    said = []
    for label, e in runs:
        beaten = beaten_by_baselines(e, trivial)
        if beaten:
            measures = fmt.listing([RUN_MEASURES[name].title for name in beaten])
            names = fmt.listing(list(dict.fromkeys(name for names in beaten.values() for name in names)))
            said.append(
                f"**{fmt.escape_markdown(label)}** is below a trivial baseline on {measures} ({names})."
            )
    return said


def resampling_note(rival: Contender, differences: Differences | None = None, name: str = "") -> str:
    """Return in words what the numbers rest on; for a pair, how p is computed in the class measure `name`."""
    counted, ranked = map(fmt.count, resamples_of(rival.members[0]))
    clips = fmt.plural(rival.members[0].evaluation.clips, "clip")
    text = f"Paired bootstrap over {clips}: {counted} resamples, {ranked} for AP and ROC AUC."
    if differences is not None and MEASURES[name].studentised:
        text += f" Interval and p of {MEASURES[name].title} come from the bootstrap standard error, by Student's t."
    elif differences is not None and differences.from_error.any():
        text += " Where so few cannot reach the corrected level, p comes from the bootstrap standard error (marked ≈)."
    return text


def pair_frame(first: Contender, second: Contender, measure: str) -> pd.DataFrame:
    """Return a row a class, in canonical order: values, difference, interval, p, verdict, and McNemar's."""
    name = measure_behind(measure).name
    differences = class_differences(first, second, measure)
    marked = differences.from_error & (not MEASURES[name].studentised)
    frame = pd.DataFrame(
        {
            "Class": [fmt.class_title(c) for c in first.classes],
            "Support": support_of(first),
            "First": first.value(name),
            "Second": second.value(name),
            "Trivial": trivial_of_classes(first, name),
            "Difference": differences.difference,
            "Low": differences.low,
            "High": differences.high,
            "p": differences.p_corrected,
            "Verdict": [f"{word} ≈" if mark else word for word, mark in zip(differences.verdict, marked)],
        }
    )
    test = mcnemar_of(first, second)
    if test is not None:
        frame["First only"], frame["Second only"] = test.first_only, test.second_only
        frame["McNemar p"], frame["McNemar"] = test.p_corrected, test.verdict
    return frame


def _best(frame: pd.DataFrame, rivals: int) -> pd.DataFrame:
    bold = pd.DataFrame(False, index=frame.index, columns=["Value"])
    bold.iloc[:rivals] = tables.bold_best(frame.iloc[:rivals], ["Value"])
    return bold


def _open_run(run_ids: list[str], click: str) -> None:
    row = st.session_state[click]["row"]
    if row < len(run_ids):  # a baseline has no page
        go_to("run", run=run_ids[row])
