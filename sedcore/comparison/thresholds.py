"""Thresholds of one run: tuned on one split, evaluated on another."""

from __future__ import annotations

import pandas as pd

from sedcore.comparison.common_clips import Common, on_common
from sedcore.comparison.scores import Scores
from sedcore.evaluation.objectives import FBeta, Objective
from sedcore.evaluation.tuning import honest_table, tune


def threshold_report(
    validation: Scores | None, reported: Scores, wanted: Objective, common: str | None = None
) -> pd.DataFrame:
    """Return the `honest_table` of a run: fixed thresholds, tuned on validation, and the oracle's.

    validation : scores that thresholds are tuned on, None where the run has none. Classes not reported are left out;
        where a reported class is missing, nothing is tuned.
    """
    tuned_on, classes = None, reported.summary.classes
    if validation is not None and validation.summary.classes == classes:
        tuned_on = validation.counts
    elif validation is not None and set(classes) <= set(validation.summary.classes):
        every_clip = Common(tuple(validation.labels[0].tolist()), classes, 0)
        tuned_on = on_common(validation, every_clip).counts
    return honest_table(tuned_on, reported.counts, wanted, common=common)


def best_for_all(scores: Scores) -> tuple[float, float]:
    """Return the best macro F1 that one threshold for all classes gives, NaN if undefined, and that threshold."""
    tuned = tune(scores.counts, FBeta(), common="macro")
    return float(tuned.values[0]), float(tuned.thresholds[0])
