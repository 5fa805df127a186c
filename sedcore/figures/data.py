"""Figures of a data set: class balance by split, co-occurrence, lengths of events, spectrograms of clips.

Tables are those of `sedcore.data.summary`. Splits and truth are neutral (greys, line and marker forms), since hues
mean runs.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale, unlabel_rgb

from sedcore.figures.palette import NEUTRAL, faint
from sedcore.figures.style import SMALL, plain, shortened, styled

ROW_PX = 22  # height of a class
_MARKERS = ("circle", "diamond-open", "square", "triangle-up-open")
_PICTURE_COLUMNS = 500  # maximum width in pixels: two 10 ms frames a pixel in a clip of 10 s
_PICTURE_PX, _LANE_PX = 130, 17
MOST_NUMBERED = 14  # classes whose heat map has room for numbers


def balance_figure(balance: pd.DataFrame, labels: Sequence[str]) -> go.Figure:
    """Return the share of clips by class: a bar for the first split, a mark for each other one.

    balance : see `summary.balance_table`. labels : the classes to show, the first on top.
    """
    figure = go.Figure()
    for place, split in enumerate(dict.fromkeys(balance["split"])):
        rows = balance[balance["split"] == split].set_index("label").loc[list(labels)]
        hover = [
            f"<b>{plain(label.replace('_', ' '))}</b>, {plain(split)}<br>{row.positives:,} of {row.clips:,} clips, "
            f"{100 * row.share:.1f} %"
            for label, row in zip(labels, rows.itertuples())
        ]
        common = {
            "x": rows["share"],
            "y": list(labels),
            "name": plain(split),
            "hovertext": hover,
            "hoverinfo": "text",
        }
        if place == 0:
            figure.add_bar(**common, orientation="h", marker={"color": faint(NEUTRAL, 0.45)}, width=0.7)
        else:
            marker = {"symbol": _MARKERS[(place - 1) % 4], "size": 9, "color": NEUTRAL}
            marker["line"] = {"width": 2, "color": NEUTRAL}
            figure.add_scatter(**common, mode="markers", marker=marker, cliponaxis=False)
    figure.update_xaxes(tickformat=".0%", title_text="Share of the split's clips", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False, **_names(labels, 26))
    styled(figure, height=96 + ROW_PX * len(labels), margin={"l": 8, "t": 34})
    figure.update_yaxes(automargin=True)
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "itemclick": False}
    return figure.update_layout(showlegend=True, legend=legend)


def balance_bar(balance: pd.DataFrame, labels: Sequence[str]) -> go.Figure:
    """Return the small figure of one split's balance: a bar a class, its name beneath, its share on top."""
    rows = balance.set_index("label").loc[list(labels)]
    figure = go.Figure(
        go.Bar(
            x=list(labels),
            y=rows["share"],
            text=[f"{100 * share:.0f} %" for share in rows["share"]],
            textposition="outside",
            textfont={"size": SMALL},
            cliponaxis=False,
            marker={"color": faint(NEUTRAL, 0.55)},
            hovertext=[
                f"<b>{plain(label.replace('_', ' '))}</b><br>{row.positives:,} of {row.clips:,} clips"
                for label, row in zip(labels, rows.itertuples())
            ],
            hoverinfo="text",
        )
    )
    figure.update_yaxes(visible=False, rangemode="tozero")
    figure.update_xaxes(showgrid=False, tickfont={"size": SMALL}, tickangle=-35, **_names(labels, 14))
    return styled(figure, height=150, margin={"l": 0, "r": 8, "t": 18, "b": 64})


