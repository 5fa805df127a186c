"""Did it learn, did it overfit? Loss and scores over the epochs of the chosen runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import empty_state
from pages.widgets.base.pulse import pulsed
from pages.widgets.compare.context_bar import context_bar, no_runs, run_mark
from pages.widgets.runs import cached
from pages.widgets.runs.guarded import guarded
from pages.widgets.runs.scene import Scene
from sedcore.artifacts.epochs import best_epoch
from sedcore.artifacts.runs import Run
from sedcore.artifacts.seeds import group_label, seed_groups
from sedcore.errors import SedcoreError
from sedcore.figures import style
from sedcore.figures.curves import (
    MEASURES,
    MOST_POINTS,
    History,
    above_the_axis,
    curves_figure,
    mean_history,
    value_range,
)
from sedcore.figures.epochs import class_epochs_figure

OVERFIT = 1.1  # validation loss at the end, as a multiple of its lowest
LIVE_SECONDS = 5.0
AXES = {"epochs": "Epochs", "minutes": "Minutes"}
LAYOUTS = {"overlaid": "Overlaid", "apart": "A panel a run"}
MOST_MAPS = 8  # heat maps at a time; of more runs the reader picks


def main() -> None:
    st.title("Curves", anchor=False)
    scene = context_bar(thresholds=False, split=False, most=None)
    if not scene.runs:
        no_runs(scene)
        return
    pulsed(lambda: body(scene), "curves")


def body(scene: Scene) -> float | None:
    """Show the histories; return the seconds until the next look while a chosen run is live, else None."""
    show_histories(scene)
    return LIVE_SECONDS if any(run.status().live for run in scene.chosen) else None


def show_histories(scene: Scene) -> None:
    """Show the curves of the chosen runs, and their classes over the epochs."""
    found, without = {}, []
    tables = cached.histories(scene.chosen)
    for run in scene.chosen:
        table = tables[run.run_id]
        if isinstance(table, SedcoreError):
            without.append((run, str(table)))
            continue
        if table.empty or "epoch" not in table:
            without.append((run, why_no_history(run)))
        else:
            best = run.info["best_epoch"] or best_epoch(table)
            found[run.run_id] = History(scene.labels[run.run_id], scene.ink(run), table, best)
    if not found:
        box = empty_state("None of the chosen runs has a history", "A history grows while a run trains.")
        box.markdown("\n".join(f"- {run_mark(scene, r)}: {fmt.escape_markdown(why)}" for r, why in without))
        return
    groups = seed_groups([run for run in scene.chosen if run.run_id in found])
    several = any(len(group) > 1 for group in groups)
    histories = seeds_as_one(groups, found) if several and as_one() else list(found.values())
    st.markdown(answer(histories))
    if without:
        parts = [f"{run_mark(scene, run)} ({fmt.escape_markdown(why)})" for run, why in without]
        st.caption(f"Left out, having no history: {fmt.listing(parts)}.")
    show(histories, **controls(several))
    class_maps(scene, [run for run in scene.chosen if run not in [left for left, _ in without]])


def class_maps(scene: Scene, runs: list[Run]) -> None:
    """Show validation AP of every class by epoch, a heat map a run that recorded it."""
    shown = runs
    if len(runs) > MOST_MAPS:
        by_id = {run.run_id: run for run in runs}
        picked = st.multiselect(
            "Classes by epoch of",
            list(by_id),
            key="curves-maps",
            max_selections=MOST_MAPS,
            format_func=scene.labels.__getitem__,
            placeholder=f"Runs whose classes to show by epoch, up to {MOST_MAPS}",
        )
        shown = [by_id[run_id] for run_id in picked]
    with_classes = [(run, table) for run in shown if not (table := run.class_history("ap")).empty]
    left_out = len(shown) - len(with_classes)
    if not with_classes:
        if len(runs) > MOST_MAPS and left_out:
            st.caption(f"{fmt.plural(left_out, 'run')} did not record it.")
        return
    st.subheader("Classes by epoch", anchor=False)
    st.caption(
        "Average precision of each class on validation; the best epoch is framed, the last value stands beside it."
        + (f" {fmt.plural(left_out, 'run')} did not record it." if left_out else "")
    )
    columns = st.columns(min(len(with_classes), 2), gap="medium")
    for number, (run, table) in enumerate(with_classes):
        with columns[number % len(columns)]:
            st.markdown(run_mark(scene, run))
            best = run.info["best_epoch"] or best_epoch(cached.histories([run])[run.run_id])
            st.plotly_chart(
                class_epochs_figure(table, best), key=f"curves-classes-{number}", config=style.CONFIG
            )


def as_one() -> bool:
    """Whether seeds of one configuration are shown as one."""
    return st.session_state.get("curves-seeds", True)


def seeds_as_one(groups: list[list[Run]], by_run: dict[str, History]) -> list[History]:
    """Return the histories, those of several seeds of one configuration as their mean."""
    histories = []
    for group in groups:
        first = by_run[group[0].run_id]
        if len(group) == 1:
            histories.append(first)
        else:
            tables = [by_run[run.run_id].table for run in group]
            histories.append(mean_history(group_label(group, first.label), first.ink, tables))
    return [history for history in histories if len(history.table)]


def why_no_history(run: Run) -> str:
    """Return why a run has no curves."""
    if run.info["kind"] == "reported":
        return "printed results have no history"
    state = run.status().state
    if run.info["kind"] == "imported" and state == "finished":
        return "imported scores have no history"
    return {"queued": "it waits to be trained", "running": "its first epoch is not over"}.get(
        state, f"it is {state}, without an epoch"
    )


def answer(histories: list[History]) -> str:
    """Return the page's answer in words: which run is best, which overfit, which were still learning."""
    reached = [(_best_ap(h), h) for h in histories if not np.isnan(_best_ap(h))]
    if not reached:
        return "No chosen run has a validation score yet."
    ap, first = max(reached, key=lambda pair: pair[0])
    sentences = [
        f"**{fmt.escape_markdown(first.label)}** reaches the highest validation macro AP, {fmt.score(ap)} at epoch "
        f"{fmt.epochs(first.best_epoch, int(first.table['epoch'].iloc[-1]))}."
    ]
    over = [f"**{fmt.escape_markdown(h.label)}**" for h in histories if overfits(h)]
    if over:
        sentences.append(
            f"{fmt.listing(over, 4)} {'overfits' if len(over) == 1 else 'overfit'}: validation loss ends more than "
            f"{round(100 * (OVERFIT - 1))} % above its lowest while train loss still falls."
        )
    growing = [f"**{fmt.escape_markdown(h.label)}**" for h in histories if was_learning(h)]
    if growing:
        verb = "was" if len(growing) == 1 else "were"
        sentences.append(
            f"{fmt.listing(growing, 4)} {verb} best in the last epoch and may not have finished."
        )
    return " ".join(sentences)


