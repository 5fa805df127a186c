"""How good, on what? Averages and classes of the chosen runs at the thresholds in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.base.navigation import open_run
from pages.widgets.compare.class_table import class_table
from pages.widgets.compare.context_bar import compare_page
from pages.widgets.compare.intervals import draws_for, interval_note
from pages.widgets.compare.resample_offer import about, resample_button
from pages.widgets.compare.seed_table import seeds_table
from pages.widgets.compare.standings import below_baselines
from pages.widgets.runs.guarded import guarded
from pages.widgets.runs.resampling import may_resample
from pages.widgets.runs.scene import Scene
from sedcore.artifacts.runs import Run
from sedcore.comparison.classes import class_support, class_values, spread
from sedcore.comparison.contenders import (
    caution,
    class_intervals,
    seconds_to_resample,
    trivial_baselines,
)
from sedcore.comparison.seeds import seeds_frame
from sedcore.data.summary import train_priors
from sedcore.evaluation.baselines import all_positive_scores
from sedcore.evaluation.bootstrap import Draws
from sedcore.evaluation.evaluate import Evaluation
from sedcore.evaluation.measures import AVERAGE_HELP, AVERAGES, OF_DECISIONS, PICKED, Measure
from sedcore.figures import style
from sedcore.figures.classes import dot_plot

MOST_ROWS = 40  # classes in the dot plot


def main() -> None:
    scene = compare_page("Metrics", answer)
    if scene is None:
        return
    with_intervals = averages(scene)
    classes(scene, with_intervals)


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


def columns_of(average: str) -> dict[str, Measure]:
    """Return the columns of an average: heading and measure."""
    return {f"{average} {m.short}": m for m in OF_DECISIONS if average in m.averages}


def averages(scene: Scene) -> bool:
    """Show averages of the measures of decisions, a row a run; return whether intervals are wanted."""
    printed = [
        (run, run.reported()["tables"][scene.split])
        for run, _ in scene.unscored
        if run.info["kind"] == "reported" and scene.split in (run.reported() or {}).get("tables", {})
    ]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Averages", anchor=False)
        one = st.segmented_control(
            "Average",
            ["all", *AVERAGES],
            default="all",
            format_func=str.title,
            required=True,
            key="average",
            bind="query-params",
            label_visibility="collapsed",
            help="With one average, precision and recall have their intervals too.",
        )
        large = [s for s in scene.scored if s.scores.large]
        seconds = seconds_to_resample(large, ranking=False)
        with_intervals = st.toggle(
            f"Intervals ({about(seconds)})" if large else "Intervals",
            value=not large,
            key="metrics-intervals",
            help="Marginal 95 % intervals, by resampling clips. Whether two runs differ: Verdicts.",
        )
        file = st.container(width="content")
    draws = None
    if with_intervals:
        with st.spinner("Resampling clips"):
            draws = draws_for(scene, "f1")
    with file:
        tables.csv_button(averages_csv(scene, draws), f"averages-{scene.split}.csv", "metrics-averages-csv")
    trivial = trivial_of(scene)
    averages_table(scene, printed, trivial, AVERAGES if one == "all" else (one,), draws)
    shown = AVERAGES if one == "all" else (one,)
    lead = scene.lead_group
    measured = {f"{n.title()} F1": [s.evaluation.averages[n].f1 for s in lead] for n in shown}
    seeds = seeds_frame([s.run for s in lead], [s.label for s in lead], measured)
    seeds_table(seeds, list(measured), "metrics-seeds")
    return with_intervals


def trivial_of(scene: Scene) -> dict[str, Evaluation]:
    """Return the trivial baselines on the clips of the runs that compare."""
    lead = scene.lead_group[0]
    return trivial_baselines(lead, train_priors(scene.root, lead.run))


def averages_table(
    scene: Scene,
    printed: list[tuple[Run, dict]],
    trivial: dict[str, Evaluation],
    names: Sequence[str],
    draws: Mapping[str, Draws] | None,
) -> None:
    """Show the table of the averages `names`, and notes on its grey rows.

    With `draws` F1 has its interval beside it; where one average is shown, precision and recall have theirs too.
    """
    frame = averages_frame(scene, printed, trivial, names)
    numbers = list(frame.columns[2:])
    wanted = [
        (name, column, m)
        for name in names
        for column, m in columns_of(name).items()
        if len(names) == 1 or m.name == "f1"
    ]
    shown = with_ends(scene, frame, draws, wanted) if draws else frame
    runs = [s.run for s in scene.scored] + [run for run, _ in printed]
    click = "metrics-open"
    st.dataframe(
        tables.styled(
            shown,
            {column: fmt.score for column in numbers},
            bold=bold_by_group(scene, frame, numbers),
            faint_rows=range(len(scene.scored), len(frame)),
            faint_columns=[column for column in shown.columns if column.endswith("95 %")],
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
            column: tables.number_column(f"{name.title()} {m.short}", help=f"{AVERAGE_HELP[name]} {m.help}")
            for name in AVERAGES
            for column, m in columns_of(name).items()
        }
        | {
            f"{column} 95 %": st.column_config.TextColumn(
                "95 %", help=f"Marginal interval of {column}: of this number alone."
            )
            for name in AVERAGES
            for column in columns_of(name)
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


def with_ends(
    scene: Scene,
    frame: pd.DataFrame,
    draws: Mapping[str, Draws],
    wanted: Sequence[tuple[str, str, Measure]],
) -> pd.DataFrame:
    """Return the averages with an interval beside each (average, column, measure) that is wanted."""
    shown = frame.copy()
    for name, column, m in wanted:
        text = [fmt.interval(*draws[s.run.run_id].interval(f"{name}_{m.name}")) for s in scene.scored]
        blank = [""] * (len(frame) - len(text))
        shown.insert(shown.columns.get_loc(column) + 1, f"{column} 95 %", text + blank)
    return shown


def averages_frame(
    scene: Scene, printed: list[tuple[Run, dict]], trivial: dict[str, Evaluation], names: Sequence[str]
) -> pd.DataFrame:
    """Return a row a run, then printed ones and trivial baselines; a column an average and part, unrounded."""
    rows = []
    for s in scene.scored:
        row = {tables.MARK: [s.run.run_id], "Run": s.label}
        for name in names:
            row |= {column: s.evaluation.averages[name][m.name] for column, m in columns_of(name).items()}
        rows.append(row)
    for run, table in printed:
        row = {tables.MARK: [run.run_id], "Run": f"{scene.labels[run.run_id]}, reported"}
        for name in names:
            row |= {column: table.get(m.name, {}).get(name) for column, m in columns_of(name).items()}
        rows.append(row)
    for label, e in trivial.items():
        row = {tables.MARK: [], "Run": label}
        for name in names:
            row |= {column: e.averages[name][m.name] for column, m in columns_of(name).items()}
        rows.append(row)
    frame = pd.DataFrame(rows)
    return frame.astype({column: "float64" for column in frame.columns[2:]})


def bold_by_group(scene: Scene, frame: pd.DataFrame, numbers: list[str]) -> pd.DataFrame:
    """Return (bool) the best cells of each column within the runs that compare."""
    bold = pd.DataFrame(False, index=frame.index, columns=numbers)
    for group in scene.groups:
        rows = [i for i, s in enumerate(scene.scored) if s in group]
        bold.loc[rows] = tables.bold_best(frame.loc[rows], numbers)
    return bold


def averages_csv(scene: Scene, draws: Mapping[str, Draws] | None) -> pd.DataFrame:
    """Return the averages of all runs, long: a row a run and average; with `draws` low and high of each number."""
    tables_of_runs = []
    for s in scene.scored:
        table = s.evaluation.averages_table()
        for m in OF_DECISIONS if draws else ():
            ends = [
                draws[s.run.run_id].interval(f"{name}_{m.name}") if name in m.averages else (np.nan, np.nan)
                for name in table["average"]
            ]
            table[f"{m.name}_low"], table[f"{m.name}_high"] = np.array(ends, np.float64).T
        tables_of_runs.append(_named(s, table, scene))
    return pd.concat(tables_of_runs)


def classes_csv(scene: Scene, measure: str, draws: Mapping[str, Draws] | None) -> pd.DataFrame:
    """Return every number of every class and run, long: a row a run and class.

    Beside the chosen measure stand its trivial value and, with `draws`, the ends of its intervals.
    """
    tables_of_runs = []
    for s in scene.scored:
        table = s.evaluation.class_table()
        if draws:
            ends = class_intervals([s], draws, measure, s.evaluation.classes)[:, :, 0]
            table[f"{measure}_low"], table[f"{measure}_high"] = ends
        table[f"{measure}_trivial"] = all_positive_scores(s.evaluation, measure)
        tables_of_runs.append(_named(s, table, scene))
    return pd.concat(tables_of_runs)


def _named(s, table: pd.DataFrame, scene: Scene) -> pd.DataFrame:
    known = {"run_id": s.run.run_id, "name": s.label, "split": scene.split}
    return pd.concat([pd.DataFrame(known, index=table.index), table], axis=1)


def classes(scene: Scene, with_intervals: bool) -> None:
    """Show classes with runs side by side, and the same as dots."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Classes", anchor=False)
        file = st.container(width="content")
    measure = st.segmented_control(
        "Measure",
        list(PICKED),
        default="f1",
        format_func=lambda name: PICKED[name].title,
        required=True,
        key="measure",
        bind="query-params",
        label_visibility="collapsed",
    )
    draws = class_draws(scene, measure) if with_intervals else None
    note = f" {interval_note(scene, measure)} Open marks: few positives." if draws else ""
    st.caption(f"{PICKED[measure].help}{note}")
    with file:
        frame = classes_csv(scene, measure, draws)
        tables.csv_button(frame, f"classes-{scene.split}.csv", "metrics-classes-csv")
    class_table(scene, measure, "metrics-classes", draws)
    dots(scene, measure, draws)


