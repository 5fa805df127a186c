"""`sedcore.evaluate` and `sedcore.tune`: what notebooks call, on arrays or tables as they are at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from sedcore.evaluation import evaluate as evaluation
from sedcore.evaluation import tuning
from sedcore.evaluation.counts import counts
from sedcore.evaluation.evaluate import Evaluation
from sedcore.evaluation.given import given, thresholds_for
from sedcore.evaluation.objectives import objective as objective_of


def evaluate(
    truth: Any, scores: Any, thresholds: Any = 0.5, *, classes: Sequence[str] | None = None
) -> Evaluation:
    """Return every number about scores at an operating point, as the dashboard shows them.

    Precision, recall and F1 equal scikit-learn's (``zero_division=0``). What it does not give: AP, ROC-AUC and equal
    error rates class by class beside them, lwlrap, which classes are undefined or never predicted, collapsed scores.

    Parameters
    ----------
    truth : (clips, classes) bool or 0 and 1; array, tensor or DataFrame with a column a class.
    scores : (clips, classes) finite numbers, higher means more likely; any range.
    thresholds : one for all classes, (classes,), {class: threshold}, or the table that `tune` returns. A score equal to
        its threshold is positive.
    classes : names; by default those of the columns.

    Raises
    ------
    SedcoreError
        Shapes, values or names do not fit; one sentence.

    >>> round(evaluate([[1, 0], [0, 1]], [[0.9, 0.2], [0.4, 0.3]], thresholds=0.3).averages["micro"].f1, 3)
    0.8
    """
    one = given(truth, scores, classes)
    return evaluation.evaluate(one.truth, one.scores, one.classes, thresholds_for(thresholds, one.classes))


def tune(
    truth: Any,
    scores: Any,
    objective: str = "f1",
    *,
    common: str | None = None,
    classes: Sequence[str] | None = None,
    beta: float | None = None,
    at: float | None = None,
    miss_cost: float | None = None,
    false_alarm_cost: float | None = None,
) -> pd.DataFrame:
    """Return the best threshold of each class for an objective, exactly; report them on another split.

    Parameters
    ----------
    truth, scores, classes : as for `evaluate`.
    objective : "f1", "fbeta" (with `beta`), "precision" or "recall" (the best of the other with at least `at` of it),
        "cost" (with `miss_cost` and `false_alarm_cost`).
    common : "micro" or "macro": one threshold for all, by that average.

    Returns
    -------
    A row a class (the index): threshold, what the objective measures there, whether its bound was reached, positives.
    `evaluate` takes it as `thresholds`.

    Raises
    ------
    SedcoreError
        As `evaluate`, or the objective and its settings do not fit.
    """
    wanted = objective_of(objective, beta=beta, at=at, miss_cost=miss_cost, false_alarm_cost=false_alarm_cost)
    one = given(truth, scores, classes)
    held = counts(one.truth, one.scores)
    tuned = tuning.tune(held, wanted, common=common)
    columns = {"threshold": tuned.thresholds, wanted.measured: tuned.values, "reached": tuned.reached}
    index = pd.Index(one.classes, name="class")
    return pd.DataFrame(columns | {"positives": held.positives}, index=index)
