"""Average precision, ROC-AUC and the curves, against hand-worked numbers and scikit-learn."""

import numpy as np
import pytest
from awkward_scores import truth_and_scores
from hypothesis import given, settings
from sklearn import metrics

from sedcore.evaluation.counts import counts
from sedcore.evaluation.ranking import average_precision, mean_defined, pr_curve, roc_auc, roc_curve


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
