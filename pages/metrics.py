"""How good, on what? Averages and classes of the chosen runs at the thresholds in force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets import format as fmt
from pages.widgets import tables
from pages.widgets.bar import compare_page
from pages.widgets.classes import MEASURES, class_table, class_values, spread
from pages.widgets.guard import go_to, guarded
from pages.widgets.judged import below_baselines
from pages.widgets.resampled import draws_of, train_priors, trivial_baselines
from pages.widgets.scene import Scene
from sedcore.artifacts.runs import Run
from sedcore.evaluation.evaluate import Evaluation
from sedcore.figures import style
from sedcore.figures.classes import dot_plot

AVERAGES = {
    "micro": "Micro: counts of all classes pooled; frequent classes weigh most.",
    "macro": "Macro: mean over classes; a rare class weighs as much as a frequent one.",
    "weighted": "Weighted: mean over classes by their number of positive clips.",
    "samples": "Samples: mean over clips; a clip without truth and prediction counts 0.",
}
PARTS = {"precision": "P", "recall": "R", "f1": "F1"}


def main() -> None:
    scene = compare_page("Metrics", answer)
    if scene is None:
        return
    averages(scene)
    classes(scene)


def answer(scene: Scene) -> str:
    """Return the page's answer in words."""
    lead = scene.lead_group
    best = max(lead, key=lambda s: np.nan_to_num(s.evaluation.averages["macro"].f1, nan=-1))
    macro = best.evaluation.averages["macro"]
    name, where = fmt.escape_markdown(best.label), fmt.escape_markdown(scene.split)
    parts = (
        f"{fmt.score(macro.f1)} (precision {fmt.score(macro.precision)}, recall {fmt.score(macro.recall)})"
    )
    if len(lead) < 2:
        alone = "it is the only run here" if len(scene.scored) == 1 else "no other run here compares with it"
        return f"**{name}** has a macro F1 of {parts} on {where}; {alone}."
    text = f"**{name}** has the best macro F1 on {where}, {parts}"
    names = lead[0].evaluation.classes
    spreads = spread(class_values(lead, "f1", names))
    if np.isnan(spreads).all():
        return f"{text}."
    widest = int(np.nanargmax(spreads))
    name = fmt.escape_markdown(fmt.class_title(names[widest]))
    return f"{text}. The runs differ most on **{name}**: their F1 spans {fmt.score(spreads[widest])}."


def averages(scene: Scene) -> None:
    """Show a row a run: four averages of precision, recall and F1."""
    printed = [
        (run, run.reported()["tables"][scene.split])
        for run, _ in scene.unscored
        if run.info["kind"] == "reported" and scene.split in (run.reported() or {}).get("tables", {})
    ]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Averages", anchor=False)
        small = not any(s.scores.large for s in scene.scored)
        with_intervals = st.toggle(
            "Intervals",
            value=small,
            key="metrics-intervals",
            help="Marginal 95 % intervals of F1, by resampling clips. Whether two runs differ: Verdicts.",
        )
        tables.csv_button(averages_csv(scene), f"averages-{scene.split}.csv", "metrics-averages-csv")
    trivial = trivial_baselines(scene.lead_group[0], train_priors(scene.root, scene.lead_group[0].run))
    frame = averages_frame(scene, printed, trivial)
    numbers = list(frame.columns[2:])
    shown = with_f1_intervals(scene, frame) if with_intervals else frame
    runs = [s.run for s in scene.scored] + [run for run, _ in printed]
    click = "metrics-open"
    st.dataframe(
        tables.styled(
            shown,
            {column: fmt.score for column in numbers},
            bold=bold_by_group(scene, frame, numbers),
            faint_rows=range(len(scene.scored), len(frame)),
        ),
        key="metrics-averages",
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame)),
        column_config={
            tables.MARK: tables.mark_column({run.run_id: scene.ink(run) for run in runs}),
            "Run": tables.name_column("Run", "Click a name to open the run.", click, open_run, runs, click),
        }
        | {
            f"{name} {short}": tables.number_column(f"{name.title()} {short}", help=meaning)
            for name, meaning in AVERAGES.items()
            for short in PARTS.values()
        }
        | {
            f"{name} 95 %": st.column_config.TextColumn(
                "95 %", help=f"Marginal interval of {name} F1: of this number alone."
            )
            for name in AVERAGES
        },
    )
    if trivial:
        st.caption(
            "Grey: what one gets without listening. "
            + " ".join(below_baselines([(s.label, s.evaluation) for s in scene.lead_group], trivial))
        )
    if printed:
        named = fmt.listing([fmt.escape_markdown(run.name) for run, _ in printed])
        st.caption(f"Grey: printed numbers of {named} at their own threshold, not ranked with the runs.")
    empty = {s.evaluation.empty_clips for s in scene.scored if s.evaluation.empty_clips}
    if empty:
        most = fmt.plural(max(empty), "clip")
        st.caption(f"Up to {most} with neither truth nor prediction count 0 in the samples average.")


