"""Tests of differences between runs: interval, p, Holm's correction and verdict.

A verdict follows from the corrected p alone. The interval beside it is *marginal*, valid for its own number only:
among many classes some intervals exclude 0 by chance, so none is a test.

Families, within which p is corrected (Holm, "A simple sequentially rejective multiple test procedure", 1979):
the classes of one pair of runs and one measure; and, for an average, the pairs on screen. A class that is undefined
or has few positives is not tested and does not count in its family.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special  # not scipy.stats, which takes a second to import

from sedcore.errors import SedcoreError
from sedcore.evaluation.bootstrap import FEW_POSITIVES, LEVEL, percentile_interval

ALPHA = 0.05
BETTER, WORSE, NOT_PROVEN = "better", "worse", "not proven"
FEW, UNDEFINED = "few positives", "not defined"
VERDICTS = (BETTER, WORSE, NOT_PROVEN, FEW, UNDEFINED)


@dataclass(frozen=True, eq=False)
class Differences:
    """A family of differences first minus second, all (tests,)."""

    difference: np.ndarray  # on the full split; NaN where undefined
    low: np.ndarray  # of the marginal percentile interval
    high: np.ndarray
    p: np.ndarray  # two-sided; NaN where there is no test
    p_corrected: np.ndarray  # Holm over the family
    from_error: np.ndarray  # bool: p comes from the bootstrap standard error
    verdict: np.ndarray  # of VERDICTS: of the first run against the second


def compare(
    first: np.ndarray,
    second: np.ndarray,
    first_draws: np.ndarray,
    second_draws: np.ndarray,
    support: np.ndarray | None = None,
    level: float = LEVEL,
    alpha: float = ALPHA,
    studentised: bool = False,
) -> Differences:
    """Test a family of differences of paired draws.

    first, second: (tests,) values on the full split. first_draws, second_draws: (resamples, tests) values under
    the same resamples. support: (tests,) positive clips, if the tests are classes. studentised: take intervals and p
    from the bootstrap's standard error and Student's t with the support. It is for ROC-AUC, whose percentile intervals
    are too narrow (95 % intervals cover 92 % with 50 positives, and 8 % of families of ten classes without a difference
    get a verdict; benchmarks/coverage.py). Raises SedcoreError where values and draws do not fit.
    """
    difference = np.atleast_1d(np.asarray(first, np.float64) - np.asarray(second, np.float64))
    draws = np.asarray(first_draws, np.float64) - np.asarray(second_draws, np.float64)
    draws = draws.reshape(len(draws), -1)
    if draws.shape[1] != len(difference):
        raise SedcoreError(f"{len(difference)} differences, but draws of {draws.shape[1]}: other classes?")
    undefined = np.isnan(difference)
    few = np.zeros(len(difference), bool) if support is None else np.asarray(support) < FEW_POSITIVES
    tested = ~undefined & ~few
    p, from_error = np.full(len(difference), np.nan), np.zeros(len(difference), bool)
    if studentised:
        low, high, every = _studentised(difference, draws, np.asarray(support), level)
        p[tested], from_error[tested] = every[tested], True
    else:
        low, high = percentile_interval(draws, level)
        if tested.any():
            p[tested], from_error[tested] = p_values(difference[tested], draws[:, tested], alpha)
    corrected = holm(p)
    verdict = np.full(len(difference), NOT_PROVEN, dtype=object)
    proven = tested & (corrected <= alpha)
    verdict[proven & (difference > 0)] = BETTER
    verdict[proven & (difference < 0)] = WORSE
    verdict[few] = FEW
    verdict[undefined] = UNDEFINED
    return Differences(difference, low, high, p, corrected, from_error, verdict)


def _studentised(
    difference: np.ndarray, draws: np.ndarray, support: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return low, high and two-sided p of differences, each (tests,), from the standard error of their draws.

    The information on a class comes from its n positives: the error is treated as that of a mean of n, with n - 1
    degrees of freedom and a factor sqrt(n / (n - 1)) against its bias, as in `bootstrap.logit_interval`. Where no draw
    differs (a perfect run against a constant one) it is that of one positive in n that differed, about 1 / n.
    """
    n = np.maximum(support, 2)
    error = np.sqrt(n / (n - 1)) * draws.std(axis=0, ddof=1 if len(draws) > 1 else 0)
    error = np.where((error == 0) & (difference != 0), 1 / n, error)
    reach = special.stdtrit(n - 1, (1 + level) / 2) * error
    away = np.divide(np.abs(difference), error, out=np.zeros(len(difference)), where=error > 0)
    p = 2 * special.stdtr(n - 1, -away)
    return np.maximum(difference - reach, -1), np.minimum(difference + reach, 1), p


