"""Chosen thresholds against brute force over every distinct score and beyond, and against scikit-learn."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, fbeta_score, precision_score, recall_score

from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import counts, decide
from sedcore.evaluation.objectives import Cost, FBeta, PrecisionAtLeast, RecallAtLeast, objective
from sedcore.evaluation.tuning import honest_table, just_above, measured, tune
from tests.support.awkward_scores import truth_and_scores

OBJECTIVES = [
    FBeta(),
    FBeta(2.0),
    FBeta(0.5),
    PrecisionAtLeast(0.6),
    PrecisionAtLeast(1.0),
    RecallAtLeast(0.5),
    RecallAtLeast(1.0),
    Cost(1, 1),
    Cost(5, 0.5),
    Cost(0, 1),
]
objectives = st.sampled_from(OBJECTIVES)


def sklearn_measure(wanted, truth, decided):
    """The measure and the bound of a column (or of all columns pooled), by scikit-learn's own functions."""
    truth, decided = truth.ravel(), decided.ravel()
    precision = precision_score(truth, decided, zero_division=0)
    recall = recall_score(truth, decided, zero_division=0)
    match wanted:
        case FBeta(beta):
            return fbeta_score(truth, decided, beta=beta, zero_division=0), None
        case PrecisionAtLeast(_):
            return recall, precision
        case RecallAtLeast(_):
            return precision, recall
        case Cost(miss, false_alarm):
            cost = miss * (truth & ~decided).sum() + false_alarm * (~truth & decided).sum()
            return cost, None


def brute_force(wanted, truth, scores, average):
    """The best measure over every distinct score and silence, and whether the bound can be reached.

    Where it cannot, the best bound, and the best measure that goes with it.
    """
    everywhere = [*sorted(set(scores.ravel().tolist())), np.inf]
    seen = []
    for threshold in everywhere:
        decided = scores >= scores.dtype.type(threshold)
        columns = [c for c in range(truth.shape[1]) if truth[:, c].any()]
        if average == "macro":
            pairs = [sklearn_measure(wanted, truth[:, c], decided[:, c]) for c in columns]
            value = np.mean([v for v, _ in pairs])
            bound = None if pairs[0][1] is None else np.mean([b for _, b in pairs])
        else:
            value, bound = sklearn_measure(wanted, truth, decided)
        seen.append((value, bound))
    fine = [v for v, b in seen if b is None or b >= wanted.at - 1e-9]
    if fine:
        return (min if isinstance(wanted, Cost) else max)(fine), True
    top = max(b for _, b in seen)
    return max(v for v, b in seen if b >= top - 1e-9), False


@settings(max_examples=50)
@given(truth_and_scores(), objectives)
def test_each_class_gets_the_best_of_all_thresholds(inputs, wanted):
    truth, scores = inputs
    held = counts(truth, scores)
    found = tune(held, wanted)
    decided = decide(scores, found.thresholds)
    for c in range(truth.shape[1]):
        column = truth[:, c : c + 1]
        if not column.any():
            assert found.undefined[c] and not found.reached[c] and np.isnan(found.values[c])
            assert found.thresholds[c] == 0.5
            continue
        value, reached = brute_force(wanted, column, scores[:, c : c + 1], None)
        assert found.values[c] == pytest.approx(value, abs=1e-9)
        assert found.reached[c] == reached
        # and the threshold really gives it, once it is cast to the type of the scores
        assert sklearn_measure(wanted, column, decided[:, c : c + 1])[0] == pytest.approx(value, abs=1e-9)


@settings(max_examples=50)
@given(truth_and_scores(max_clips=8, max_classes=3), objectives, st.sampled_from(["micro", "macro"]))
def test_one_threshold_for_all_is_the_best_for_the_average(inputs, wanted, average):
    truth, scores = inputs
    held = counts(truth, scores)
    found = tune(held, wanted, common=average)
    assert len(set(found.thresholds)) == 1
    if not truth.any():
        assert found.thresholds[0] == 0.5 and not found.reached.any() and np.isnan(found.values).all()
        return
    value, reached = brute_force(wanted, truth, scores, average)
    assert found.values == pytest.approx(value, abs=1e-9)
    assert (found.reached == reached).all()
    assert measured(held, found.thresholds, wanted, average)[0] == pytest.approx(value, abs=1e-9)


