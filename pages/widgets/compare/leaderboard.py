"""The leaderboard of Overview: a table of any number of runs that compare, with unrounded numbers.

Up to MOST_STYLED rows have their best in bold, and up to MOST_RESAMPLED all have their interval; in longer tables the
browser formats the numbers, and only chosen runs are resampled, after the table is shown.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.base.navigation import open_run
from pages.widgets.compare.intervals import macro_ap_interval
from pages.widgets.runs import choice
from pages.widgets.runs.scene import Scene
from sedcore.artifacts.runs import Run
from sedcore.comparison.all_runs import AllRuns
from sedcore.comparison.contenders import ranking_kept, trivial_baselines
from sedcore.comparison.selection import Scored
from sedcore.data.summary import train_priors
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import Evaluation
from sedcore.evaluation.many import below_any
from sedcore.evaluation.measures import RUN_MEASURES
from sedcore.figures.palette import UNCHOSEN

MOST_STYLED = 500  # rows styled by pandas, at some 50 ms a hundred
MOST_RESAMPLED = 60  # rows that all have their interval
OTHER = "other"  # the mark of all runs that are not chosen, in a long table
_RANKED_BY = list(dict.fromkeys(one.measure.title for one in RUN_MEASURES.values()))
FORMATS = {
    "Macro AP": fmt.score,
    "Micro F1": fmt.score,
    "Macro F1": fmt.score,
    "Difference": fmt.difference,
    "Parameters": fmt.count,
    "ms a clip": fmt.milliseconds,
    "Training": fmt.duration,
}
PRINTED = {  # the same formats for the browser
    **dict.fromkeys(("Macro AP", "Micro F1", "Macro F1"), "%.3f"),
    "Difference": "%+.3f",
    "Parameters": "%,d",
    "ms a clip": "%.3g",
    "Training": "compact",
}


@dataclass(frozen=True, eq=False)
class Board:
    """Runs that compare, as indices into `scene.runs`: `rows` with scores, best first, `others` without."""

    scene: Scene
    seen: AllRuns
    rows: np.ndarray
    others: tuple[int, ...] = ()

    @functools.cached_property
    def lead(self) -> Scored:
        """The run of the first row with its scores."""
        return self.scene.score(self.scene.runs[self.rows[0]])

    @functools.cached_property
    def runs(self) -> list[Run]:
        """The run of each row of the table, before the trivial baselines."""
        return [self.scene.runs[row] for row in (*self.rows, *self.others)]

    @functools.cached_property
    def trivial(self) -> dict[str, Evaluation]:
        """The trivial baselines on the clips of the table, none where nothing has scores."""
        if not len(self.rows):
            return {}
        return trivial_baselines(self.lead, train_priors(self.scene.root, self.lead.run))

    @property
    def key(self) -> str:
        """Comparison key of the runs, "" where they have no scores."""
        return str(self.seen.keys[self.rows[0]]) if len(self.rows) else ""

    def label(self, row: int) -> str:
        """Return the label of a run."""
        return self.scene.labels[self.scene.runs[row].run_id]

    def labels(self, rows: Iterable[int]) -> list[str]:
        """Return the labels of runs."""
        return [self.label(row) for row in rows]


def leaderboards(scene: Scene, seen: AllRuns) -> list[Board]:
    """Return the tables: each of runs that compare, with runs of the same data that have no scores."""
    groups: dict[str, list[int]] = {}
    without: list[int] = []
    for row, key in enumerate(seen.keys.tolist()):
        if key:
            groups.setdefault(key, []).append(row)
        elif scene.runs[row].info["kind"] != "reported":
            without.append(row)
    lead = next((key for run, key in zip(scene.runs, seen.keys.tolist()) if run is scene.baseline), "")
    boards = []
    for key in sorted(groups, key=lambda k: k != lead):
        places = np.array(groups[key])
        group = places[np.argsort(-np.nan_to_num(seen.mAP[places], nan=-1.0), kind="stable")]
        datasets = {scene.runs[row].info["dataset"] for row in group}
        beside = tuple(row for row in without if scene.runs[row].info["dataset"] in datasets)
        boards.append(Board(scene, seen, group, beside))
        without = [row for row in without if scene.runs[row].info["dataset"] not in datasets]
    return boards + ([Board(scene, seen, np.array([], int), tuple(without))] if without else [])


def show_board(board: Board, title: str, number: int) -> None:
    """Show a table of runs with its heading; ticked rows are the chosen runs of all pages."""
    scene, known = board.scene, intervals(board)
    baseline = scene.baseline.run_id if scene.baseline else ""
    key = ("frame", board.key, board.others, baseline, tuple(scene.inks), tuple(known.items()))
    frame = board.seen.derived(key, lambda: leaderboard_frame(board, known))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(title, anchor=False)
        named = frame.drop(columns=tables.MARK)
        ids = [run.run_id for run in board.runs]
        named.insert(0, "run_id", ids + [""] * (len(frame) - len(ids)))
        tables.csv_button(named, f"runs-{board.scene.split}.csv", f"overview-csv-{number}")
    key, click = f"overview-board-{number}", f"overview-open-{number}"
    chosen = {run.run_id for run in board.scene.chosen}
    ticked = [row for row, run in enumerate(board.runs) if run.run_id in chosen]
    st.session_state[key] = {"selection": {"rows": ticked, "columns": [], "cells": []}}
    long = len(frame) > MOST_STYLED
    st.dataframe(
        _printed(frame) if long else _styled(board, frame),
        key=key,
        hide_index=True,
        on_select=lambda: choose_rows(board.scene, board.runs, key),
        selection_mode="multi-row",
        column_config=leaderboard_columns(board, click, long),
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame)),
    )


def _styled(board: Board, frame: pd.DataFrame):
    bold = tables.bold_best(
        frame.iloc[: len(board.runs)], ["Macro AP", "Micro F1", "Macro F1"], ["ms a clip", "Training"]
    )
    return tables.styled(
        frame,
        FORMATS,
        bold=bold.reindex(frame.index, fill_value=False),
        faint_rows=range(len(board.rows), len(frame)),
    )


def _printed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(Training=pd.to_timedelta(frame["Training"].round(), unit="s"))


def choose_rows(scene: Scene, runs: list[Run], key: str) -> None:
    """Take the ticked rows of one table as chosen; runs of other tables stay as they are."""
    rows = st.session_state[key]["selection"]["rows"]
    ticked = [runs[row].run_id for row in rows if row < len(runs)]
    here, wanted = {run.run_id for run in runs}, set(ticked)
    kept = [run.run_id for run in scene.chosen if run.run_id not in here or run.run_id in wanted]
    choice.change(runs=tuple(dict.fromkeys([*kept, *ticked])))


def leaderboard_frame(board: Board, known: Mapping[str, str]) -> pd.DataFrame:
    """Return a row a run, numbers unrounded, best macro AP first, then those without scores, then baselines.

    known : the result of `intervals`.
    """
    scene, runs = board.scene, board.runs
    places = np.array([*board.rows, *board.others], int)
    many = len(runs) + len(board.trivial) > MOST_STYLED
    values = {name: found[places] for name, found in board.seen.values.items()}
    base = np.array([run is scene.baseline for run in runs], bool)
    ap = values["macro_ap"]
    difference = np.where(base, np.nan, ap - (ap[base][0] if base.any() else np.nan))
    stars = [" ★" if is_base and row < len(board.rows) else "" for row, is_base in enumerate(base)]
    marks = [run.run_id if not many or run.run_id in scene.inks else OTHER for run in runs]
    columns = dict(
        {
            tables.MARK: tables.mark_cells(marks),
            "Name": [scene.labels[run.run_id] + star for run, star in zip(runs, stars)],
            "Macro AP": ap,
            "95 %": [known.get(run.run_id, "") for run in runs],
            "Micro F1": values["micro_f1"],
            "Macro F1": values["macro_f1"],
            "Difference": difference,
            **board.seen.derived(("columns", board.key, board.others), lambda: known_columns(board)),
        }
    )
    trivial = []
    for name, e in board.trivial.items():
        f1 = {"Micro F1": e.averages["micro"].f1, "Macro F1": e.averages["macro"].f1}
        blank = {"95 %": "", "Best epoch": "", "Created": ""}
        trivial.append({tables.MARK: [], "Name": name, "Macro AP": e.mAP, **f1, **blank, "State": "baseline"})
    below = pd.DataFrame(trivial, columns=list(columns), dtype=object)
    frame = pd.DataFrame({name: [*found, *below[name]] for name, found in columns.items()})
    return frame.astype({column: "float64" for column in FORMATS})


def known_columns(board: Board) -> dict[str, list]:
    """Return the columns that do not depend on the choice."""
    infos = [run.info for run in board.runs]
    return {
        "Model": [info["model"] for info in infos],
        "Features": [info["features"] for info in infos],
        "Parameters": [info["parameters"] for info in infos],
        "ms a clip": [info["ms_per_clip"] for info in infos],
        "Training": [info["wall_s"] for info in infos],
        "Best epoch": [fmt.epochs(info["best_epoch"], info["epochs_run"]) for info in infos],
        "State": state_words(board),
        "Created": [fmt.moment(info["created"]) for info in infos],
    }


def resampled_runs(board: Board) -> list[Scored]:
    """Return the runs of a table that have an interval: all, or the chosen ones of a long table."""
    scene = board.scene
    rows = board.rows.tolist()
    if len(rows) > MOST_RESAMPLED:
        rows = [row for row in rows if scene.runs[row].run_id in scene.inks][:MOST_RESAMPLED]
    scored = []
    for row in rows:
        try:
            scored.append(scene.score(scene.runs[row]))
        except SedcoreError:
            continue  # damaged since it was counted
    return scored


def intervals(board: Board) -> dict[str, str]:
    """Return the interval of macro AP by run id, of runs that do not wait until the table is shown."""
    at_once = len(board.rows) <= MOST_RESAMPLED
    return {s.run.run_id: macro_ap_interval(s) for s in resampled_runs(board) if at_once or ranking_kept(s)}


def complete(scene: Scene, boards: Sequence[Board]) -> None:
    """Resample the chosen runs of long tables, if not yet done, and rerun the page; called at its end."""
    lacking = [
        s
        for board in boards
        if len(board.rows) > MOST_RESAMPLED
        for s in resampled_runs(board)
        if not s.scores.large and not ranking_kept(s)
    ]
    if lacking:
        with st.spinner(f"Resampling the clips of {fmt.plural(len(lacking), 'chosen run')}"):
            for s in lacking:
                macro_ap_interval(s)
        st.rerun()


def state_words(board: Board) -> list[str]:
    """Return the state of each run, and what a reader must know about it."""
    scene, below = board.scene, below_any(board.seen.values, board.trivial)
    words = []
    for number, (row, run) in enumerate(zip((*board.rows, *board.others), board.runs)):
        scored = number < len(board.rows)
        word = run.info["kind"] if run.info["kind"] == "imported" else run.seen.state
        if not scored and scene.split in run.splits():
            word = f"{word}, scores damaged"
        if scored and (board.seen.collapsed[row] or run.info["collapsed"]):
            word = f"{word}, collapsed"
        if scored and below[row]:
            word = f"{word}, below baseline"
        words.append(word)
    return words


def leaderboard_columns(board: Board, click: str, long: bool) -> dict:
    """Return the column configuration, with the help that explains the terms."""
    scene, runs = board.scene, board.runs
    baseline = scene.labels[scene.baseline.run_id] if scene.baseline else "the baseline"
    inks = {run.run_id: scene.ink(run) for run in runs if not long or run.run_id in scene.inks}

    def number(label: str, title: str | None = None, **more: object) -> dict:
        return tables.number_column(title, format=PRINTED[label] if long else None, **more)

    return {
        tables.MARK: tables.mark_column(inks | ({OTHER: UNCHOSEN} if long else {})),
        "Name": tables.name_column("Name", "Click a name to open the run.", click, open_run, runs, click),
        "Macro AP": number(
            "Macro AP",
            help="Mean over classes of the average precision (area under the precision-recall curve): "
            "how well scores rank clips, whatever the threshold.",
        ),
        "95 %": st.column_config.TextColumn(
            help="Marginal 95 % interval of macro AP, by resampling clips. Whether two runs differ: Verdicts."
            + (" Of so many runs only chosen ones have it." if len(board.rows) > MOST_RESAMPLED else "")
        ),
        "Micro F1": number("Micro F1", help=RUN_MEASURES["micro_f1"].help),
        "Macro F1": number("Macro F1", help=RUN_MEASURES["macro_f1"].help),
        "Difference": number(
            "Difference",
            "Δ macro AP",
            help=f"Macro AP minus that of the baseline, {fmt.escape_markdown(baseline)}.",
        ),
        "Parameters": number("Parameters"),
        "ms a clip": number(
            "ms a clip", help="Milliseconds to score one clip, as measured when the run ended."
        ),
        "Training": number("Training", help="Wall time of the training."),
        "Best epoch": st.column_config.TextColumn(
            alignment="right",
            help="Epoch with the best validation macro AP, of those that ran; its weights are kept.",
        ),
        "State": st.column_config.TextColumn(
            help="Collapsed: the scores hardly differ between clips, so the run ranks nothing. Below baseline: a "
            f"trivial baseline (grey) beats it by an average of {fmt.listing(_RANKED_BY)}."
        ),
        "Created": st.column_config.TextColumn(help="Time in UTC."),
    }
