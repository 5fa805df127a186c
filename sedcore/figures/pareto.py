"""Macro AP against cost (time, size or speed), a point a run, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from sedcore.figures.palette import NEUTRAL, UNCHOSEN, Ink
from sedcore.figures.style import axis_title, drawn, plain, shortened

MOST_NAMES = 12  # up to so many points all have labels
MOST_SINGLE = 200  # up to so many points are all drawn in full; beyond, runs that are not chosen are faint


@dataclass(frozen=True)
class Point:
    """A run in the plane: `cost` in the axis' unit, `quality` 0 to 1, `hover` lines of plain text."""

    label: str
    cost: float
    quality: float
    ink: Ink
    hover: tuple[str, ...] = ()


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other beats in both cost and quality, cheapest first."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.quality)):
        if not front or point.quality > front[-1].quality:
            front.append(point)
    return front


def pareto_figure(points: Sequence[Point], cost_title: str, quality_title: str = "Macro AP") -> go.Figure:
    """Return the figure; the cost axis is logarithmic, since costs differ by orders of magnitude.

    With many points only those on the front and the chosen ones are labelled; all have their name on hover.
    """
    traces: list[dict] = []
    front = pareto_front(points)
    first = set(map(id, front))
    low, high = _padded([p.quality for p in points], 0.08)
    left, right = _padded([math.log10(p.cost) for p in points], 0.1, least=0.02)
    if len(points) > MOST_SINGLE:
        crowd = [p for p in points if id(p) not in first and p.ink == UNCHOSEN]
        points = [p for p in points if id(p) in first or p.ink != UNCHOSEN]
        traces.append(_crowd(crowd, cost_title, quality_title))
    every = not traces and len(points) <= MOST_NAMES
    named = set() if traces else first  # in a crowd the front is named on hover only
    names = [shortened(p.label) if every or id(p) in named or p.ink != UNCHOSEN else "" for p in points]
    if len(front) > 1:
        traces.append(
            dict(
                type="scatter",
                x=[p.cost for p in front],
                y=[p.quality for p in front],
                mode="lines",
                line={"color": NEUTRAL, "width": 1.5, "dash": "dot", "shape": "hv"},
                hoverinfo="skip",
            )
        )

    def place(p: Point) -> tuple[float, float]:
        return (math.log10(p.cost) - left) / (right - left), (p.quality - low) / (high - low)

    sides = _label_sides([place(p) for p in points], list(map(len, names)), [place(p) for p in front])
    for point, name, side in zip(points, names, sides):
        traces.append(
            dict(
                type="scatter",
                x=[point.cost],
                y=[point.quality],
                mode="markers+text",
                text=[name],
                textposition=side,
                marker={"color": point.ink.color, "symbol": point.ink.symbol, "size": 11},
                hovertemplate="<br>".join([f"<b>{plain(point.label)}</b>", *map(plain, point.hover)])
                + "<extra></extra>",
                cliponaxis=False,
            )
        )
    ticks = _ticks(10**left, 10**right)
    return drawn(
        traces,
        height=300,
        margin={"r": 24, "t": 12},
        x={
            "type": "log",
            "title": axis_title(cost_title),
            "range": [left, right],
            "tickvals": ticks,
            "ticktext": [_short(t) for t in ticks],
        },
        y={"title": axis_title(quality_title), "tickformat": ".2f", "range": [low, high]},
    )


def _crowd(points: Sequence[Point], cost_title: str, quality_title: str) -> dict:
    """Return many points as one faint trace."""
    hover = f"<b>%{{text}}</b><br>{plain(quality_title)} %{{y:.3f}}<br>{plain(cost_title)} %{{x:.3g}}<extra></extra>"
    return dict(
        type="scatter",
        x=np.array([p.cost for p in points]),
        y=np.array([p.quality for p in points]),
        mode="markers",
        text=np.array([plain(p.label) for p in points]),  # arrays are copied and sent much faster than lists
        marker={"color": NEUTRAL, "size": 4, "opacity": 0.3},
        hovertemplate=hover,
    )


def _padded(values: Sequence[float], share: float, least: float = 0.0) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = max((high - low) * share, least) if high > low else 0.1
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers (1, 2, 5 and their tens) in a range, few enough for a narrow figure."""
    every = [step * 10.0**power for power in range(-6, 13) for step in (1, 2, 5)]
    inside = [tick for tick in every if low <= tick <= high]
    if len(inside) < 2:  # a range so narrow that it holds no two round numbers
        return _near_ticks(low, high)
    return inside if len(inside) <= 7 else [t for t in inside if math.log10(t) % 1 < 1e-9]


def _near_ticks(low: float, high: float) -> list[float]:
    """Return three numbers in a narrow range, with as few digits as tell them apart."""
    thirds = [low + (high - low) * share for share in (0.2, 0.5, 0.8)]
    for digits in range(1, 8):
        ticks = sorted({float(f"{value:.{digits}g}") for value in thirds})
        if len(ticks) == 3 and low <= ticks[0] and ticks[-1] <= high:
            return ticks
    return thirds


def _short(value: float) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _label_sides(
    places: Sequence[tuple[float, float]], lengths: Sequence[int], front: Sequence[tuple[float, float]] = ()
) -> list[str]:
    """Return where each label goes so that few cross a point, another label or the front's level parts.

    places, front: (x, y) of the points, and of those on the front from left to right, as shares of the axes.
    """
    width, height, letter = 620.0, 230.0, 6.5  # pixels of a figure between phone and desk
    points = [(x * width, y * height) for x, y in places]
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in points]
    corners = [(x * width, y * height) for x, y in front]
    taken += [(x, y - 2, end, y + 2) for (x, y), (end, _) in zip(corners, corners[1:])]
    sides = []
    for (x, y), length in zip(points, lengths):
        long = length * letter
        boxes = {
            "middle right": (x + 9, y - 7, x + 9 + long, y + 7),
            "middle left": (x - 9 - long, y - 7, x - 9, y + 7),
            "top center": (x - long / 2, y + 9, x + long / 2, y + 22),
            "bottom center": (x - long / 2, y - 22, x + long / 2, y - 9),
        }
        cost = {
            side: sum(_overlap(box, other) for other in taken)
            + 10 * (max(0, -box[0]) + max(0, box[2] - width - 20))
            for side, box in boxes.items()
        }
        side = min(cost, key=cost.__getitem__)
        taken.append(boxes[side])
        sides.append(side)
    return sides


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
