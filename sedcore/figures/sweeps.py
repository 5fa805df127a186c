"""What a sweep has found: the map of two settings, parallel coordinates, importance, the best so far.

All take the table of points (`sedcore.jobs.sweeps.results.point_table`): a row a point with a column a setting,
``mean`` and ``sd`` of macro AP over its seeds, ``runs``, ``run_ids``, ``trial``, ``since``. Markers carry the row's
number as customdata, so that a click finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from sedcore.figures.palette import BLUE, NEUTRAL, ORANGE, RIGHT, faint
from sedcore.figures.style import SMALL, axis_title, drawn, plain, shortened

SETTING_TITLES = {
    "model": "Model",
    "features": "Features",
    "learning_rate": "Learning rate",
    "batch_size": "Batch size",
    "epochs": "Epochs",
    "patience": "Patience",
    "threshold": "Threshold",
    "deterministic": "Deterministic",
    "devices": "Devices",
    "schedule": "Rate over time",
    "mixup": "Mixup",
    "masking": "Masking",
    "filtering": "Filtering",
    "shifting": "Shifting",
    "averaging": "Weight averaging",
    "frame_labels": "Frame labels",
    "precision": "Precision",
}
VALUE = "macro AP"
MOST_VALUES = 12  # on an axis of a map of cells; more are drawn as points in the plane
MOST_LINES = 150  # of parallel coordinates: the best ones
_CELL, _STRONG = 64, 0.62
_LOG_SPAN = 20  # from this ratio of highest to lowest on, an axis of numbers is logarithmic


def setting_text(value: object) -> str:
    """Return a value of a setting as it is read: 1e-5, 0.001, 32, ann."""
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


def cells_of(points: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return a row a cell of the map: x, y, the best point's mean, sd and runs, and `rows`, those of all its points.

    Where further settings vary, several points share a cell; its best one speaks for it. A cell whose points have
    no value yet has mean NaN.
    """
    rows = []
    for (x_value, y_value), part in points.groupby([x, y], sort=False):
        known = part["mean"].dropna()
        best = part.loc[known.idxmax()] if len(known) else part.iloc[0]
        row = {"x": x_value, "y": y_value, "rows": part.index.tolist(), "best": best.name}
        rows.append(row | {key: best[key] for key in ("mean", "sd", "runs")})
    return pd.DataFrame(rows, columns=["x", "y", "rows", "best", "mean", "sd", "runs"])


def map_figure(points: pd.DataFrame, x: str, y: str) -> go.Figure:
    """Return macro AP over two settings: cells with mean, spread and number of runs, or points where values are many.

    Markers over the cells (a heat map answers no clicks) carry the number of the row of `cells_of`.
    """
    cells = cells_of(points, x, y)
    columns, rows = in_order(cells["x"]), in_order(cells["y"])
    if max(len(columns), len(rows)) > MOST_VALUES:
        return _plane(cells, x, y)
    low, high = _range(cells["mean"])
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
    # Light writing where the blue is strong, the theme's own elsewhere.
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
    traces.append(_targets(cells, at, x, y))
    return drawn(
        traces,
        height=_CELL * len(rows) + 62,
        margin={"l": 8, "r": 8, "t": 6, "b": 46},
        x=_categories(x, columns),
        y=_categories(y, rows, standoff=12) | {"automargin": True, "ticksuffix": " "},
        shapes=_frame_of_best(cells, at),
    )


def _targets(cells: pd.DataFrame, at: Mapping[str, np.ndarray], x: str, y: str) -> dict:
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
        hovertext=np.repeat([_cell_hover(cell, x, y) for cell in cells.itertuples()], many).tolist(),
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _frame_of_best(cells: pd.DataFrame, at: Mapping[str, np.ndarray]) -> list[dict]:
    if cells["mean"].isna().all():
        return []
    best = int(np.nanargmax(cells["mean"].to_numpy()))
    x, y = float(at["x"][best]), float(at["y"][best])
    corners = {"x0": x - 0.485, "x1": x + 0.485, "y0": y - 0.47, "y1": y + 0.47}
    return [{"type": "rect", **corners, "line": {"color": ORANGE, "width": 2}}]


