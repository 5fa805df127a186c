"""The paired bootstrap: against a loop over the same resamples, scikit-learn with weights, and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from sedcore.errors import SedcoreError
from sedcore.evaluation import bootstrap as module
from sedcore.evaluation.align import aligned, paired
from sedcore.evaluation.baselines import measure_value
from sedcore.evaluation.bootstrap import (
    bootstrap_decisions,
    bootstrap_ranking,
    logit_interval,
    merged,
    percentile_interval,
    resample_weights,
    seed_mean,
    weighted_ranking,
)
from sedcore.evaluation.counts import decide
from sedcore.evaluation.evaluate import evaluate
from tests.support.awkward_scores import thresholds, truth_and_scores

AVERAGES, PARTS = ("micro", "macro", "weighted", "samples"), ("precision", "recall", "f1")
MCC = ("micro_mcc", "macro_mcc")


def soundscapes(clips: int, seed: int, shares=(0.1, 0.3, 0.5), quality=1.0):
    """Truth and scores that separate the classes somewhat, rounded so that some tie."""
    generator = np.random.default_rng(seed)
    truth = generator.random((clips, len(shares))) < np.array(shares)
    scores = quality * truth + generator.normal(0, 1, truth.shape)
    return truth, (1 / (1 + np.exp(-scores))).round(2).astype(np.float32)


def all_weights(clips: int, resamples: int, seed: int) -> np.ndarray:
    return np.concatenate(list(resample_weights(clips, resamples, seed)))


def repeated(weights: np.ndarray) -> np.ndarray:
    """The clips of a resample, each as often as it was drawn."""
    return np.repeat(np.arange(len(weights)), weights.astype(int))


def test_every_resample_draws_as_many_clips_as_there_are():
    weights = all_weights(37, 200, seed=1)
    assert weights.shape == (200, 37) and weights.dtype == np.float32
    assert (weights.sum(axis=1) == 37).all()
    # Each clip comes once on average; of 200 draws of a Binomial(37, 1/37) the mean has sd 0.07.
    assert np.abs(weights.mean(axis=0) - 1).max() < 0.35


def test_weights_depend_on_clips_and_seed_alone(monkeypatch):
    whole = all_weights(50, 300, seed=3)
    np.testing.assert_array_equal(all_weights(50, 120, seed=3), whole[:120])
    assert not np.array_equal(all_weights(50, 300, seed=4), whole)
    monkeypatch.setattr(module, "BLOCK", 50 * 7)
    monkeypatch.setattr(module, "DRAW", 50 * 3)
    blocks = list(resample_weights(50, 300, seed=3))
    assert {len(block) for block in blocks} == {7, 300 % 7}
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_decisions_equal_a_loop_over_the_same_resamples():
    truth, scores = soundscapes(60, 5, shares=(0.25, 0.3, 0.5))  # no resample lacks a class
    other = soundscapes(60, 6)[1]
    found = bootstrap_decisions(truth, [scores >= 0.5, other >= 0.6], resamples=40, seed=2)
    for run, (values, threshold) in enumerate(((scores, 0.5), (other, 0.6))):
        for row, weights in enumerate(all_weights(60, 40, seed=2)):
            clips = repeated(weights)
            e = evaluate(truth[clips], values[clips], "abc", threshold)
            for name in AVERAGES:
                for part in PARTS:
                    expected = getattr(e.averages[name], part)
                    assert found[run].draws[f"{name}_{part}"][row] == pytest.approx(expected, abs=1e-12)
            for name in MCC:
                assert found[run].draws[name][row] == pytest.approx(measure_value(e, name), abs=1e-12)
            for part in (*PARTS, "mcc"):
                np.testing.assert_allclose(found[run].draws[part][row], getattr(e, part), atol=1e-7)


@settings(max_examples=50, deadline=None)
@given(truth_and_scores(), thresholds, st.integers(0, 5))
def test_awkward_inputs_equal_a_loop_with_classes_kept_where_a_resample_lacks_them(inputs, threshold, seed):
    truth, scores = inputs
    names = [str(c) for c in range(truth.shape[1])]
    found = merged(
        bootstrap_decisions(truth, [decide(scores, threshold)], resamples=6, seed=seed)[0],
        bootstrap_ranking(truth, [scores], resamples=6, seed=seed)[0],
    )
    whole = evaluate(truth, scores, names, threshold)
    defined = truth.any(axis=0)
    for row, weights in enumerate(all_weights(len(truth), 6, seed)):
        clips = repeated(weights)
        e = evaluate(truth[clips], scores[clips], names, threshold)
        present = truth[clips].any(axis=0)
        for measure in ("precision", "recall", "f1", "mcc", "ap"):
            expected = np.where(present, getattr(e, measure), getattr(whole, measure))
            np.testing.assert_allclose(found.draws[measure][row], expected, atol=1e-6)
            macro = f"macro_{measure}"
            wanted = expected[defined].mean() if defined.any() else np.nan
            assert found.draws[macro][row] == pytest.approx(wanted, abs=1e-9, nan_ok=True)
        both = ~np.isnan(e.roc_auc)
        expected = np.where(both, e.roc_auc, whole.roc_auc)
        np.testing.assert_allclose(found.draws["roc_auc"][row], expected, atol=1e-6)
        micro = e.averages["micro"] if present.any() else whole.averages["micro"]
        assert found.draws["micro_f1"][row] == pytest.approx(micro.f1, abs=1e-12, nan_ok=True)
        assert found.draws["micro_mcc"][row] == pytest.approx(micro.mcc, abs=1e-12, nan_ok=True)
        samples = e.averages["samples"].f1
        assert found.draws["samples_f1"][row] == pytest.approx(samples, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(truth_and_scores(max_clips=20), st.integers(0, 1000))
def test_weighted_ranking_equals_scikit_learn_with_sample_weights(inputs, seed):
    truth, scores = inputs[0][:, 0], inputs[1][:, 0]
    for weights in all_weights(len(truth), 4, seed):
        ap, auc = weighted_ranking(weights[:, None], truth, scores)
        held, wide = weights > 0, scores.astype(np.float64)
        if (truth & held).any():
            expected = average_precision_score(truth[held], wide[held], sample_weight=weights[held])
            assert ap[0] == pytest.approx(expected, abs=1e-6)
        else:
            assert np.isnan(ap[0])
        if (truth & held).any() and (~truth & held).any():
            expected = roc_auc_score(truth[held], wide[held], sample_weight=weights[held])
            assert auc[0] == pytest.approx(expected, abs=1e-6)
        else:
            assert np.isnan(auc[0])


def test_ranking_in_small_blocks_is_the_same(monkeypatch):
    truth, scores = soundscapes(80, 9)
    whole = bootstrap_ranking(truth, [scores], resamples=30)[0]
    monkeypatch.setattr(module, "BLOCK", 80 * 7)
    parts = bootstrap_ranking(truth, [scores], resamples=30)[0]
    for name in whole.draws:
        np.testing.assert_allclose(parts.draws[name], whole.draws[name], atol=1e-6)


def test_the_full_split_has_the_values_of_evaluate():
    truth, scores = soundscapes(60, 5, shares=(0.1, 0.3, 0.0))
    found = merged(
        bootstrap_decisions(truth, [scores >= 0.5], resamples=3)[0],
        bootstrap_ranking(truth, [scores], resamples=3)[0],
    )
    e = evaluate(truth, scores, "abc", 0.5)
    for name in AVERAGES:
        assert found.full[f"{name}_f1"] == e.averages[name].f1
    for name in MCC:
        assert found.full[name] == measure_value(e, name)
    assert (found.full["macro_ap"], found.full["macro_roc_auc"]) == (e.mAP, e.macro_roc_auc)
    for measure in (*PARTS, "mcc", "ap", "roc_auc"):
        np.testing.assert_array_equal(found.full[measure], getattr(e, measure))
        assert np.isnan(found.draws["f1"][:, 2]).all() and np.isnan(found.interval("f1")[0][2])


def scipy_interval(columns, statistic, resamples=4000):
    return stats.bootstrap(
        columns,
        statistic,
        paired=True,
        vectorized=False,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(11),
    )


@pytest.mark.parametrize("measure", ["f1", "ap"])
def test_intervals_equal_those_of_scipy_within_monte_carlo_error(measure):
    truth, scores = soundscapes(120, 21, shares=(0.4,))
    y, s = truth[:, 0], scores[:, 0].astype(np.float64)
    if measure == "f1":
        found = bootstrap_decisions(truth, [scores >= 0.5], resamples=10_000)[0]
        reference = scipy_interval((y, s), lambda y, s: f1_score(y, s >= 0.5), 1500)
    else:
        found = bootstrap_ranking(truth, [scores], resamples=6000)[0]
        reference = scipy_interval((y, s), average_precision_score, 1500)
    low, high = percentile_interval(found.draws[measure])
    # A 2.5 % quantile of 1500 draws has a standard error of about 2.7 / sqrt(1500) = 0.07 of their spread.
    allowed = 4 * 0.075 * reference.standard_error
    assert low[0] == pytest.approx(reference.confidence_interval.low, abs=allowed)
    assert high[0] == pytest.approx(reference.confidence_interval.high, abs=allowed)
    spread = found.draws[measure][:, 0].std(ddof=1)
    assert spread == pytest.approx(reference.standard_error, rel=0.1)


def test_paired_differences_have_the_spread_of_scipys():
    truth, first = soundscapes(150, 31, shares=(0.4,))
    second = (0.7 * first + 0.3 * soundscapes(150, 32, shares=(0.4,))[1]).astype(np.float32)
    y, a, b = truth[:, 0], first[:, 0] >= 0.5, second[:, 0] >= 0.5
    runs = bootstrap_decisions(truth, [first >= 0.5, second >= 0.5], resamples=10_000)
    draws = runs[0].draws["f1"][:, 0] - runs[1].draws["f1"][:, 0]
    reference = scipy_interval((y, a, b), lambda y, a, b: f1_score(y, a) - f1_score(y, b), 1500)
    assert draws.std(ddof=1) == pytest.approx(reference.standard_error, rel=0.1)
    low, high = percentile_interval(draws)
    assert low == pytest.approx(reference.confidence_interval.low, abs=0.3 * reference.standard_error)
    assert high == pytest.approx(reference.confidence_interval.high, abs=0.3 * reference.standard_error)


def test_runs_drawn_apart_are_paired():
    truth, scores = soundscapes(60, 5)
    other = soundscapes(60, 6)[1]
    together = bootstrap_ranking(truth, [scores, other], resamples=20)
    alone = bootstrap_ranking(truth, [other], resamples=20)[0]
    np.testing.assert_array_equal(alone.draws["macro_ap"], together[1].draws["macro_ap"])


def test_seeds_are_averaged_within_each_resample():
    truth, scores = soundscapes(60, 5)
    runs = bootstrap_decisions(truth, [scores >= 0.4, scores >= 0.6], resamples=10)
    mean = seed_mean(runs)
    np.testing.assert_allclose(
        mean.draws["macro_f1"], (runs[0].draws["macro_f1"] + runs[1].draws["macro_f1"]) / 2
    )
    np.testing.assert_allclose(mean.full["f1"], (runs[0].full["f1"] + runs[1].full["f1"]) / 2)


def test_percentile_interval_by_hand():
    low, high = percentile_interval(np.arange(101.0), level=0.9)
    assert (low, high) == (pytest.approx(5), pytest.approx(95))


def test_logit_interval_by_hand():
    # Draws of logit -1 and 3 about 1: standard deviation 2 (of many), so 1 -+ 1.96 * 2.
    draws = expit(np.repeat([-1.0, 3.0], 5000))[:, None]
    low, high = logit_interval(expit(np.array([1.0])), draws)
    assert (logit(low[0]), logit(high[0])) == (pytest.approx(-2.92, abs=1e-3), pytest.approx(4.92, abs=1e-3))
    # Of 10 positives: t with 9 degrees of freedom, 2.262, and sqrt(10 / 9).
    low, high = logit_interval(expit(np.array([1.0])), draws, positives=np.array([10]))
    assert logit(high[0]) == pytest.approx(1 + 2 * 2.262 * 1.0541, abs=1e-3)


def test_intervals_of_values_at_the_edge_hold_them():
    same = np.full((50, 1), 1.0)
    assert logit_interval(np.ones(1), same) == (1.0, 1.0)
    low, high = logit_interval(np.ones(1), np.where(np.arange(50) < 5, 0.9, 1.0)[:, None])
    assert 0.9 < low[0] < 1 and high[0] == 1
    assert np.isnan(logit_interval(np.array([np.nan]), np.full((50, 1), np.nan))).all()
    truth, scores = soundscapes(60, 5)
    found = bootstrap_ranking(truth, [scores], resamples=50)[0]
    assert found.interval("ap")[0].shape == (3,) and np.ndim(found.interval("macro_ap")[0]) == 0


def test_runs_in_any_order_of_clips_and_classes_align():
    truth, scores = soundscapes(20, 1)
    ids, names = np.array([f"c{i:02d}" for i in range(20)]), ("b", "a", "c")
    rows, columns = np.random.default_rng(0).permutation(20), [2, 0, 1]
    first = aligned(ids, names, truth, scores)
    second = aligned(
        ids[rows],
        [names[c] for c in columns],
        truth[np.ix_(rows, columns)],
        scores[np.ix_(rows, columns)],
    )
    assert first.classes == second.classes == ("a", "b", "c")
    np.testing.assert_array_equal(first.scores, second.scores)
    np.testing.assert_array_equal(paired([first, second]), truth[:, [1, 0, 2]])
    assert [names[c] for c in first.columns] == ["a", "b", "c"]


def test_runs_that_do_not_belong_together_are_refused():
    truth, scores = soundscapes(6, 1)
    ids = [f"c{i}" for i in range(6)]
    first = aligned(ids, "abc", truth, scores)
    with pytest.raises(SedcoreError, match="different classes"):
        paired([first, aligned(ids, "abd", truth, scores)])
    with pytest.raises(SedcoreError, match="different clips"):
        paired([first, aligned([*ids[:5], "x"], "abc", truth, scores)])
    with pytest.raises(SedcoreError, match="different labels"):
        paired([first, aligned(ids, "abc", ~truth, scores)])
    with pytest.raises(SedcoreError, match="comes twice"):
        aligned(["c0"] * 6, "abc", truth, scores)
    with pytest.raises(SedcoreError, match="clips, classes"):
        bootstrap_decisions(truth, [scores[:5] >= 0.5])
    with pytest.raises(SedcoreError, match="nothing to draw"):
        bootstrap_ranking(truth, [scores], resamples=0)