def with_f1_intervals(scene: Scene, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the averages with the interval of each F1 beside it."""
    with st.spinner("Resampling clips"):
        draws = {run_id: found for group in scene.groups for run_id, found in draws_of(group).items()}
    shown = frame.copy()
    for name in AVERAGES:
        text = [fmt.interval(*draws[s.run.run_id].interval(f"{name}_f1")) for s in scene.scored]
        place = shown.columns.get_loc(f"{name} F1") + 1
        shown.insert(place, f"{name} 95 %", text + [""] * (len(frame) - len(text)))
    return shown


def averages_frame(
    scene: Scene, printed: list[tuple[Run, dict]], trivial: dict[str, Evaluation]
) -> pd.DataFrame:
    """Return a row a run, then printed ones and trivial baselines; a column an average and part, unrounded."""
    rows = []
    for s in scene.scored:
        row = {tables.MARK: [s.run.run_id], "Run": s.label}
        for name in AVERAGES:
            prf = s.evaluation.averages[name]
            row |= {f"{name} {short}": getattr(prf, part) for part, short in PARTS.items()}
        rows.append(row)
    for run, table in printed:
        row = {tables.MARK: [run.run_id], "Run": f"{scene.labels[run.run_id]}, reported"}
        for name in AVERAGES:
            row |= {f"{name} {short}": table.get(part, {}).get(name) for part, short in PARTS.items()}
        rows.append(row)
    for label, e in trivial.items():
        row = {tables.MARK: [], "Run": label}
        for name in AVERAGES:
            row |= {f"{name} {short}": getattr(e.averages[name], part) for part, short in PARTS.items()}
        rows.append(row)
    frame = pd.DataFrame(rows)
    return frame.astype({column: "float64" for column in frame.columns[2:]})


def bold_by_group(scene: Scene, frame: pd.DataFrame, numbers: list[str]) -> pd.DataFrame:
    """Return the best cells of each column within the runs that compare."""
    bold = pd.DataFrame(False, index=frame.index, columns=numbers)
    for group in scene.groups:
        rows = [i for i, s in enumerate(scene.scored) if s in group]
        bold.loc[rows] = tables.bold_best(frame.loc[rows], numbers)
    return bold


def open_run(runs: list[Run], click: str) -> None:
    """Open the run whose name was clicked."""
    row = st.session_state[click]["row"]
    if row < len(runs):  # a trivial baseline has no page
        go_to("run", run=runs[row].run_id)


def averages_csv(scene: Scene) -> pd.DataFrame:
    """Return the averages of all runs, long: a row a run and average."""
    return pd.concat([_named(s, s.evaluation.averages_table(), scene) for s in scene.scored])


def classes_csv(scene: Scene) -> pd.DataFrame:
    """Return every number of every class and run, long: a row a run and class."""
    return pd.concat([_named(s, s.evaluation.class_table(), scene) for s in scene.scored])


def _named(s, table: pd.DataFrame, scene: Scene) -> pd.DataFrame:
    known = {"run_id": s.run.run_id, "name": s.label, "split": scene.split}
    return pd.concat([pd.DataFrame(known, index=table.index), table], axis=1)


def classes(scene: Scene) -> None:
    """Show classes with runs side by side, and the same as dots."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Classes", anchor=False)
        tables.csv_button(classes_csv(scene), f"classes-{scene.split}.csv", "metrics-classes-csv")
    measure = st.segmented_control(
        "Measure",
        list(MEASURES),
        default="f1",
        format_func=lambda name: MEASURES[name][0],
        required=True,
        key="measure",
        bind="query-params",
        label_visibility="collapsed",
    )
    st.caption(MEASURES[measure][1])
    class_table(scene, measure, "metrics-classes")
    values = class_values(scene.scored, measure, scene.classes)
    names = [fmt.class_title(name) for name in scene.classes]
    labels, inks = [s.label for s in scene.scored], [s.ink for s in scene.scored]
    compared = [column for column, s in enumerate(scene.scored) if s in scene.lead_group]
    figure = dot_plot(names, labels, values, inks, MEASURES[measure][0], compared)
    st.plotly_chart(figure, key="metrics-dots", config=style.CONFIG)


guarded(main)
