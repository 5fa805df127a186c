"""What should I set? Thresholds for all classes and for each, and every number that follows from them."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.compare.class_curves import VIEWS, curve_panel
from pages.widgets.compare.class_table import never_predicted_note
from pages.widgets.compare.context_bar import compare_page
from pages.widgets.runs import cached, choice
from pages.widgets.runs.address import BY_PAGE, say_link, unreadable
from pages.widgets.runs.guarded import guarded
from pages.widgets.runs.scene import Scene
from pages.widgets.thresholds.board import threshold_board
from pages.widgets.thresholds.saved_thresholds import vector_controls
from pages.widgets.thresholds.threshold_report import thresholds_worth
from pages.widgets.thresholds.tuning_form import tuning_form
from sedcore.comparison.selection import Scored
from sedcore.evaluation.grid import over_thresholds
from sedcore.evaluation.measures import PICKED_DECISIONS
from sedcore.figures import style
from sedcore.figures.thresholds import Curve, threshold_figure

AVERAGES = {
    "macro": "Macro average",
    "micro": "Micro average",
    "weighted": "Weighted average",
}


def main() -> None:
    scene = compare_page("Thresholds", answer)
    if scene is None:
        return
    with st.container(horizontal=True, gap="small"):
        tuning_form(scene, apply)
        vector_controls(scene, apply)
    threshold_board(scene)
    notes(scene)
    curves(scene)
    thresholds_worth(scene)


def apply(thresholds: dict[str, float]) -> None:
    """Put thresholds in force: {class: threshold}; equal ones become the threshold for all classes."""
    values = set(thresholds.values())
    if len(values) == 1:
        choice.change(threshold=values.pop(), by_class=())
    else:
        choice.change(by_class=tuple(sorted(thresholds.items())))


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
    value, at = _best_of_stops(scene, best) if best.scores.large else cached.best_for_all(best.scores)
    if np.isnan(value):
        return f"{text}."
    which = "one of the slider's stops" if best.scores.large else "one threshold"
    return f"{text}; {which} for all gives it at most {fmt.score(value)}, at {fmt.threshold(at)}."


def _best_of_stops(scene: Scene, s: Scored) -> tuple[float, float]:
    """Return the best macro F1 that one of the slider's stops gives, NaN if undefined, and that threshold."""
    grid = scene.grid()
    over = np.nan_to_num(over_thresholds(s.scores.on_grid(grid), s.evaluation.support, "f1", "macro"), nan=-1)
    top = int(over.argmax())
    return (float(over[top]), float(grid[top])) if over[top] >= 0 else (np.nan, np.nan)


def ranked(scored: list[Scored]) -> list[Scored]:
    """Return runs by macro F1 at the thresholds in force, best first."""
    return sorted(scored, key=lambda s: -np.nan_to_num(s.evaluation.averages["macro"].f1, nan=-1))


def curves(scene: Scene) -> None:
    """Show a measure against the threshold, or another curve of a class, with the operating points in force."""
    subjects = {name: AVERAGES.get(name) or fmt.class_title(name) for name in (*AVERAGES, *scene.classes)}
    if wrong := unreadable("class", subjects.values()):
        say_link(wrong)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        subject = st.selectbox(
            "Shown",
            list(subjects),
            format_func=subjects.__getitem__,
            key="class",
            bind="query-params",
            label_visibility="collapsed",
            width=260,
        )
        measures = {m.title: m for m in PICKED_DECISIONS.values() if subject in (*m.averages, *scene.classes)}
        views = [*measures] if subject in AVERAGES else [*measures, *VIEWS]
        view = st.segmented_control(
            "Curve", views, default="F1", required=True, key="thresholds-view", label_visibility="collapsed"
        )
    if view in VIEWS:
        curve_panel(scene, subject, view)
        return
    lines = measure_curves(scene, subject, measures[view].name)
    name = subjects[subject]
    own = dict(scene.choice.by_class).get(subject, scene.choice.threshold)
    st.plotly_chart(
        threshold_figure(lines, f"{name}, {view}", own), key="thresholds-figure", config=style.CONFIG
    )
    if subject in AVERAGES and scene.choice.by_class:
        st.caption(
            "Lines: one threshold for all classes. Markers: the thresholds in force, locked classes at their own."
        )


def measure_curves(scene: Scene, subject: str, measure: str) -> list[Curve]:
    """Return a line a run: the measure at each threshold, and its value in force."""
    grid, found = scene.grid(), []
    own = dict(scene.choice.by_class).get(subject, scene.choice.threshold)
    for s in scene.scored:
        if subject in AVERAGES:
            value = s.evaluation.averages[subject][measure]
            column: str | int = subject
        elif subject in s.evaluation.classes:
            column = s.evaluation.classes.index(subject)
            value = s.evaluation.by_class[measure][column]
        else:
            continue
        line = over_thresholds(s.scores.on_grid(grid), s.evaluation.support, measure, column)
        found.append(Curve(s.label, scene.ink(s.run), grid, line, (own, float(value))))
    return found


def notes(scene: Scene) -> None:
    """Show caveats on the numbers of the board."""
    if scene.split == "test":
        st.caption(
            "Thresholds picked by looking at test make the numbers on test optimistic: pick them on validation."
        )
    undefined = dict.fromkeys(name for s in scene.scored for name in s.evaluation.undefined_classes)
    tables.undefined_note(list(undefined), scene.split)
    never_predicted_note(scene)


guarded(main, {"class": BY_PAGE})
