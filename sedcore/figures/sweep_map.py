"""The map of two settings of a sweep: cells of macro AP, or points in the plane. Tables as in `sweeps`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from sedcore.figures.palette import BLUE, NEUTRAL, ORANGE, faint
from sedcore.figures.style import SMALL, axis_title, drawn, plain
from sedcore.figures.sweeps import (
    VALUE,
    in_order,
    is_log,
    runs_text,
    setting_text,
    value_range,
)

MOST_VALUES = 12  # on an axis of cells; more are drawn as points in the plane
_CELL, _STRONG = 64, 0.62  # height in pixels; share of the scale from which blue needs light text


def cells_of(points: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return a row a cell of the map: x, y, the best point's mean, sd and runs, and `rows`, those of all its points.

    Where further settings vary, several points share a cell, which shows its best one. A cell whose points have no
    value yet has mean NaN.
    """
    rows = []
    for (x_value, y_value), part in points.groupby([x, y], sort=False):
        known = part["mean"].dropna()
        best = part.loc[known.idxmax()] if len(known) else part.iloc[0]
        row = {"x": x_value, "y": y_value, "rows": part.index.tolist(), "best": best.name}
        rows.append(row | {key: best[key] for key in ("mean", "sd", "runs")})
    return pd.DataFrame(rows, columns=["x", "y", "rows", "best", "mean", "sd", "runs"])


def map_figure(points: pd.DataFrame, x: str, y: str, titles: Mapping[str, str]) -> go.Figure:
    """Return macro AP over two settings: cells with mean, spread and number of runs, or points where values are many.

    Markers over the cells (a heat map answers no clicks) carry the number of the row of `cells_of`.
    """
    cells, x_title, y_title = cells_of(points, x, y), titles[x], titles[y]
    columns, rows = in_order(cells["x"]), in_order(cells["y"])
    if max(len(columns), len(rows)) > MOST_VALUES:
        return _plane(cells, x_title, y_title)
    low, high = value_range(cells["mean"])
    z = np.full((len(rows), len(columns)), np.nan)
    for cell in cells.itertuples():
        z[rows.index(cell.y), columns.index(cell.x)] = cell.mean
    traces: list[dict] = [
        dict(
            type="heatmap",
            z=z,
            zmin=low,
            zmax=high,
            colorscale=[[0, faint(BLUE, 0.06)], [1, faint(BLUE, 0.95)]],
            showscale=False,
            xgap=3,
            ygap=3,
            hoverinfo="skip",
        )
    ]
    at = {"x": cells["x"].map(columns.index).to_numpy(), "y": cells["y"].map(rows.index).to_numpy()}
    # Light text on strong blue, the theme's own elsewhere.
    strong = ((cells["mean"] - low) / (high - low) > _STRONG).to_numpy()
    for mask, font in ((strong, {"color": "white"}), (~strong, {})):
        traces.append(
            dict(
                type="scatter",
                x=at["x"][mask],
                y=at["y"][mask],
                mode="text",
                text=[_cell_text(cell) for cell in cells[mask].itertuples()],
                textfont={"size": SMALL} | font,
                hoverinfo="skip",
            )
        )
    traces.append(_targets(cells, at, x_title, y_title))
    return drawn(
        traces,
        height=_CELL * len(rows) + 62,
        margin={"l": 8, "r": 8, "t": 6, "b": 46},
        x=_categories(x_title, columns),
        y=_categories(y_title, rows, standoff=12) | {"automargin": True, "ticksuffix": " "},
        shapes=_frame_of_best(cells, at),
    )


def _targets(cells: pd.DataFrame, at: Mapping[str, np.ndarray], x_title: str, y_title: str) -> dict:
    """Return invisible markers, several side by side: cells are wider than high, and markers are squares."""
    beside = np.linspace(-0.4, 0.4, 7)
    many = len(beside)
    return dict(
        type="scatter",
        x=(at["x"][:, None] + beside).ravel(),
        y=np.repeat(at["y"], many),
        mode="markers",
        marker={"symbol": "square", "size": _CELL - 6, "opacity": 0, "color": NEUTRAL},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=np.repeat(np.arange(len(cells)), many)[:, None].tolist(),
        hovertext=np.repeat(
            [_cell_hover(cell, x_title, y_title) for cell in cells.itertuples()], many
        ).tolist(),
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _frame_of_best(cells: pd.DataFrame, at: Mapping[str, np.ndarray]) -> list[dict]:
    if cells["mean"].isna().all():
        return []
    best = int(np.nanargmax(cells["mean"].to_numpy()))
    x, y = float(at["x"][best]), float(at["y"][best])
    corners = {"x0": x - 0.485, "x1": x + 0.485, "y0": y - 0.47, "y1": y + 0.47}
    return [{"type": "rect", **corners, "line": {"color": ORANGE, "width": 2}}]


def _categories(title: str, values: Sequence[object], standoff: int = 6) -> dict:
    return {
        "tickvals": list(range(len(values))),
        "ticktext": [plain(setting_text(value)) for value in values],
        "title": axis_title(title) | {"standoff": standoff},
        "showgrid": False,
        "range": [-0.5, len(values) - 0.5],
    }


def _cell_text(cell) -> str:
    if np.isnan(cell.mean):
        return "waits"
    spread = "" if np.isnan(cell.sd) else f" ±{cell.sd:.3f}"
    return f"<b>{cell.mean:.3f}</b>{spread}<br>{runs_text(cell.runs)}"


def _cell_hover(cell, x_title: str, y_title: str) -> str:
    lines = [
        f"{title} <b>{plain(setting_text(value))}</b>"
        for title, value in ((x_title, cell.x), (y_title, cell.y))
    ]
    if np.isnan(cell.mean):
        return "<br>".join([*lines, "no epoch is complete yet"])
    words = "mean" if cell.runs > 1 else "value"
    lines.append(f"{VALUE} on validation, {words} <b>{cell.mean:.3f}</b> of {runs_text(cell.runs)}")
    if not np.isnan(cell.sd):
        lines.append(f"standard deviation over seeds {cell.sd:.3f}")
    if len(cell.rows) > 1:
        lines.append(f"the best of {len(cell.rows)} points here")
    return "<br>".join(lines)


def _plane(cells: pd.DataFrame, x_title: str, y_title: str) -> go.Figure:
    """Return the points in the plane of two settings, coloured by macro AP."""
    low, high = value_range(cells["mean"])
    known = cells["mean"].notna()
    marker = {
        "size": 13,
        "color": cells["mean"].where(known, low),
        "cmin": low,
        "cmax": high,
        "colorscale": [[0, faint(BLUE, 0.12)], [1, BLUE]],
        "line": {"width": 1, "color": NEUTRAL},
        "symbol": np.where(known, "circle", "circle-open").tolist(),
        "colorbar": {"thickness": 8, "outlinewidth": 0, "title": {"text": VALUE, "font": {"size": SMALL}}},
    }
    trace = dict(
        type="scatter",
        x=cells["x"],
        y=cells["y"],
        mode="markers",
        marker=marker,
        customdata=[[index] for index in range(len(cells))],
        hovertext=[_cell_hover(cell, x_title, y_title) for cell in cells.itertuples()],
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )
    return drawn(
        [trace],
        height=340,
        margin={"t": 8, "r": 8},
        x=_axis(cells["x"], x_title),
        y=_axis(cells["y"], y_title),
    )


def _axis(values: pd.Series, title: str) -> dict:
    settings: dict = {"title": axis_title(title)}
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        if is_log(values):
            settings |= {"type": "log", "exponentformat": "power", "dtick": 1}
    else:
        settings["type"] = "category"
    return settings