def together_figure(counts: np.ndarray, labels: Sequence[str]) -> go.Figure:
    """Return the heat map "of the clips with the row's class, how many also have the column's".

    counts : (classes, classes) int, see `summary.together`.
    """
    own = np.diag(counts).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(own[:, None] > 0, counts / own[:, None], np.nan)
    np.fill_diagonal(share, np.nan)
    names = [label.replace("_", " ") for label in labels]
    hover = [
        [
            f"<b>{plain(b)}</b> in {counts[i, j]:,} of {counts[i, i]:,} clips with <b>{plain(a)}</b>"
            if i != j
            else f"{counts[i, i]:,} clips with <b>{plain(a)}</b>"
            for j, b in enumerate(names)
        ]
        for i, a in enumerate(names)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=share,
            x=list(labels),
            y=list(labels),
            hovertext=hover,
            hoverinfo="text",
            colorscale=[[0, faint(NEUTRAL, 0.03)], [1, faint(NEUTRAL, 0.6)]],
            zmin=0,
            zmax=max(float(np.nanmax(share)) if np.isfinite(share).any() else 1.0, 0.2),
            showscale=False,
            xgap=1,
            ygap=1,
        )
    )
    if len(labels) <= MOST_NUMBERED:
        # A separate trace: the heat map chooses its text colour as if the cells were opaque.
        known = [(i, j) for i in range(len(labels)) for j in range(len(labels)) if np.isfinite(share[i, j])]
        figure.add_scatter(
            x=[labels[j] for _, j in known],
            y=[labels[i] for i, _ in known],
            text=[f"{100 * share[i, j]:.0f}" for i, j in known],
            mode="text",
            textfont={"size": SMALL},
            hoverinfo="skip",
        )
    ticks = {"showgrid": False, "tickfont": {"size": SMALL}, **_names(labels, 18)}
    figure.update_xaxes(side="top", tickangle=-40, **ticks)
    figure.update_yaxes(autorange="reversed", **ticks)
    styled(figure, height=130 + (ROW_PX + 2) * len(labels), margin={"l": 8, "r": 56, "t": 8, "b": 8})
    return figure.update_layout(xaxis_automargin=True, yaxis_automargin=True)


def lengths_figure(lengths: pd.DataFrame, labels: Sequence[str]) -> go.Figure:
    """Return the lengths of events by class: a thin line from 10 to 90 %, a thick one over the middle half, the median.

    lengths : see `summary.length_table`. The axis is logarithmic: lengths differ a hundredfold.
    """
    rows = lengths.set_index("label").loc[list(labels)].dropna(subset=["q50"])
    figure = go.Figure()
    for low, high, width in (("q10", "q90", 1.5), ("q25", "q75", 6)):
        x, y = [], []
        for label, a, b in zip(rows.index, rows[low], rows[high]):
            x += [a, b, None]
            y += [label, label, None]
        color = faint(NEUTRAL, 0.7 if width > 2 else 1)
        figure.add_scatter(x=x, y=y, mode="lines", line={"color": color, "width": width}, hoverinfo="skip")
    hover = [
        f"<b>{plain(label.replace('_', ' '))}</b>, {row.events:,} events<br>median {row.q50:.2f} s<br>"
        f"middle half {row.q25:.2f} to {row.q75:.2f} s<br>10 to 90 % {row.q10:.2f} to {row.q90:.2f} s"
        for label, row in zip(rows.index, rows.itertuples())
    ]
    marker = {"size": 10, "color": NEUTRAL, "symbol": "circle", "line": {"width": 0}}
    figure.add_scatter(
        x=rows["q50"], y=rows.index, mode="markers", marker=marker, hovertext=hover, hoverinfo="text"
    )
    ticks = [t for t in (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)]
    figure.update_xaxes(
        type="log",
        title_text="Length of an event in seconds",
        tickvals=ticks,
        ticktext=[f"{t:g}" for t in ticks],
    )
    figure.update_yaxes(autorange="reversed", showgrid=True, **_names(rows.index, 26))
    styled(figure, height=96 + ROW_PX * len(rows), margin={"l": 8, "t": 12})
    return figure.update_yaxes(automargin=True)


