"""Counts on a grid, against `counts` and scikit-learn's samples average."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sedcore.artifacts.index import RunIndex
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import create_run, save_predictions
from sedcore.evaluation import grid as grid_module
from sedcore.evaluation.averages import samples_average
from sedcore.evaluation.counts import counts, decide
from sedcore.evaluation.evaluate import evaluate
from sedcore.evaluation.grid import count_on_grid, over_thresholds, threshold_grid
from tests.support.awkward_scores import truth_and_scores


@settings(max_examples=70)
@given(
    truth_and_scores(),
    st.lists(
        st.sampled_from([-8.0, 0.0, 0.1, 0.3, 0.5, 0.71, 1.0, 3.5]), min_size=1, max_size=6, unique=True
    ),
    st.sampled_from([1, 7, 10**6]),
)
def test_a_grid_equals_its_thresholds_one_by_one(inputs, points, chunk):
    truth, scores = inputs
    points = np.array(sorted(points))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid_module, "CHUNK", chunk)
        held = count_on_grid(truth, scores, points)
    tp, fp = counts(truth, scores).on_grid(points)
    assert (held.tp.tolist(), held.fp.tolist()) == (tp.tolist(), fp.tolist())
    for row, threshold in enumerate(points):
        prf, empty = samples_average(truth, decide(scores, threshold))
        assert held.samples[row].tolist() == [prf.precision, prf.recall, prf.f1]  # to the last digit
        assert held.empty[row] == empty


@pytest.mark.parametrize(
    ("lowest", "highest", "first", "last", "points"),
    [(0, 1, 0, 1, 101), (-20, -3, -20, -3, 171), (0, 1e-4, 0, 1e-4, 101), (-7.3, 812, -10, 815, 166)],
)
def test_a_grid_is_round_and_spans_the_scores(lowest, highest, first, last, points):
    grid = threshold_grid(lowest, highest)
    assert (grid[0], grid[-1], len(grid)) == (first, last, points)
    assert np.all(np.diff(grid) > 0)


def test_scores_that_are_all_equal_have_one_stop():
    assert threshold_grid(0.3, 0.3).tolist() == [0.3]


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))
def test_a_grid_has_100_to_255_steps(lowest, span):
    grid, slack = threshold_grid(lowest, lowest + span), 1e-6 * span
    assert 100 <= len(grid) <= 256
    assert grid[0] <= lowest + slack and grid[-1] >= lowest + span - slack


@pytest.mark.parametrize(
    ("lowest", "highest"),
    [(-1e308, 1e308), (-5e-324, 0.0), (-1e-310, 1e-310), (0.0, 1.7e308), (1e-300, 2e-300)],
)
def test_scores_of_any_size_have_a_grid(lowest, highest):
    grid = threshold_grid(lowest, highest)
    assert np.isfinite(grid).all() and (np.diff(grid) >= 0).all()
    assert grid[0] <= lowest and grid[-1] >= highest


def test_scores_of_any_size_are_counted_beside_others(tmp_path):
    for name, scores in (
        ("huge", [1e308, -1e308, 0.0]),
        ("tiny", [-5e-324, 0.0, 0.0]),
        ("usual", [0.1, 0.2, 0.3]),
    ):
        run = create_run(tmp_path, {"kind": "imported", "run_id": name}, state="finished")
        truth = np.array([[True], [False], [False]])
        save_predictions(
            run, Predictions("test", np.array(["a", "b", "c"]), ("D",), truth, np.array(scores)[:, None])
        )
    index = RunIndex(tmp_path, keep=False)
    index.count(index.refresh(), "test")
    assert set(index.look_up("test")[0]) == {"huge", "tiny", "usual"}


@pytest.mark.parametrize(
    ("measure", "subject"),
    [(m, s) for m in ("f1", "precision", "recall") for s in ("macro", "micro", "weighted", 0, 2)]
    + [("mcc", s) for s in ("macro", "micro", 0, 2)],
)
def test_curve_over_thresholds_is_the_evaluation_at_each(measure, subject):
    generator = np.random.default_rng(0)
    truth = generator.random((40, 3)) < 0.3
    truth[:, 2] = False  # undefined
    scores = generator.random((40, 3)).round(1)
    grid = np.linspace(0, 1, 21)
    line = over_thresholds(count_on_grid(truth, scores, grid), truth.sum(axis=0), measure, subject)
    for threshold, value in zip(grid, line):
        e = evaluate(truth, scores, "abc", threshold)
        found = (
            getattr(e, measure)[subject]
            if isinstance(subject, int)
            else getattr(e.averages[subject], measure)
        )
        np.testing.assert_allclose(value, found, equal_nan=True)
