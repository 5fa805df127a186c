"""Exactly optimal thresholds for an objective: every distinct score is tried, and predicting nothing.

Thresholds tuned on the split that they are reported on are optimistic; `honest_table` reports on another. Rules:

- The counts change only at scores, so the optimum is a score; the threshold is the midpoint between it and the next
  lower score, for the widest margin. Thresholds are compared in the type of the scores: the threshold is the score
  itself if the midpoint rounds down to the lower score, or if there is no lower one.
- To predict nothing, the threshold is the next number above the highest score in the scores' type: finite, safe in
  JSON.
- Of equal optima the one with the better bound is taken (more recall at the same precision), then the highest
  threshold, with the fewest false alarms. Predicting nothing is taken only if it is better than anything else.
- If no threshold reaches the bound (the least precision), the one nearest to it is taken, and `reached` is False.
- A class without positives has no best threshold: it keeps the default, its value is NaN, `reached` is False.
- A common threshold for all classes is best for the micro average (pooled counts, including classes without
  positives) or the macro average (the mean of measure and bound over classes with positives).

Values within 1e-9 are equal: sums of many fractions carry rounding errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import averages
from sedcore.evaluation.counts import Counts
from sedcore.evaluation.objectives import Objective

DEFAULT = 0.5
COMMON = ("micro", "macro")
EQUAL = 1e-9


@dataclass(frozen=True, eq=False)
class Tuned:
    """Thresholds chosen on a split, all (classes,).

    `values` are the objective's measure there (F-beta, recall, precision, cost): of each class, or, for a common
    threshold, of the average it is chosen by, the same for all.
    """

    thresholds: np.ndarray  # float64, exact in the type of the scores
    values: np.ndarray
    reached: np.ndarray
    undefined: np.ndarray  # no positives in the split


@dataclass(frozen=True, eq=False)
class Curve:
    """A class at all its distinct scores, descending, in one or several resamples of the clips.

    scores (points,); tp and fp (resamples, points), integers; positives (resamples,).
    """

    scores: np.ndarray
    tp: np.ndarray
    fp: np.ndarray
    positives: np.ndarray


def tune(
    counts: Counts,
    objective: Objective,
    *,
    common: str | None = None,
    default: float | np.ndarray = DEFAULT,
) -> Tuned:
    """Return the best threshold of each class, or the best common one (`common`: "micro" or "macro").

    default: thresholds of classes without positives, one for all or (classes,). Raises SedcoreError for another
    `common`.
    """
    # Pooled counts of AudioSet's size fit 32 bits, at half the memory.
    whole = np.int32 if counts.clips * counts.classes < 2**31 else np.int64
    curves = [
        Curve(
            scores,
            tp[None].astype(whole, copy=False),
            fp[None].astype(whole, copy=False),
            counts.positives[c : c + 1],
        )
        for c, (scores, tp, fp) in enumerate(map(counts.distinct, range(counts.classes)))
    ]
    undefined = counts.positives == 0
    thresholds, values, reached = (of_all[0] for of_all in best(curves, objective, common, ~undefined))
    lost = np.isnan(values)
    return Tuned(np.where(lost, default, thresholds), values, reached & ~lost, undefined)


def best(
    curves: Sequence[Curve], objective: Objective, common: str | None, defined: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return thresholds, values and whether the bound is reached, each (resamples, classes), NaN where undefined.

    defined (classes,) bool: the classes of the macro average, the same in all resamples.
    """
    if common not in (None, *COMMON):
        raise SedcoreError(f"one threshold for all is tuned for micro or macro; given {common!r}")
    if common is None:
        chosen = [_best_of_class(curve, objective) for curve in curves]
        return tuple(np.stack(part, axis=1) for part in zip(*chosen))
    chosen = _best_common(curves, objective, common, np.asarray(defined))
    return tuple(np.repeat(part[:, None], len(curves), axis=1) for part in chosen)


