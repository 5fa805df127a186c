"""Learning curves: a measure over epochs or minutes, train dashed and validation solid, best epoch marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from sedcore.figures.palette import Ink, faint
from sedcore.figures.style import SMALL, axis_title, drawn, plain, shortened, spread_labels

# measure in a history: its title
MEASURES = {"loss": "Loss", "mAP": "Macro AP", "micro_f1": "Micro F1", "macro_f1": "Macro F1"}
MOST_LABELS = 8
LABEL = 14  # characters of a direct label
HEIGHT = 320
MUCH = 3  # a first epoch above so many times the highest other value is left above the axis
MOST_POINTS = 1_000  # in a line: more than a panel has pixels


@dataclass(frozen=True, eq=False)
class History:
    """A run's history: a row an epoch with ``epoch``, ``train.loss``, ``validation.mAP`` and so on.

    With `members` (histories of several seeds) it is their mean (see `mean_history`).
    """

    label: str
    ink: Ink
    table: pd.DataFrame
    best_epoch: int | None = None
    members: tuple[pd.DataFrame, ...] = ()


def mean_history(label: str, ink: Ink, tables: Sequence[pd.DataFrame]) -> History:
    """Return the mean over seeds, for the epochs that all have; its best epoch is that of the mean macro AP.

    A mean over fewer seeds towards the end would jump where one of them stopped early.
    """
    first = tables[0]["epoch"].to_numpy()
    alike = all(np.array_equal(table["epoch"].to_numpy(), first) for table in tables[1:])
    if not alike or (np.diff(first) <= 0).any():
        tables = _shared_epochs(tables)
    columns = [c for c in tables[0].columns if c != "epoch" and all(c in table for table in tables)]
    members = [table[["epoch", *columns]].reset_index(drop=True) for table in tables]
    mean = pd.DataFrame(
        sum(table[columns].to_numpy(float) for table in members) / len(members), columns=columns
    )
    mean.index = members[0]["epoch"]
    score = mean.get("validation.mAP")
    best = None if score is None or score.isna().all() else int(score.idxmax())
    return History(label, ink, mean.reset_index(), best, tuple(members))


def _shared_epochs(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the rows of the epochs that all tables have, each once."""
    shared = [table.drop_duplicates("epoch").set_index("epoch") for table in tables]
    epochs = shared[0].index
    for table in shared[1:]:
        epochs = epochs.intersection(table.index)
    return [table.loc[epochs].reset_index() for table in shared]


def minutes(table: pd.DataFrame) -> np.ndarray:
    """Return (epochs,) minutes of training and validation until the end of each epoch."""
    parts = [table[c].fillna(0) for c in ("seconds", "validation_seconds") if c in table]
    return sum(parts).cumsum().to_numpy() / 60 if parts else np.full(len(table), np.nan)


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """Return a bias-corrected exponential moving average; NaN stays NaN.

    weight : 0 to 1; 0 leaves the values as they are, higher keeps more of the past.
    """
    if weight <= 0 or not len(values):
        return values
    mean = pd.Series(values, dtype=float).ewm(alpha=1 - weight, adjust=True, ignore_na=True).mean()
    return np.where(np.isnan(values), np.nan, mean.to_numpy())


def decimated(values: np.ndarray, most: int = MOST_POINTS) -> np.ndarray:
    """Return the ascending indices of at most `most` values that keep the look of the line: no spike is lost.

    Each of equally long stretches keeps its lowest and highest value, and one NaN if it has a gap; the line keeps its
    first and last value. Up to `most` values all stay.
    """
    values = np.asarray(values, dtype=float)
    if len(values) <= most:
        return np.arange(len(values))
    gaps = np.isnan(values)
    stretches = (most - 2) // (3 if gaps.any() else 2)
    edges = np.linspace(0, len(values), stretches + 1).astype(int)[:-1]
    group = np.repeat(np.arange(stretches), np.diff([*edges, len(values)]))
    kept = [np.array([0, len(values) - 1])]
    for chosen in (np.where(gaps, np.inf, values), np.where(gaps, np.inf, -values)):
        lowest = np.minimum.reduceat(chosen, edges)
        at = np.flatnonzero((chosen == lowest[group]) & ~gaps)
        kept.append(at[np.unique(group[at], return_index=True)[1]])
    at = np.flatnonzero(gaps)
    kept.append(at[np.unique(group[at], return_index=True)[1]])
    return np.unique(np.concatenate(kept))


