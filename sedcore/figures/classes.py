"""Figures with a row a class: values of all runs as dots, confusion as bars, what fires beside a class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from sedcore.figures.palette import NEUTRAL, RIGHT, WRONG, Ink, faint
from sedcore.figures.style import SMALL, plain, shortened, styled

ROW = 30  # pixels of a class in the dot plot
PAIR = 50  # pixels of a class in the confusion bars


def dot_plot(
    classes: Sequence[str], labels: Sequence[str], values: np.ndarray, inks: Sequence[Ink], measure: str
):
    """Return a figure with a row a class and a dot a run; `values` is (classes, runs), NaN left out.

    A grey line spans the runs of a class: its length is how much the choice of run matters.
    """
    figure = go.Figure()
    names = [plain(name) for name in classes]
    for row, name in enumerate(names):
        known = values[row][~np.isnan(values[row])]
        if len(known) > 1:
            figure.add_trace(
                go.Scatter(
                    x=[known.min(), known.max()],
                    y=[name, name],
                    mode="lines",
                    line={"color": faint(NEUTRAL, 0.55), "width": 2},
                    hoverinfo="skip",
                )
            )
    for column, (label, ink) in enumerate(zip(labels, inks)):
        figure.add_trace(
            go.Scatter(
                x=values[:, column],
                y=names,
                mode="markers",
                name=plain(label),
                marker={"color": ink.color, "symbol": ink.symbol, "size": 10, "opacity": 0.9},
                hovertemplate=f"<b>{plain(label)}</b><br>%{{y}}<br>{plain(measure)} %{{x:.3f}}<extra></extra>",
                cliponaxis=False,
            )
        )
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], ticksuffix="  ", showgrid=False)
    figure.update_xaxes(title_text=plain(measure), range=[-0.01, 1.01], tickformat=".1f")
    return styled(figure, height=ROW * len(classes) + 60, margin={"l": 8, "t": 8})


def confusion_bars(
    rows: Sequence[str], cells: np.ndarray, *, rates: bool, scale: tuple[float, float], hover: str
) -> go.Figure:
    """Return the 2x2 of each row as bars about a line: right of it predicted, left of it not.

    rows : what each 2x2 stands for (classes of a run, or runs of a class).
    cells : (rows, 2, 2), [[tn, fp], [fn, tp]] a row.
    rates : write and draw shares of the clips that hold the class (upper bar) or do not (lower bar).
    scale : clips that the full length of an upper and of a lower bar stands for, without `rates`.
    """
    figure = go.Figure()
    share = cells / np.maximum(cells.sum(axis=2, keepdims=True), 1)
    shown = share if rates else cells
    text = np.vectorize(lambda v: f"{v:.2f}" if rates else f"{int(v):,}".replace(",", "\u202f"))(shown)
    lengths = share if rates else cells / np.array([scale[1], scale[0]])[None, :, None]
    base = np.arange(len(rows))[::-1] * 3.0
    parts = (  # truth, decision, direction, colour, offset, what it is
        (1, 1, 1, RIGHT, 0.45, "hits: hold the class, predicted"),
        (1, 0, -1, WRONG, 0.45, "missed: hold the class, not predicted"),
        (0, 1, 1, WRONG, -0.45, "false alarms: without the class, predicted"),
        (0, 0, -1, faint(RIGHT, 0.4), -0.45, "correctly left out: without the class, not predicted"),
    )
    for truth, decision, direction, color, offset, meaning in parts:
        figure.add_trace(
            go.Bar(
                orientation="h",
                x=direction * lengths[:, truth, decision],
                y=base + offset,
                width=0.72,
                marker={"color": color, "line": {"width": 0}},
                customdata=np.stack([cells[:, truth, decision], share[:, truth, decision]], axis=-1),
                text=[plain(row) for row in rows],
                textposition="none",
                hovertemplate=f"<b>%{{text}}</b> {plain(hover)}<br>{meaning}<br>"
                "%{customdata[0]:,.0f} clips, %{customdata[1]:.1%}<extra></extra>",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=np.full(len(rows), direction * 1.42),
                y=base + offset,
                mode="text",
                text=text[:, truth, decision],
                textposition="middle left" if direction > 0 else "middle right",
                textfont={"size": SMALL},
                hoverinfo="skip",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=np.full(len(rows), -1.42),
            y=base + 1.3,
            mode="text",
            text=[f"<b>{shortened(row, 34)}</b>" for row in rows],
            textposition="middle right",
            hoverinfo="skip",
        )
    )
    figure.update_layout(barmode="overlay", bargap=0)
    figure.add_vline(x=0, line={"color": NEUTRAL, "width": 1})
    figure.update_xaxes(range=[-1.45, 1.45], visible=False, fixedrange=True)
    figure.update_yaxes(range=[-1.1, base[0] + 1.8], visible=False, fixedrange=True)
    return styled(figure, height=PAIR * len(rows) + 12, margin={"l": 0, "r": 0, "t": 4, "b": 4})


def fires_figure(classes: Sequence[str], shares: np.ndarray, counts: np.ndarray, own: str) -> go.Figure:
    """Return the matrix "given true row, how often column fires".

    shares, counts : (classes, classes); the diagonal is recall. `own` says in the hover what a cell counts.
    The diagonal is blue (right), the rest orange (it depends on `own` whether that is wrong).
    """
    names = [plain(name) for name in classes]
    diagonal = np.eye(len(classes), dtype=bool)
    figure = go.Figure()
    for mask, color, what in ((diagonal, RIGHT, "predicted too (recall)"), (~diagonal, WRONG, own)):
        figure.add_trace(
            go.Heatmap(
                z=np.where(mask, shares, np.nan),
                x=names,
                y=names,
                zmin=0,
                zmax=1,
                colorscale=[[0, faint(color, 0.03)], [1, faint(color, 0.85)]],
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
    rows, columns = np.nonzero(~np.isnan(shares) & (shares >= 0.005))
    figure.add_trace(
        go.Scatter(
            x=[names[c] for c in columns],
            y=[names[r] for r in rows],
            mode="text",
            text=[
                f"{shares[r, c]:.2f}".lstrip("0") if shares[r, c] < 1 else "1" for r, c in zip(rows, columns)
            ],
            textfont={"size": SMALL},
            hoverinfo="skip",
        )
    )
    figure.update_xaxes(side="top", tickangle=-40, showgrid=False, title_text="fires")
    figure.update_yaxes(autorange="reversed", showgrid=False, title_text="true", ticksuffix=" ")
    return styled(figure, height=34 * len(classes) + 150, margin={"l": 8, "t": 120, "b": 8})
