"""What should I set? Thresholds for all classes and for each, and every number that follows from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets import format as fmt
from pages.widgets import state, tables
from pages.widgets.bar import compare_page
from pages.widgets.classes import MEASURES, class_table
from pages.widgets.guard import guarded
from pages.widgets.scene import Scene, Scored
from sedcore.evaluation.ranking import pr_curve
from sedcore.figures import style
from sedcore.figures.thresholds import Curve, over_thresholds, precision_recall_figure, threshold_figure

AVERAGES = {
    "macro": "Macro average",
    "micro": "Micro average",
    "weighted": "Weighted average",
}
GRID = 201  # points of a curve


def main() -> None:
    scene = compare_page("Thresholds", answer)
    if scene is None:
        return
    left, right = st.columns([1, 2.4], gap="medium")
    with left:
        sliders(scene)
    with right:
        ranking(scene)
        curves(scene)
        classes(scene)


def answer(scene: Scene) -> str:
    """Return the page's answer in words."""
    lead = ranked(scene.lead_group)
    best, choice = lead[0], scene.choice
    where = f"At threshold {fmt.threshold(choice.threshold)}"
    if choice.by_class:
        own = fmt.plural(len(choice.by_class), "class has its", "classes have their")
        where += f" ({own} own)"
    verb = "has the best macro F1," if len(lead) > 1 else "has macro F1"
    text = f"{where} **{fmt.escape_markdown(best.label)}** {verb} {fmt.score(best.evaluation.averages['macro'].f1)}"
    grid = grid_of(scene)
    over = over_thresholds(best.scores.counts, grid, "f1", "macro")
    if np.isnan(over).all():
        return f"{text}."
    top = int(np.nanargmax(over))
    return f"{text}; one threshold for all gives it at most {fmt.score(over[top])}, at {fmt.threshold(grid[top])}."


def ranked(scored: list[Scored]) -> list[Scored]:
    """Return runs by macro F1 at the thresholds in force, best first."""
    return sorted(scored, key=lambda s: -np.nan_to_num(s.evaluation.averages["macro"].f1, nan=-1))


def grid_of(scene: Scene) -> np.ndarray:
    """Return the thresholds of the curves: the range that the sliders move in."""
    return np.linspace(*scene.score_range(), GRID)


def sliders(scene: Scene) -> None:
    """Show one slider for all classes and one a class; a class of its own keeps it until reset."""
    low, high = scene.score_range()
    choice, unit = scene.choice, (0.0, 1.0) == (low, high)
    step = 0.01 if unit else (high - low) / 200
    pattern = "%.2f" if unit else "%.4g"
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown("**All classes**")
        for value in (0.1, 0.5):
            st.button(
                f"{value:.1f}",
                key=f"reset-{value}",
                on_click=state.change,
                kwargs={"threshold": value, "by_class": ()},
                help=f"Set every class to {value:.1f}.",
            )
        st.button(
            "Reset classes",
            icon=":material/undo:",
            type="tertiary",
            key="reset-classes",
            disabled=not choice.by_class,
            on_click=state.change,
            kwargs={"by_class": ()},
        )
    st.session_state["slider-all"] = min(max(choice.threshold, low), high)
    st.slider(
        "Threshold for all classes",
        low,
        high,
        step=step,
        format=pattern,
        key="slider-all",
        label_visibility="collapsed",
        on_change=lambda: state.change(threshold=round(st.session_state["slider-all"], 6)),
    )
    st.markdown("**Each class**", help="A slider that was moved holds its class, whatever is set for all.")
    own = dict(choice.by_class)
    with st.container(height=520 if len(scene.classes) > 12 else "content", border=False, gap="xsmall"):
        for name in scene.classes:
            key = f"slider-{name}-{choice.threshold:g}"
            st.session_state[key] = min(max(own.get(name, choice.threshold), low), high)
            title = fmt.escape_markdown(fmt.class_title(name))
            st.slider(
                f"**{title}**, own" if name in own else title,
                low,
                high,
                step=step,
                format=pattern,
                key=key,
                on_change=_class_moved,
                args=(name, key, choice.threshold),
            )
    if not unit:
        st.caption(
            f"The scores are no probabilities: sliders run from {fmt.threshold(low)} to {fmt.threshold(high)}."
        )


def _class_moved(name: str, key: str, common: float) -> None:
    # The common slider moves this one too; a quick reader's browser may report that back late, as if by hand.
    if name not in dict(state.current().by_class) and st.session_state[key] == common:
        return
    state.set_class_threshold(name, round(st.session_state[key], 6))