@settings(max_examples=60)
@given(st.data(), st.sampled_from([np.float16, np.float32, np.float64]), objectives)
def test_neighbouring_numbers_of_a_type_are_told_apart(data, dtype, wanted):
    """Scores with no number, or one, of their type between them: the midpoint may round to the lower one."""
    start = data.draw(st.sampled_from([-1.0, -1e-7, 0.0, 0.1, 0.5, 1.0, 2048.0]))
    ladder = [dtype(start)]
    for gap in data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)):
        value = ladder[-1]
        for _ in range(gap):
            value = np.nextafter(value, dtype(np.inf))
        ladder.append(value)
    truth = np.array(data.draw(st.lists(st.booleans(), min_size=len(ladder), max_size=len(ladder))))[:, None]
    scores = np.array(ladder, dtype)[:, None]
    if not truth.any():
        return
    found = tune(counts(truth, scores), wanted)
    value, _ = brute_force(wanted, truth, scores, None)
    assert sklearn_measure(wanted, truth, decide(scores, found.thresholds))[0] == pytest.approx(value)
    assert float(dtype(found.thresholds[0])) == found.thresholds[0], "nothing is lost in the scores' type"


def test_the_threshold_is_halfway_to_the_next_lower_score():
    truth = np.array([[1], [1], [0], [1]], bool)
    scores = np.array([[0.9], [0.75], [0.25], [0.1]])
    assert tune(counts(truth, scores), FBeta()).thresholds.tolist() == [
        0.1
    ]  # all four: F1 6/7, nothing lower
    assert tune(counts(truth, scores), PrecisionAtLeast(1.0)).thresholds.tolist() == [0.5]
    found = tune(counts(truth, scores), RecallAtLeast(0.6))
    assert (found.thresholds.tolist(), found.values.tolist()) == ([0.5], [1.0])


def test_of_equal_optima_the_better_bound_is_taken_then_the_highest_threshold():
    truth = np.array([[1], [0], [1], [0]], bool)
    scores = np.array([[0.8], [0.6], [0.4], [0.2]])
    # F1 is 2/3 at 0.8 and 4/5 at 0.4; cost is 1 at 0.8 and 1 at 0.4
    assert tune(counts(truth, scores), Cost(1, 1)).thresholds.tolist() == pytest.approx([0.7])
    # precision 1 with recall 1/2 and with recall 1: the second
    truth = np.array([[1], [1], [0]], bool)
    found = tune(counts(truth, np.array([[0.8], [0.6], [0.4]])), RecallAtLeast(0.5))
    assert found.thresholds.tolist() == pytest.approx([0.5])


def test_predicting_nothing_is_a_finite_number_that_json_can_hold():
    truth = np.array([[0], [0], [1]], bool)
    for dtype in (np.float16, np.float32, np.float64):
        scores = np.array([[0.9], [0.8], [0.1]], dtype)
        found = tune(counts(truth, scores), Cost(miss=1, false_alarm=10))
        assert not decide(scores, found.thresholds).any()
        assert found.thresholds[0] > scores.max() and found.values.tolist() == [1]
        assert json.loads(json.dumps(found.thresholds.tolist(), allow_nan=False))
    # silence is worth no more than alarms here: then something is predicted
    assert tune(counts([[1], [0]], [[0.9], [0.9]]), Cost(1, 1)).thresholds.tolist() == [0.9]
    largest = np.array([[np.finfo(np.float16).max]])  # no half-precision number is above it, but a double is
    assert np.isfinite(just_above(largest)).all() and not decide(largest, just_above(largest)[0]).any()


