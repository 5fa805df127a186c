"""A measure against the threshold, and precision against recall, with the operating points in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from sedcore.figures.palette import Ink
from sedcore.figures.style import axis_title, drawn, plain, rule_at


@dataclass(frozen=True, eq=False)
class Curve:
    """A run's line: x and y, and its operating point (None where undefined)."""

    label: str
    ink: Ink
    x: np.ndarray
    y: np.ndarray
    point: tuple[float, float] | None = None
    thresholds: np.ndarray | None = None  # at each point, for the hover of precision against recall


def threshold_figure(curves: Sequence[Curve], title: str, threshold: float) -> go.Figure:
    """Return the figure of a measure against the threshold; a vertical line marks the threshold in force.

    The value axis is 0 to 1, and reaches below 0 where a line does.
    """
    lowest = min((np.nanmin(curve.y) for curve in curves if not np.isnan(curve.y).all()), default=0.0)
    traces: list[dict] = []
    for curve in curves:
        hover = f"<b>{plain(curve.label)}</b><br>{plain(title)} %{{y:.3f}} at %{{x:.4g}}<extra></extra>"
        add_curve(traces, curve, hover)
    return drawn(
        traces,
        height=320,
        margin={"t": 8},
        x={"title": axis_title("threshold")},
        y={"title": axis_title(title), "range": [min(lowest, 0) - 0.02, 1.04], "tickformat": ".1f"},
        shapes=[rule_at(threshold, dash="dot")],
    )


def precision_recall_figure(curves: Sequence[Curve]) -> go.Figure:
    """Return precision against recall of one class; the area under a line is its average precision."""
    traces: list[dict] = []
    for curve in curves:
        hover = (
            f"<b>{plain(curve.label)}</b><br>precision %{{y:.3f}}, recall %{{x:.3f}}"
            "<br>at threshold %{customdata:.4g}<extra></extra>"
        )
        add_curve(traces, curve, hover, shape="vh")
    return drawn(
        traces,
        height=320,
        margin={"t": 8},
        x={"title": axis_title("recall"), "range": [-0.01, 1.02], "tickformat": ".1f"},
        y={"title": axis_title("precision"), "range": [-0.02, 1.04], "tickformat": ".1f"},
    )


def add_curve(
    traces: list[dict],
    curve: Curve,
    hover: str,
    shape: str = "linear",
    in_force: str = "%{y:.3f}",
    custom: np.ndarray | None = None,
) -> None:
    """Add a run's line and the marker of its operating point.

    hover : Plotly's hover template of the line, with `custom` (the thresholds by default) as %{customdata}.
    in_force : the part of the marker's template that follows the run's name.
    """
    traces.append(
        dict(
            type="scatter",
            x=curve.x,
            y=curve.y,
            mode="lines",
            customdata=curve.thresholds if custom is None else custom,
            line={"color": curve.ink.color, "dash": curve.ink.dash, "width": 2, "shape": shape},
            hovertemplate=hover,
        )
    )
    if curve.point is not None and not np.isnan(curve.point).any():
        traces.append(
            dict(
                type="scatter",
                x=[curve.point[0]],
                y=[curve.point[1]],
                mode="markers",
                marker={
                    "color": curve.ink.color,
                    "symbol": curve.ink.symbol,
                    "size": 12,
                    "line": {"color": "white", "width": 1.5},
                },
                hovertemplate=f"<b>{plain(curve.label)}</b>, in force<br>{in_force}<extra></extra>",
                cliponaxis=False,
            )
        )
