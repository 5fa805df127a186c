"""Verdicts, Holm, McNemar, where differences come from, trivial baselines, shift and ranks."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats import t as student

from sedcore.errors import SedcoreError
from sedcore.evaluation.attribution import attribution
from sedcore.evaluation.averages import averages
from sedcore.evaluation.baselines import (
    ALL_POSITIVE,
    FROM_PRIORS,
    MOST_FREQUENT,
    all_positive_scores,
    baselines,
    beaten_by_baselines,
    below_by_class,
    measure_value,
)
from sedcore.evaluation.counts import Confusion, counts
from sedcore.evaluation.evaluate import evaluate
from sedcore.evaluation.measures import OF_DECISIONS
from sedcore.evaluation.shift import predicted_against_true, ranks
from sedcore.evaluation.verdicts import compare, compare_all, holm, mcnemar, p_values, proven_ranks
from tests.support.awkward_scores import truth_and_scores


def test_holm_by_hand():
    # Sorted .005, .01, .03, .04 times 4, 3, 2, 1: .02, .03, .06, .04; the last may not be below the one before.
    found = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([np.nan, 0.6, 0.7])), [np.nan, 1, 1])
    assert len(holm(np.array([]))) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0001, 0.004, 0.01, 0.02, 0.049, 0.05, 0.3, 1.0]), min_size=1, max_size=9))
def test_holm_rejects_what_the_step_down_procedure_rejects(p):
    alpha, rejected = 0.05, set()
    remaining = sorted(range(len(p)), key=lambda i: p[i])
    while remaining and p[remaining[0]] <= alpha / len(remaining):
        rejected.add(remaining.pop(0))
    corrected = holm(np.array(p))
    assert {i for i in range(len(p)) if corrected[i] <= alpha} == rejected
    assert (corrected >= p).all() and (corrected <= 1).all()


def test_p_counts_the_resamples_beyond_nought():
    # 99 resamples: three at or below 0, so p = 2 * 4 / 100; and all above 0, so p = 2 / 100.
    draws = np.stack([np.r_[[-0.1, 0.0, -0.2], np.full(96, 0.1)], np.full(99, 0.1)], axis=1)
    p, from_error = p_values(np.array([0.1, 0.1]), draws, alpha=0.05)
    assert p == pytest.approx([0.08, 0.02]) and not from_error.any()
    # Differences that are all 0 prove nothing.
    assert p_values(np.zeros(1), np.zeros((99, 1)))[0] == pytest.approx([1])


def test_p_comes_from_the_standard_error_where_resamples_cannot_reach():
    # The floor, .02, is above .05 / 3: no resample could prove anything in a family of three.
    draws = np.tile(np.r_[np.full(49, 0.09), 0.1, np.full(49, 0.11)][:, None], 3)
    draws[:3, 1] = -1
    p, from_error = p_values(np.full(3, 0.1), draws, alpha=0.05)
    assert from_error.tolist() == [True, False, True]
    z = 0.1 / draws[:, 0].std(ddof=1)
    assert p[0] == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert p[1] == pytest.approx(0.08)


def draws_around(centres, spread=0.01, resamples=999):
    noise = np.random.default_rng(0).normal(0, spread, (resamples, len(centres)))
    return noise + np.array(centres)


def test_every_verdict():
    first, second = np.array([0.6, 0.5, 0.55, 0.9, np.nan]), np.array([0.5, 0.6, 0.551, 0.1, np.nan])
    found = compare(
        first, second, draws_around(first), np.tile(second, (999, 1)), np.array([50, 50, 50, 19, 0])
    )
    assert found.verdict.tolist() == ["better", "worse", "not proven", "few positives", "not defined"]
    assert np.isnan(found.p_corrected[3:]).all()  # no test, and none in the family
    assert found.p_corrected[0] == pytest.approx(3 * 2 / 1000)
    assert found.low[0] == pytest.approx(0.1 - 1.96 * 0.01, abs=0.003)
    assert not np.isnan(found.low[3])  # shown, marked, and not a verdict


def test_a_studentised_difference_by_hand():
    # Draws -1, 0 and 1 around the difference have standard error 1; with 5 positives it is sqrt(5 / 4), t has 4
    # degrees of freedom and its 97.5 % point is 2.776.
    first = np.array([0.3, 0.3, np.nan])
    draws = 0.3 + 0.1 * np.tile([[-1.0], [0.0], [1.0]], 3)
    found = compare(first, np.zeros(3), draws, np.zeros((3, 3)), np.array([5, 20, 0]), studentised=True)
    reach = student.ppf(0.975, 4) * 0.1 * np.sqrt(5 / 4)
    assert (found.low[0], found.high[0]) == (pytest.approx(0.3 - reach), pytest.approx(0.3 + reach))
    assert found.verdict.tolist() == ["few positives", "better", "not defined"]
    assert found.from_error.tolist() == [False, True, False] and np.isnan(found.p[[0, 2]]).all()
    assert found.p[1] == pytest.approx(2 * student.sf(3 / np.sqrt(20 / 19), 19))
    same = compare(np.ones(1), np.ones(1), np.ones((3, 1)), np.ones((3, 1)), np.array([30]), studentised=True)
    assert same.verdict.tolist() == ["not proven"] and (same.low[0], same.high[0]) == (0, 0)


def test_a_verdict_does_not_follow_from_its_interval():
    # Each interval excludes 0 (z = 2.2), and in a family of ten nothing is proven.
    first = np.full(10, 0.022)
    found = compare(first, np.zeros(10), draws_around(first, resamples=9999), np.zeros((9999, 10)))
    assert (found.low > 0).all()
    assert (found.verdict == "not proven").all()
    alone = compare(0.022, 0.0, draws_around([0.022], resamples=9999), np.zeros((9999, 1)))
    assert alone.verdict.tolist() == ["better"]


@settings(max_examples=30, deadline=None)
@given(truth_and_scores(), st.integers(0, 9))
def test_the_first_is_better_where_the_second_is_worse(inputs, seed):
    truth, scores = inputs
    full = scores.mean(axis=0).astype(float)
    a, b = draws_around(full, 0.3, 99), draws_around(full[::-1] + seed / 10, 0.3, 99)
    there, back = compare(full, full[::-1] + seed / 10, a, b), compare(full[::-1] + seed / 10, full, b, a)
    swapped = {"better": "worse", "worse": "better"}
    assert [swapped.get(word, word) for word in there.verdict] == back.verdict.tolist()
    np.testing.assert_allclose(there.p, back.p)
    np.testing.assert_allclose(there.low, -back.high, atol=1e-12)


def test_draws_of_other_classes_are_refused():
    with pytest.raises(SedcoreError, match="other classes"):
        compare(np.zeros(2), np.zeros(2), np.zeros((9, 3)), np.zeros((9, 3)))


def test_mcnemar_by_hand_and_by_scipy():
    # 40 clips with the class, 40 without. Only the first is right on 9, only the second on 1.
    truth = np.repeat([True, False], 40)[:, None]
    first, second = truth.copy(), truth.copy()
    second[[0, 1, 2, 3, 4, 50, 51, 52, 53]] ^= True
    first[79] ^= True
    found = mcnemar(truth, first, second)
    assert (found.first_only[0], found.second_only[0]) == (9, 1)
    assert found.p[0] == pytest.approx(2 * (1 + 10) / 2**10)  # 2 P(at most 1 of 10)
    assert found.p[0] == pytest.approx(binomtest(9, 10, 0.5).pvalue)
    assert found.verdict.tolist() == ["better"]
    assert mcnemar(truth, second, first).verdict.tolist() == ["worse"]
    same = mcnemar(truth, first, first)
    assert same.p.tolist() == [1] and same.verdict.tolist() == ["not proven"]
    few = truth & (np.arange(80) < 19)[:, None]
    assert mcnemar(few, first, second).verdict.tolist() == ["few positives"]
    assert mcnemar(few & False, first, second).verdict.tolist() == ["not defined"]


def test_mcnemar_corrects_over_the_classes():
    truth = np.repeat([True, False], 40)[:, None].repeat(3, axis=1)
    wrong = truth.copy()
    wrong[:8, 0] ^= True
    found = mcnemar(truth, truth, wrong)
    assert found.p[0] == pytest.approx(2 / 2**8)
    assert found.p_corrected == pytest.approx([3 * 2 / 2**8, 1, 1])


def test_ties_share_a_rank():
    # The first beats the third; the second is proven neither worse than the first nor better than the third.
    better = np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]], bool)
    assert proven_ranks(better).tolist() == [1, 1, 2]


@settings(max_examples=60, deadline=None)
@given(truth_and_scores(), st.integers(0, 99))
def test_contributions_add_up_to_the_difference(inputs, seed):
    truth, scores = inputs
    other = np.random.default_rng(seed).permutation(scores.ravel()).reshape(scores.shape)
    first, second = counts(truth, scores).at(0.3), counts(truth, other).at(0.5)
    found, a, b = attribution(first, second), averages(first), averages(second)
    for name, parts in found.items():
        assert parts.sum() == pytest.approx(a[name].f1 - b[name].f1, abs=1e-12, nan_ok=True)
    back = attribution(second, first)
    for name, parts in found.items():
        np.testing.assert_allclose(back[name], -parts, atol=1e-15)


def test_contributions_by_hand():
    # Class 0: F1 1 against 2/3; class 1: 0 against 1; class 2 has no positive, and only the second fires.
    first = Confusion(*(np.array(v) for v in ([2, 0, 0], [0, 0, 0], [0, 1, 0], [2, 3, 4])))
    second = Confusion(*(np.array(v) for v in ([1, 1, 0], [0, 0, 1], [1, 0, 0], [2, 3, 3])))
    found = attribution(first, second)
    assert found["macro"] == pytest.approx([1 / 6, -1 / 2, 0])
    assert found["weighted"] == pytest.approx([2 / 9, -1 / 3, 0])
    # micro: 4/5 against 4/6. dn = 2, -2, 0; dd = 1, -1, -1; (1/5 + 1/6) / 2 and 8 / 60.
    half, slope = (1 / 5 + 1 / 6) / 2, 8 / 60
    assert found["micro"] == pytest.approx([2 * half - slope, -2 * half + slope, slope])
    with pytest.raises(SedcoreError, match="different splits"):
        attribution(first, replace(second, fn=second.fn + 1))


def small_split():
    truth = np.zeros((40, 3), bool)
    truth[:20, 0] = truth[:10, 1] = True
    return truth


def test_baselines_by_hand():
    trivial = baselines(small_split(), "abc")
    everything = trivial[ALL_POSITIVE]
    assert everything.precision.tolist() == [0.5, 0.25, 0] and everything.recall[:2].tolist() == [1, 1]
    assert everything.averages["macro"].f1 == pytest.approx((2 / 3 + 0.4) / 2)
    frequent = trivial[MOST_FREQUENT]
    assert frequent.averages["macro"].f1 == pytest.approx(1 / 3)
    assert frequent.tp.tolist() == [20, 0, 0]
    for e in trivial.values():
        assert (e.mAP, e.macro_roc_auc) == (pytest.approx(0.375), 0.5)
        np.testing.assert_allclose(e.ap, [0.5, 0.25, np.nan])
    drawn = trivial[FROM_PRIORS]
    assert 0 < drawn.tp[0] < 20 and drawn.tp[2] + drawn.fp[2] == 0
    np.testing.assert_array_equal(drawn.tp, baselines(small_split(), "abc")[FROM_PRIORS].tp)


def test_priors_of_the_split_that_was_learnt_from_decide():
    trivial = baselines(small_split(), "abc", priors=np.array([0.1, 0.8, 0.0]))
    assert trivial[MOST_FREQUENT].tp.tolist() == [0, 10, 0]
    assert trivial[FROM_PRIORS].mAP == pytest.approx(0.375)
    with pytest.raises(SedcoreError, match="share from 0 to 1"):
        baselines(small_split(), "abc", priors=np.array([0.1, 0.8]))


def test_a_model_below_a_baseline_is_flagged():
    truth = small_split()
    trivial = baselines(truth, "abc")
    good = evaluate(truth, truth.astype(float), "abc", 0.5)
    assert beaten_by_baselines(good, trivial) == {}
    silent = beaten_by_baselines(evaluate(truth, np.zeros(truth.shape), "abc", 0.5), trivial)
    f1 = {"micro_f1", "macro_f1", "weighted_f1", "samples_f1"}
    assert set(silent) == f1 | {"micro_mcc"}  # its AP equals theirs
    assert (
        ALL_POSITIVE in silent["macro_f1"] and ALL_POSITIVE not in silent["micro_mcc"]
    )  # whose MCC is 0 too
    reversed_ = beaten_by_baselines(evaluate(truth, -truth.astype(float), "abc", 0.5), trivial)
    assert reversed_["macro_roc_auc"] == list(trivial)
    assert (
        measure_value(good, "macro_ap") == 1
        and measure_value(good, "samples_f1") == good.averages["samples"].f1
    )


MEASURES_OF_CLASSES = ("f1", "precision", "recall", "mcc", "ap", "roc_auc")


@settings(max_examples=30, deadline=None)
@given(truth_and_scores())
def test_baselines_are_what_an_evaluation_of_their_scores_gives(inputs):
    truth, _ = inputs
    names = [str(c) for c in range(truth.shape[1])]
    priors = truth.mean(axis=0)
    trivial = baselines(truth, names)
    drawn = np.random.default_rng(0).random(truth.shape) < priors
    frequent = np.broadcast_to(np.arange(len(priors)) == priors.argmax(), truth.shape)
    for name, decisions in {
        ALL_POSITIVE: np.ones(truth.shape),
        MOST_FREQUENT: frequent,
        FROM_PRIORS: drawn,
    }.items():
        wanted, found = evaluate(truth, np.asarray(decisions, float), names, 0.5), trivial[name]
        for average, values in wanted.averages.items():
            decided = {m.name: values[m.name] for m in OF_DECISIONS if m.name in values}
            assert decided == pytest.approx({m: found.averages[average][m] for m in decided}, nan_ok=True)
        assert found.empty_clips == wanted.empty_clips and not found.collapsed
        for count in ("tp", "fp", "fn", "tn", "f1"):
            np.testing.assert_array_equal(getattr(found, count), getattr(wanted, count))
        ranked = (
            wanted if name != FROM_PRIORS else evaluate(truth, np.tile(priors, (len(truth), 1)), names, 0)
        )
        for measure in ("ap", "roc_auc", "eer"):
            np.testing.assert_array_equal(getattr(found, measure), getattr(ranked, measure))
        assert found.lwlrap == pytest.approx(ranked.lwlrap, nan_ok=True)
    everything = trivial[ALL_POSITIVE]
    for (
        measure
    ) in MEASURES_OF_CLASSES:  # of a class alone: that of the baseline all positive, and not below it
        wanted = np.where(truth.any(axis=0), getattr(everything, measure), np.nan)
        np.testing.assert_array_equal(all_positive_scores(everything, measure), wanted)
        assert not below_by_class(everything, measure).any()


def test_a_class_below_its_baseline_is_flagged():
    truth = small_split()  # 20 and 10 of 40 clips, and none
    scores = np.zeros(truth.shape)
    scores[:10, 0] = 1  # half of the first: F1 2/3, as to predict everything
    scores[10:12, 1] = 1  # none of the second
    e = evaluate(truth, scores, "abc", 0.5)
    assert below_by_class(e, "f1").tolist() == [False, True, False]
    assert below_by_class(e, "precision").tolist() == [False, True, False]
    assert below_by_class(e, "roc_auc").tolist() == [False, True, False]
    assert not below_by_class(e, "recall").any()
    scores[9, 0] = 0
    assert below_by_class(evaluate(truth, scores, "abc", 0.5), "f1")[0]


def test_predicted_against_true_by_hand():
    truth = small_split()
    predicted, positives, share = predicted_against_true(counts(truth, truth.astype(float)).at(0))
    assert (predicted.tolist(), positives.tolist()) == ([40, 40, 40], [20, 10, 0])
    np.testing.assert_array_equal(share, [2, 4, np.nan])


def test_ranks_show_ties():
    found = ranks(np.array([[0.5, 0.7, 0.5, np.nan], [0.1, 0.2, 0.3, 0.4]]))
    np.testing.assert_array_equal(found, [[2, 1, 2, np.nan], [4, 3, 2, 1]])


def test_all_pairs_are_one_family():
    values = np.array([0.6, 0.5, 0.499])
    found = compare_all(values, draws_around(values))
    assert found.verdict.tolist() == [
        ["", "better", "better"],
        ["worse", "", "not proven"],
        ["worse", "not proven", ""],
    ]
    assert found.p_corrected[0, 1] == pytest.approx(3 * 2 / 1000)
    assert found.difference[1, 0] == pytest.approx(-0.1)
    np.testing.assert_allclose(found.low, -found.high.T)
    assert compare_all(values[:1], draws_around(values[:1])).verdict.tolist() == [[""]]


def test_a_perfect_run_is_proven_better_than_a_constant_one_though_no_draw_differs():
    found = compare(np.ones(2), np.array([0.5, 0.0]), np.ones((200, 2)), np.tile([0.5, 0.0], (200, 1)),
                    support=np.array([100, 20]), studentised=True)  # fmt: skip
    assert found.verdict.tolist() == ["better", "better"]
    # 0.5 minus the t of 99 degrees of freedom times 1 / 100
    assert found.low[0] == pytest.approx(0.5 - student.ppf(0.975, 99) / 100) and found.high[1] == 1
    same = compare(
        np.ones(1), np.ones(1), np.ones((200, 1)), np.ones((200, 1)), np.array([100]), studentised=True
    )
    assert same.verdict.tolist() == ["not proven"] and same.low[0] == same.high[0] == 0


def test_differences_that_all_draws_share_are_proven_in_any_family():
    many = 300
    found = compare(np.ones(many), np.zeros(many), np.ones((2000, many)), np.zeros((2000, many)))
    assert set(found.verdict) == {"better"}
