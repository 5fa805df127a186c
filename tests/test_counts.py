"""Counts at every threshold, against hand-worked numbers, brute force and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import multilabel_confusion_matrix

from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import Confusion, counts, decide
from tests.support.awkward_scores import thresholds, truth_and_scores


def test_counts_of_a_hand_worked_class():
    truth = np.array([[1], [0], [1], [0], [1]], bool)
    scores = np.array([[0.9], [0.9], [0.4], [0.4], [0.1]])
    held = counts(truth, scores)
    for threshold, matrix in {
        0.95: [[2, 0], [3, 0]],
        0.9: [[1, 1], [2, 1]],  # a score equal to the threshold is positive
        0.4: [[0, 2], [1, 2]],
        0.1: [[0, 2], [0, 3]],
        -1.0: [[0, 2], [0, 3]],
    }.items():
        assert held.at(threshold).matrices().tolist() == [matrix]
    values, tp, fp = held.distinct(0)
    assert (values.tolist(), tp.tolist(), fp.tolist()) == ([0.9, 0.4, 0.1], [1, 2, 3], [1, 2, 2])


def test_a_threshold_is_read_in_the_type_of_the_scores():
    scores = np.array([[0.71]], np.float32)
    assert float(scores[0, 0]) < 0.71  # as a double the stored score would miss the threshold that it shows
    assert counts([[True]], scores).at(0.71).tp.tolist() == [1]
    assert counts([[True]], scores).on_grid(np.array([0.71]))[0].tolist() == [[1]]
    assert decide(scores, 0.71).tolist() == [[True]]


def test_a_threshold_out_of_the_range_of_float16_excludes_everything():
    assert counts([[True]], np.array([[60000]], np.float16)).at(1e6).tp.tolist() == [0]


@settings(max_examples=70, deadline=None)
@given(truth_and_scores(), st.lists(thresholds, min_size=4, max_size=4))
def test_any_operating_point_equals_scikit_learn(inputs, chosen):
    truth, scores = inputs
    chosen = np.array(chosen[: truth.shape[1]])
    predicted = np.stack([scores[:, c] >= scores.dtype.type(t) for c, t in enumerate(chosen)], axis=1)
    # A column beside keeps scikit-learn from reading a single column as two classes.
    beside = np.zeros((len(truth), 1), bool)
    expected = multilabel_confusion_matrix(np.hstack([truth, beside]), np.hstack([predicted, beside]))[:-1]
    held = counts(truth, scores)
    assert held.at(chosen).matrices().tolist() == expected.tolist()
    assert decide(scores, chosen).tolist() == predicted.tolist()
    assert Confusion.from_matrices(expected).matrices().tolist() == expected.tolist()


@settings(max_examples=60, deadline=None)
@given(truth_and_scores(), st.lists(thresholds, min_size=1, max_size=6))
def test_a_grid_holds_what_each_of_its_thresholds_gives(inputs, grid):
    held = counts(*inputs)
    tp, fp = held.on_grid(np.array(grid))
    assert tp.shape == fp.shape == (len(grid), inputs[0].shape[1])
    for row, threshold in enumerate(grid):
        assert tp[row].tolist() == held.at(threshold).tp.tolist()
        assert fp[row].tolist() == held.at(threshold).fp.tolist()


@settings(max_examples=60, deadline=None)
@given(truth_and_scores())
def test_distinct_scores_hold_the_counts_of_each_tie_once(inputs):
    truth, scores = inputs
    held = counts(truth, scores)
    for c in range(truth.shape[1]):
        values, tp, fp = held.distinct(c)
        assert values.dtype == scores.dtype
        assert values.tolist() == sorted(set(scores[:, c].tolist()), reverse=True)
        for value, hits, alarms in zip(values, tp, fp):
            above = scores[:, c] >= value
            assert (hits, alarms) == ((above & truth[:, c]).sum(), (above & ~truth[:, c]).sum())


@pytest.mark.parametrize(
    ("truth", "scores", "guess"),
    [
        (np.zeros((3, 2), bool), np.zeros((2, 3)), "transpose"),
        (np.zeros((3, 2), bool), np.zeros((3, 4)), "class lists"),
        (np.zeros((3, 2), bool), np.zeros((5, 2)), "clips missing"),
        (np.zeros(3, bool), np.zeros((3, 1)), "multi-hot"),
        (np.zeros((3, 1), bool), np.zeros(3), "two axes"),
        (np.zeros((3, 2), bool), np.zeros((3, 2, 4)), "frame scores"),
        (np.array([[0.3, 0.7]]), np.array([[0.0, 1.0]]), "exchanged"),
        (np.array([["Dog"]]), np.zeros((1, 1)), "0 and 1"),
        (np.zeros((1, 1), bool), np.array([["0.3"]]), "numbers"),
        (np.zeros((0, 2), bool), np.zeros((0, 2)), "nothing to evaluate"),
        (np.zeros((2, 2), bool), np.array([[0.1, 0.2], [0.3, np.nan]]), "nan at clip 1, class 1"),
        (np.zeros((1, 2), bool), np.array([[0.1, -np.inf]]), "logarithm"),
    ],
)
def test_bad_input_is_an_error_that_guesses_the_mistake(truth, scores, guess):
    with pytest.raises(SedcoreError, match=guess):
        counts(truth, scores)


def test_truth_may_be_zeros_and_ones_and_scores_decisions():
    held = counts(np.array([[1.0], [0.0]]), np.array([[True], [True]]))
    assert held.at(0.5).matrices().tolist() == [[[0, 1], [0, 1]]]


@pytest.mark.parametrize("chosen", [np.zeros(3), np.zeros((1, 2)), np.nan, [0.5, np.nan], "half"])
def test_bad_thresholds_are_errors(chosen):
    with pytest.raises(SedcoreError, match="threshold"):
        counts(np.zeros((4, 2), bool), np.zeros((4, 2))).at(chosen)


@pytest.mark.parametrize("matrices", [[[1, 2], [3, 4]], [[[0.5, 0.5], [0.1, 0.9]]], [[[1, -1], [0, 2]]]])
def test_matrices_that_are_no_counts_are_errors(matrices):
    with pytest.raises(SedcoreError, match="matrices"):
        Confusion.from_matrices(matrices)