def _categories(setting: str, values: Sequence[object], standoff: int = 6) -> dict:
    return {
        "tickvals": list(range(len(values))),
        "ticktext": [plain(setting_text(value)) for value in values],
        "title": axis_title(SETTING_TITLES.get(setting, setting)) | {"standoff": standoff},
        "showgrid": False,
        "range": [-0.5, len(values) - 0.5],
    }


def _cell_text(cell) -> str:
    if np.isnan(cell.mean):
        return "waits"
    spread = "" if np.isnan(cell.sd) else f" ±{cell.sd:.3f}"
    return f"<b>{cell.mean:.3f}</b>{spread}<br>{_runs(cell.runs)}"


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _cell_hover(cell, x: str, y: str) -> str:
    lines = [
        f"{SETTING_TITLES.get(k, k)} <b>{plain(setting_text(v))}</b>" for k, v in ((x, cell.x), (y, cell.y))
    ]
    if np.isnan(cell.mean):
        return "<br>".join([*lines, "no epoch is complete yet"])
    words = "mean" if cell.runs > 1 else "value"
    lines.append(f"{VALUE} on validation, {words} <b>{cell.mean:.3f}</b> of {_runs(cell.runs)}")
    if not np.isnan(cell.sd):
        lines.append(f"standard deviation over seeds {cell.sd:.3f}")
    if len(cell.rows) > 1:
        lines.append(f"the best of {len(cell.rows)} points here")
    return "<br>".join(lines)


def _plane(cells: pd.DataFrame, x: str, y: str) -> go.Figure:
    """Return the points in the plane of two settings, coloured by macro AP."""
    low, high = _range(cells["mean"])
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
        hovertext=[_cell_hover(cell, x, y) for cell in cells.itertuples()],
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )
    return drawn([trace], height=340, margin={"t": 8, "r": 8}, x=_axis(cells["x"], x), y=_axis(cells["y"], y))


def _axis(values: pd.Series, setting: str) -> dict:
    settings: dict = {"title": axis_title(SETTING_TITLES.get(setting, setting))}
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        if is_log(values):
            settings |= {"type": "log", "exponentformat": "power", "dtick": 1}
    else:
        settings["type"] = "category"
    return settings


def is_log(values: Sequence[float]) -> bool:
    """Say whether numbers span so much that a logarithmic axis suits them."""
    numbers = np.asarray(values, float)
    return bool((numbers > 0).all() and numbers.max() / numbers.min() >= _LOG_SPAN)


def _range(values: pd.Series) -> tuple[float, float]:
    known = values.dropna()
    if known.empty:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    return (low, high) if high > low else (low - 0.01, high + 0.01)


def positions(values: Sequence[object]) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Return where values lie on an axis from 0 to 1, and its ticks as (place, text).

    Numbers lie by size, on a logarithmic scale where they span much; other values at even distances.
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


def parallel_figure(points: pd.DataFrame, settings: Sequence[str]) -> go.Figure:
    """Return a line a point through its settings to its macro AP, the better the stronger.

    Markers on the axes carry the row's number in `points`. At most MOST_LINES, the best ones, are drawn.
    """
    shown = points[points["mean"].notna()].sort_values("mean").tail(MOST_LINES)
    low, high = _range(shown["mean"])
    axes = [(SETTING_TITLES.get(key, key), *positions(shown[key].tolist())) for key in settings]
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
            hovertext=np.repeat([point_hover(points.loc[row], settings) for row in shown.index], len(axes)),
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


def point_hover(point: pd.Series, settings: Sequence[str]) -> str:
    """Return what a point is, a line a setting."""
    lines = [f"{SETTING_TITLES.get(key, key)} <b>{plain(setting_text(point[key]))}</b>" for key in settings]
    spread = "" if np.isnan(point["sd"]) else f" ±{point['sd']:.3f}"
    return "<br>".join([*lines, f"{VALUE} <b>{point['mean']:.3f}</b>{spread}, {_runs(point['runs'])}"])


def importance_figure(shares: Mapping[str, float]) -> go.Figure:
    """Return a bar a setting: its share of what makes points differ."""
    order = sorted(shares, key=shares.get)
    names = [plain(SETTING_TITLES.get(key, key)) for key in order]
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


def progress_figure(points: pd.DataFrame, settings: Sequence[str], created: str) -> go.Figure:
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
            hovertext=[point_hover(points.loc[row], settings) for row in shown.index],
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
