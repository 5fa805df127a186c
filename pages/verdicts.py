"""Is it real? Differences between runs with intervals and verdicts, and what they depend on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.compare.context_bar import compare_page
from pages.widgets.compare.ranking_shift import ranks_section, seeds_section, shift_section
from pages.widgets.compare.standings import (
    measure_in_force,
    pair_frame,
    resampling_note,
    standings,
)
from pages.widgets.runs.guarded import guarded
from pages.widgets.runs.resampling import resampled
from pages.widgets.runs.scene import Scene
from pages.widgets.thresholds.threshold_report import thresholds_worth
from sedcore.comparison.contenders import Contender, contributions, has_seeds
from sedcore.comparison.verdicts import by_value, class_differences, every_pair
from sedcore.evaluation.measures import RUN_MEASURES, measure_behind
from sedcore.evaluation.verdicts import BETTER, NOT_PROVEN, WORSE, Differences
from sedcore.figures import style
from sedcore.figures.verdicts import forest_plot, waterfall

MOST_ROWS = 40  # classes in the forest plot


def main() -> None:
    scene = compare_page("Verdicts", answer)
    if scene is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        measure = st.segmented_control(
            "Measure",
            list(RUN_MEASURES),
            default="macro_ap",
            format_func=lambda name: RUN_MEASURES[name].title,
            required=True,
            key="judge",
            bind="query-params",
            label_visibility="collapsed",
        )
        if has_seeds(scene.lead_group):
            st.toggle(
                "Seeds as one",
                value=True,
                key="seeds-as-one",
                help="Runs that differ in their seed only count as one: the mean over seeds within each resample.",
            )
    rivals = by_value(rivals_of(scene), measure)
    standings(scene, rivals, measure)
    thresholds_worth(scene)
    if len(rivals) > 1:
        pair(scene, rivals, measure)
        ranks_section(scene, rivals, measure)
    seeds_section(rivals)
    shift_section(scene, rivals)


def rivals_of(scene: Scene) -> list[Contender]:
    """Return the contenders: the runs of the lead group, seeds of one configuration as one."""
    with st.spinner("Resampling clips"):
        return resampled(scene.lead_group, st.session_state.get("seeds-as-one", True))


def answer(scene: Scene) -> str:
    """Return the page's answer in words."""
    measure = measure_in_force()
    lower = RUN_MEASURES[measure].words
    rivals = by_value(rivals_of(scene), measure)
    first = rivals[0]
    name = fmt.escape_markdown(first.label)
    if len(rivals) < 2:
        low, high = first.draws.interval(measure)
        return (
            f"**{name}** has {lower} {fmt.score(first.value(measure))} {interval(low, high)} on "
            f"{fmt.escape_markdown(scene.split)}; a verdict needs a second run with the same clips and labels."
        )
    pairs = every_pair(rivals, measure)
    second = fmt.escape_markdown(rivals[1].label)
    gap = (
        f"{fmt.difference(pairs.difference[0, 1])} {interval(pairs.low[0, 1], pairs.high[0, 1], signed=True)}"
    )
    proven = int(np.isin(pairs.verdict, (BETTER, WORSE)).sum()) // 2
    every = len(rivals) * (len(rivals) - 1) // 2
    beaten = sum(word == BETTER for word in pairs.verdict[0])
    if pairs.verdict[0, 1] == BETTER:
        text = f"**{name}** leads **{second}** on {lower}: better ({gap})"
    elif pairs.verdict[0, 1] == NOT_PROVEN:
        text = f"**{name}** is ahead of **{second}** on {lower}, but that is not proven ({gap})"
    else:
        text = f"**{name}** and **{second}** do not compare on {lower}: {pairs.verdict[0, 1]}"
    if every == 1:
        return f"{text}."
    than = f"it is proven better than {beaten} of {fmt.plural(len(rivals) - 1, 'other')}"
    return f"{text}; {than}, and of all {every} pairs {proven} differ beyond doubt."


def interval(low: float, high: float, signed: bool = False) -> str:
    """Return [0.841, 0.866] as Markdown."""
    form = fmt.difference if signed else fmt.score
    return f"\\[{form(low)}, {form(high)}\\]"


def pair(scene: Scene, rivals: list[Contender], measure: str) -> None:
    """Show one pair class by class: differences with intervals, where they come from, McNemar."""
    st.subheader("A pair, class by class", anchor=False)
    with st.container(horizontal=True, gap="small"):
        first = pick("First", rivals, 0, "pair-first")
        others = [rival for rival in rivals if rival is not first]
        second = pick("Second", others, 0, "pair-second")
    differences, frame = class_differences(first, second, measure), pair_frame(first, second, measure)
    name = measure_behind(measure).title
    st.markdown(pair_answer(first, second, differences, frame, name))
    left, right = st.columns([3, 2], gap="medium")
    order = np.argsort(-np.nan_to_num(differences.difference, nan=-np.inf), kind="stable")
    with left:
        forest(first, second, differences, order, name)
    with right:
        steps(first, second, measure)
    pair_table(scene, first, second, frame.iloc[order], differences, measure)


def pick(label: str, rivals: list[Contender], default: int, key: str) -> Contender:
    """Show the choice among the contenders; return the chosen one."""
    ids = {rival.members[0].run.run_id: rival for rival in rivals}
    chosen = st.selectbox(
        label, list(ids), index=default, format_func=lambda run_id: ids[run_id].label, key=key, width=260
    )
    return ids[chosen]


