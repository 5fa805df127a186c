"""Bootstrap intervals of thresholds against resampling by hand, and against the spread of fresh samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import counts
from sedcore.evaluation.objectives import Cost, FBeta, PrecisionAtLeast, RecallAtLeast
from sedcore.evaluation.tuning import best, tune
from sedcore.evaluation.tuning_intervals import _drawn, _Sorted, threshold_intervals
from tests.support.awkward_scores import truth_and_scores

OBJECTIVES = [FBeta(), PrecisionAtLeast(0.7), RecallAtLeast(0.8), Cost(2, 1)]


@settings(max_examples=60)
@given(
    truth_and_scores(max_classes=3),
    st.sampled_from(OBJECTIVES),
    st.sampled_from([None, "micro", "macro"]),
    st.integers(0, 9),
)
def test_a_resample_is_tuned_as_if_its_clips_had_been_copied(inputs, wanted, common, seed):
    truth, scores = inputs
    clips, classes = truth.shape
    weights = _drawn(np.random.default_rng(seed), 4, clips)
    assert (weights.sum(axis=1) == clips).all()
    held = [_Sorted.of(truth[:, c], scores[:, c]) for c in range(classes)]
    defined = truth.any(axis=0)
    found = best([h.curve(weights) for h in held], wanted, common, defined)[0]
    for row, weight in zip(found, weights):
        rows = np.repeat(np.arange(clips), weight)
        copied = tune(counts(truth[rows], scores[rows]), wanted, common=common, default=np.nan)
        if common == "macro" and (truth[rows].any(axis=0) != defined).any():
            continue  # the average is over the classes of the full split, not of the resample
        np.testing.assert_array_equal(row, copied.thresholds)


def test_the_interval_is_about_as_wide_as_fresh_samples_scatter():
    def sample(generator):
        truth = generator.random((400, 1)) < 0.4
        return truth, generator.normal(0, 1, truth.shape) + 2.0 * truth

    wanted = RecallAtLeast(0.9)  # a quantile: its spread is smooth
    fresh = [tune(counts(*sample(np.random.default_rng(i))), wanted).thresholds[0] for i in range(400)]
    widths = []
    for i in range(12):
        found = threshold_intervals(*sample(np.random.default_rng(1000 + i)), wanted, resamples=300, seed=i)
        widths.append(found.high[0] - found.low[0])
    scatter = np.diff(np.quantile(fresh, [0.025, 0.975]))[0]
    assert 0.75 < np.mean(widths) / scatter < 1.35


def test_the_same_seed_gives_the_same_interval_and_a_class_without_positives_none():
    generator = np.random.default_rng(3)
    truth = generator.random((50, 3)) < 0.3
    truth[:, 1] = False
    truth[:, 2] = np.arange(50) == 7  # in about a third of the resamples it is missing
    scores = generator.random((50, 3)).astype(np.float32)
    one, two = (threshold_intervals(truth, scores, FBeta(), resamples=200, seed=5) for _ in range(2))
    np.testing.assert_array_equal([one.low, one.high], [two.low, two.high])
    assert np.isnan([one.low[1], one.high[1]]).all() and one.resamples[1] == 0
    assert 90 < one.resamples[2] < 160 and one.resamples[0] == 200
    assert (one.low[[0, 2]] <= one.high[[0, 2]]).all()


def test_blocks_of_resamples_give_the_same_as_all_at_once(monkeypatch):
    generator = np.random.default_rng(0)
    truth = generator.random((40, 2)) < 0.4
    scores = generator.random((40, 2))
    whole = threshold_intervals(truth, scores, FBeta(), resamples=50)
    monkeypatch.setattr("sedcore.evaluation.tuning_intervals._BLOCK", 300)
    parts = threshold_intervals(truth, scores, FBeta(), resamples=50)
    np.testing.assert_array_equal([whole.low, whole.high], [parts.low, parts.high])


def test_bad_settings_are_errors():
    with pytest.raises(SedcoreError, match="resamples"):
        threshold_intervals(np.ones((2, 1), bool), np.ones((2, 1)), FBeta(), resamples=0)