def was_learning(history: History) -> bool:
    """Whether the last epoch was the best, while the learning rate was still at least a tenth of its highest."""
    rates = history.table.get("learning_rate", pd.Series([1.0]))
    brought_down = rates.iloc[-1] < 0.1 * rates.max()
    return bool(history.best_epoch == history.table["epoch"].iloc[-1] > 1 and not brought_down)


def _best_ap(history: History) -> float:
    """Return validation macro AP of the best epoch, NaN where there is none."""
    if "validation.mAP" not in history.table:
        return float("nan")
    places = np.flatnonzero(history.table["epoch"].to_numpy() == history.best_epoch)
    return float(history.table["validation.mAP"].to_numpy()[places[0]]) if len(places) else float("nan")


def overfits(history: History) -> bool:
    """Whether validation loss has turned up while train loss went on falling."""
    if not {"validation.loss", "train.loss"} <= set(history.table.columns):
        return False
    parts = (history.table[f"{part}.loss"].to_numpy(float) for part in ("validation", "train"))
    held, fitted = (values[~np.isnan(values)] for values in parts)
    if len(held) < 4 or len(fitted) < 4:
        return False
    turn = int(held.argmin())
    return held[-1] > OVERFIT * held[turn] and fitted[-1] < fitted[min(turn, len(fitted) - 1)]