def pair_answer(
    first: Contender, second: Contender, differences: Differences, frame: pd.DataFrame, name: str
) -> str:
    """Return in words on which classes the first is better and worse."""
    parts = []
    for word in (BETTER, WORSE):
        names = [fmt.escape_markdown(c) for c, v in zip(frame["Class"], differences.verdict) if v == word]
        if names:
            parts.append(f"{word} on {fmt.listing(names, 5)}")
    one, other = fmt.escape_markdown(first.label), fmt.escape_markdown(second.label)
    said = " and ".join(parts) if parts else "neither better nor worse on any class beyond doubt"
    rest = int((differences.verdict == NOT_PROVEN).sum())
    return (
        f"By {name} **{one}** is {said} than **{other}**; {fmt.plural(rest, 'class', 'classes')} not proven."
    )


def forest(
    first: Contender, second: Contender, differences: Differences, order: np.ndarray, name: str
) -> None:
    """Draw the differences of the classes."""
    if len(order) > MOST_ROWS:
        largest = np.argsort(-np.nan_to_num(np.abs(differences.difference), nan=-1), kind="stable")[
            :MOST_ROWS
        ]
        order = np.array([c for c in order if c in set(largest.tolist())])
    names = [fmt.class_title(first.classes[c]) for c in order]
    part = Differences(**{field: values[order] for field, values in vars(differences).items()})
    figure = forest_plot(names, part, name, first.label, second.label)
    st.plotly_chart(figure, key="verdicts-forest", config=style.CONFIG)
    shown = (
        f"The {MOST_ROWS} largest of {len(differences.difference)} classes. "
        if len(differences.verdict) > MOST_ROWS
        else ""
    )
    tested = int((~np.isnan(differences.p_corrected)).sum())
    st.caption(
        f"{shown}Lines are marginal 95 % intervals, each of its own class; the words are corrected over the "
        f"{fmt.plural(tested, 'tested class', 'tested classes')} (Holm), so a line "
        "that leaves out 0 can be not proven. Few positives: under 20 clips, no verdict."
    )


def steps(first: Contender, second: Contender, measure: str) -> None:
    """Draw which classes make the difference of the average."""
    parts = contributions(first, second, measure)
    if parts is None:
        st.caption(f"{RUN_MEASURES[measure].title} has no parts a class; where macro F1 differs is shown.")
        measure = "macro_f1"
        parts = contributions(first, second, measure)
    if np.isnan(parts).any():
        st.caption("Without a positive clip there is nothing to explain.")
        return
    names = [fmt.class_title(name) for name in first.classes]
    ends = (float(first.value(measure)), float(second.value(measure)))
    figure = waterfall(names, parts, ends, (first.label, second.label), RUN_MEASURES[measure].title)
    st.plotly_chart(figure, key="verdicts-waterfall", config=style.CONFIG)
    st.caption(
        f"Where the difference in {RUN_MEASURES[measure].title} comes from; the steps add up to it"
        + (": a class also counts by its false alarms." if measure == "micro_f1" else ".")
    )


def pair_table(
    scene: Scene,
    first: Contender,
    second: Contender,
    frame: pd.DataFrame,
    differences: Differences,
    measure: str,
) -> None:
    """Show every number of the pair."""
    name = measure_behind(measure).title
    file = f"verdicts-{scene.split}.csv"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(resampling_note(first, differences, measure_behind(measure).name))
        tables.csv_button(frame, file, "verdicts-pair-csv")
    shown = frame.drop(columns=["Low", "High"])
    place = shown.columns.get_loc("Difference") + 1
    text = [fmt.interval(low, high, signed=True) for low, high in zip(frame["Low"], frame["High"])]
    shown.insert(place, "95 %", text)
    formats = {
        "First": fmt.score,
        "Second": fmt.score,
        "Trivial": fmt.score,
        "Difference": fmt.difference,
        "Support": fmt.count,
    }
    formats |= {"p": fmt.p_value, "McNemar p": fmt.p_value, "First only": fmt.count, "Second only": fmt.count}
    under = pd.DataFrame({side: shown[side] < shown["Trivial"] for side in ("First", "Second")})
    styled = tables.styled(shown, formats, faint_columns=["Trivial"], flagged=under)
    number, text_column = tables.number_column, st.column_config.TextColumn
    st.dataframe(
        tables.tinted(styled, shown, ["Verdict", "McNemar"]),
        key="verdicts-pair",
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(shown), 24),
        column_config={
            "Class": text_column(pinned=True),
            "Support": number(help="Clips that hold the class."),
            "First": number(f"{scene.ink(first.run).glyph} {first.label}", help=f"{name} of the first run."),
            "Second": number(
                f"{scene.ink(second.run).glyph} {second.label}", help=f"{name} of the second run."
            ),
            "Trivial": number(
                help=f"{name} of predicting the class for every clip, the best that one gets without listening. "
                "What is below it is tinted."
            ),
            "Difference": number(help="First minus second."),
            "95 %": text_column(help="Marginal interval of the difference: of this class alone."),
            "p": number("p corrected", help="Two-sided, corrected over the classes of this pair (Holm)."),
            "Verdict": text_column(help="Of the first against the second, from the corrected p."),
            "First only": number("Only first right", help="Clips that only the first gets right."),
            "Second only": number("Only second right", help="Clips that only the second gets right."),
            "McNemar p": number(
                help="Exact McNemar test of those two numbers at the thresholds in force, corrected (Holm). "
                "Misses and false alarms count alike."
            ),
            "McNemar": text_column(help="Of the first against the second, from McNemar's corrected p."),
        },
    )


guarded(main, {"judge": [one.title for one in RUN_MEASURES.values()]})