def honest_table(
    tuned_on: Counts | None,
    reported_on: Counts,
    objective: Objective,
    *,
    common: str | None = None,
    fixed: Sequence[float] = (0.1, 0.5),
) -> pd.DataFrame:
    """Return the results of thresholds on `reported_on`: fixed ones, tuned on another split, and the oracle's.

    tuned_on: counts of the other split (validation), the classes in the same order; None leaves its row out.
    Returns a row an operating point ("0.1", "0.5", "tuned", "oracle") with the columns
    value: the objective's measure, averaged over classes by `common` (None: macro),
    bound: the objective's bound, averaged alike (NaN without one),
    micro_f1, macro_f1, gap (value minus the oracle's), reached (the bound holds on average, True without one)
    and optimistic (True for the oracle alone, which is tuned on `reported_on`).

    Raises SedcoreError where the two splits have different numbers of classes.
    """
    points: dict[str, np.ndarray | float] = {f"{value:g}": value for value in fixed}
    if tuned_on is not None:
        if tuned_on.classes != reported_on.classes:
            raise SedcoreError(
                f"tuned on {tuned_on.classes} classes, reported on {reported_on.classes}: not one run's?"
            )
        points["tuned"] = tune(tuned_on, objective, common=common).thresholds
    points["oracle"] = tune(reported_on, objective, common=common).thresholds
    rows = []
    for name, thresholds in points.items():
        value, bound = measured(reported_on, thresholds, objective, common or "macro")
        averaged = averages(reported_on.at(thresholds))
        rows.append(
            {
                "value": value,
                "bound": bound,
                "micro_f1": averaged["micro"].f1,
                "macro_f1": averaged["macro"].f1,
                "reached": objective.at is None or bool(bound >= objective.at - EQUAL),
                "optimistic": name == "oracle",
            }
        )
    table = pd.DataFrame(rows, index=pd.Index(list(points), name="thresholds"))
    table.insert(4, "gap", table["value"] - table.loc["oracle", "value"])
    return table


def measured(
    counts: Counts, thresholds: float | np.ndarray, objective: Objective, average: str
) -> tuple[float, float]:
    """Return the average ("micro" or "macro") of the objective's measure and bound; NaN without positives."""
    at = counts.at(thresholds)
    defined = counts.positives > 0
    if not defined.any():
        return float("nan"), float("nan")
    parts = at.tp, at.fp, counts.positives
    if average == "micro":
        parts = tuple(np.atleast_1d(part.sum()) for part in parts)
        defined = slice(None)
    bound = objective.bound(*parts)
    value = objective.measure(*parts)[defined].mean()
    return float(value), float("nan") if bound is None else float(bound[defined].mean())


def _best_of_class(curve: Curve, objective: Objective) -> tuple[np.ndarray, ...]:
    # Predicting nothing is the last point: the first of equals is taken, so this one only if it is better.
    tp, fp = (np.pad(part, ((0, 0), (0, 1))) for part in (curve.tp, curve.fp))
    positives = curve.positives[:, None]
    return _chosen(
        curve.scores,
        (curve.tp + curve.fp),
        objective.measure(tp, fp, positives),
        objective.bound(tp, fp, positives),
        curve.positives > 0,
        objective,
    )


