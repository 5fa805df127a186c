"""Average precision, ROC-AUC and the curves, against hand-worked numbers and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn import metrics

from sedcore.evaluation.counts import counts
from sedcore.evaluation.ranking import (
    average_precision,
    equal_error_rate,
    lwlrap,
    mean_defined,
    pr_curve,
    roc_auc,
    roc_curve,
)
from tests.support.awkward_scores import truth_and_scores


def test_a_hand_worked_ranking():
    # Ranked: hit, miss, then a hit and a miss that tie.
    held = counts(np.array([[1], [0], [1], [0]], bool), np.array([[2.0], [1.0], [-3.0], [-3.0]]))
    assert average_precision(held) == pytest.approx([1 / 2 * 1 + 1 / 2 * 2 / 4])
    # Pairs: the first hit wins both; the second loses one and ties one.
    assert roc_auc(held) == pytest.approx([(1 + 1 + 0 + 1 / 2) / 4])


def test_scores_that_all_tie_rank_nothing():
    held = counts(np.array([[1], [0], [0], [0]], bool), np.full((4, 1), 0.2))
    assert average_precision(held) == pytest.approx([1 / 4])
    assert roc_auc(held) == pytest.approx([1 / 2])


def test_classes_without_positives_or_negatives_are_undefined():
    held = counts(np.array([[0, 1], [0, 1]], bool), np.array([[0.1, 0.2], [0.3, 0.4]]))
    np.testing.assert_array_equal(average_precision(held), [np.nan, 1])
    np.testing.assert_array_equal(roc_auc(held), [np.nan, np.nan])
    assert np.isnan(pr_curve(held, 0).recall).all()
    assert np.isnan(roc_curve(held, 1).false_positive_rate).all()


def test_the_mean_leaves_undefined_values_out():
    assert mean_defined(np.array([np.nan, 0.25, 0.75])) == 0.5
    assert np.isnan(mean_defined(np.array([np.nan])))


def test_equal_error_rates_by_hand():
    # Ranked 1 0 1 0: at the second score one of two is missed and one of two is a false alarm.
    held = counts(np.array([[1], [0], [1], [0]], bool), np.array([[0.9], [0.8], [0.7], [0.6]]))
    assert equal_error_rate(held) == pytest.approx([0.5])
    # All tie: the ROC is the diagonal. Perfect: none is missed and none is wrong.
    truth = np.array([[1, 1], [0, 0], [0, 0]], bool)
    held = counts(truth, np.array([[0.5, 2.0], [0.5, 1.0], [0.5, -1.0]]))
    assert equal_error_rate(held) == pytest.approx([0.5, 0.0])
    # One positive below two of three negatives: misses stay 1 until false alarms are 2/3, then fall to 0.
    held = counts(np.array([[0], [0], [1], [0]], bool), np.array([[4.0], [3.0], [2.0], [1.0]]))
    assert equal_error_rate(held) == pytest.approx([2 / 3])


def test_lwlrap_by_hand():
    truth = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], bool)
    scores = np.array([[0.9, 0.8, 0.1], [0.5, 0.5, 0.2], [0.3, 0.2, 0.1]])
    # First clip: 1/1 and 2/3. Second: its label ties with another, so both stand before: 1/2.
    assert lwlrap(truth, scores) == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)
    assert np.isnan(lwlrap(np.zeros((2, 3), bool), np.ones((2, 3))))


@settings(max_examples=60, deadline=None)
@given(truth_and_scores(max_clips=20))
def test_lwlrap_equals_scikit_learn_weighted_by_labels(inputs):
    truth, scores = inputs
    labelled = truth[truth.any(axis=1)]
    if not len(labelled):
        assert np.isnan(lwlrap(truth, scores))
        return
    # One class more, never true and lowest: scikit-learn takes a single column for something else.
    pad = np.zeros((len(truth), 1))
    wide = np.c_[scores.astype(np.float64), pad + scores.min() - 1]
    wanted = metrics.label_ranking_average_precision_score(
        np.c_[truth, pad.astype(bool)][truth.any(axis=1)],
        wide[truth.any(axis=1)],
        sample_weight=labelled.sum(axis=1),
    )
    assert lwlrap(truth, scores) == pytest.approx(wanted)


@settings(max_examples=60, deadline=None)
@given(truth_and_scores(max_clips=20))
def test_equal_error_rate_is_where_the_interpolated_roc_meets_the_diagonal(inputs):
    truth, scores = inputs
    rates = equal_error_rate(counts(truth, scores))
    for c, rate in enumerate(rates):
        if not truth[:, c].any() or truth[:, c].all():
            assert np.isnan(rate)
            continue
        false, true, _ = metrics.roc_curve(truth[:, c], scores[:, c].astype(np.float64))
        # Along the curve, by its length: a vertical piece has no single height.
        t = np.arange(len(false))
        along_false, along_true = interp1d(t, false), interp1d(t, true)
        place = brentq(lambda x: along_false(x) + along_true(x) - 1, 0, t[-1])  # noqa: B023
        assert rate == pytest.approx(float(along_false(place)), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(truth_and_scores(max_clips=20))
def test_ranking_equals_scikit_learn(inputs):
    truth, scores = inputs
    held = counts(truth, scores)
    ap, auc = average_precision(held), roc_auc(held)
    scores = scores.astype(np.float64)
    for c in range(truth.shape[1]):
        if truth[:, c].any():
            assert ap[c] == pytest.approx(metrics.average_precision_score(truth[:, c], scores[:, c]))
        else:
            assert np.isnan(ap[c])
        if truth[:, c].any() and not truth[:, c].all():
            assert auc[c] == pytest.approx(metrics.roc_auc_score(truth[:, c], scores[:, c]))
        else:
            assert np.isnan(auc[c])


@settings(max_examples=60, deadline=None)
@given(truth_and_scores(max_clips=20))
def test_curves_have_the_operating_points_of_scikit_learn(inputs):
    truth, scores = inputs
    held = counts(truth, scores)
    scores = scores.astype(np.float64)
    for c in np.flatnonzero(truth.any(axis=0)):
        curve = pr_curve(held, c)
        # scikit-learn: thresholds ascending, and a last point (1, 0) that no threshold has.
        precision, recall, values = metrics.precision_recall_curve(truth[:, c], scores[:, c])
        assert curve.thresholds.tolist() == values[::-1].tolist()
        np.testing.assert_allclose(curve.precision, precision[:-1][::-1])
        np.testing.assert_allclose(curve.recall, recall[:-1][::-1])
    for c in np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0)):
        curve = roc_curve(held, c)
        false, true, values = metrics.roc_curve(truth[:, c], scores[:, c], drop_intermediate=False)
        assert curve.thresholds.tolist() == values.tolist()
        np.testing.assert_allclose(curve.false_positive_rate, false)
        np.testing.assert_allclose(curve.true_positive_rate, true)