def above_the_axis(histories: Sequence[History], measure: str) -> list[tuple[History, float]]:
    """Return the runs, each with its value, whose first training epoch lies far above everything else drawn.

    A large model may start at a loss of 15 and continue at 0.5: on an axis that holds both, the rest would be flat.
    """
    rest = _finite(
        [column[1:] if part == "train" else column for part, column, _ in _columns(histories, measure)]
    )
    first: dict[History, float] = {}  # the highest of several seeds
    for part, column, history in _columns(histories, measure):
        if part == "train" and np.isfinite(column[0]):
            first[history] = max(float(column[0]), first.get(history, -np.inf))
    return [(history, value) for history, value in first.items() if len(rest) and value > MUCH * rest.max()]


def value_range(histories: Sequence[History], measure: str, train: bool = True) -> tuple[float, float] | None:
    """Return the range of a measure's axis, with some room; None without a value. See `above_the_axis`."""
    above = [history for history, _ in above_the_axis(histories, measure)]
    values = _finite(
        [
            column[1:] if part == "train" and history in above else column
            for part, column, history in _columns(histories, measure)
            if train or part == "validation"
        ]
    )
    if not len(values):
        return None
    room = (values.max() - values.min()) * 0.06 or 0.05
    return float(values.min() - room), float(values.max() + room)


def _columns(histories: Sequence[History], measure: str) -> list[tuple[str, np.ndarray, History]]:
    """Return the values of each line, and of the seeds behind it, with their part ("train") and their history."""
    return [
        (part, table[f"{part}.{measure}"].to_numpy(dtype=float), history)
        for history in histories
        for table in (history.table, *history.members)
        for part in ("train", "validation")
        if f"{part}.{measure}" in table and len(table)
    ]


def _finite(columns: Sequence[np.ndarray]) -> np.ndarray:
    values = np.concatenate(columns) if columns else np.array([])
    return values[np.isfinite(values)]


def curves_figure(
    histories: Sequence[History],
    measure: str,
    *,
    by_minutes: bool = False,
    smoothing: float = 0.0,
    train: bool = True,
    labels: bool = True,
    height: int = HEIGHT,
    span: tuple[float, float] | None = None,
) -> go.Figure:
    """Return a measure of runs over time. With smoothing the raw line stays, faint, behind the smooth one.

    span : range of the value axis; by default that of `value_range`.
    """
    span = span or value_range(histories, measure, train)
    traces: list[dict] = []
    ends = []
    for history in histories:
        table = history.table
        x = minutes(table) if by_minutes else table["epoch"].to_numpy()
        for part, dash, width in (("train", "dash", 1.3), ("validation", history.ink.dash, 2.2)):
            if f"{part}.{measure}" not in table or (part == "train" and not train):
                continue
            raw = table[f"{part}.{measure}"].to_numpy(dtype=float)
            _lines(traces, history, x, raw, smoothing, f"{part} {MEASURES[measure].lower()}", dash, width)
            if part == "validation" and history.members:
                _band(traces, history, x, measure, smoothing)
            if part == "validation" and not np.isnan(raw).all():
                line = smoothed(raw, smoothing)
                _mark_best(traces, history, x, line)
                last = np.flatnonzero(~np.isnan(line))[-1]
                ends.append((history, x[last], line[last]))
    direct = labels and 0 < len(ends) <= MOST_LABELS
    return drawn(
        traces,
        height=height,
        margin={"t": 8, "r": 108 if direct else 12, "l": 40},
        x={"title": axis_title("minutes" if by_minutes else "epoch"), "rangemode": "tozero"},
        y={"range": span},
        annotations=_end_labels(span, ends, height) if direct else [],
    )


