"""Which model? A leaderboard of all runs, and what their quality costs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.widgets import format as fmt
from pages.widgets import state, tables
from pages.widgets.bar import context_bar, no_runs
from pages.widgets.guard import guarded, open_run
from pages.widgets.reported import reported
from pages.widgets.resampled import macro_ap_interval, train_priors, trivial_baselines
from pages.widgets.scene import Scene, Scored, group_differences, score
from pages.widgets.seed_table import seeds_table
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.evaluation.baselines import below
from sedcore.evaluation.evaluate import Evaluation
from sedcore.figures import style
from sedcore.figures.pareto import Point, pareto_figure

COSTS = {
    "Training time": ("wall_s", "Training time in minutes", 1 / 60),
    "Parameters": ("parameters", "Parameters", 1),
    "Time a clip": ("ms_per_clip", "Milliseconds to score a clip", 1),
}
FORMATS = {
    "Macro AP": fmt.score,
    "Micro F1": fmt.score,
    "Macro F1": fmt.score,
    "Difference": fmt.difference,
    "Parameters": fmt.count,
    "ms a clip": fmt.milliseconds,
    "Training": fmt.duration,
}


def main() -> None:
    st.title("Overview", anchor=False)
    scene = context_bar()
    if not scene.runs:
        no_runs(scene)
        return
    boards = leaderboards(scene)
    st.markdown(answer(scene, boards[0][0] if boards else []))
    for sentence in group_differences([scored for scored, _ in boards if scored]):
        st.caption(f":material/info: {sentence} Differences and bold stay within a table.")
    if boards and boards[0][0]:
        cost_figure(scene, boards[0][0])
    for number, (scored, others) in enumerate(boards):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            title = board_title(scene, scored, others) if len(boards) > 1 else "Runs"
            st.subheader(title, anchor=False)
            frame = leaderboard_frame(scene, scored, others).drop(columns=tables.MARK)
            ids = [run.run_id for run in [*(s.run for s in scored), *others]]
            frame.insert(0, "run_id", ids + [""] * (len(frame) - len(ids)))
            tables.csv_button(frame, f"runs-{scene.split}.csv", f"overview-csv-{number}")
        leaderboard(scene, scored, others, number)
        seeds_table(scored, f"overview-seeds-{number}")
    reported(scene)


def leaderboards(scene: Scene) -> list[tuple[list[Scored], list[Run]]]:
    """Return the runs a table: those that compare, and with them runs of the same data without scores."""
    groups: dict[str, list[Scored]] = {}
    without: list[Run] = []
    for run in scene.runs:
        try:
            scored = score(scene, run)
            groups.setdefault(scored.key, []).append(scored)
        except SedcoreError:
            if run.info["kind"] != "reported":
                without.append(run)
    lead = scene.lead_group[0].key if scene.lead_group else ""
    boards = []
    for key in sorted(groups, key=lambda k: k != lead):
        group = sorted(groups[key], key=lambda s: -fmt_nan(s.evaluation.mAP))
        datasets = {s.run.info["dataset"] for s in group}
        boards.append((group, [run for run in without if run.info["dataset"] in datasets]))
        without = [run for run in without if run.info["dataset"] not in datasets]
    return boards + ([([], without)] if without else [])


def fmt_nan(value: float) -> float:
    """Return a value to sort by, with undefined below all others."""
    return -1.0 if fmt.is_missing(value) else value


def answer(scene: Scene, scored: list[Scored]) -> str:
    """Return the page's answer in words."""
    where = f"on {fmt.escape_markdown(scene.split)}"
    defined = [s for s in scored if not fmt.is_missing(s.evaluation.mAP)]
    if not defined:
        return f"No run has scores {where} yet, so none leads."
    first = defined[0]
    lead = (
        f"**{fmt.escape_markdown(first.label)}** leads on macro AP {where}: {fmt.score(first.evaluation.mAP)}"
    )
    if len(defined) == 1:
        name, value = fmt.escape_markdown(first.label), fmt.score(first.evaluation.mAP)
        return f"**{name}** has macro AP {value} {where}; no other run here compares with it."
    gap = fmt.score(first.evaluation.mAP - defined[1].evaluation.mAP)
    by_f1 = max(defined, key=lambda s: fmt_nan(s.evaluation.averages["macro"].f1))
    f1 = fmt.score(by_f1.evaluation.averages["macro"].f1)
    if by_f1 is first:
        more = f"it also has the best macro F1 at the thresholds in force ({f1})"
    else:
        name = fmt.escape_markdown(by_f1.label)
        more = f"at the thresholds in force **{name}** has the best macro F1 ({f1})"
    return f"{lead}, {gap} ahead of **{fmt.escape_markdown(defined[1].label)}**; {more}."


