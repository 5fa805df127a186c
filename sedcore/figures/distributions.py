"""Histograms of one class's scores by truth, a panel a run, and reliability diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from sedcore.evaluation.calibration import Calibration
from sedcore.evaluation.curves import Histogram
from sedcore.figures.detection import diagonal
from sedcore.figures.palette import RIGHT, WRONG, Ink
from sedcore.figures.style import GRID, SMALL, axis_title, drawn, plain, rule_at, shortened

PANEL = 240  # pixels of a row of panels
ABREAST = 3  # panels in a row at most
_GAP, _TITLE, _BETWEEN = 0.04, 0.12, 0.06  # shares of the width, and of a row's height


@dataclass(frozen=True, eq=False)
class ScorePanel:
    """Scores of a run by truth, and its threshold in force."""

    label: str
    ink: Ink
    histogram: Histogram
    threshold: float


@dataclass(frozen=True, eq=False)
class Reliability:
    """The calibration of a run on a class, and its threshold in force."""

    label: str
    ink: Ink
    calibration: Calibration
    threshold: float


def histogram_figure(panels: Sequence[ScorePanel], abreast: int = ABREAST) -> go.Figure:
    """Return score histograms, small multiples: clips with the class above (blue), without it below (orange).

    Each half has its own scale, the same in all panels, since clips without the class are far more. A vertical line
    marks the threshold in force: right of it blue clips are hits, orange ones false alarms.
    """
    columns = max(min(abreast, len(panels)), 1)
    rows = max(-(-len(panels) // columns), 1)
    tops = [max((int(part(p).max(initial=0)) for p in panels), default=0) for part in _PARTS]
    traces, axes, shapes, titles = [], {}, [], []
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        left, right = _span(column, columns)
        bottom, top = 1 - (row + 1) / rows, 1 - row / rows
        for half, (part, color, meaning) in enumerate(zip(_PARTS, (RIGHT, WRONG), ("with", "without"))):
            place = "" if number == half == 0 else str(2 * number + half + 1)
            low, high = _half(bottom, top, half)
            traces.append(_bars(panel, part(panel), color, meaning, place))
            last = half == 1 and number + columns >= len(panels)
            axes |= _axes(place, (left, right), (low, high), panel, tops[half], column == 0, half == 1, last)
            shapes.append(rule_at(panel.threshold) | {"xref": f"x{place}", "yref": f"y{place} domain"})
        titles.append(_title(panel, left, top))
    return drawn(
        traces,
        height=PANEL * rows + 40,
        margin={"t": 8, "r": 12},
        bargap=0.05,
        shapes=shapes,
        annotations=titles,
        **axes,
    )


def reliability_figure(runs: Sequence[Reliability]) -> go.Figure:
    """Return the share of clips that hold the class against their mean score; on the diagonal they agree."""
    traces = []
    for run in runs:
        held, ink = run.calibration, run.ink
        traces.append(
            dict(
                type="scatter",
                x=held.mean_score,
                y=held.observed,
                mode="lines+markers",
                customdata=held.clips,
                line={"color": ink.color, "dash": ink.dash, "width": 1.8},
                marker={"color": ink.color, "symbol": ink.symbol, "size": 7},
                hovertemplate=f"<b>{plain(run.label)}</b><br>mean score %{{x:.3f}}, %{{y:.1%}} hold the class"
                "<br>%{customdata} clips<extra></extra>",
                cliponaxis=False,
            )
        )
    thresholds = dict.fromkeys(run.threshold for run in runs)
    return drawn(
        traces,
        height=340,
        margin={"t": 8},
        x={"title": axis_title("mean score of the bin"), "range": [-0.01, 1.02], "tickformat": ".1f"},
        y={"title": axis_title("share with the class"), "range": [-0.02, 1.04], "tickformat": ".1f"},
        shapes=[diagonal(0, 1), *(rule_at(t, dash="dot") for t in thresholds if 0 <= t <= 1)],
    )


_PARTS = (lambda panel: panel.histogram.positives, lambda panel: panel.histogram.negatives)


def _span(column: int, columns: int) -> tuple[float, float]:
    width = (1 - _GAP * (columns - 1)) / columns
    left = column * (width + _GAP)
    return left, left + width


def _half(bottom: float, top: float, half: int) -> tuple[float, float]:
    """The upper or the lower half of a panel; space for its title above, for the axis below."""
    room = top - bottom
    top, bottom = top - _TITLE * room, bottom + _TITLE * room
    middle, gap = (top + bottom) / 2, _BETWEEN * room / 2
    return (middle + gap, top) if half == 0 else (bottom, middle - gap)


def _bars(panel: ScorePanel, clips: np.ndarray, color: str, meaning: str, place: str) -> dict:
    edges = panel.histogram.edges
    return dict(
        type="bar",
        x=(edges[:-1] + edges[1:]) / 2,
        y=clips,
        width=np.diff(edges),
        customdata=np.stack([edges[:-1], edges[1:]], axis=-1),
        xaxis=f"x{place}",
        yaxis=f"y{place}",
        marker={"color": color, "line": {"width": 0}},
        hovertemplate=f"<b>{plain(panel.label)}</b><br>%{{y}} clips {meaning} the class"
        "<br>score %{customdata[0]:.3g} to %{customdata[1]:.3g}<extra></extra>",
    )


def _axes(
    place: str,
    across: tuple[float, float],
    upright: tuple[float, float],
    panel: ScorePanel,
    top: int,
    first: bool,
    lower: bool,
    titled: bool,
) -> dict:
    edges = panel.histogram.edges
    look = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "tickfont": {"size": SMALL}}
    x = look | {
        "domain": across,
        "anchor": f"y{place}",
        "range": [edges[0], edges[-1]],
        "showticklabels": lower,
        "showgrid": False,
        "showline": True,
        "nticks": 5,
    }
    y = look | {
        "domain": upright,
        "anchor": f"x{place}",
        "range": [0, max(top, 1) * 1.04],
        "showticklabels": first,
        "nticks": 4,
    }
    if titled:
        x["title"] = axis_title("score")
    if first:
        y["title"] = axis_title("without" if lower else "with")
    return {f"xaxis{place}": x, f"yaxis{place}": y}


def _title(panel: ScorePanel, left: float, top: float) -> dict:
    return {
        "text": f'<span style="color:{panel.ink.color}">{panel.ink.glyph}</span> {shortened(panel.label)}',
        "x": left,
        "y": top,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "top",
        "showarrow": False,
        "font": {"size": SMALL},
    }
