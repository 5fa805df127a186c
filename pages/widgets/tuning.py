"""Thresholds chosen by an objective: the form that tunes them, and the table that says what tuning is worth.

Tuned on the run's validation scores, shown on the split in force. Whoever uses `tuning_form` is given the
thresholds through `on_apply`, {class: threshold}, from within a callback.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets import format as fmt
from pages.widgets import loading, tables
from pages.widgets.loading import Scores
from pages.widgets.scene import Scene, Scored
from sedcore.artifacts.runs import Run
from sedcore.evaluation import objectives
from sedcore.evaluation.objectives import FBeta, Objective
from sedcore.evaluation.tuning import Tuned, tune
from sedcore.evaluation.tuning import honest_table as table_of_run
from sedcore.evaluation.tuning_intervals import Intervals, threshold_intervals

TUNED_ON = "validation"
APPLIED = "tuning-applied"  # session state: (run id, thresholds, split, objective) as last handed over
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
    """Show a popover: objective, its parameter, its scope, the run; its button hands thresholds over."""
    runs = tunable(scene)
    if not runs:
        st.caption(f"No run here has scores on {TUNED_ON}, so there is nothing to tune on.")
        return
    slow = any(s.scores.large for s in scene.scored)  # then nothing is tuned before it is asked for
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
        found = tuned(scene, run, wanted, common)
        st.caption(said(run, scene, wanted, common, found))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Apply",
                type="primary",
                key="tuning-apply",
                on_click=_apply,
                args=(scene, run, wanted, common, on_apply),
            )
            sure = not loading.scores(run, TUNED_ON).large and st.toggle(
                "Intervals", key="tuning-intervals", help="How sure each threshold is."
            )
        if sure:
            interval_table(run, wanted, common, found)


def tunable(scene: Scene) -> list[Run]:
    """Return the scored runs that have scores on validation too."""
    return [s.run for s in scene.scored if not loading.why_no_scores(s.run, TUNED_ON)]


def objective_inputs() -> tuple[Objective, str | None]:
    """Show the inputs of an objective; return it, and the average that one threshold for all is tuned by."""
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
    """Return the thresholds tuned on a run's validation scores; an undefined class keeps the one in force."""
    held = loading.scores(run, TUNED_ON)
    kept = scene.choice.class_thresholds(held.summary.classes)
    return _tuned(loading.stamp(run, TUNED_ON), _plain(wanted), common, kept, held, wanted)


def said(run: Run, scene: Scene, wanted: Objective, common: str | None, found: Tuned) -> str:
    """Return in words what tuning gives, and for which classes it gives nothing; Markdown."""
    classes = loading.scores(run, TUNED_ON).summary.classes
    name = fmt.escape_markdown(scene.labels[run.run_id])
    value = float(found.values[0]) if common else _mean(found.values)
    of = f"by the {common} average" if common else "on average of the classes"
    parts = [f"{name} on {TUNED_ON}: {wanted.measured} {fmt.score(value)} {of}."]
    undefined = [fmt.class_title(name) for c, name in enumerate(classes) if found.undefined[c]]
    lost = ~found.reached & ~found.undefined
    if common:
        parts.append(f"The threshold is {fmt.threshold(found.thresholds[0])}.")
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


