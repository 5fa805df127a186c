"""Figures with a row a class: values of all runs as dots, confusion as bars, classes predicted beside a class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from sedcore.figures.palette import NEUTRAL, RIGHT, WRONG, Ink, faint
from sedcore.figures.style import SMALL, axis_title, drawn, plain, rule_at, shortened

ROW = 30  # pixels of a class in the dot plot
LANE, LANE_PIXELS = (
    0.22,
    9,
)  # of a run in a row with intervals: at most this share of the row, at least so many pixels
PAIR = 50  # pixels of a class in the confusion bars


def dot_plot(
    classes: Sequence[str],
    labels: Sequence[str],
    values: np.ndarray,
    inks: Sequence[Ink],
    measure: str,
    compared: Sequence[int] | None = None,
    intervals: np.ndarray | None = None,
    few: Sequence[bool] | None = None,
) -> go.Figure:
    """Return a figure with a row a class and a dot a run; `values` is (classes, runs), NaN left out.

    A grey line spans the runs that compare (columns `compared`, all by default): its length shows how much the
    choice of run matters. With `intervals`, (2, classes, runs) low and high, each run has its own lane in
    the row, so that no interval covers another; classes with `few` positives have open markers.
    """
    names, rows = [plain(name) for name in classes], np.arange(len(classes))
    known = values if compared is None else values[:, list(compared)]
    spans = [(row, cells[~np.isnan(cells)]) for row, cells in zip(rows, known)]
    ends = [(row, cells.min(), cells.max()) for row, cells in spans if len(cells) > 1]
    traces = [_lines(ends, {"color": faint(NEUTRAL, 0.55 if intervals is None else 0.3), "width": 2})]
    lane = 0.0 if intervals is None else min(LANE, 0.8 / max(len(labels), 1))
    hover = (
        "" if intervals is None else "<br>95 % [%{customdata[0]:.3f}, %{customdata[1]:.3f}]%{customdata[2]}"
    )
    said = np.where(np.zeros(len(classes), bool) if few is None else few, ", few positives", "")
    for column, (label, ink) in enumerate(zip(labels, inks)):
        at = rows + (column - (len(labels) - 1) / 2) * lane
        more = {}
        if intervals is not None:
            low, high = intervals[:, :, column]
            ends = [(y, a, b) for y, a, b in zip(at, low, high) if not np.isnan(a)]
            traces.append(_lines(ends, {"color": faint(ink.color, 0.75), "width": 1.5}))
            more = {"customdata": [[a, b, words] for a, b, words in zip(low, high, said)]}
        closed = ink.symbol.removesuffix("-open")
        traces.append(
            dict(
                type="scatter",
                x=values[:, column],
                y=at,
                text=names,
                mode="markers",
                name=plain(label),
                marker={
                    "color": ink.color,
                    "symbol": [f"{closed}-open" if words else ink.symbol for words in said],
                    "size": 10 if intervals is None else 8,
                    "opacity": 0.9,
                },
                hovertemplate=f"<b>{plain(label)}</b><br>%{{text}}<br>{plain(measure)} %{{x:.3f}}{hover}"
                "<extra></extra>",
                cliponaxis=False,
                **more,
            )
        )
    row_height = ROW if intervals is None else max(ROW, LANE_PIXELS * len(labels) + 8)
    return drawn(
        traces,
        height=row_height * len(classes) + 60,
        margin={"l": 8, "t": 8},
        x={
            "title": axis_title(measure),
            "range": [_lowest(values, intervals) - 0.01, 1.01],
            "tickformat": ".1f",
        },
        y={
            "range": [len(names) - 0.4, -0.6],
            "tickvals": rows,
            "ticktext": names,
            "ticksuffix": "  ",
            "showgrid": False,
            "automargin": True,
        },
    )


def _lowest(values: np.ndarray, intervals: np.ndarray | None) -> float:
    """Return where the axis begins: at 0, or lower where a value or its interval is."""
    known = [shown[~np.isnan(shown)] for shown in (values, intervals) if shown is not None]
    return min(0.0, *(shown.min(initial=0) for shown in known))


def _lines(ends: Sequence[tuple[float, float, float]], line: dict) -> dict:
    """Return one trace of horizontal lines, (y, from, to) each."""
    x = [value for _, low, high in ends for value in (low, high, None)]
    y = [value for at, _, _ in ends for value in (at, at, None)]
    return dict(type="scatter", x=x, y=y, mode="lines", line=line, hoverinfo="skip", cliponaxis=False)


BAR_END = 1.42  # where numbers stand
BARS = (  # truth, decision, direction, colour, offset, what it is
    (1, 1, 1, RIGHT, 0.45, "hits: hold the class, predicted"),
    (1, 0, -1, WRONG, 0.45, "missed: hold the class, not predicted"),
    (0, 1, 1, WRONG, -0.45, "false alarms: without the class, predicted"),
    (0, 0, -1, faint(RIGHT, 0.4), -0.45, "correctly left out: without the class, not predicted"),
)


def confusion_bars(
    rows: Sequence[str],
    cells: np.ndarray,
    *,
    rates: bool,
    scale: tuple[float, float],
    hover: str,
    inks: Sequence[Ink] | None = None,
) -> go.Figure:
    """Return the 2x2 of each row as bars about a line: right of it predicted, left of it not.

    rows : what each 2x2 stands for (classes of a run, or runs of a class).
    cells : (rows, 2, 2), [[tn, fp], [fn, tp]] a row.
    rates : show shares of the clips that hold the class (upper bar) or do not (lower bar), not counts.
    scale : clips at the full length of an upper and of a lower bar, without `rates`.
    inks : marks before the rows, where they are runs.
    """
    share = cells / np.maximum(cells.sum(axis=2, keepdims=True), 1)
    lengths = share if rates else cells / np.array([scale[1], scale[0]])[None, :, None]
    base = np.arange(len(rows))[::-1] * 3.0
    names = [plain(row) for row in rows]
    marks = [f'<span style="color:{ink.color}">{ink.glyph}</span> ' for ink in inks or ()] or [""] * len(rows)
    titles = [f"{mark}<b>{shortened(row, 34)}</b>" for mark, row in zip(marks, rows)]
    traces = []
    for truth, decision, direction, color, offset, meaning in BARS:
        of_part = cells[:, truth, decision], share[:, truth, decision]
        said = f"<b>%{{text}}</b> {plain(hover)}<br>{meaning}<br>"
        bars = direction * lengths[:, truth, decision]
        traces.append(_bars(bars, base + offset, color, names, np.stack(of_part, axis=-1), said))
        side = "middle left" if direction > 0 else "middle right"
        written = _cell_words(cells, share, truth, decision, rates)
        traces.append(_texts(direction * BAR_END, base + offset, written, side, {"size": SMALL}))
    traces.append(_texts(-BAR_END, base + 1.3, titles, "middle right"))
    return drawn(
        traces,
        height=PAIR * len(rows) + 12,
        margin={"l": 0, "r": 0, "t": 4, "b": 4},
        x={"range": [-1.45, 1.45], "visible": False, "fixedrange": True},
        y={"range": [-1.1, base[0] + 1.8], "visible": False, "fixedrange": True},
        shapes=[rule_at(0)],
        barmode="overlay",
        bargap=0,
    )


def _bars(
    lengths: np.ndarray, y: np.ndarray, color: str, names: Sequence[str], clips: np.ndarray, said: str
) -> dict:
    """Return one of the four kinds of bars; clips (rows, 2) are the clips and their share, for the hover."""
    return dict(
        type="bar",
        orientation="h",
        x=lengths,
        y=y,
        width=0.72,
        marker={"color": color, "line": {"width": 0}},
        customdata=clips,
        text=list(names),
        textposition="none",
        hovertemplate=said + "%{customdata[0]:,.0f} clips, %{customdata[1]:.1%}<extra></extra>",
    )


def _texts(x: float, y: np.ndarray, words: Sequence[str], position: str, font: dict | None = None) -> dict:
    """Return words beside bars, all at one x."""
    trace = dict(type="scatter", x=np.full(len(y), x), y=y, mode="text", text=words, textposition=position)
    return trace | {"hoverinfo": "skip"} | ({"textfont": font} if font else {})


def _cell_words(cells: np.ndarray, share: np.ndarray, truth: int, decision: int, rates: bool) -> list[str]:
    """Return the text beside each bar of a kind: clips, or their share, a dash where there are no clips."""
    if not rates:
        return [f"{int(v):,}".replace(",", "\u202f") for v in cells[:, truth, decision]]
    of = cells[:, truth].sum(axis=1)
    return [f"{v:.2f}" if n > 0 else "–" for v, n in zip(share[:, truth, decision], of)]


def fires_figure(classes: Sequence[str], shares: np.ndarray, counts: np.ndarray, own: str) -> go.Figure:
    """Return the matrix "given true row, how often column fires".

    shares, counts : (classes, classes); the diagonal is recall. `own` says in the hover what a cell counts.
    The diagonal is blue (right), the rest orange (wrong or not, depending on `own`).
    """
    names = [plain(name) for name in classes]
    ticks = {"type": "category", "tickvals": names, "ticktext": [shortened(name, 15) for name in classes]}
    diagonal = np.eye(len(classes), dtype=bool)
    traces: list[dict] = []
    parts = ((diagonal, RIGHT, 0.95, "predicted too (recall)"), (~diagonal, WRONG, 0.6, own))
    for mask, color, opacity, what in parts:
        traces.append(
            dict(
                type="heatmap",
                z=np.where(mask, shares, np.nan),
                x=names,
                y=names,
                zmin=0,
                zmax=1,
                colorscale=[[0, faint(color, 0.04)], [1, faint(color, opacity)]],
                showscale=False,
                xgap=2,
                ygap=2,
                customdata=counts,
                hoverongaps=False,
                hovertemplate="clips with <b>%{y}</b>: <b>%{x}</b> "
                + plain(what)
                + "<br>%{z:.1%}, %{customdata[0]:,.0f} of %{customdata[1]:,.0f} clips<extra></extra>",
            )
        )
    # Light text on strong blue, the theme's own elsewhere.
    strong = diagonal & (shares > 0.4)
    for mask, font in ((strong, {"color": "white"}), (~strong, {})):
        rows, columns = np.nonzero(mask & ~np.isnan(shares) & (shares >= 0.005))
        traces.append(
            dict(
                type="scatter",
                x=[names[c] for c in columns],
                y=[names[r] for r in rows],
                mode="text",
                text=[_short_share(shares[r, c]) for r, c in zip(rows, columns)],
                textfont={"size": SMALL} | font,
                hoverinfo="skip",
            )
        )
    return drawn(
        traces,
        height=34 * len(classes) + 110,
        margin={"l": 8, "r": 36, "t": 96, "b": 8},
        x={"side": "top", "tickangle": -50, "showgrid": False, **ticks},
        y={"autorange": "reversed", "showgrid": False, "ticksuffix": " ", "automargin": True, **ticks},
    )


def _short_share(share: float) -> str:
    """Return a share as .07, or 1 where it is whole: ten columns must fit a phone."""
    text = f"{share:.2f}"
    return "1" if text == "1.00" else text.lstrip("0")
