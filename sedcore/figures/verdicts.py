"""Differences of two runs by class, contributions to a difference, and ranks by measure or threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from sedcore.evaluation.verdicts import BETTER, FEW, Differences
from sedcore.evaluation.verdicts import WORSE as WORSE_VERDICT
from sedcore.figures.palette import NEUTRAL, RIGHT, WRONG, Ink, faint
from sedcore.figures.style import SMALL, axis_title, drawn, plain, rule_at, shortened, spread_labels

ROW = 27  # pixels of a class in the forest plot
MOST_STEPS = 16  # classes that a waterfall shows by name
BETTER_COLOR, WORSE_COLOR = RIGHT, WRONG


def verdict_color(verdict: str) -> str:
    """Return blue for better, orange for worse, grey for all else."""
    return {BETTER: BETTER_COLOR, WORSE_VERDICT: WORSE_COLOR}.get(verdict, NEUTRAL)


def forest_plot(
    classes: Sequence[str], differences: Differences, measure: str, first: str, second: str
) -> go.Figure:
    """Return a row a class: the difference first minus second, its marginal interval, and the verdict in words.

    Rows are in the order given, the first on top. A class with few positives has an open marker.
    """
    names = [plain(name) for name in classes]
    said = f"{plain(measure)} %{{x:+.3f}}, {plain(first)} minus {plain(second)}"
    words = [
        dict(
            x=1,
            xref="x domain",
            xanchor="left",
            xshift=6,
            y=name,
            text=_bold(verdict),
            showarrow=False,
            font={"size": SMALL, "color": verdict_color(verdict)},
        )
        for name, verdict in zip(names, differences.verdict)
    ]
    return drawn(
        [*_interval_lines(names, differences), _difference_marks(names, differences, said)],
        height=ROW * len(names) + 66,
        margin={"l": 8, "r": 84, "t": 8},
        x={
            "title": axis_title(f"{measure}: {shortened(first)} minus {shortened(second)}"),
            "tickformat": "+.2f",
        },
        y={
            "type": "category",  # otherwise classes named 7 and 12 become numbers
            "categoryorder": "array",
            "categoryarray": names[::-1],
            "range": [-0.6, len(names) - 0.4],
            "ticksuffix": "  ",
            "showgrid": False,
            "automargin": True,
        },
        shapes=[rule_at(0)],
        annotations=words,
    )


def _interval_lines(names: Sequence[str], differences: Differences) -> list[dict]:
    """Return a line a class, from the low to the high end of its interval."""
    return [
        dict(
            type="scatter",
            x=[low, high],
            y=[name, name],
            mode="lines",
            line={"color": faint(verdict_color(verdict), 0.75), "width": 3},
            hoverinfo="skip",
        )
        for name, low, high, verdict in zip(names, differences.low, differences.high, differences.verdict)
        if not np.isnan(low)
    ]


def _difference_marks(names: Sequence[str], differences: Differences, said: str) -> dict:
    """Return a mark a class at its difference; `said` is the hover's line on the difference."""
    known = [i for i in range(len(names)) if not np.isnan(differences.difference[i])]
    return dict(
        type="scatter",
        x=differences.difference[known],
        y=[names[i] for i in known],
        mode="markers",
        marker={
            "color": [verdict_color(differences.verdict[i]) for i in known],
            "symbol": ["circle-open" if differences.verdict[i] == FEW else "circle" for i in known],
            "size": 9,
            "line": {"width": [2 if differences.verdict[i] == FEW else 0 for i in known]},
        },
        customdata=[
            [
                differences.low[i],
                differences.high[i],
                differences.verdict[i],
                _p_words(differences.p_corrected[i]),
            ]
            for i in known
        ],
        hovertemplate=f"<b>%{{y}}</b><br>{said}"
        "<br>95 % interval [%{customdata[0]:+.3f}, %{customdata[1]:+.3f}]"
        "<br>%{customdata[2]}%{customdata[3]}<extra></extra>",
        cliponaxis=False,
    )


