"""One look for all figures: margins, type, grid, hover. Colours of text and page follow the viewer's theme.

Backgrounds are transparent and neutral parts have one grey, legible on white and on dark, so a figure looks right in
either theme, in the dashboard and in a notebook.
"""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from sedcore.figures.palette import NEUTRAL, faint

FONT_SIZE, SMALL = 12, 11
MANY_TRACES = 60
GRID = faint(NEUTRAL, 0.22)
MARGIN = {"l": 48, "r": 16, "t": 28, "b": 40, "pad": 0}  # padding would push labels into titles
STANDOFF = 8  # pixels between the labels of ticks and the title of their axis
AXIS = {
    "gridcolor": GRID,
    "zeroline": False,
    "linecolor": GRID,
    "ticklabelstandoff": 5,
    "automargin": True,
}
CONFIG = {"displayModeBar": False, "scrollZoom": False}  # for st.plotly_chart and fig.show


def drawn(
    traces: Sequence[dict],
    *,
    height: int,
    x: dict | None = None,
    y: dict | None = None,
    margin: dict[str, int] | None = None,
    **layout: object,
) -> go.Figure:
    """Return a figure of trace dictionaries in the project's look; `x` and `y` are settings of the axes.

    Built in one call: add_trace and update_layout take several times as long, and the pages draw many figures.
    """
    look = {
        "height": height,
        "margin": MARGIN | (margin or {}),
        "font": {"size": FONT_SIZE},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "hoverlabel": {"font": {"size": FONT_SIZE}, "align": "left"},
        "xaxis": AXIS | (x or {}),
        "yaxis": AXIS | (y or {}),
    }
    # Plotly checks every property of every trace, some 3 ms each; of many alike, checking the first ones is enough.
    checked = len(traces) <= MANY_TRACES
    return go.Figure(data=list(traces), layout=look | layout, _validate=checked)


def axis_title(text: str) -> dict:
    """Return the settings of an axis title; `text` is plain text."""
    return {"text": plain(text), "font": {"size": SMALL}, "standoff": STANDOFF}


def rule_at(x: float, **line: object) -> dict:
    """Return a vertical line over the height of the axes, as a shape of the layout."""
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "y domain",
        "line": {"color": NEUTRAL, "width": 1} | line,
    }


def styled(figure: go.Figure, *, height: int, margin: dict[str, int] | None = None) -> go.Figure:
    """Give a figure the project's look, in place; returns it. `height` is in pixels."""
    figure.update_layout(
        height=height,
        margin=MARGIN | (margin or {}),
        font={"size": FONT_SIZE},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        hovermode="closest",
        dragmode=False,
        hoverlabel={"font": {"size": FONT_SIZE}, "align": "left"},
    )
    axis = AXIS | {"title": {"font": {"size": SMALL}, "standoff": STANDOFF}}
    figure.update_xaxes(axis)
    figure.update_yaxes(axis)
    return figure


def plain(text: str) -> str:
    """Return text escaped for Plotly, which reads a few HTML tags in labels and hovers."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shortened(text: str, length: int = 24) -> str:
    """Return text cut to `length` characters, for direct labels."""
    return plain(text if len(text) <= length else text[: length - 1] + "…")


def spread_labels(positions: Sequence[float], gap: float) -> list[float]:
    """Move label positions apart to at least `gap`, in the same order and close to where they were."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    moved = list(positions)
    for _ in range(60):
        settled = True
        for below, above in zip(order, order[1:]):
            lack = gap - (moved[above] - moved[below])
            if lack > 1e-9:
                moved[below] -= lack / 2
                moved[above] += lack / 2
                settled = False
        if settled:
            break
    return moved
