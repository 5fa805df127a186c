"""Averages of many runs at once have the digits of `evaluate`."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sedcore.evaluation.averages import averages
from sedcore.evaluation.baselines import baselines, beaten_by_baselines, measure_value
from sedcore.evaluation.counts import Confusion
from sedcore.evaluation.evaluate import evaluate
from sedcore.evaluation.many import averages_of_many, below_any
from sedcore.evaluation.measures import RUN_MEASURES
from tests.support.awkward_scores import truth_and_scores


@settings(max_examples=60)
@given(st.integers(1, 6), st.integers(1, 12), st.integers(1, 10**6), st.integers(0, 10**6))
def test_many_runs_have_the_averages_of_each(runs, classes, most, seed):
    generator = np.random.default_rng(seed)
    tp, fp, fn = (generator.integers(0, most, (runs, classes)) for _ in range(3))
    without = generator.random((runs, classes)) < 0.3  # classes without a positive, others in each run
    tp[without] = fn[without] = 0
    clips = int((tp + fp + fn).max()) + 1
    found = averages_of_many(tp, fp, tp + fn, clips)
    assert {f"{name}_f1" for name in ("micro", "macro", "weighted")} <= found.keys()
    for run in range(runs):
        wanted = averages(Confusion.from_counts(tp[run], fp[run], tp[run] + fn[run], clips))
        for name, values in found.items():  # to the last digit, NaN as NaN
            of = RUN_MEASURES[name]
            np.testing.assert_equal(values[run], wanted[of.average][of.measure.name], err_msg=name)


@settings(max_examples=40)
@given(truth_and_scores(), st.sampled_from([0.0, 0.3, 0.5, 0.71]))
def test_which_runs_a_baseline_beats_is_what_each_is_told(inputs, threshold):
    truth, scores = inputs
    names = [f"c{c}" for c in range(truth.shape[1])]
    trivial = baselines(truth, names)
    runs = [evaluate(truth, one, names, threshold) for one in (scores, -scores, np.zeros_like(scores))]
    values = {measure: np.array([measure_value(e, measure) for e in runs]) for measure in RUN_MEASURES}
    assert below_any(values, trivial).tolist() == [bool(beaten_by_baselines(e, trivial)) for e in runs]
    assert not below_any(values, {}).any()