def waterfall(
    classes: Sequence[str],
    parts: np.ndarray,
    ends: tuple[float, float],
    labels: tuple[str, str],
    measure: str,
) -> go.Figure:
    """Return a waterfall from the value of the second run to that of the first, a step a class.

    parts : (classes,) contributions that add up to ends[0] - ends[1]. ends, labels : of the first and the second
    run. Steps are sorted by size; beyond MOST_STEPS the smaller ones are one step.
    """
    order = np.argsort(-np.abs(parts), kind="stable")
    shown, rest = order[:MOST_STEPS], order[MOST_STEPS:]
    names, steps = [classes[i] for i in shown], [float(parts[i]) for i in shown]
    if len(rest):
        names.append(f"{len(rest)} more")
        steps.append(float(parts[rest].sum()))
    rows = [labels[1], *names, labels[0]]
    totals = [float(ends[1]), *steps, float(ends[0])]
    reached = np.concatenate([[ends[1]], ends[1] + np.cumsum(steps), [ends[0]]])
    low, high = float(np.nanmin(reached)), float(np.nanmax(reached))
    room = max((high - low) * 0.25, 0.01)
    traces = [
        dict(
            type="waterfall",
            orientation="h",
            y=list(range(len(rows))),
            x=totals,
            measure=["absolute", *["relative"] * len(steps), "total"],
            increasing={"marker": {"color": BETTER_COLOR}},
            decreasing={"marker": {"color": WORSE_COLOR}},
            totals={"marker": {"color": faint(NEUTRAL, 0.7)}},
            connector={"line": {"color": faint(NEUTRAL, 0.5), "width": 1}},
            text=[f"{totals[0]:.3f}", *(_signed(step) for step in steps), f"{totals[-1]:.3f}"],
            textposition="outside",
            textfont={"size": SMALL},
            customdata=[plain(row) for row in rows],
            hovertemplate=f"<b>%{{customdata}}</b><br>{plain(measure)} %{{text}}<extra></extra>",
            cliponaxis=False,
        )
    ]
    return drawn(
        traces,
        height=ROW * len(rows) + 66,
        margin={"l": 8, "r": 40, "t": 8},
        x={
            "title": axis_title(measure),
            "range": [max(low - room, 0), high + room],
            "tickformat": ".2f",
        },
        y={
            "tickvals": list(range(len(rows))),
            "ticktext": [f"<b>{shortened(rows[0], 26)}</b>", *(shortened(name, 30) for name in names)]
            + [f"<b>{shortened(rows[-1], 26)}</b>"],
            "range": [len(rows) - 0.4, -0.6],
            "ticksuffix": "  ",
            "showgrid": False,
            "automargin": True,
        },
        bargap=0.35,
    )


@dataclass(frozen=True, eq=False)
class RankLine:
    """Ranks of a run, 1 the best, NaN where undefined, and the values behind them."""

    label: str
    ink: Ink
    ranks: np.ndarray
    values: np.ndarray


def rank_chart(lines: Sequence[RankLine], places: Sequence[str], title: str) -> go.Figure:
    """Return ranks over a few named choices (measures), a line a run, its name at the right end."""
    at = list(range(len(places)))
    figure_x = {
        "tickvals": at,
        "ticktext": [plain(place).replace(" ", "<br>", 1) for place in places],
        "autotickangles": [0, 90],
        "range": [-0.3, len(places) - 0.6],
        "showgrid": False,
    }
    return _ranks(lines, at, figure_x, title, markers=True)


def rank_by_threshold(lines: Sequence[RankLine], grid: np.ndarray, threshold: float, title: str) -> go.Figure:
    """Return ranks over thresholds that all classes share; a vertical line marks the one in force.

    Names stand at the rank there: at either end all runs tie, since everything or nothing is predicted.
    """
    axis = {"title": axis_title("threshold for all classes")}
    named = int(np.abs(np.asarray(grid) - threshold).argmin())
    return _ranks(
        lines, grid, axis, title, markers=False, named=named, shapes=[rule_at(threshold, dash="dot")]
    )


def _ranks(
    lines: Sequence[RankLine],
    x: Sequence[float],
    axis: dict,
    title: str,
    *,
    markers: bool,
    named: int | None = None,
    **layout: object,
) -> go.Figure:
    traces: list[dict] = []
    # Tied runs would hide each other, so each is drawn slightly off its rank.
    shift = np.linspace(-0.09, 0.09, len(lines)) if len(lines) > 1 else np.zeros(1)
    ends: list[float] = []
    for line, beside in zip(lines, shift):
        known = np.flatnonzero(~np.isnan(line.ranks)) if named is None else [named]
        ends.append(float(line.ranks[known[-1]] + beside) if len(known) else np.nan)
        traces.append(
            dict(
                type="scatter",
                x=list(x),
                y=line.ranks + beside,
                mode="lines+markers" if markers else "lines",
                line={"color": line.ink.color, "dash": line.ink.dash, "width": 2.5},
                marker={"symbol": line.ink.symbol, "size": 10},
                customdata=np.stack([line.ranks, line.values], axis=-1),
                hovertemplate=f"<b>{plain(line.label)}</b><br>rank %{{customdata[0]:.0f}}, "
                "%{customdata[1]:.3f}<extra></extra>",
                cliponaxis=False,
            )
        )
    drawn_ends = [i for i, end in enumerate(ends) if not np.isnan(end)]
    heights = spread_labels([ends[i] for i in drawn_ends], max(0.45, len(lines) * 0.07))
    notes = [
        dict(
            x=1.01,
            xref="x domain",
            y=height,
            text=shortened(lines[i].label, 18),
            font={"color": lines[i].ink.color, "size": SMALL},
            showarrow=False,
            xanchor="left",
        )
        for i, height in zip(drawn_ends, heights)
    ]
    return drawn(
        traces,
        height=max(26 * len(lines) + 110, 240),
        margin={"l": 36, "r": 128, "t": 8},
        x=axis,
        y={
            "title": axis_title(title),
            "range": [len(lines) + 0.5, 0.5],
            "tickvals": list(range(1, len(lines) + 1)),
        },
        annotations=notes,
        **layout,
    )


def _bold(verdict: str) -> str:
    return f"<b>{verdict}</b>" if verdict in (BETTER, WORSE_VERDICT) else verdict


def _p_words(p: float) -> str:
    return "" if np.isnan(p) else f", p {'&lt; 0.001' if p < 0.001 else f'{p:.3f}'} corrected"


def _signed(value: float) -> str:
    text = f"{abs(value):.3f}"
    return text if float(text) == 0 else ("−" if value < 0 else "+") + text
