"""A measure of each class over the epochs: a heat map, a row a class and a column an epoch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from sedcore.figures.palette import NEUTRAL, RIGHT, faint
from sedcore.figures.style import SMALL, axis_title, drawn, plain, shortened

ROW, THIN_ROW = 21, 5  # pixels of a class, with its name and without
MOST_NAMED = 40  # classes that have room for names


def class_epochs_figure(table: pd.DataFrame, best_epoch: int | None = None, meaning: str = "AP") -> go.Figure:
    """Return the heat map of a measure from 0 to 1, the best epoch framed.

    table : a row an epoch (index) and a column a class, see `Run.class_history`; NaN (undefined) stays empty. The
        last value of each class is written beside it; more than MOST_NAMED classes have neither name nor number.
    """
    values = table.to_numpy(dtype=float).T  # (classes, epochs)
    names = [plain(str(name).replace("_", " ")) for name in table.columns]
    rows, epochs = np.arange(len(names)), table.index.to_numpy()
    named = len(names) <= MOST_NAMED
    heat = dict(
        type="heatmap",
        z=values,
        x=epochs,
        y=rows,
        zmin=0,
        zmax=1,
        colorscale=[[0, faint(RIGHT, 0.04)], [1, faint(RIGHT, 0.95)]],
        showscale=False,
        xgap=1 if len(epochs) <= 80 else 0,
        ygap=1 if named else 0,
        text=[[name] * len(epochs) for name in names],
        hoverongaps=False,
        hovertemplate=f"<b>%{{text}}</b><br>epoch %{{x}}: {plain(meaning)} %{{z:.3f}}<extra></extra>",
    )
    return drawn(
        [heat],
        height=(ROW if named else THIN_ROW) * len(names) + 48,
        margin={"l": 8, "r": 40 if named else 12, "t": 6, "b": 38},
        x={
            "title": axis_title("epoch"),
            "showgrid": False,
            "tickformat": "d",
            # Whole epochs only: a short training would otherwise have ticks between them.
            "tickvals": epochs if len(epochs) <= 12 else None,
            "range": [epochs[0] - 0.5, epochs[-1] + 0.5],
        },
        y={
            "range": [len(names) - 0.5, -0.5],
            "tickvals": rows if named else [],
            "ticktext": [shortened(str(name).replace("_", " "), 20) for name in table.columns],
            "ticksuffix": " ",
            "tickfont": {"size": SMALL},
            "showgrid": False,
            "automargin": True,
        },
        shapes=_frame(epochs, best_epoch),
        annotations=_last_values(values[:, -1]) if named else [],
    )


def _frame(epochs: np.ndarray, best_epoch: int | None) -> list[dict]:
    if best_epoch not in epochs:
        return []
    return [
        {
            "type": "rect",
            "x0": best_epoch - 0.5,
            "x1": best_epoch + 0.5,
            "y0": 0,
            "y1": 1,
            "yref": "y domain",
            "line": {"color": NEUTRAL, "width": 1.5},
        }
    ]


def _last_values(last: np.ndarray) -> list[dict]:
    return [
        {
            "x": 1.0,
            "xref": "paper",
            "xshift": 4,
            "y": row,
            "text": "–" if np.isnan(value) else f"{value:.2f}",
            "font": {"size": SMALL},
            "showarrow": False,
            "xanchor": "left",
        }
        for row, value in enumerate(last)
    ]
