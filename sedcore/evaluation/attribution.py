"""Contributions of the classes to the difference of two runs in an averaged F1: parts that add up to it exactly.

F1 of a class is 2 tp / (2 tp + fp + fn). Macro and weighted F1 are sums over classes already. Micro F1 is
n / d with n and d summed over classes, so a change of n / d is split by the product rule at the midpoint of
the two runs: dn (1 / d1 + 1 / d2) / 2 - dd (n1 + n2) / (2 d1 d2), which leaves no remainder.
"""

from __future__ import annotations

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import class_scores
from sedcore.evaluation.counts import Confusion

AVERAGES = ("macro", "micro", "weighted")


def attribution(first: Confusion, second: Confusion) -> dict[str, np.ndarray]:
    """Return the contributions of the classes to F1 of the first run minus that of the second: {average: (classes,)}.

    Both confusions are of the same clips and classes. A class without positives adds nothing to macro and
    weighted; to micro it adds its false alarms. All NaN without any positives. Raises SedcoreError where the numbers
    of positives differ.
    """
    support = first.tp + first.fn
    if not np.array_equal(support, second.tp + second.fn):
        raise SedcoreError("the two runs have other numbers of positives: are they of different splits?")
    if not support.any():
        return {name: np.full(len(support), np.nan) for name in AVERAGES}
    change = class_scores(first).f1 - class_scores(second).f1
    change = np.where(support > 0, change, 0.0)
    (n1, d1), (n2, d2) = ((2 * c.tp, 2 * c.tp + c.fp + c.fn) for c in (first, second))
    total_n, total_d1, total_d2 = float(n1.sum() + n2.sum()), float(d1.sum()), float(d2.sum())
    micro = (n1 - n2) * (1 / total_d1 + 1 / total_d2) / 2 - (d1 - d2) * total_n / (2 * total_d1 * total_d2)
    return {
        "macro": change / np.count_nonzero(support),
        "micro": micro,
        "weighted": change * support / support.sum(),
    }