def interval_table(run: Run, wanted: Objective, common: str | None, found: Tuned) -> None:
    """Show each tuned threshold with its bootstrap interval and its value on validation."""
    held = loading.scores(run, TUNED_ON)
    spans = _intervals(loading.stamp(run, TUNED_ON), _plain(wanted), common, held, wanted)
    classes, positives = held.summary.classes, held.summary.positives
    shown = [0] if common else list(range(len(classes)))
    frame = pd.DataFrame(
        {
            "Class": ["All"] if common else [fmt.class_title(name) for name in classes],
            "Threshold": found.thresholds[shown],
            "95 % interval": [_span(spans.low[c], spans.high[c]) for c in shown],
            wanted.measured: found.values[shown],
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


def thresholds_worth(scene: Scene) -> None:
    """Show what tuning on validation is worth on the split in force, beside fixed thresholds and the oracle."""
    st.subheader("What thresholds are worth", anchor=False)
    slow = any(s.scores.large for s in scene.scored)
    if slow and not st.toggle(
        "Tune every run and the oracle", key="thresholds-worth", help="Takes some seconds a run."
    ):
        return
    honest_table(scene)


def honest_table(scene: Scene, wanted: Objective | None = None, common: str | None = None) -> None:
    """Show for every scored run macro and micro F1 at 0.1, 0.5, tuned on validation and the oracle's.

    wanted, common : what is tuned for, the objective of the form by default.
    """
    if wanted is None:
        wanted, common = chosen_objective()
    reports = [_report_of(s, wanted, common) for s in scene.scored]
    st.markdown(fixed_thresholds(scene, reports))
    frame, groups = honest_frame(scene, reports, wanted)
    numbers = [column for column in frame.columns[2:] if "gap" not in column]
    gaps = [column for column in frame.columns if "gap" in column]
    bold = pd.DataFrame(False, index=frame.index, columns=numbers)
    for group in scene.groups:
        inside = [i for i, s in enumerate(scene.scored) if s in group]
        compared = [column for column in numbers if "oracle" not in column and "least" not in column]
        bold.loc[inside, compared] = tables.bold_best(frame.loc[inside], compared)
    formats = dict.fromkeys(numbers, fmt.score) | dict.fromkeys(gaps, fmt.difference)
    st.dataframe(
        tables.styled(frame, formats, bold=bold),
        key="honest-table",
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame)),
        column_config={
            tables.MARK: tables.mark_column({s.run.run_id: s.ink for s in scene.scored}),
            "Run": st.column_config.TextColumn(pinned=True, width="medium"),
        }
        | {c: tables.number_column(c.replace(" F1 ", " "), help=meaning) for c, meaning in groups.items()},
    )
    st.caption(_honest_caption(scene, wanted, common, reports))


def fixed_thresholds(scene: Scene, reports: list[pd.DataFrame]) -> str:
    """Return in words what a fixed 0.1 gives against a fixed 0.5, in micro F1; Markdown."""
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


def chosen_objective() -> tuple[Objective, str | None]:
    """Return what the form of this session is set to; best F1 of each class before it was used."""
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


def honest_frame(
    scene: Scene, reports: list[pd.DataFrame], wanted: Objective
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the table, a row a scored run, and what each column of numbers means."""
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
        words.append(f"Not tuned, without scores on {TUNED_ON}: {named}.")
    return " ".join(words)


def _report_of(s: Scored, wanted: Objective, common: str | None) -> pd.DataFrame:
    validation, stamp = None, None
    if not loading.why_no_scores(s.run, TUNED_ON):
        held = loading.scores(s.run, TUNED_ON)
        if held.summary.classes == s.scores.summary.classes:
            validation, stamp = held, loading.stamp(s.run, TUNED_ON)
    reported = loading.stamp(s.run, s.scores.split)
    return _report(stamp, reported, _plain(wanted), common, validation, s.scores, wanted)


@st.cache_resource(max_entries=100, show_spinner="Tuning thresholds")
def _tuned(
    stamp: tuple,
    kind: tuple,
    common: str | None,
    kept: tuple[float, ...],
    _held: Scores,
    _wanted: Objective,
) -> Tuned:
    return tune(_held.counts, _wanted, common=common, default=np.array(kept))


@st.cache_resource(max_entries=100, show_spinner="Resampling clips")
def _intervals(
    stamp: tuple,
    kind: tuple,
    common: str | None,
    _held: Scores,
    _wanted: Objective,
) -> Intervals:
    found = _held.predictions
    return threshold_intervals(found.truth, found.scores, _wanted, common=common)


@st.cache_resource(max_entries=200, show_spinner="Tuning thresholds")
def _report(
    tuned_on: tuple | None,
    reported_on: tuple,
    kind: tuple,
    common: str | None,
    _validation: Scores | None,
    _reported: Scores,
    _wanted: Objective,
) -> pd.DataFrame:
    validation = _validation.counts if _validation else None
    return table_of_run(validation, _reported.counts, _wanted, common=common)


def _apply(scene: Scene, run: Run, wanted: Objective, common: str | None, on_apply: OnApply) -> None:
    found = tuned(scene, run, wanted, common)
    classes = loading.scores(run, TUNED_ON).summary.classes
    thresholds = dict(zip(classes, found.thresholds.tolist()))
    told = wanted.to_json() | ({"common": common} if common else {})
    st.session_state[APPLIED] = (run.run_id, thresholds, TUNED_ON, told)
    on_apply(thresholds)


def _common(scope: str | None) -> str | None:
    return None if scope in (None, "class") else scope


def _plain(wanted: Objective) -> tuple:
    """An objective as a key of a cache."""
    return tuple(sorted(wanted.to_json().items()))


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _span(low: float, high: float) -> str:
    return fmt.DASH if np.isnan(low) else f"[{low:.3g}, {high:.3g}]".replace("-", fmt.MINUS)
