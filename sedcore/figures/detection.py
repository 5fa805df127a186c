"""ROC, DET and precision against recall of one class: a line a run, its operating point in force on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go
from scipy.special import ndtri

from sedcore.evaluation.counts import Counts, ratio
from sedcore.evaluation.curves import det_curve, probit, thinned
from sedcore.evaluation.ranking import pr_curve, roc_curve
from sedcore.figures.palette import NEUTRAL, Ink
from sedcore.figures.style import axis_title, drawn, plain
from sedcore.figures.thresholds import Curve, add_curve

HEIGHT = 340
# Rates that DET axes name, as NIST's plots do.
DET_TICKS = (0.0001, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)


@dataclass(frozen=True, eq=False)
class DetLine(Curve):
    """False alarm and miss rates of a run, and the number of clips behind each rate."""

    positives: int = 1
    negatives: int = 1


def pr_of(counts: Counts, c: int, threshold: float, label: str, ink: Ink) -> Curve:
    """Return precision against recall of class c, with its point at `threshold`."""
    curve = pr_curve(counts, c)
    kept = thinned(curve.recall, curve.precision)
    at = counts.at(threshold)
    tp, fp = at.tp[c], at.fp[c]
    point = (_of(tp, counts.positives[c]), float(ratio(tp, tp + fp)))
    return Curve(label, ink, curve.recall[kept], curve.precision[kept], point, curve.thresholds[kept])


def roc_of(counts: Counts, c: int, threshold: float, label: str, ink: Ink) -> Curve:
    """Return true against false positive rate of class c, with its point at `threshold`."""
    curve = roc_curve(counts, c)
    kept = thinned(curve.false_positive_rate, curve.true_positive_rate)
    x, y = curve.false_positive_rate[kept], curve.true_positive_rate[kept]
    return Curve(label, ink, x, y, _rates(counts, c, threshold), curve.thresholds[kept])


def det_of(counts: Counts, c: int, threshold: float, label: str, ink: Ink) -> DetLine:
    """Return misses against false alarms of class c, with its point at `threshold`."""
    curve = det_curve(counts, c)
    positives = int(counts.positives[c])
    negatives = counts.clips - positives
    kept = thinned(probit(curve.false_alarm_rate, negatives), probit(curve.miss_rate, positives))
    false_alarm, hit = _rates(counts, c, threshold)
    x, y = curve.false_alarm_rate[kept], curve.miss_rate[kept]
    point = (false_alarm, 1 - hit)
    return DetLine(label, ink, x, y, point, curve.thresholds[kept], positives=positives, negatives=negatives)


def roc_figure(curves: Sequence[Curve]) -> go.Figure:
    """Return true against false positive rates; the area under a line is its ROC-AUC, the diagonal is chance."""
    traces: list[dict] = []
    for curve in curves:
        hover = (
            f"<b>{plain(curve.label)}</b><br>hits %{{y:.3f}}, false alarms %{{x:.3f}}"
            "<br>at threshold %{customdata:.4g}<extra></extra>"
        )
        add_curve(traces, curve, hover, in_force="hits %{y:.3f}, false alarms %{x:.3f}")
    return drawn(
        traces,
        height=HEIGHT,
        margin={"t": 8},
        x={"title": axis_title("false positive rate"), "range": [-0.01, 1.02], "tickformat": ".1f"},
        y={"title": axis_title("true positive rate"), "range": [-0.02, 1.04], "tickformat": ".1f"},
        shapes=[diagonal(0, 1)],
    )


def det_figure(lines: Sequence[DetLine]) -> go.Figure:
    """Return misses against false alarms on probit axes, where scores of normal clips give straight lines.

    Rates of 0 and 1, infinite on these axes, are drawn half a clip inside; the hover shows the true rate.
    """
    traces: list[dict] = []
    drawn_at = []
    for line in lines:
        hover = (
            f"<b>{plain(line.label)}</b><br>misses %{{customdata[1]:.2%}}, false alarms %{{customdata[0]:.2%}}"
            "<br>at threshold %{customdata[2]:.4g}<extra></extra>"
        )
        x, y = line.point or (np.nan, np.nan)
        shown = replace(
            line,
            x=probit(line.x, line.negatives),
            y=probit(line.y, line.positives),
            point=(float(probit(x, line.negatives)), float(probit(y, line.positives))),
        )
        custom = np.stack([line.x, line.y, line.thresholds], axis=-1)
        add_curve(traces, shown, hover, in_force=f"misses {y:.2%}, false alarms {x:.2%}", custom=custom)
        drawn_at += [shown.x, shown.y]
    across, upright = (_reach(values) for values in (drawn_at[::2], drawn_at[1::2]))
    axis = {
        "tickvals": ndtri(np.array(DET_TICKS)),
        "ticktext": [f"{rate * 100:g}" for rate in DET_TICKS],
    }
    return drawn(
        traces,
        height=HEIGHT + 60,
        margin={"t": 8},
        x=axis | {"range": across, "title": axis_title("false alarms, % of clips without the class")},
        y=axis | {"range": upright, "title": axis_title("misses, % of clips with it")},
        shapes=[diagonal(max(across[0], upright[0]), min(across[1], upright[1]))],
    )


def diagonal(low: float, high: float) -> dict:
    """Return the line where both axes are equal, as a shape of the layout."""
    ends = {"x0": low, "y0": low, "x1": high, "y1": high}
    return {
        "type": "line",
        **ends,
        "line": {"color": NEUTRAL, "width": 1, "dash": "dot"},
        "layer": "below",
    }


def _reach(deviates: Sequence[np.ndarray]) -> list[float]:
    values = np.concatenate([*deviates, [-1.0, 1.0]])
    values = values[np.isfinite(values)]
    return [float(values.min()) - 0.15, float(values.max()) + 0.15]


def _rates(counts: Counts, c: int, threshold: float) -> tuple[float, float]:
    at = counts.at(threshold)
    return _of(at.fp[c], counts.clips - counts.positives[c]), _of(at.tp[c], counts.positives[c])


def _of(counted: int, total: int) -> float:
    return float(counted / total) if total else float("nan")
