"""The form that tunes thresholds on a run's validation scores, by an objective.

`tuning_form` calls `on_apply` with {class: threshold}, from within a callback. The threshold report shows the result
on the split in force.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.runs import cached
from pages.widgets.runs.scene import Scene
from sedcore.artifacts.runs import Run
from sedcore.evaluation import objectives
from sedcore.evaluation.objectives import Objective
from sedcore.evaluation.tuning import Tuned

TUNED_ON = "validation"
APPLIED = "tuning-applied"  # session state: (run id, thresholds, split, objective) last applied
OnApply = Callable[[dict[str, float]], None]

KINDS = {
    "f1": "Best F1",
    "fbeta": "Best F-beta",
    "precision": "Precision of at least",
    "recall": "Recall of at least",
    "cost": "Least cost of errors",
}
HELP = {
    "f1": "The highest F1 that any threshold gives.",
    "fbeta": "The highest F-beta: with beta 2 recall weighs twice as much as precision, with 0.5 half.",
    "precision": "The highest recall among thresholds with at least this precision.",
    "recall": "The highest precision among thresholds with at least this recall.",
    "cost": "The least sum of misses and false alarms, each at its cost.",
}
SCOPES = {"class": "Each class", "macro": "One for all, macro", "micro": "One for all, micro"}


def tuning_form(scene: Scene, on_apply: OnApply) -> None:
    """Show a popover: objective, its parameter, its scope, the run; its button applies the tuned thresholds."""
    runs = tunable(scene)
    if not runs:
        st.caption(f"No run here has scores on {TUNED_ON}, so there is nothing to tune on.")
        return
    slow = any(s.scores.large for s in scene.scored)  # then tuning waits for the button
    box = st.popover(
        "Tune", icon=":material/target:", key="tuning-form", on_change="rerun" if slow else "ignore"
    )
    if slow and not box.open:
        return
    with box:
        labels = {run.run_id: scene.labels[run.run_id] for run in runs}
        run = st.selectbox(
            f"On the {TUNED_ON} scores of",
            runs,
            index=runs.index(scene.baseline) if scene.baseline in runs else 0,
            format_func=lambda run: labels[run.run_id],
            key="tuning-run",
            help="The thresholds then hold for all runs on the page.",
        )
        wanted, common = objective_inputs()
        result = tuned(scene, run, wanted, common)
        st.caption(said(run, scene, wanted, common, result))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Apply",
                type="primary",
                key="tuning-apply",
                on_click=_apply,
                args=(scene, run, wanted, common, on_apply),
            )
            sure = not cached.scores(run, TUNED_ON).large and st.toggle(
                "Intervals", key="tuning-intervals", help="How sure each threshold is."
            )
        if sure:
            interval_table(run, wanted, common, result)


def tunable(scene: Scene) -> list[Run]:
    """Return the scored runs that have scores on validation too."""
    return [s.run for s in scene.scored if cached.has_scores(s.run, TUNED_ON)]


def objective_inputs() -> tuple[Objective, str | None]:
    """Show the inputs of an objective; return it, and the average for one threshold for all (None: by class)."""
    kind = st.selectbox("Objective", list(KINDS), format_func=KINDS.get, key="tuning-kind")
    given: dict[str, float] = {}
    if kind == "fbeta":
        given["beta"] = st.number_input("Beta", 0.01, 100.0, 2.0, 0.5, key="tuning-beta")
    elif kind in ("precision", "recall"):
        given["at"] = st.number_input(KINDS[kind], 0.01, 1.0, 0.9, 0.05, key="tuning-at")
    elif kind == "cost":
        left, right = st.columns(2)
        given["miss_cost"] = left.number_input("A miss costs", 0.01, 1e6, 5.0, key="tuning-miss")
        given["false_alarm_cost"] = right.number_input(
            "A false alarm costs", 0.01, 1e6, 1.0, key="tuning-false-alarm"
        )
    st.caption(HELP[kind])
    scope = st.segmented_control(
        "Thresholds",
        list(SCOPES),
        format_func=SCOPES.get,
        default="class",
        required=True,
        key="tuning-scope",
        help="One a class, or one for all that is best for the macro or the micro average.",
    )
    return objectives.objective(kind, **given), _common(scope)


def tuned(scene: Scene, run: Run, wanted: Objective, common: str | None) -> Tuned:
    """Return the thresholds tuned on a run's validation scores; an undefined class keeps its threshold in force."""
    held = cached.scores(run, TUNED_ON)
    kept = scene.choice.class_thresholds(held.summary.classes)
    return cached.tuned(held, wanted, common, kept)


