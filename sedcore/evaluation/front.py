"""`sedcore.evaluate` and `sedcore.tune`: the functions for notebooks, on arrays, tensors or tables."""

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
    """Evaluate scores at an operating point, with all numbers that the dashboard shows.

    Precision, recall and F1 equal scikit-learn's (``zero_division=0``). Beside them stand AP, ROC-AUC and equal error
    rate of each class, lwlrap, classes that are undefined or never predicted, and whether scores have collapsed.

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
        Shapes, values or names do not fit.

    >>> round(evaluate([[1, 0], [0, 1]], [[0.9, 0.2], [0.4, 0.3]], thresholds=0.3).averages["micro"].f1, 3)
    0.8
    """
    data = given(truth, scores, classes)
    return evaluation.evaluate(
        data.truth, data.scores, data.classes, thresholds_for(thresholds, data.classes)
    )


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
    """Return the exactly best threshold of each class for an objective; report on another split than this one.

    Parameters
    ----------
    truth, scores, classes : as for `evaluate`.
    objective : "f1", "fbeta" (with `beta`), "precision" (best recall with a precision of at least `at`), "recall"
        (best precision with a recall of at least `at`), "cost" (with `miss_cost` and `false_alarm_cost`).
    common : "micro" or "macro": one threshold for all, by that average.

    Returns
    -------
    A row a class (the index): threshold, the objective's measure there, whether its bound was reached, positives.
    `evaluate` takes the table as `thresholds`.

    Raises
    ------
    SedcoreError
        As `evaluate`, or the objective and its settings do not fit.
    """
    wanted = objective_of(objective, beta=beta, at=at, miss_cost=miss_cost, false_alarm_cost=false_alarm_cost)
    data = given(truth, scores, classes)
    held = counts(data.truth, data.scores)
    tuned = tuning.tune(held, wanted, common=common)
    columns = {"threshold": tuned.thresholds, wanted.measured: tuned.values, "reached": tuned.reached}
    index = pd.Index(data.classes, name="class")
    return pd.DataFrame(columns | {"positives": held.positives}, index=index)