def _lines(
    traces: list[dict],
    history: History,
    x: np.ndarray,
    raw: np.ndarray,
    smoothing: float,
    meaning: str,
    dash: str,
    width: float,
) -> None:
    color = history.ink.color
    hover = f"<b>{plain(history.label)}</b><br>{meaning} %{{y:.3f}}<br>at %{{x:.3g}}<extra></extra>"
    if smoothing > 0:
        rows = decimated(raw)
        traces.append(
            dict(
                type="scatter",
                x=x[rows],
                y=raw[rows],
                mode="lines",
                line={"color": faint(color, 0.35), "width": 1},
                hoverinfo="skip",
            )
        )
    line = smoothed(raw, smoothing)
    rows = decimated(line)
    traces.append(
        dict(
            type="scatter",
            x=x[rows],
            y=line[rows],
            mode="lines" if len(x) > 1 else "markers",
            line={"color": color, "dash": dash, "width": width},
            marker={"color": color},
            opacity=0.75 if meaning.startswith("train") else 1,
            hovertemplate=hover,
        )
    )


def _band(traces: list[dict], history: History, x: np.ndarray, measure: str, smoothing: float) -> None:
    """Shade from the lowest seed to the highest."""
    seeds = np.stack(
        [smoothed(t[f"validation.{measure}"].to_numpy(dtype=float), smoothing) for t in history.members]
    )
    known = ~np.isnan(seeds).any(axis=0)
    low, high, at = seeds.min(axis=0)[known], seeds.max(axis=0)[known], np.asarray(x)[known]
    rows = np.union1d(decimated(low, MOST_POINTS // 2), decimated(high, MOST_POINTS // 2))
    low, high, at = low[rows], high[rows], at[rows]
    traces.append(
        dict(
            type="scatter",
            x=np.concatenate([at, at[::-1]]),
            y=np.concatenate([high, low[::-1]]),
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=faint(history.ink.color, 0.16),
            hoverinfo="skip",
        )
    )


def _mark_best(traces: list[dict], history: History, x: np.ndarray, line: np.ndarray) -> None:
    rows = np.flatnonzero(history.table["epoch"].to_numpy() == (history.best_epoch or -1))
    if not len(rows) or np.isnan(line[rows[0]]):
        return
    traces.append(
        dict(
            type="scatter",
            x=[x[rows[0]]],
            y=[line[rows[0]]],
            mode="markers",
            marker={
                "color": history.ink.color,
                "symbol": history.ink.symbol,
                "size": 10,
                "line": {"color": "white", "width": 1.5},
            },
            hovertemplate=f"<b>{plain(history.label)}</b><br>best epoch, {history.best_epoch}: "
            "%{y:.3f}<extra></extra>",
            cliponaxis=False,
        )
    )


def _end_labels(
    span: tuple[float, float], ends: Sequence[tuple[History, float, float]], height: int
) -> list[dict]:
    """Return each run's name, to the right of the axes at the height of its line's end."""
    names = [shortened(history.label, LABEL) for history, _, _ in ends]
    if len(set(names)) < len(names):  # runs of one sweep differ at the end of their names
        names = [_end_of(history.label) for history, _, _ in ends]
    places = spread_labels([value for _, _, value in ends], (span[1] - span[0]) * 15 / max(height - 60, 1))
    return [
        {
            "x": 1.01,
            "xref": "paper",
            "y": place,
            "text": f"{history.ink.glyph} {name}",
            "font": {"color": history.ink.color, "size": SMALL},
            "showarrow": False,
            "xanchor": "left",
            "yanchor": "middle",
        }
        for (history, _, _), name, place in zip(ends, names, places)
    ]


def _end_of(label: str) -> str:
    """Return the last characters of a label that is too long."""
    return plain(label if len(label) <= LABEL else "…" + label[1 - LABEL :])
