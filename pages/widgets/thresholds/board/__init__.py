"""The threshold board: every number of every chosen run, updated while a threshold slider moves.

A components-v2 element: the scripts of SCRIPTS concatenated to one module, and board.css; no build step. It receives
exact counts by run, class and threshold of a grid once, computes everything else from them in the browser, and tells
the page on release. Thresholds off the grid (typed, tuned) come with their own exact counts.
"""

from __future__ import annotations

import base64
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.runs import choice
from pages.widgets.runs.scene import Scene
from sedcore.comparison.contenders import trivial_baselines
from sedcore.comparison.selection import Scored
from sedcore.data.summary import train_priors
from sedcore.evaluation.evaluate import Evaluation
from sedcore.evaluation.measures import AVERAGES, OF_DECISIONS, OF_SAMPLES, PICKED_DECISIONS

HERE = Path(__file__).parent
KEY = "board"
SCRIPTS = ("numbers", "parts", "sheet", "thresholds", "controls", "ranking", "rows", "board")
_EDIT = "board-edit"  # number of the last move applied in this session
_board = st.components.v2.component(
    "threshold_board",
    css=(HERE / "board.css").read_text(encoding="utf-8"),
    js="\n".join((HERE / f"{script}.js").read_text(encoding="utf-8") for script in SCRIPTS),
)


def threshold_board(scene: Scene) -> None:
    """Show the board for the scored runs of a scene; its moves become the choice in force."""
    elsewhere = {name: value for name, value in scene.choice.by_class if name not in scene.classes}
    _board(key=KEY, data=board_data(scene), on_moved_change=lambda: _moved(elsewhere))


def _moved(elsewhere: dict[str, float]) -> None:
    """Apply a move; `elsewhere` are thresholds of classes not on the board, which stay."""
    moved = st.session_state[KEY].get("moved")
    if not moved:
        return
    own = elsewhere | {str(name): float(value) for name, value in moved["own"].items()}
    st.session_state[_EDIT] = int(moved["edit"])
    choice.change(threshold=float(moved["threshold"]), by_class=tuple(sorted(own.items())))


def board_data(scene: Scene) -> dict:
    """Return the board's data, in the form that board.js describes."""
    scored = [s for group in scene.groups for s in group]
    classes, grid = scene.classes, scene.grid()
    columns = [_columns(s, classes) for s in scored]
    exact = [_exact(s, found) for s, found in zip(scored, columns)]
    version, counts, size = _packed(scene, scored, columns, grid)
    group_of = {s.run.run_id: number for number, group in enumerate(scene.groups) for s in group}
    return {
        "edit": st.session_state.get(_EDIT, 0),
        "version": version,
        "grid": grid.tolist(),
        "counts": counts,
        "bytes": size,
        "measures": [
            {
                "name": m.name,
                "title": m.title,
                "short": m.short,
                "help": m.help,
                "averages": m.averages,
                "definedIfPredicted": m.defined_if_predicted,
            }
            for m in PICKED_DECISIONS.values()
        ],
        "sampled": [m.name for m in OF_SAMPLES],
        "classes": [{"name": name, "title": fmt.class_title(name)} for name in classes],
        "runs": [
            {
                "id": s.run.run_id,
                "label": s.label,
                "color": scene.ink(s.run).color,
                "glyph": scene.ink(s.run).glyph,
                "group": group_of[s.run.run_id],
                "baseline": s.run is scene.baseline and len(scored) > 1,
                "clips": s.evaluation.clips,
                "positives": [-1 if c is None else int(s.evaluation.support[c]) for c in found],
                "samples": s.scores.on_grid(grid).samples.tolist(),
            }
            for s, found in zip(scored, columns)
        ],
        "baselines": [
            {
                "label": label,
                "values": {
                    name: {
                        m.name: _number(e.averages[name][m.name]) for m in OF_DECISIONS if name in m.averages
                    }
                    for name in AVERAGES
                },
            }
            for label, e in _trivial(scene).items()
        ],
        "threshold": scene.choice.threshold,
        "own": {name: value for name, value in scene.choice.by_class if name in classes},
        "exact": {
            "tp": [tp for tp, _ in exact],
            "fp": [fp for _, fp in exact],
            "samples": [list(s.evaluation.averages["samples"].values()) for s in scored],
        },
    }


def _trivial(scene: Scene) -> dict[str, Evaluation]:
    lead = scene.lead_group[0]
    return trivial_baselines(lead, train_priors(scene.root, lead.run))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _columns(s: Scored, classes: tuple[str, ...]) -> list[int | None]:
    """Return the column of each class in a run, None where the run does not have it."""
    place = {name: c for c, name in enumerate(s.evaluation.classes)}
    return [place.get(name) for name in classes]


def _exact(s: Scored, columns: list[int | None]) -> tuple[list[int], list[int]]:
    tp, fp = (
        [0 if c is None else int(counted[c]) for c in columns]
        for counted in (s.evaluation.tp, s.evaluation.fp)
    )
    return tp, fp


def _packed(
    scene: Scene, scored: list[Scored], columns: list[list[int | None]], grid: np.ndarray
) -> tuple[str, str, int]:
    """Return a name for these counts, the counts (base64 of deflated integers), and the bytes of an integer."""
    tp, fp = (np.zeros((len(scored), len(columns[0]), len(grid)), np.int64) for _ in range(2))
    for r, (s, found) in enumerate(zip(scored, columns)):
        held = s.scores.on_grid(grid)
        here = [k for k, c in enumerate(found) if c is not None]
        there = [c for c in found if c is not None]
        tp[r, here], fp[r, here] = held.tp[:, there].T, held.fp[:, there].T
    size = 2 if max(s.evaluation.clips for s in scored) < 2**16 else 4
    raw = np.stack([tp, fp]).astype(f"<u{size}").tobytes()
    named = "\n".join(f"{s.run.run_id} {s.label} {scene.ink(s.run)} {s.key}" for s in scored)
    version = hashlib.sha256(raw + repr(grid.tolist()).encode() + named.encode()).hexdigest()[:16]
    return version, base64.b64encode(zlib.compress(raw, 6)).decode(), size