def ranking(scene: Scene) -> None:
    """Show the runs, ranked by macro F1 at the thresholds in force."""
    order = [s for group in scene.groups for s in ranked(group)]
    rows = []
    for s in order:
        averages = s.evaluation.averages
        base = next((b for b in scene.lead_group if b.run is scene.baseline), None)
        comparable = base is not None and s in scene.lead_group and s is not base
        change = averages["macro"].f1 - base.evaluation.averages["macro"].f1 if comparable else None
        rows.append(
            {
                tables.MARK: [s.run.run_id],
                "Run": s.label + (" ★" if s is base and len(scene.lead_group) > 1 else ""),
                "Macro F1": averages["macro"].f1,
                "Difference": change,
                "Macro P": averages["macro"].precision,
                "Macro R": averages["macro"].recall,
                "Micro F1": averages["micro"].f1,
                "Weighted F1": averages["weighted"].f1,
                "Samples F1": averages["samples"].f1,
            }
        )
    frame = pd.DataFrame(rows)
    numbers = [column for column in frame.columns[2:] if column != "Difference"]
    frame = frame.astype({column: "float64" for column in frame.columns[2:]})
    bold = pd.DataFrame(False, index=frame.index, columns=numbers)
    for group in scene.groups:
        inside = [i for i, s in enumerate(order) if s in group]
        bold.loc[inside] = tables.bold_best(frame.loc[inside], numbers)
    help_of = {
        "Macro F1": "Mean of the F1 of the classes; the table is ranked by it.",
        "Difference": "Macro F1 minus that of the baseline, at the same thresholds.",
        "Macro P": "Mean precision of the classes.",
        "Macro R": "Mean recall of the classes.",
        "Micro F1": "F1 of all classes pooled.",
        "Weighted F1": "Mean F1 of the classes by their number of positive clips.",
        "Samples F1": "Mean F1 of the clips; a clip without truth and prediction counts 0.",
    }
    st.dataframe(
        tables.styled(frame, {c: fmt.score for c in numbers} | {"Difference": fmt.difference}, bold=bold),
        key="thresholds-ranking",
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame)),
        column_config={
            tables.MARK: tables.mark_column({s.run.run_id: s.ink for s in order}),
            "Run": st.column_config.ButtonColumn(type="tertiary", alignment="left", pinned=True),
        }
        | {c: tables.number_column("Δ" if c == "Difference" else c, help=h) for c, h in help_of.items()},
    )
    if scene.split == "test":
        st.caption(
            "Thresholds picked by looking at test make the numbers on test optimistic: pick them on validation."
        )


def curves(scene: Scene) -> None:
    """Show a measure against the threshold, or precision against recall of a class."""
    subjects = [*AVERAGES, *scene.classes]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        subject = st.selectbox(
            "Shown",
            subjects,
            format_func=lambda name: AVERAGES.get(name) or fmt.class_title(name),
            key="class",
            bind="query-params",
            label_visibility="collapsed",
            width=260,
        )
        views = ["F1", "Precision", "Recall"] + (["PR curve"] if subject not in AVERAGES else [])
        view = st.segmented_control(
            "Measure", views, default="F1", required=True, key="thresholds-view", label_visibility="collapsed"
        )
    if view == "PR curve":
        figure = precision_recall_figure(pr_curves(scene, subject))
    else:
        lines = measure_curves(scene, subject, view.lower())
        name = AVERAGES.get(subject) or fmt.class_title(subject)
        own = dict(scene.choice.by_class).get(subject, scene.choice.threshold)
        figure = threshold_figure(lines, f"{name}, {view}", own)
    st.plotly_chart(figure, key="thresholds-figure", config=style.CONFIG)
    if subject in AVERAGES and scene.choice.by_class:
        st.caption(
            "Lines: one threshold for all classes. Markers: the thresholds in force, with those that classes own."
        )


def measure_curves(scene: Scene, subject: str, measure: str) -> list[Curve]:
    """Return a line a run: the measure at each threshold, and its value in force."""
    grid, found = grid_of(scene), []
    own = dict(scene.choice.by_class).get(subject, scene.choice.threshold)
    for s in scene.scored:
        if subject in AVERAGES:
            value = getattr(s.evaluation.averages[subject], measure)
            column: str | int = subject
        elif subject in s.evaluation.classes:
            column = s.evaluation.classes.index(subject)
            value = getattr(s.evaluation, measure)[column]
        else:
            continue
        line = over_thresholds(s.scores.counts, grid, measure, column)
        found.append(Curve(s.label, s.ink, grid, line, (own, float(value))))
    return found


def pr_curves(scene: Scene, subject: str) -> list[Curve]:
    """Return precision against recall of a class, a line a run, and the operating point in force."""
    found = []
    for s in scene.scored:
        if subject not in s.evaluation.classes:
            continue
        c = s.evaluation.classes.index(subject)
        curve = pr_curve(s.scores.counts, c)
        point = (float(s.evaluation.recall[c]), float(s.evaluation.precision[c]))
        found.append(Curve(s.label, s.ink, curve.recall, curve.precision, point, curve.thresholds))
    return found


def classes(scene: Scene) -> None:
    """Show precision, recall or F1 of each class, runs side by side."""
    measure = st.segmented_control(
        "Measure of the classes",
        ["f1", "precision", "recall"],
        default="f1",
        format_func=lambda name: MEASURES[name][0],
        required=True,
        key="thresholds-measure",
        label_visibility="collapsed",
    )
    class_table(scene, measure, "thresholds-classes", thresholds=True)


guarded(main)