def class_draws(scene: Scene, measure: str) -> dict[str, Draws] | None:
    """Return the draws of a measure; for large runs a button starts the resampling, None until then."""
    large = [s for s in scene.scored if s.scores.large]
    seconds = seconds_to_resample(large, decisions=False)
    if not PICKED[measure].needs_threshold and seconds and not may_resample(scene.scored):
        resample_button(scene.scored, "metrics-resample", seconds)
        return None
    with st.spinner("Resampling clips"):
        return draws_for(scene, measure)


def dots(scene: Scene, measure: str, draws: Mapping[str, Draws] | None) -> None:
    """Draw classes with a dot a run: all, or the MOST_ROWS on which the runs differ most."""
    values = class_values(scene.scored, measure, scene.classes)
    compared = [column for column, s in enumerate(scene.scored) if s in scene.lead_group]
    support = np.array(class_support(scene))
    rows = np.arange(len(values))
    if len(rows) > MOST_ROWS:
        by = spread(values[:, compared]) if len(compared) > 1 else support
        rows = np.sort(np.argsort(-np.nan_to_num(by, nan=-1), kind="stable")[:MOST_ROWS])
        which = "on which the runs differ most" if len(compared) > 1 else "that most clips hold"
        st.caption(f"The {MOST_ROWS} of {fmt.count(len(values))} classes {which}.")
    names = [scene.classes[row] for row in rows]
    figure = dot_plot(
        [fmt.class_title(name) for name in names],
        [s.label for s in scene.scored],
        values[rows],
        [scene.ink(s.run) for s in scene.scored],
        PICKED[measure].title,
        compared,
        class_intervals(scene.scored, draws, measure, names) if draws else None,
        [bool(word) for word in caution(support[rows])] if draws else None,
    )
    st.plotly_chart(figure, key="metrics-dots", config=style.CONFIG)


guarded(
    main,
    {
        "average": [name.title() for name in ("all", *AVERAGES)],
        "measure": [one.title for one in PICKED.values()],
    },
)
