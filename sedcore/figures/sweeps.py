"""Figures of a sweep: parallel coordinates, importance, the best so far; `sweep_map` has the map of two settings.

All take the table of points (`sedcore.jobs.sweeps.results.point_table`): a row a point with a column a setting,
``mean`` and ``sd`` of macro AP over its seeds, ``runs``, ``run_ids``, ``trial``, ``since``. Markers carry the row's
number as customdata, so that a click finds it. `titles`: {setting: its title}, for those that vary, in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from sedcore.figures.palette import BLUE, NEUTRAL, RIGHT, faint
from sedcore.figures.style import SMALL, axis_title, drawn, plain, shortened

VALUE = "macro AP"
MOST_LINES = 150  # in parallel coordinates: the best ones
_LOG_SPAN = 20  # from this ratio of highest to lowest on, an axis of numbers is logarithmic


def setting_text(value: object) -> str:
    """Return a value of a setting as text: 1e-5, 0.001, 32, ann."""
    return (
        f"{value:g}".replace("e-0", "e-")
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        else str(value)
    )


def in_order(values: Sequence[object]) -> list[object]:
    """Return the distinct values, numbers by size, others as they come."""
    distinct = list(dict.fromkeys(values))
    numbers = all(isinstance(value, (int, float, np.number)) for value in distinct)
    return sorted(distinct) if numbers else distinct


def runs_text(number: int) -> str:
    """Return a number of runs in words."""
    return "1 run" if number == 1 else f"{number} runs"


def is_log(values: Sequence[float]) -> bool:
    """Whether the range of the numbers calls for a logarithmic axis."""
    numbers = np.asarray(values, float)
    return bool((numbers > 0).all() and numbers.max() / numbers.min() >= _LOG_SPAN)


def value_range(values: pd.Series) -> tuple[float, float]:
    """Return the lowest and highest value that is defined, never equal: the span of colours and heights."""
    known = values.dropna()
    if known.empty:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    return (low, high) if high > low else (low - 0.01, high + 0.01)


def positions(values: Sequence[object]) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Return where values lie on an axis from 0 to 1, and its ticks as (place, text).

    Numbers are placed by size, on a logarithmic scale where their range is wide; other values evenly.
    """
    distinct = in_order(values)
    numbers = all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in distinct)
    if not numbers or len(distinct) == 1:
        step = 1 / max(len(distinct) - 1, 1)
        place = {value: index * step if len(distinct) > 1 else 0.5 for index, value in enumerate(distinct)}
        return np.array([place[v] for v in values]), [(place[v], setting_text(v)) for v in distinct]
    scale = np.log10 if is_log(distinct) else np.asarray
    low, high = float(scale(distinct[0])), float(scale(distinct[-1]))
    placed = (scale(np.asarray(values, float)) - low) / (high - low)
    ticks = distinct if len(distinct) <= 6 else [distinct[0], distinct[-1]]
    return placed, [((float(scale(v)) - low) / (high - low), setting_text(v)) for v in ticks]


