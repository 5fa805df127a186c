"""What a ranking depends on (measure, threshold, seed), and how labels and predictions shift between splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.runs import cached
from pages.widgets.runs.scene import Scene
from sedcore.comparison.contenders import Contender, confusions, support_of
from sedcore.data.summary import learned_balance
from sedcore.errors import SedcoreError
from sedcore.evaluation.baselines import measure_value
from sedcore.evaluation.grid import over_thresholds
from sedcore.evaluation.measures import RUN_MEASURES, RunMeasure
from sedcore.evaluation.shift import predicted_against_true, ranks
from sedcore.figures import style
from sedcore.figures.verdicts import RankLine, rank_by_threshold, rank_chart


def ranks_section(scene: Scene, rivals: Sequence[Contender], measure: str) -> None:
    """Show the rank of each run by measure, and by threshold."""
    st.subheader("Does the ranking hang on the choice?", anchor=False)
    values = np.array([[rival.value(name) for name in RUN_MEASURES] for rival in rivals], np.float64)
    placed = ranks(values.T).T
    moving = RUN_MEASURES[measure]
    if moving.average == "samples" or not moving.measure.needs_threshold:
        moving = RUN_MEASURES["macro_f1"]
    grid = scene.grid()
    over = np.array([_over_thresholds(rival, grid, moving) for rival in rivals])
    st.markdown(_rank_answer(rivals, placed, ranks(over.T).T, grid, moving))
    left, right = st.columns(2, gap="medium")
    with left:
        lines = [RankLine(r.label, scene.ink(r.run), placed[i], values[i]) for i, r in enumerate(rivals)]
        figure = rank_chart(lines, [one.title for one in RUN_MEASURES.values()], "rank by measure")
        st.plotly_chart(figure, key="verdicts-ranks", config=style.CONFIG)
    with right:
        at = ranks(over.T).T
        lines = [RankLine(r.label, scene.ink(r.run), at[i], over[i]) for i, r in enumerate(rivals)]
        figure = rank_by_threshold(lines, grid, scene.choice.threshold, f"rank by {moving.words}")
        st.plotly_chart(figure, key="verdicts-ranks-threshold", config=style.CONFIG)
    st.caption(
        "Ranks of the plain values, proven or not; equal values share a rank. On the right, names stand at their "
        "rank at the threshold in force."
    )


def _over_thresholds(rival: Contender, grid: np.ndarray, of: RunMeasure) -> np.ndarray:
    """Return (thresholds,) values, the mean over seeds."""
    lines = [
        over_thresholds(s.scores.on_grid(grid), s.evaluation.support, of.measure.name, of.average)
        for s in rival.members
    ]
    return np.mean(lines, axis=0)


def _rank_answer(
    rivals: Sequence[Contender], by_measure: np.ndarray, over: np.ndarray, grid: np.ndarray, of: RunMeasure
) -> str:
    winners = [fmt.escape_markdown(r.label) for r, row in zip(rivals, by_measure) if (row == 1).any()]
    always = [fmt.escape_markdown(r.label) for r, row in zip(rivals, by_measure) if (row == 1).all()]
    text = (
        f"**{always[0]}** is first by every measure"
        if always
        else f"The first place hangs on the measure: {fmt.listing(winners)} each have it by one"
    )
    leads = (over == 1).sum(axis=1)
    first = int(leads.argmax())
    share = leads[first] / len(grid)
    return (
        f"{text}; by {of.words} with one threshold for all, **{fmt.escape_markdown(rivals[first].label)}** is first "
        f"at {fmt.percent(share)} of the thresholds."
    )


def seeds_section(rivals: Sequence[Contender]) -> None:
    """Show the spread of seeds of one configuration, where there are several."""
    several = [rival for rival in rivals if len(rival.members) > 1]
    if not several:
        return
    st.subheader("What the seed alone changes", anchor=False)
    rows = []
    for rival in several:
        for measure, one in RUN_MEASURES.items():
            each = np.array([measure_value(s.evaluation, measure) for s in rival.members], np.float64)
            row = {"Runs": rival.label, "Measure": one.title, "Mean": each.mean(), "Lowest": each.min()}
            row |= {"Highest": each.max(), "SD": each.std(ddof=1)}
            rows.append(row | {"95 %": fmt.interval(*rival.draws.interval(measure))})
    frame = pd.DataFrame(rows)
    formats = {name: fmt.score for name in ("Mean", "Lowest", "Highest", "SD")}
    st.dataframe(
        tables.styled(frame, formats),
        hide_index=True,
        placeholder=fmt.DASH,
        key="verdicts-seeds",
        height=tables.height_of(len(frame)),
        column_config={
            "SD": tables.number_column(help="Standard deviation over seeds: what training alone changes."),
            "95 %": st.column_config.TextColumn(
                help="Interval of the mean over other clips, these seeds given."
            ),
        },
    )
    st.caption(
        "Verdicts resample clips on the mean of the seeds; how seeds differ stands beside it, not in it."
    )


def shift_section(scene: Scene, rivals: Sequence[Contender]) -> None:
    """Show label priors of the splits side by side, and how often each run predicts a class."""
    first = rivals[0]
    st.subheader("Shift: labels and predictions", anchor=False)
    priors = _priors(scene, first)
    splits = list(priors.columns[1:])
    shares = priors.set_index("class").reindex(list(first.classes))
    frame = pd.DataFrame({"Class": [fmt.class_title(name) for name in first.classes]})
    for split in splits:
        frame[f"share {split}"] = shares[split].to_numpy()
    frame["True"] = support_of(first)
    for rival in rivals:
        counted = [predicted_against_true(confusion)[0] for confusion in confusions(rival)]
        frame[rival.members[0].run.run_id] = np.mean(counted, axis=0)
    where = fmt.escape_markdown(scene.split)
    total, made = frame["True"].sum(), frame[first.members[0].run.run_id].sum()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f"On {where} there are {fmt.count(total)} labels; **{fmt.escape_markdown(first.label)}** predicts "
            f"{fmt.count(made)} at the thresholds in force."
        )
        named = {rival.members[0].run.run_id: f"predicted {rival.label}" for rival in rivals}
        tables.csv_button(frame.rename(columns=named), f"shift-{scene.split}.csv", "verdicts-shift-csv")
    formats = {f"share {split}": lambda value: fmt.percent(value, 1) for split in splits} | {
        "True": fmt.count
    }
    st.dataframe(
        tables.styled(frame, formats | dict.fromkeys(named, fmt.count)),
        hide_index=True,
        placeholder=fmt.DASH,
        key="verdicts-shift",
        height=tables.height_of(len(frame), 24),
        column_config={"Class": st.column_config.TextColumn(pinned=True)}
        | {
            f"share {split}": tables.number_column(
                f"In {split}", help=f"Share of the clips of {split} with the class."
            )
            for split in splits
        }
        | {"True": tables.number_column(f"True in {scene.split}", help="Clips that hold the class.")}
        | {
            rival.members[0].run.run_id: tables.number_column(
                f"{scene.ink(rival.run).glyph} {rival.label}", help="Clips predicted to hold the class."
            )
            for rival in rivals
        },
    )


def _priors(scene: Scene, rival: Contender) -> pd.DataFrame:
    """Return the label shares of the data set's splits, or, without the data set, of the splits with scores."""
    run = rival.members[0].run
    known = learned_balance(scene.root, run)
    if known is not None:
        table = known.pivot(index="label", columns="split", values="share")[
            list(dict.fromkeys(known["split"]))
        ]
        return table.rename_axis(index="class", columns=None).reset_index()
    table = pd.DataFrame({"class": list(rival.classes)})
    for split in reversed(run.splits()):
        try:
            summary = cached.scores(run, split).summary
        except SedcoreError:
            continue  # damaged: the other splits are shown
        shares = dict(zip(summary.classes, summary.positives / summary.clips))
        table[split] = [shares.get(name, np.nan) for name in rival.classes]
    return table