def controls(several_seeds: bool) -> dict:
    """Show the choices of the page; return them."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        measures = st.pills(
            "Measures",
            list(MEASURES),
            selection_mode="multi",
            default=["loss", "mAP"],
            format_func=MEASURES.__getitem__,
            key="measures",
            bind="query-params",
            label_visibility="collapsed",
        )
        axis = st.segmented_control(
            "Axis",
            list(AXES),
            default="epochs",
            format_func=AXES.__getitem__,
            required=True,
            key="axis",
            bind="query-params",
            label_visibility="collapsed",
            help="Minutes are the fair axis for models whose epochs cost differently.",
        )
        layout = st.segmented_control(
            "Layout",
            list(LAYOUTS),
            default="overlaid",
            format_func=LAYOUTS.__getitem__,
            required=True,
            key="layout",
            bind="query-params",
            label_visibility="collapsed",
        )
        train = st.toggle(
            "Train", value=True, key="curves-train", help="Show the dashed lines of the train split."
        )
        if several_seeds:
            st.toggle(
                "Seeds as one",
                value=True,
                key="curves-seeds",
                help="Runs that differ in their seed only: their mean, shaded from the lowest seed to the highest.",
            )
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.9,
            0.0,
            step=0.1,
            key="curves-smoothing",
            width=150,
            help="Exponential moving average; the raw line stays, faint.",
        )
    return {
        "measures": [m for m in MEASURES if m in (measures or ["loss", "mAP"])],
        "by_minutes": axis == "minutes",
        "apart": layout == "apart",
        "train": train,
        "smoothing": smoothing,
    }


def show(
    histories: list[History],
    *,
    measures: list[str],
    by_minutes: bool,
    apart: bool,
    train: bool,
    smoothing: float,
) -> None:
    """Show a panel a measure, or a panel a measure and run."""
    options = {"by_minutes": by_minutes, "train": train, "smoothing": smoothing}
    seeds = "Shaded: lowest to highest seed, over the epochs that all seeds have. "
    seeds = seeds if any(history.members for history in histories) else ""
    st.caption(
        f"{'Solid: validation, dashed: train. ' if train else 'Validation. '}{seeds}The marker is the best epoch, by "
        "validation macro AP: the one whose weights are kept."
        + "".join(above(histories, measure, train) for measure in measures)
        + left_out(histories)
    )
    if not apart:
        columns = st.columns(min(len(measures), 2), gap="medium")
        for number, measure in enumerate(measures):
            with columns[number % len(columns)]:
                st.markdown(f"**{MEASURES[measure]}**")
                figure = curves_figure(histories, measure, **options)
                st.plotly_chart(figure, key=f"curves-{measure}", config=style.CONFIG)
        return
    for measure in measures:
        st.markdown(f"**{MEASURES[measure]}**")
        span = value_range(histories, measure, train)
        with st.container(horizontal=True, gap="medium"):
            for number, history in enumerate(histories):
                with st.container(width=300, gap="xxsmall"):
                    color = history.ink.color
                    st.markdown(
                        f':color[{history.ink.glyph}]{{foreground="{color}"}} {fmt.escape_markdown(history.label)}'
                    )
                    figure = curves_figure([history], measure, labels=False, height=190, span=span, **options)
                    st.plotly_chart(figure, key=f"curves-{measure}-{number}", config=style.CONFIG)


def above(histories: list[History], measure: str, train: bool) -> str:
    """Return a sentence naming the lines that begin above the axis, "" where none does."""
    high = above_the_axis(histories, measure) if train else []
    if not high:
        return ""
    each = [f"{fmt.escape_markdown(history.label)} ({fmt.score(value)})" for history, value in high]
    return f" {MEASURES[measure]} of the first epoch in training lies above the axis: {fmt.listing(each)}."


def left_out(histories: list[History]) -> str:
    """Return a sentence on points that are not drawn, "" where all are."""
    long = sum(len(history.table) > MOST_POINTS for history in histories)
    if not long:
        return ""
    return (
        f" Of {fmt.plural(long, 'line')} with more than {fmt.count(MOST_POINTS)} epochs not every point is drawn: of "
        "each short stretch of epochs its lowest and its highest value, so no spike is lost."
    )


guarded(main, {"measures": MEASURES.values(), "axis": AXES.values(), "layout": LAYOUTS.values()})
