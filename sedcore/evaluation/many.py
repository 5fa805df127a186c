"""Averages of many runs at once, for tables of thousands of runs; equal to `averages` to the last digit.

Counts are (runs, classes) int64, a row a run. The rules for classes without positives are those of `averages`, row by
row.
"""

import math
from collections.abc import Mapping

import numpy as np

from sedcore.evaluation.baselines import measure_value
from sedcore.evaluation.counts import ratio
from sedcore.evaluation.evaluate import Evaluation
from sedcore.evaluation.measures import OF_DECISIONS, RUN_MEASURES


def averages_of_many(
    tp: np.ndarray, fp: np.ndarray, positives: np.ndarray, clips: int
) -> dict[str, np.ndarray]:
    """Return the RUN_MEASURES of decisions, without samples averages: (runs,) each, NaN for a run without positives.

    tp, fp, positives : (runs, classes) int64. clips : number of clips of each run.
    """
    tp, fp, positives = (np.asarray(counted, np.int64) for counted in (tp, fp, positives))
    counted = tp, tp + fp, positives
    pooled = [of_classes.sum(axis=1) for of_classes in counted]
    support, defined = pooled[2], np.count_nonzero(positives, axis=1)
    means = {}
    for m in (m for m in OF_DECISIONS if m.ranks_runs):
        # An undefined class counts 0, which does not change an exactly rounded sum.
        values = np.where(positives > 0, m.function(*counted, clips), 0.0)
        if "micro" in m.averages:
            means[f"micro_{m.name}"] = m.function(*pooled, clips * tp.shape[1])
        if "macro" in m.averages:
            means[f"macro_{m.name}"] = ratio(_sums(values), defined)
        if "weighted" in m.averages:
            means[f"weighted_{m.name}"] = ratio(_sums(values * positives), support)
    return {name: np.where(support > 0, values, np.nan) for name, values in means.items()}


def _sums(values: np.ndarray) -> np.ndarray:
    """Return the exactly rounded sum of each row."""
    return np.array([math.fsum(row) for row in values.tolist()])


def below_any(values: Mapping[str, np.ndarray], trivial: Mapping[str, Evaluation]) -> np.ndarray:
    """Return (runs,) bool: whether a trivial baseline beats a run in any of RUN_MEASURES; `values` are (runs,) each."""
    beaten = [
        values[measure] < measure_value(e, measure) for measure in RUN_MEASURES for e in trivial.values()
    ]
    return np.any(beaten, axis=0) if beaten else np.zeros(len(values["macro_ap"]), bool)