def cost_figure(scene: Scene, scored: list[Scored]) -> None:
    """Show macro AP against a cost that the reader picks."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("Macro AP against")
        kind = st.segmented_control(
            "Macro AP against",
            list(COSTS),
            default="Training time",
            required=True,
            key="overview-cost",
            label_visibility="collapsed",
        )
    key, title, scale = COSTS[kind]
    points = [
        Point(
            s.label,
            s.run.info[key] * scale,
            s.evaluation.mAP,
            scene.ink(s.run),
            (
                f"macro AP {fmt.score(s.evaluation.mAP)}",
                f"trained in {fmt.duration(s.run.info['wall_s'])}",
                f"{fmt.count(s.run.info['parameters'])} parameters",
                f"{fmt.milliseconds(s.run.info['ms_per_clip'])} ms a clip",
            ),
        )
        for s in scored
        if s.run.info[key] and not fmt.is_missing(s.evaluation.mAP)
    ]
    if not points:
        st.caption(f"No run records its {kind.lower()}.")
        return
    figure = pareto_figure(points, title)
    st.plotly_chart(figure, key="overview-pareto", config=style.CONFIG)


def board_title(scene: Scene, scored: list[Scored], others: list[Run]) -> str:
    """Return the heading of one of several tables."""
    runs = [s.run for s in scored] + others
    datasets = sorted({run.info["dataset"] or "no data set named" for run in runs})
    name = fmt.escape_markdown(fmt.listing(datasets))
    if not scored:
        return f"{name}: without scores on {fmt.escape_markdown(scene.split)}"
    e = scored[0].evaluation
    return f"{name}: {fmt.plural(e.clips, 'clip')}, {fmt.plural(len(e.classes), 'class', 'classes')}"


def leaderboard(scene: Scene, scored: list[Scored], others: list[Run], number: int) -> None:
    """Show a table of runs; ticked rows are the chosen runs of all pages."""
    runs = [s.run for s in scored] + others
    frame = leaderboard_frame(scene, scored, others)
    key, click = f"overview-board-{number}", f"overview-open-{number}"
    chosen = {run.run_id for run in scene.chosen}
    rows = [row for row, run in enumerate(runs) if run.run_id in chosen]
    st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    st.dataframe(
        tables.styled(
            frame,
            FORMATS,
            bold=tables.bold_best(
                frame.iloc[: len(runs)], ["Macro AP", "Micro F1", "Macro F1"], ["ms a clip", "Training"]
            ).reindex(frame.index, fill_value=False),
            faint_rows=range(len(scored), len(frame)),
        ),
        key=key,
        hide_index=True,
        on_select=lambda: choose_rows(scene, runs, key),
        selection_mode="multi-row",
        column_config=leaderboard_columns(scene, runs, click),
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame)),
    )


def choose_rows(scene: Scene, runs: list[Run], key: str) -> None:
    """Take the ticked rows of one table as chosen; runs of other tables stay as they are."""
    rows = st.session_state[key]["selection"]["rows"]
    ticked = [runs[row].run_id for row in rows if row < len(runs)]
    here = {run.run_id for run in runs}
    kept = [run.run_id for run in scene.chosen if run.run_id not in here or run.run_id in ticked]
    state.change(runs=tuple([*kept, *(run_id for run_id in ticked if run_id not in kept)]))


def leaderboard_frame(scene: Scene, scored: list[Scored], others: list[Run]) -> pd.DataFrame:
    """Return a row a run, numbers unrounded, best macro AP first, then those without scores, then baselines."""
    trivial = trivial_of(scene, scored)
    base = next((s for s in scored if s.run is scene.baseline), None)
    rows = []
    for run, s in [(s.run, s) for s in scored] + [(run, None) for run in others]:
        info, e = run.info, s.evaluation if s else None
        rows.append(
            {
                tables.MARK: [run.run_id],
                "Name": scene.labels[run.run_id] + (" ★" if base and run is scene.baseline else ""),
                "Macro AP": e.mAP if e else None,
                "95 %": macro_ap_interval(s) if s else "",
                "Micro F1": e.averages["micro"].f1 if e else None,
                "Macro F1": e.averages["macro"].f1 if e else None,
                "Difference": e.mAP - base.evaluation.mAP if e and base and s is not base else None,
                "Model": info["model"],
                "Features": info["features"],
                "Parameters": info["parameters"],
                "ms a clip": info["ms_per_clip"],
                "Training": info["wall_s"],
                "Best epoch": fmt.epochs(info["best_epoch"], info["epochs_run"]),
                "State": state_words(scene, run, s, trivial),
                "Created": fmt.moment(info["created"]),
            }
        )
    for name, e in trivial.items():
        f1 = {"Micro F1": e.averages["micro"].f1, "Macro F1": e.averages["macro"].f1}
        blank = {"95 %": "", "Best epoch": "", "Created": ""}
        rows.append({tables.MARK: [], "Name": name, "Macro AP": e.mAP, **f1, **blank, "State": "baseline"})
    frame = pd.DataFrame(rows)
    return frame.astype({column: "float64" for column in FORMATS})


def trivial_of(scene: Scene, scored: list[Scored]) -> dict[str, Evaluation]:
    """Return the trivial baselines on the clips of a table, none where nothing has scores."""
    if not scored:
        return {}
    return trivial_baselines(scored[0], train_priors(scene.root, scored[0].run))


def state_words(scene: Scene, run: Run, scored: Scored | None, trivial: dict[str, Evaluation]) -> str:
    """Return the state of a run, and what a reader must know about it."""
    words = run.info["kind"] if run.info["kind"] == "imported" else run.status().state
    if scored is None and scene.split in run.splits():
        return f"{words}, scores damaged"
    if scored and (scored.evaluation.collapsed or run.info["collapsed"]):
        words = f"{words}, collapsed"
    if scored and below(scored.evaluation, trivial):
        words = f"{words}, below baseline"
    return words


def leaderboard_columns(scene: Scene, runs: list[Run], click: str) -> dict:
    """Return the column configuration, with the help that explains the terms."""
    baseline = scene.labels[scene.baseline.run_id] if scene.baseline else "the baseline"
    number = tables.number_column
    return {
        tables.MARK: tables.mark_column({run.run_id: scene.ink(run) for run in runs}),
        "Name": tables.name_column("Name", "Click a name to open the run.", click, open_run, runs, click),
        "Macro AP": number(
            help="Mean over classes of the average precision (area under the precision-recall curve): "
            "how well scores rank clips, whatever the threshold."
        ),
        "95 %": st.column_config.TextColumn(
            help="Marginal 95 % interval of macro AP, by resampling clips. Whether two runs differ: Verdicts."
        ),
        "Micro F1": number(
            help="F1 of all classes pooled, at the thresholds in force: frequent classes count most."
        ),
        "Macro F1": number(
            help="Mean of the F1 of the classes, at the thresholds in force: every class counts alike."
        ),
        "Difference": number(
            "Δ macro AP", help=f"Macro AP minus that of the baseline, {fmt.escape_markdown(baseline)}."
        ),
        "ms a clip": number(help="Milliseconds to score one clip, as measured when the run ended."),
        "Training": number(help="Wall time of the training."),
        "Best epoch": st.column_config.TextColumn(
            alignment="right",
            help="Epoch with the best validation macro AP, of those that ran; its weights are kept.",
        ),
        "State": st.column_config.TextColumn(
            help="Collapsed: the scores hardly differ between clips, so the run ranks nothing. Below baseline: a "
            "trivial baseline (grey) beats it by macro AP, ROC AUC or an averaged F1."
        ),
        "Created": st.column_config.TextColumn(help="Time in UTC."),
    }


guarded(main)