def p_values(
    difference: np.ndarray, draws: np.ndarray, alpha: float = ALPHA
) -> tuple[np.ndarray, np.ndarray]:
    """Return the two-sided p of each of a family of differences, and whether it comes from the standard error.

    difference: (tests,). draws: (resamples, tests). p is twice the smaller share of resamples at or beyond 0 on
    either side, with one added to count and number (Davison and Hinkley, "Bootstrap methods and their
    application", 1997, 4.2): never below 2 / (resamples + 1). If p is at that floor and the floor is above
    alpha / tests, resampling cannot prove the difference in this family: p is then that of a normal distribution
    with the bootstrap's standard error, and 0 where all draws agree.
    """
    resamples, tests = draws.shape
    beyond = np.minimum((draws <= 0).sum(axis=0), (draws >= 0).sum(axis=0))
    p = np.minimum(2 * (beyond + 1) / (resamples + 1), 1.0)
    error = draws.std(axis=0, ddof=1) if resamples > 1 else np.zeros(tests)
    from_error = (beyond == 0) & (2 / (resamples + 1) > alpha / tests) & (resamples > 1)
    away = np.divide(np.abs(difference), error, out=np.full(tests, np.inf), where=error > 0)
    p[from_error] = 2 * special.ndtr(-away[from_error])
    return p, from_error


def holm(p: np.ndarray) -> np.ndarray:
    """Return Holm's corrected p of a family, in its order; NaN entries are not tests and stay NaN.

    The smallest is multiplied by the number of tests, the next by one less, and so on, none below the one
    before it and none above 1. Compared with alpha, it keeps the chance of any false verdict in the family below alpha.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, np.float64)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    corrected = np.full(len(p), np.nan)
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return corrected


@dataclass(frozen=True, eq=False)
class McNemar:
    """McNemar's test of two runs on the same clips, all (classes,)."""

    first_only: np.ndarray  # clips that only the first run gets right
    second_only: np.ndarray
    p: np.ndarray  # exact, two-sided
    p_corrected: np.ndarray  # Holm over the classes with a verdict
    verdict: np.ndarray  # of the first run against the second


def mcnemar(truth: np.ndarray, first: np.ndarray, second: np.ndarray, alpha: float = ALPHA) -> McNemar:
    """Test, class by class, whether one run decides more clips correctly at the thresholds in force.

    truth, first, second: (clips, classes) bool, the last two decisions. If both runs were equally good, each would be
    right on half of the clips on which exactly one is: the exact binomial test, without mid-p. Misses and
    false alarms count alike, so it can differ from the verdict on F1. McNemar, "Note on the sampling error of
    the difference between correlated proportions or percentages", 1947. Raises SedcoreError where shapes differ.
    """
    truth, first, second = (np.asarray(a, bool) for a in (truth, first, second))
    if not truth.shape == first.shape == second.shape or truth.ndim != 2:
        raise SedcoreError(
            f"truth has shape {truth.shape}, the decisions {first.shape} and {second.shape}: "
            "wanted is (clips, classes) for all three."
        )
    first_only = ((first == truth) & (second != truth)).sum(axis=0)
    second_only = ((first != truth) & (second == truth)).sum(axis=0)
    fewer = np.minimum(first_only, second_only)
    p = np.minimum(2 * special.bdtr(fewer, first_only + second_only, 0.5), 1.0)
    support = truth.sum(axis=0)
    tested = support >= FEW_POSITIVES
    corrected = holm(np.where(tested, p, np.nan))
    verdict = np.full(len(p), NOT_PROVEN, dtype=object)
    proven = tested & (corrected <= alpha)
    verdict[proven & (first_only > second_only)] = BETTER
    verdict[proven & (first_only < second_only)] = WORSE
    verdict[~tested] = FEW
    verdict[support == 0] = UNDEFINED
    return McNemar(first_only, second_only, p, corrected, verdict)


def proven_ranks(better: np.ndarray) -> np.ndarray:
    """Return ranks with ties: 1 plus the number of runs that are proven better.

    better: (runs, runs) bool, whether the row's run is proven better than the column's. Runs of the same rank are
    beaten by equally many; "not proven" does not mean equal, so one of them may still be proven better than another.
    """
    return 1 + np.asarray(better, bool).sum(axis=0)


@dataclass(frozen=True, eq=False)
class Pairs:
    """All pairs of runs in one measure, each (runs, runs), row minus column; nothing on the diagonal."""

    difference: np.ndarray  # NaN on the diagonal and where undefined
    low: np.ndarray
    high: np.ndarray
    p_corrected: np.ndarray  # Holm over the pairs
    from_error: np.ndarray
    verdict: np.ndarray  # of the row's run against the column's; "" on the diagonal


def compare_all(values: np.ndarray, draws: np.ndarray, alpha: float = ALPHA) -> Pairs:
    """Test every pair of runs in one average, with the pairs as the family.

    values: (runs,). draws: (resamples, runs) under the same resamples.
    """
    values, runs = np.asarray(values, np.float64), len(values)
    rows, columns = np.triu_indices(runs, 1)
    square = [np.full((runs, runs), np.nan) for _ in range(4)]
    from_error, verdict = np.zeros((runs, runs), bool), np.full((runs, runs), "", dtype=object)
    if runs > 1:
        tested = compare(values[rows], values[columns], draws[:, rows], draws[:, columns], alpha=alpha)
        there = (tested.difference, tested.low, tested.high, tested.p_corrected)
        back = (-tested.difference, -tested.high, -tested.low, tested.p_corrected)
        for array, one, other in zip(square, there, back):
            array[rows, columns], array[columns, rows] = one, other
        from_error[rows, columns] = from_error[columns, rows] = tested.from_error
        turned = {BETTER: WORSE, WORSE: BETTER}
        verdict[rows, columns] = tested.verdict
        verdict[columns, rows] = [turned.get(word, word) for word in tested.verdict]
    return Pairs(*square, from_error, verdict)
