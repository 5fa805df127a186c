"""Which model? A leaderboard of all runs, and quality against cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.compare import leaderboard as rows_of
from pages.widgets.compare.context_bar import context_bar, no_runs
from pages.widgets.compare.leaderboard import Board, leaderboards, show_board
from pages.widgets.compare.mismatch import differences
from pages.widgets.compare.reported import reported
from pages.widgets.compare.seed_table import seeds_table
from pages.widgets.runs.guarded import guarded
from pages.widgets.runs.scene import Scene, every_run
from sedcore.comparison.seeds import seeds_frame
from sedcore.evaluation.measures import RUN_MEASURES
from sedcore.figures import style
from sedcore.figures.palette import UNCHOSEN
from sedcore.figures.pareto import Point, pareto_figure, pareto_front

COSTS = {
    "Training time": ("wall_s", "Training time in minutes", 1 / 60),
    "Parameters": ("parameters", "Parameters", 1),
    "Time a clip": ("ms_per_clip", "Milliseconds to score a clip", 1),
}
MOST_BOARDS = 12  # tables of runs that do not compare with each other
MEASURES = {RUN_MEASURES[name].title: name for name in ("macro_ap", "micro_f1", "macro_f1")}


def main() -> None:
    st.title("Overview", anchor=False)
    scene = context_bar(most=None)
    if not scene.runs:
        no_runs(scene)
        return
    boards = leaderboards(scene, every_run(scene))
    st.markdown(answer(scene, boards[0]) if boards else answer(scene, None))
    shown = boards[:MOST_BOARDS]
    scored = [board for board in shown if len(board.rows)]
    groups = [(board.labels(board.rows), board.lead.scores) for board in scored if len(scored) > 1]
    for sentence in differences(groups):
        st.caption(f":material/info: {sentence} Differences and bold stay within a table.")
    if boards and len(boards[0].rows):
        cost_figure(scene, boards[0])
    for number, board in enumerate(shown):
        title = board_title(board) if len(boards) > 1 else "Runs"
        show_board(board, title, number)
        seeds = board.seen.derived(("seeds", board.key), lambda board=board: seeds_of(board))
        seeds_table(seeds, list(MEASURES), f"overview-seeds-{number}")
    if len(boards) > len(shown):
        left = sum(len(board.rows) for board in boards[MOST_BOARDS:])
        st.caption(
            f":material/info: {fmt.plural(left, 'more run')} on other clips, classes or labels, in "
            f"{fmt.plural(len(boards) - len(shown), 'group')}: choose some of them to see theirs first."
        )
    reported(scene)
    rows_of.complete(scene, shown)


def answer(scene: Scene, board: Board | None) -> str:
    """Return the page's answer in words."""
    where = f"on {fmt.escape_markdown(scene.split)}"
    defined = [] if board is None else [row for row in board.rows if not np.isnan(board.seen.mAP[row])]
    if not defined:
        return f"No run has scores {where} yet, so none leads."
    ap, f1 = board.seen.mAP, board.seen.values["macro_f1"][defined]
    name, value = fmt.escape_markdown(board.label(defined[0])), fmt.score(ap[defined[0]])
    if len(defined) == 1:
        return f"**{name}** has macro AP {value} {where}; no other run here compares with it."
    second, gap = fmt.escape_markdown(board.label(defined[1])), fmt.score(ap[defined[0]] - ap[defined[1]])
    best = int(np.argmax(np.nan_to_num(f1, nan=-1)))
    if best == 0:
        more = f"it also has the best macro F1 at the thresholds in force ({fmt.score(f1[0])})"
    else:
        other = fmt.escape_markdown(board.label(defined[best]))
        more = f"at the thresholds in force **{other}** has the best macro F1 ({fmt.score(f1[best])})"
    return f"**{name}** leads on macro AP {where}: {value}, {gap} ahead of **{second}**; {more}."


def seeds_of(board: Board) -> pd.DataFrame:
    """Return the table of seeds of the runs of a board."""
    measured = {name: board.seen.values[key][board.rows] for name, key in MEASURES.items()}
    return seeds_frame(board.runs[: len(board.rows)], board.labels(board.rows), measured)


def cost_figure(scene: Scene, board: Board) -> None:
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

    def drawn():
        points = cost_points(scene, board, kind)
        return pareto_figure(points, COSTS[kind][1]) if points else None

    figure = board.seen.derived(("cost", kind, board.key, tuple(scene.inks.items())), drawn)
    if figure is None:
        st.caption(f"No run records its {kind.lower()}.")
        return
    st.plotly_chart(figure, key="overview-pareto", config=style.CONFIG)


def cost_points(scene: Scene, board: Board, kind: str) -> list[Point]:
    """Return a point a run that records its cost; those drawn in full have details on hover."""
    key, _, scale = COSTS[kind]
    points = {
        row: Point(board.label(row), run.info[key] * scale, ap, scene.ink(run))
        for row, run, ap in ((row, scene.runs[row], board.seen.mAP[row].item()) for row in board.rows)
        if run.info[key] and not fmt.is_missing(ap)
    }
    front = {id(point) for point in pareto_front(list(points.values()))}
    for row, p in points.items():
        if len(points) <= rows_of.MOST_STYLED or p.ink != UNCHOSEN or id(p) in front:
            info = scene.runs[row].info
            hover = (
                f"macro AP {fmt.score(p.quality)}",
                f"trained in {fmt.duration(info['wall_s'])}",
                f"{fmt.count(info['parameters'])} parameters",
                f"{fmt.milliseconds(info['ms_per_clip'])} ms a clip",
            )
            points[row] = Point(p.label, p.cost, p.quality, p.ink, hover)
    return list(points.values())


def board_title(board: Board) -> str:
    """Return the heading of one of several tables."""
    runs = [board.scene.runs[row] for row in (*board.rows, *board.others)]
    datasets = sorted({run.info["dataset"] or "no data set named" for run in runs})
    name = fmt.escape_markdown(fmt.listing(datasets))
    if not len(board.rows):
        return f"{name}: without scores on {fmt.escape_markdown(board.scene.split)}"
    first, seen = board.rows[0], board.seen
    classes = fmt.plural(int(seen.classes[first]), "class", "classes")
    return f"{name}: {fmt.plural(int(seen.clips[first]), 'clip')}, {classes}"


guarded(main)