def clip_figure(picture: np.ndarray, clip_s: float, events: pd.DataFrame | None) -> go.Figure:
    """Return a clip's spectrogram as a small image, its true events in lanes beneath on the same time axis.

    Parameters
    ----------
    picture : (frames, bands) decibels.
    clip_s : seconds that the frames cover.
    events : label, onset_s, offset_s; None or empty for no lanes.
    """
    labels = [] if events is None else list(dict.fromkeys(events.sort_values("onset_s")["label"]))
    lanes = _LANE_PX * max(len(labels), 0) + (6 if labels else 0)
    height = _PICTURE_PX + lanes + 40
    floor = lanes / (height - 40)  # where the picture begins, as a share of the plot's height
    figure = go.Figure()
    figure.add_scatter(
        x=[None], y=[None], yaxis="y2", hoverinfo="skip"
    )  # Plotly drops an axis without a trace
    bands = picture.shape[1]
    figure.add_layout_image(
        source=png_address(picture),
        xref="x", yref="y2", x=0, y=bands, sizex=clip_s, sizey=bands, sizing="stretch", layer="below",
    )  # fmt: skip
    if labels:
        own = events
        hover = [
            f"{plain(e.label.replace('_', ' '))}<br>{e.onset_s:.2f} to {e.offset_s:.2f} s"
            for e in own.itertuples()
        ]
        figure.add_bar(
            base=own["onset_s"],
            x=own["offset_s"] - own["onset_s"],
            y=own["label"],
            orientation="h",
            marker={"color": faint(NEUTRAL, 0.75), "line": {"width": 0}},
            width=0.7,
            hovertext=hover,
            hoverinfo="text",
        )
    styled(figure, height=height, margin={"l": 104, "r": 12, "t": 4, "b": 36})
    figure.update_xaxes(range=[0, clip_s], title_text="Seconds", showgrid=False, fixedrange=True)
    blank = {"showticklabels": False, "showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_layout(
        barmode="overlay",
        yaxis={
            "domain": [0, max(floor - 0.02, 0.001)],
            "categoryorder": "array",
            "categoryarray": labels[::-1],
            **_names(labels, 18),
            "showgrid": False,
            "fixedrange": True,
            "tickfont": {"size": SMALL},
            "visible": bool(labels),
        },
        yaxis2={"domain": [floor, 1], "range": [0, bands], "anchor": "x", **blank},
    )
    return figure


def _names(labels: Sequence[str], length: int) -> dict[str, object]:
    """Return the settings of a category axis, keyed by full names, so that shortened labels cannot clash."""
    short = [shortened(label.replace("_", " "), length) for label in labels]
    return {"type": "category", "tickmode": "array", "tickvals": list(labels), "ticktext": short}


def png_address(picture: np.ndarray) -> str:
    """Return decibels (frames, bands) as a PNG in a data address: time to the right, low bands at the bottom.

    Scaled to the clip's own range, so that a quiet clip shows as much as a loud one.
    """
    values = np.asarray(picture, dtype=np.float32)
    step = -(-len(values) // _PICTURE_COLUMNS)
    if step > 1:
        full = values[: len(values) // step * step]
        values = full.reshape(-1, step, values.shape[1]).max(axis=1)  # keeps a short click visible
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (2, 99.8)) if len(finite) else (0.0, 1.0)
    scaled = np.nan_to_num((values - low) / max(high - low, 1e-6))
    pixels = (np.clip(scaled, 0, 1) * 255).astype(np.uint8).T[::-1]
    return "data:image/png;base64," + base64.b64encode(_png(pixels)).decode()


def _png(pixels: np.ndarray) -> bytes:
    """Return (rows, columns) uint8 as a PNG with the palette Magma."""
    colors = sample_colorscale("Magma", [i / 255 for i in range(256)])
    palette = bytes(round(part) for color in colors for part in unlabel_rgb(color))
    rows, columns = pixels.shape
    raw = b"".join(b"\0" + row.tobytes() for row in pixels)  # 0: the row is stored as it is

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)  # 8 bits, indices into a palette
    parts = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(raw, 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
