"""Which counts of clips can give a printed precision, recall and F1.

For a class with n positive clips (`support`), `predicted` predicted ones and tp in both: P = tp / predicted,
R = tp / n, F1 = 2 tp / (n + predicted). All are ratios of whole numbers, so a small class has few possible values.
The same holds for the micro average, with n the labels of all classes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sedcore.evaluation.audit.tables import Printed, Scores, harmonic

MOST_CANDIDATES = 2_000  # values of tp that are tried; beyond, printed digits no longer bind whole numbers
ANYTHING = Printed(0.5, 0)


class Attainable(NamedTuple):
    """The tp and predicted counts that give the printed scores, each (lowest, highest); inf: unbounded."""

    tp: tuple[int, int]
    predicted: tuple[float, float]


def attainable(scores: Scores, support: int, others: int | None = None) -> Attainable | None:
    """Return the counts that can give the printed scores, None where none can.

    support: positive clips. others: clips that are not positive, which bounds false alarms; None if unknown.
    A score that divides by 0 may be printed as 0 or as 1 (zero_division of scikit-learn). Every tp that the recall
    allows is tried, with the range of predicted counts that precision and F1 leave.
    """
    p, r, f1 = (scores.get(part, ANYTHING) for part in ("precision", "recall", "f1"))
    most = math.inf if others is None else float(others)
    if support == 0:
        return _without_positives(p, r, f1, most)
    first, last = math.ceil(r.low * support), math.floor(r.high * support)
    if last - first > MOST_CANDIDATES:
        low, high = harmonic(p.low, r.low), harmonic(p.high, r.high)
        return Attainable((first, last), (float(first), math.inf)) if f1.holds(low, high) else None
    tp = np.arange(first, last + 1, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        lowest = np.maximum.reduce([tp, np.ceil(tp / p.high), np.ceil(2 * tp / f1.high - support)])
        highest = tp + most
        if p.low > 0:
            highest = np.minimum(highest, np.floor(tp / p.low))
        if f1.low > 0:
            highest = np.minimum(highest, np.floor(2 * tp / f1.low - support))
    possible = (lowest <= highest) & ((tp > 0) | (p.low <= 0) | (p.high >= 1))
    if not possible.any():
        return None
    tp, lowest, highest = tp[possible], lowest[possible], highest[possible]
    return Attainable((int(tp.min()), int(tp.max())), (float(lowest.min()), float(highest.max())))


def _without_positives(p: Printed, r: Printed, f1: Printed, most: float) -> Attainable | None:
    """Return the counts of a class without positives: every prediction is wrong, and recall divides by 0."""
    if not (r.low <= 0 or r.high >= 1):
        return None
    by_convention = (p.low <= 0 or p.high >= 1) and (f1.low <= 0 or f1.high >= 1)  # nothing predicted
    fired = p.low <= 0 and f1.low <= 0
    if not (by_convention or fired):
        return None
    return Attainable((0, 0), (0.0 if by_convention else 1.0, most if fired else 0.0))


def why_not(scores: Scores, support: int, others: int | None = None) -> str:
    """Return why no counts give the printed scores (`attainable` is None): the smallest contradiction, in words."""
    r, p, f1 = (scores.get(part) for part in ("recall", "precision", "f1"))
    if r is not None and attainable({"recall": r}, support) is None:
        if support == 0:
            return f"without a positive clip R is 0 or 1 by convention, not {r}"
        below = math.floor(r.value * support)
        near = ", ".join(
            f"{tp}/{support} is {tp / support:.4f}" for tp in (below, below + 1) if tp <= support
        )
        return f"no tp of {support} gives R {r}: {near}"
    without_f1 = {part: printed for part, printed in scores.items() if part != "f1"}
    if p is not None and attainable(without_f1, support, others) is None:
        return (
            f"no tp of {support} gives R {r} with P {p}"
            if r
            else f"no counts give P {p} with {support} positives"
        )
    without_p = {part: printed for part, printed in scores.items() if part != "precision"}
    if f1 is not None and r is not None and attainable(without_p, support, others) is None:
        return f"no tp of {support} gives F1 {f1} with R {r}"
    named = [
        f"{name} {scores[part]}" for part, name in (("precision", "P"), ("recall", "R")) if part in scores
    ]
    beside = " and ".join(named)
    return (
        f"no tp of {support} gives F1 {f1} with {beside}" if beside else f"no tp of {support} gives F1 {f1}"
    )
