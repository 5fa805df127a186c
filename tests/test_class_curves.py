"""ROC, DET, histograms and reliability: what is drawn, against scikit-learn and by hand."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.calibration import calibration_curve
from sklearn.metrics import auc
from sklearn.metrics import det_curve as sklearn_det

from sedcore.errors import SedcoreError
from sedcore.evaluation.calibration import calibration
from sedcore.evaluation.counts import counts
from sedcore.evaluation.curves import det_curve, probit, score_histogram, thinned
from sedcore.evaluation.ranking import average_precision, roc_auc
from sedcore.figures import palette
from sedcore.figures.detection import det_figure, det_of, pr_of, roc_figure, roc_of
from sedcore.figures.distributions import Reliability, ScorePanel, histogram_figure, reliability_figure
from sedcore.figures.thresholds import precision_recall_figure
from tests.support.awkward_scores import truth_and_scores

INK = palette.ink(0)


def many(clips=20_000, share=0.5, seed=0):
    generator = np.random.default_rng(seed)
    truth = generator.random((clips, 1)) < share
    return truth, generator.normal(0, 1, truth.shape) + 1.5 * truth


def test_det_equals_scikit_learn():
    truth, scores = many(300)
    found = det_curve(counts(truth, scores), 0)
    false_alarm, miss, thresholds = sklearn_det(truth[:, 0], scores[:, 0], drop_intermediate=False)
    rows = np.searchsorted(-found.thresholds, -thresholds)
    np.testing.assert_allclose(found.false_alarm_rate[rows], false_alarm)
    np.testing.assert_allclose(found.miss_rate[rows], miss, atol=1e-12)


def test_probit_is_the_normal_deviate_and_keeps_0_and_1_half_a_clip_inside():
    np.testing.assert_allclose(probit(np.array([0.1, 0.5, 0.9]), 100), norm.ppf([0.1, 0.5, 0.9]))
    np.testing.assert_allclose(probit(np.array([0, 1]), 50), norm.ppf([0.01, 0.99]))
    assert np.isnan(probit(np.array([0.5]), 0)).all()


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_thinned_curves_keep_their_ends_corners_and_area(share):
    truth, scores = many(share=share)
    held = counts(truth, scores)
    roc, pr = roc_of(held, 0, 0.7, "a", INK), pr_of(held, 0, 0.7, "a", INK)
    assert len(roc.x) <= 2004 and len(pr.x) <= 2004
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert auc(roc.x, roc.y) == pytest.approx(roc_auc(held)[0], abs=2e-4)
    steps = np.diff(pr.x, prepend=0) @ pr.y
    assert steps == pytest.approx(average_precision(held)[0], abs=2e-3)
    det = det_of(held, 0, 0.7, "a", INK)
    assert len(det.x) <= 2004 and (det.y[0], det.x[-1]) == (1, 1)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 3)), min_size=30, max_size=80))
def test_thinning_loses_no_height_within_a_piece_of_the_axis(steps):
    x, y = np.cumsum([dx for dx, _ in steps]), np.cumsum([dy for _, dy in steps])
    kept = thinned(x, y, most=24)
    assert kept[0] == 0 and kept[-1] == len(x) - 1 and (np.diff(kept) > 0).all()
    width = max(x[-1] - x[0], 1) / 6
    for i in range(len(x)):  # each point has kept ones near it, above or level with it and below or level
        near = np.abs(x[kept] - x[i]) <= width + 1e-9
        level = [y[kept][j] for j in range(len(kept)) if near[j]]
        beside = np.interp(i, kept, y[kept])
        assert (level and min(level) <= y[i] <= max(level)) or beside == pytest.approx(y[i])
    assert len(kept) <= max(24, 4 * 6)


def test_points_in_force_are_those_of_the_counts():
    truth, scores = many(200)
    held = counts(truth, scores)
    tn, fp, fn, tp = held.at(0.7).matrices()[0].ravel()
    assert roc_of(held, 0, 0.7, "a", INK).point == (fp / (fp + tn), tp / (tp + fn))
    assert pr_of(held, 0, 0.7, "a", INK).point == (tp / (tp + fn), tp / (tp + fp))
    x, y = det_of(held, 0, 0.7, "a", INK).point
    assert (x, y) == (fp / (fp + tn), pytest.approx(fn / (tp + fn)))
    figure = det_figure([det_of(held, 0, 0.7, "a", INK)])
    assert figure.data[-1].x[0] == pytest.approx(norm.ppf(x)) and f"{y:.2%}" in figure.data[-1].hovertemplate


@settings(max_examples=50)
@given(truth_and_scores())
def test_histograms_hold_every_clip_once(inputs):
    truth, scores = inputs
    held = counts(truth, scores)
    edges = np.linspace(float(scores.min()), float(scores.max()) + 1, 11)
    for c in range(truth.shape[1]):
        found = score_histogram(held, c, edges)
        assert found.positives.sum() == truth[:, c].sum() and found.negatives.sum() == (~truth[:, c]).sum()
        place = np.clip(np.searchsorted(edges.astype(scores.dtype), scores[:, c], side="right") - 1, 0, 9)
        both = np.bincount(place, minlength=10)
        assert (found.positives + found.negatives).tolist() == both.tolist()


def test_the_reliability_of_a_hand_worked_class():
    truth = np.array([[0], [0], [1], [1], [1], [0]], bool)
    scores = np.array([[0.1], [0.2], [0.3], [0.7], [0.8], [0.9]])
    found = calibration(counts(truth, scores), 0, bins=2)
    np.testing.assert_allclose(found.mean_score, [0.2, 0.8])
    np.testing.assert_allclose(found.observed, [1 / 3, 2 / 3])
    assert found.clips.tolist() == [3, 3] and found.error == pytest.approx(2 / 15)


def test_equal_mass_bins_equal_scikit_learns_quantile_bins():
    generator = np.random.default_rng(1)
    scores = generator.permutation(np.linspace(0.001, 0.999, 400))[:, None]
    truth = generator.random(scores.shape) < scores**2
    found = calibration(counts(truth, scores), 0, bins=8)
    observed, predicted = calibration_curve(truth[:, 0], scores[:, 0], n_bins=8, strategy="quantile")
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.mean_score, predicted)
    assert found.error == pytest.approx(np.abs(observed - predicted).mean())


@settings(max_examples=50)
@given(truth_and_scores(), st.integers(1, 20), st.randoms(use_true_random=False))
def test_calibration_does_not_depend_on_the_order_of_clips(inputs, bins, random):
    truth, scores = inputs
    held = counts(truth, scores)
    if scores.min() < 0 or scores.max() > 1:
        with pytest.raises(SedcoreError, match="no probabilities"):
            calibration(held, 0, bins)
        return
    order = list(range(len(truth)))
    random.shuffle(order)
    found, again = (calibration(h, 0, bins) for h in (held, counts(truth[order], scores[order])))
    assert found.clips.tolist() == again.clips.tolist() and found.error == again.error
    assert found.clips.sum() == len(truth) and found.clips @ found.observed == pytest.approx(
        truth[:, 0].sum()
    )
    whole = scores[:, 0].astype(float).sum()
    assert found.clips @ found.mean_score == pytest.approx(whole)


def test_figures_of_odd_classes_and_of_people_s_text():
    evil = "<a href='x'>&"
    truth, scores = np.array([[1, 0], [1, 0]], bool), np.array([[0.5, 0.5], [0.5, 0.2]])
    held = counts(truth, scores)  # a class without negatives, and one without positives
    for c in (0, 1):
        found = score_histogram(held, c, np.linspace(0, 1, 5))
        figures = [
            roc_figure([roc_of(held, c, 0.5, evil, INK)]),
            det_figure([det_of(held, c, 0.5, evil, INK)]),
            precision_recall_figure([pr_of(held, c, 0.5, evil, INK)]),
            reliability_figure([Reliability(evil, INK, calibration(held, c), 0.5)]),
            histogram_figure([ScorePanel(evil, INK, found, 0.5)] * 5),
        ]
        for figure in figures:
            assert "<a" not in json.dumps(figure.to_plotly_json(), default=str)
    assert det_figure([]).layout.xaxis.range[0] < 0 and histogram_figure([]) is not None