def _best_common(
    curves: Sequence[Curve], objective: Objective, common: str, defined: np.ndarray
) -> tuple[np.ndarray, ...]:
    ascending = np.unique(np.concatenate([curve.scores for curve in curves]))
    union = ascending[::-1]
    places = [len(union) - 1 - np.searchsorted(ascending, curve.scores) for curve in curves]

    def together(parts: list[np.ndarray], of: list[np.ndarray]) -> np.ndarray:
        """Sum values at each class's own scores, (resamples, points + 1 for no prediction), over the union."""
        steps = np.zeros((len(parts[0]), len(union) + 1), parts[0].dtype)
        for part, place in zip(parts, of):
            # a class keeps its value between its own scores; above all of them nothing is predicted
            steps[:, place] += np.diff(part[:, :-1], prepend=part[:, -1:])
        silent = sum(part[:, -1] for part in parts)
        np.cumsum(steps, axis=1, out=steps)
        steps += silent[:, None].astype(steps.dtype)
        steps[:, -1] = silent
        return steps

    padded = [tuple(np.pad(part, ((0, 0), (0, 1))) for part in (curve.tp, curve.fp)) for curve in curves]
    tp, fp = (together([pair[i] for pair in padded], places) for i in (0, 1))
    counted = (tp + fp)[:, :-1]
    if common == "micro":
        positives = sum(curve.positives for curve in curves)
        value, bound = (f(tp, fp, positives[:, None]) for f in (objective.measure, objective.bound))
        return _chosen(union, counted, value, bound, positives > 0, objective)
    inside = np.flatnonzero(defined)
    if not len(inside):
        nothing = np.full(len(tp), np.nan)
        return nothing, nothing, np.zeros(len(tp), bool)

    def mean_of(of_class) -> np.ndarray | None:
        parts = [of_class(*padded[c], curves[c].positives[:, None]) for c in inside]
        return None if parts[0] is None else together(parts, [places[c] for c in inside]) / len(inside)

    value, bound = mean_of(objective.measure), mean_of(objective.bound)
    return _chosen(union, counted, value, bound, np.ones(len(tp), bool), objective)


def _chosen(
    scores: np.ndarray,
    predicted: np.ndarray,
    value: np.ndarray,
    bound: np.ndarray | None,
    defined: np.ndarray,
    objective: Objective,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return threshold, value and whether the bound is reached, each (resamples,).

    scores (points,) descending; predicted (resamples, points) predicted clips; value and bound (resamples,
    points + 1), the last for no prediction; defined (resamples,).
    """
    goal = (-value if objective.lower_is_better else value) / objective.unit
    # A score above all scores of a resample predicts nothing, as the last point does.
    allowed = np.pad(predicted > 0, ((0, 0), (0, 1)), constant_values=True)
    reached = np.ones(len(goal), bool)
    ranked = [goal]
    if bound is not None:
        feasible = bound >= objective.at - EQUAL
        reached = (feasible & allowed).any(axis=1)
        ranked = [np.where(reached[:, None], np.where(feasible, goal, -np.inf), bound)]
        ranked.append(np.where(reached[:, None], bound, goal))
    for by in ranked:
        by = np.where(allowed, by, -np.inf)
        allowed &= by >= by.max(axis=1, keepdims=True) - EQUAL
    place = np.argmax(allowed, axis=1)
    rows = np.arange(len(goal))
    silent = place == len(scores)
    held = predicted[rows, np.minimum(place, len(scores) - 1)]
    # The next lower score in the resample is where the count next grows.
    lower = (predicted <= held[:, None]).sum(axis=1)
    highest = np.argmax(predicted > 0, axis=1)
    threshold = np.where(
        silent, just_above(scores[highest]), _between(scores, np.where(silent, 0, place), lower)
    )
    lost = ~defined
    return np.where(lost, np.nan, threshold), np.where(lost, np.nan, value[rows, place]), reached & defined


def just_above(scores: np.ndarray) -> np.ndarray:
    """Return the next number above each score in its type, as finite float64."""
    with np.errstate(over="ignore"):
        above = np.nextafter(scores, scores.dtype.type(np.inf)).astype(np.float64)
        # Above the largest number of a narrow type: finite as float64, infinite when cast to that type.
        beyond = np.minimum(scores.astype(np.float64) * 2, np.finfo(np.float64).max)
    return np.where(np.isfinite(above), above, beyond)


def _between(scores: np.ndarray, place: np.ndarray, lower: np.ndarray) -> np.ndarray:
    upper = scores[place]
    below = scores[np.minimum(lower, len(scores) - 1)]
    middle = (upper.astype(np.float64) / 2 + below.astype(np.float64) / 2).astype(scores.dtype)
    kept = (lower < len(scores)) & (middle > below)
    return np.where(kept, middle, upper).astype(np.float64)
