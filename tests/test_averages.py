"""Class scores and the four averages, against hand-worked numbers and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import precision_recall_fscore_support

from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import averages, class_scores, samples_average
from sedcore.evaluation.counts import Confusion, counts, decide
from sedcore.evaluation.measures import ByMeasure
from tests.support.awkward_scores import thresholds, truth_and_scores


def parts(prf: ByMeasure) -> tuple[float, float, float]:
    return prf.precision, prf.recall, prf.f1


def undefined(prf: ByMeasure) -> bool:
    return all(math.isnan(part) for part in parts(prf))


# Four clips. Class 0: tp 2, fp 1, fn 1. Class 1: one positive, never predicted. Class 2: no positive, fires
# once. Class 3: no positive, silent.
TRUTH = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
DECISIONS = np.array([[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]], bool)


def confusion() -> Confusion:
    return counts(TRUTH, DECISIONS).at(0.5)


def test_class_scores_of_a_hand_worked_case():
    scores = class_scores(confusion())
    np.testing.assert_allclose(scores.precision, [2 / 3, 0, 0, np.nan])
    np.testing.assert_allclose(scores.recall, [2 / 3, 0, np.nan, np.nan])
    np.testing.assert_allclose(scores.f1, [2 / 3, 0, np.nan, np.nan])
    assert scores.support.tolist() == [3, 1, 0, 0]
    assert scores.never_predicted.tolist() == [False, True, False, False]
    assert scores.undefined.tolist() == [False, False, True, True]


def test_averages_of_a_hand_worked_case():
    found = averages(confusion())
    assert parts(found["micro"]) == pytest.approx((2 / 4, 2 / 4, 1 / 2))  # the alarm of class 2 counts
    assert parts(found["macro"]) == pytest.approx((1 / 3, 1 / 3, 1 / 3))  # classes 2 and 3 left out
    assert parts(found["weighted"]) == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    samples, empty = samples_average(TRUTH, DECISIONS)
    # Clips: (1, 1, 1), (1/2, 1/2, 1/2), nothing predicted, a false alarm.
    assert parts(samples) == pytest.approx((3 / 8, 3 / 8, 3 / 8))
    assert empty == 0


def test_an_empty_clip_counts_nought_and_is_counted():
    samples, empty = samples_average(np.array([[True], [False]]), np.array([[True], [False]]))
    assert (parts(samples), empty) == ((0.5, 0.5, 0.5), 1)


def test_a_split_without_positives_is_undefined():
    silent = averages(Confusion.from_matrices([[[5, 0], [0, 0]]]))
    assert all(undefined(silent[name]) for name in ("micro", "macro", "weighted"))
    fired = averages(Confusion.from_matrices([[[4, 1], [0, 0]]]))
    assert fired["micro"].precision == 0
    assert math.isnan(fired["micro"].recall) and math.isnan(fired["micro"].f1)
    assert undefined(fired["macro"]) and undefined(fired["weighted"])


def test_samples_average_refuses_what_does_not_belong_together():
    with pytest.raises(SedcoreError, match="decisions"):
        samples_average(np.zeros((2, 3), bool), np.zeros((3, 2), bool))


@settings(max_examples=70, deadline=None)
@given(truth_and_scores(), thresholds)
def test_averages_equal_scikit_learn(inputs, threshold):
    truth, scores = inputs
    decisions = decide(scores, threshold)
    found = averages(counts(truth, scores).at(threshold))
    found["samples"], empty = samples_average(truth, decisions)
    assert empty == sum(not row.any() for row in truth | decisions)
    if truth.shape[1] == 1:
        # scikit-learn reads one column as two classes. The column twice has the same averages.
        truth, decisions = np.hstack([truth, truth]), np.hstack([decisions, decisions])
    with_positives = np.flatnonzero(truth.any(axis=0))

    def expected(average, labels=None):
        return precision_recall_fscore_support(
            truth, decisions, average=average, labels=labels, zero_division=0
        )[:3]

    assert parts(found["samples"]) == pytest.approx(expected("samples"))
    if len(with_positives) == 0:
        assert undefined(found["macro"]) and undefined(found["weighted"])
        assert found["micro"].precision == 0 if decisions.any() else undefined(found["micro"])
        return
    assert parts(found["micro"]) == pytest.approx(expected("micro"))
    assert parts(found["macro"]) == pytest.approx(expected("macro", with_positives))
    assert parts(found["weighted"]) == pytest.approx(expected("weighted", with_positives))


@settings(max_examples=60, deadline=None)
@given(truth_and_scores(), thresholds)
def test_class_scores_equal_scikit_learn_where_defined(inputs, threshold):
    truth, scores = inputs
    decisions = decide(scores, threshold)
    found = class_scores(counts(truth, scores).at(threshold))
    for c in np.flatnonzero(truth.any(axis=0)):
        expected = precision_recall_fscore_support(
            truth[:, c], decisions[:, c], average="binary", zero_division=0
        )
        assert (found.precision[c], found.recall[c], found.f1[c]) == pytest.approx(expected[:3])
        assert found.never_predicted[c] == (not decisions[:, c].any())
    for c in np.flatnonzero(~truth.any(axis=0)):
        assert found.undefined[c] and not found.never_predicted[c]
        assert math.isnan(found.recall[c]) and math.isnan(found.f1[c])
        assert found.precision[c] == 0 if decisions[:, c].any() else math.isnan(found.precision[c])