def test_a_precision_out_of_reach_falls_back_to_the_highest_there_is():
    truth = np.array([[0], [1], [0]], bool)
    found = tune(counts(truth, np.array([[0.9], [0.6], [0.2]])), PrecisionAtLeast(0.8))
    assert not found.reached[0] and found.thresholds.tolist() == [0.4]  # 1 of 2
    assert found.values.tolist() == [1]


def test_small_costs_are_no_ties():
    truth, scores = np.array([[1], [0], [1], [1]], bool), np.array([[0.8], [0.6], [0.4], [0.3]])
    for unit in (1e-12, 1.0, 1e12):
        assert tune(counts(truth, scores), Cost(unit, unit)).thresholds.tolist() == [0.3]


def test_the_honest_table_equals_scikit_learn():
    generator = np.random.default_rng(0)
    truths = generator.random((2, 60, 4)) < 0.3
    truths[1, :, 3] = False  # a class that only validation has
    scores = [(generator.random(t.shape) + 0.4 * t).astype(np.float32) for t in truths]
    validation, test = (counts(t, s) for t, s in zip(truths, scores))
    table = honest_table(validation, test, FBeta())
    assert table.index.tolist() == ["0.1", "0.5", "tuned", "oracle"]
    points = [0.1, 0.5, tune(validation, FBeta()).thresholds, tune(test, FBeta()).thresholds]
    for (_, row), point in zip(table.iterrows(), points):
        decided = decide(scores[1], point)
        assert row["micro_f1"] == pytest.approx(f1_score(truths[1], decided, average="micro"))
        assert row["macro_f1"] == pytest.approx(
            f1_score(truths[1], decided, average="macro", labels=[0, 1, 2])
        )
        assert row["value"] == pytest.approx(row["macro_f1"])
    assert table["gap"].tolist() == pytest.approx((table["value"] - table["value"]["oracle"]).tolist())
    assert (table["gap"] <= 1e-12).all() and table["gap"]["tuned"] < 0
    assert table["optimistic"].tolist() == [False, False, False, True]
    alone = honest_table(None, test, PrecisionAtLeast(0.9), common="micro", fixed=(0.5,))
    assert alone.index.tolist() == ["0.5", "oracle"]
    assert alone["reached"]["oracle"] == (alone["bound"]["oracle"] >= 0.9)


@pytest.mark.parametrize("wanted", OBJECTIVES)
def test_objectives_go_through_json(wanted):
    assert objective(**json.loads(json.dumps(wanted.to_json()))) == wanted
    assert wanted.words


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "f2"}, "there are f1, fbeta"),
        ({"kind": "fbeta"}, "needs beta"),
        ({"kind": "precision"}, "needs at"),
        ({"kind": "precision", "at": 1.2}, "up to 1"),
        ({"kind": "recall", "at": float("nan")}, "up to 1"),
        ({"kind": "fbeta", "beta": -1}, "from 0.001 to 1000"),
        ({"kind": "fbeta", "beta": 1e155}, "from 0.001 to 1000"),
        ({"kind": "cost", "miss_cost": 1e308, "false_alarm_cost": 1e308}, "from 0 to 1e"),
        ({"kind": "f1", "at": 0.5}, "takes no at"),
        ({"kind": "cost", "miss_cost": 0, "false_alarm_cost": 0}, "one of the two"),
        ({"kind": "cost", "miss_cost": float("inf")}, "from 0 to 1e"),
    ],
)
def test_bad_objectives_are_one_sentence(given, said):
    with pytest.raises(SedcoreError, match=said):
        objective(**given)


def test_what_cannot_be_tuned_is_an_error():
    held = counts([[1]], [[0.5]])
    with pytest.raises(SedcoreError, match="micro or macro"):
        tune(held, FBeta(), common="samples")
    with pytest.raises(SedcoreError, match="not one run"):
        honest_table(held, counts([[1, 0]], [[0.5, 0.1]]), FBeta())