def said(run: Run, scene: Scene, wanted: Objective, common: str | None, result: Tuned) -> str:
    """Return in words (Markdown) the result of tuning, and the classes without one."""
    classes = cached.scores(run, TUNED_ON).summary.classes
    name = fmt.escape_markdown(scene.labels[run.run_id])
    value = float(result.values[0]) if common else _mean(result.values)
    of = f"by the {common} average" if common else "on average of the classes"
    parts = [f"{name} on {TUNED_ON}: {wanted.measured} {fmt.score(value)} {of}."]
    undefined = [fmt.class_title(name) for c, name in enumerate(classes) if result.undefined[c]]
    lost = ~result.reached & ~result.undefined
    if common:
        parts.append(f"The threshold is {fmt.threshold(result.thresholds[0])}.")
    elif undefined:
        named = fmt.listing([fmt.escape_markdown(n) for n in undefined])
        parts.append(f"No positive clip, so the threshold stays: {named}.")
    if lost.any():
        named = fmt.listing([fmt.escape_markdown(fmt.class_title(classes[c])) for c in np.flatnonzero(lost)])
        where = "" if common else f" for {named}"
        parts.append(
            f"{wanted.bounded.capitalize()} of {wanted.at:g} is out of reach{where}: the highest is taken."
        )
    return " ".join(parts)


def interval_table(run: Run, wanted: Objective, common: str | None, result: Tuned) -> None:
    """Show each tuned threshold with its bootstrap interval and its value on validation."""
    held = cached.scores(run, TUNED_ON)
    spans = cached.threshold_intervals(held, wanted, common)
    classes, positives = held.summary.classes, held.summary.positives
    shown = [0] if common else list(range(len(classes)))
    frame = pd.DataFrame(
        {
            "Class": ["All"] if common else [fmt.class_title(name) for name in classes],
            "Threshold": result.thresholds[shown],
            "95 % interval": [_span(spans.low[c], spans.high[c]) for c in shown],
            wanted.measured: result.values[shown],
            "Positives": [int(positives.sum())] if common else positives,
        }
    )
    formats = {"Threshold": fmt.threshold, wanted.measured: fmt.score, "Positives": fmt.count}
    right = st.column_config.TextColumn(
        alignment="right",
        help="Percentile bootstrap over clips: where the threshold lies in 95 % of 1,000 resamples. "
        "A wide one says that validation hardly tells thresholds apart.",
    )
    st.dataframe(
        tables.styled(frame, formats),
        key="tuning-interval-table",
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame), 12),
        column_config={
            "Class": st.column_config.TextColumn(pinned=True),
            "95 % interval": right,
            "Positives": tables.number_column(help=f"Clips of {TUNED_ON} that hold the class."),
        },
    )


def chosen_objective() -> tuple[Objective, str | None]:
    """Return the objective and average of this session's form; by default the best F1 of each class."""
    state = st.session_state
    kind = state.get("tuning-kind") or "f1"
    names = {
        "fbeta": {"beta": ("tuning-beta", 2.0)},
        "precision": {"at": ("tuning-at", 0.9)},
        "recall": {"at": ("tuning-at", 0.9)},
        "cost": {"miss_cost": ("tuning-miss", 5.0), "false_alarm_cost": ("tuning-false-alarm", 1.0)},
    }
    given = {name: state.get(key, usual) for name, (key, usual) in names.get(kind, {}).items()}
    return objectives.objective(kind, **given), _common(state.get("tuning-scope"))


def _apply(scene: Scene, run: Run, wanted: Objective, common: str | None, on_apply: OnApply) -> None:
    result = tuned(scene, run, wanted, common)
    classes = cached.scores(run, TUNED_ON).summary.classes
    thresholds = dict(zip(classes, result.thresholds.tolist()))
    told = wanted.to_json() | ({"common": common} if common else {})
    st.session_state[APPLIED] = (run.run_id, thresholds, TUNED_ON, told)
    on_apply(thresholds)


def _common(scope: str | None) -> str | None:
    return None if scope in (None, "class") else scope


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _span(low: float, high: float) -> str:
    return fmt.DASH if np.isnan(low) else f"[{low:.3g}, {high:.3g}]".replace("-", fmt.MINUS)
