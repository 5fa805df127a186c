"""Averages of many runs at once: what a table of thousands of runs shows, with the digits of `averages`.

Counts are (runs, classes) int64, each row what a `Confusion` holds of one run. The rules for classes without positives
are those of `averages`; they may be other classes in another row.
"""

import math
from collections.abc import Mapping

import numpy as np

from sedcore.evaluation.averages import ratio
from sedcore.evaluation.baselines import MEASURES, value_of
from sedcore.evaluation.evaluate import Evaluation


def f1_of_many(tp: np.ndarray, fp: np.ndarray, positives: np.ndarray) -> dict[str, np.ndarray]:
    """Return "micro_f1", "macro_f1" and "weighted_f1", each (runs,), NaN where no class has a positive.

    tp, fp, positives : (runs, classes) int64.
    """
    tp, fp, positives = (np.asarray(counted, np.int64) for counted in (tp, fp, positives))
    pooled, support = positives + tp + fp, positives.sum(axis=1)
    # An undefined class counts 0, which leaves an exactly rounded sum as it is.
    f1 = np.where(positives > 0, ratio(2 * tp, pooled), 0.0)
    means = {
        "micro_f1": ratio(2 * tp.sum(axis=1), pooled.sum(axis=1)),
        "macro_f1": ratio(_sums(f1), np.count_nonzero(positives, axis=1)),
        "weighted_f1": ratio(_sums(f1 * positives), support),
    }
    return {name: np.where(support > 0, values, np.nan) for name, values in means.items()}


def _sums(values: np.ndarray) -> np.ndarray:
    """Return the exactly rounded sum of each row."""
    return np.array([math.fsum(row) for row in values.tolist()])


def below_any(values: Mapping[str, np.ndarray], trivial: Mapping[str, Evaluation]) -> np.ndarray:
    """Return (runs,) bool: which runs a trivial baseline beats in one of MEASURES; `values` holds each, (runs,)."""
    beaten = [values[measure] < value_of(e, measure) for measure in MEASURES for e in trivial.values()]
    return np.any(beaten, axis=0) if beaten else np.zeros(len(values[MEASURES[0]]), bool)