def parallel_figure(points: pd.DataFrame, titles: Mapping[str, str]) -> go.Figure:
    """Return a line a point through its settings to its macro AP, the better the stronger.

    Markers on the axes carry the row's number in `points`. At most MOST_LINES, the best ones, are drawn.
    """
    shown = points[points["mean"].notna()].sort_values("mean").tail(MOST_LINES)
    low, high = value_range(shown["mean"])
    axes = [(title, *positions(shown[key].tolist())) for key, title in titles.items()]
    ends = (shown["mean"].to_numpy() - low) / (high - low)
    axes.append(("Macro AP", ends, [(0.0, f"{low:.3f}"), (1.0, f"{high:.3f}")]))
    heights = np.stack([placed for _, placed, _ in axes], axis=1)  # (points, axes)
    traces = [
        dict(
            type="scatter",
            x=list(range(len(axes))),
            y=heights[row],
            mode="lines",
            line={"color": faint(BLUE, 0.12 + 0.8 * float(ends[row])), "width": 1 + 1.6 * float(ends[row])},
            hoverinfo="skip",
        )
        for row in range(len(shown))
    ]
    traces.append(
        dict(
            type="scatter",
            x=np.tile(np.arange(len(axes)), len(shown)),
            y=heights.ravel(),
            mode="markers",
            marker={"size": 9, "color": faint(BLUE, 0.55)},
            customdata=np.repeat(shown.index.to_numpy(), len(axes))[:, None],
            hovertext=np.repeat([point_hover(points.loc[row], titles) for row in shown.index], len(axes)),
            hovertemplate="%{hovertext}<extra></extra>",
            cliponaxis=False,
        )
    )
    notes = [
        dict(
            x=place,
            y=at,
            text=plain(shortened(text, 12)),
            showarrow=False,
            xanchor="center",
            yshift=12 if at > 0.97 else -12,
            font={"size": SMALL, "color": NEUTRAL},
        )
        for place, (_, _, ticks) in enumerate(axes)
        for at, text in ticks
    ]
    names = [plain(name) for name, _, _ in axes]
    return drawn(
        traces,
        height=300,
        margin={"l": 40, "r": 40, "t": 30, "b": 10},
        x={
            "tickvals": list(range(len(axes))),
            "ticktext": names,
            "side": "top",
            "range": [-0.02, len(axes) - 0.98],
        },
        y={"visible": False, "range": [-0.12, 1.12]},
        annotations=notes,
    )


def point_hover(point: pd.Series, titles: Mapping[str, str]) -> str:
    """Return the hover text of a point, a line a setting."""
    lines = [f"{title} <b>{plain(setting_text(point[key]))}</b>" for key, title in titles.items()]
    spread = "" if np.isnan(point["sd"]) else f" ±{point['sd']:.3f}"
    return "<br>".join([*lines, f"{VALUE} <b>{point['mean']:.3f}</b>{spread}, {runs_text(point['runs'])}"])


def importance_figure(shares: Mapping[str, float], titles: Mapping[str, str]) -> go.Figure:
    """Return a bar a setting: its share of the variance between points."""
    order = sorted(shares, key=shares.get)
    names = [plain(titles[key]) for key in order]
    values = [shares[key] for key in order]
    trace = dict(
        type="bar",
        orientation="h",
        x=values,
        y=names,
        marker={"color": RIGHT},
        text=[f"{value:.0%}" for value in values],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
    return drawn(
        [trace],
        height=34 * len(order) + 30,
        margin={"l": 8, "r": 44, "t": 4, "b": 8},
        x={"visible": False, "range": [0, max([*values, 0.01]) * 1.05]},
        y={"automargin": True, "showgrid": False, "ticksuffix": " "},
        bargap=0.35,
    )


def progress_figure(points: pd.DataFrame, titles: Mapping[str, str], created: str) -> go.Figure:
    """Return each point's macro AP at the time its last run ended, and the best so far.

    `created` is when the sweep began, ISO 8601; the axis is in minutes, or hours where it took long.
    """
    shown = points[points["mean"].notna() & points["ended"]].copy()
    ended, began = pd.to_datetime(shown["since"], utc=True), pd.Timestamp(created)
    minutes = (ended - began).dt.total_seconds() / 60
    unit, scale = ("hours", 60.0) if len(minutes) and minutes.max() > 180 else ("minutes", 1.0)
    shown["at"] = minutes / scale
    shown = shown.sort_values("at", kind="stable")
    best = shown["mean"].cummax()
    traces = [
        dict(
            type="scatter",
            x=shown["at"],
            y=best,
            mode="lines",
            line={"color": BLUE, "width": 2, "shape": "hv"},
            hoverinfo="skip",
        ),
        dict(
            type="scatter",
            x=shown["at"],
            y=shown["mean"],
            mode="markers",
            marker={"size": 9, "color": np.where(shown["mean"] >= best, BLUE, faint(NEUTRAL, 0.8)).tolist()},
            customdata=[[row] for row in shown.index],
            hovertext=[point_hover(points.loc[row], titles) for row in shown.index],
            hovertemplate="%{hovertext}<extra></extra>",
            cliponaxis=False,
        ),
    ]
    return drawn(
        traces,
        height=260,
        margin={"t": 8, "r": 16},
        x={"title": axis_title(f"{unit} since the sweep began"), "rangemode": "tozero"},
        y={"title": axis_title("macro AP, validation")},
    )
