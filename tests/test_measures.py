"""The table of measures, and the Matthews correlation that came into it by one entry and one function."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import matthews_corrcoef

from sedcore.evaluation.averages import averages, class_scores
from sedcore.evaluation.counts import Confusion, counts, decide
from sedcore.evaluation.evaluate import evaluate
from sedcore.evaluation.measures import (
    AVERAGES,
    MEASURES,
    OF_CLASSES,
    PICKED,
    RUN_MEASURES,
    Measure,
    matthews,
    measure_behind,
)
from tests.support.awkward_scores import thresholds, truth_and_scores

COUNT = st.integers(0, 40_000_000)


def test_names_are_told_apart():
    assert measure_behind("macro_roc_auc") is measure_behind("roc_auc") is MEASURES["roc_auc"]
    assert RUN_MEASURES["micro_mcc"].title == "Micro MCC" and RUN_MEASURES["micro_mcc"].words == "micro MCC"
    assert next(iter(RUN_MEASURES)) == "macro_ap" and next(iter(PICKED)) == "f1"
    assert "weighted_mcc" not in RUN_MEASURES and "macro_eer" not in RUN_MEASURES
    for name, one in RUN_MEASURES.items():
        assert name == one.name and one.average in AVERAGES and one.help.endswith(".")


def test_runs_are_not_ranked_by_what_should_be_low():
    with pytest.raises(ValueError, match="more is better"):
        Measure("x", "X", "X.", lambda *counted: 0, ranks_runs=True, resampled=True, higher_is_better=False)


def test_matthews_correlation_by_hand():
    # (6 * 3 - 1 * 2) / sqrt(7 * 8 * 4 * 5)
    found = class_scores(Confusion.from_matrices([[[3, 1], [2, 6]]]))
    assert found.by_class["mcc"].tolist() == pytest.approx([16 / math.sqrt(1120)])
    perfect, reversed_, silent, all_positive, everywhere = class_scores(
        Confusion.from_matrices(
            [[[7, 0], [0, 5]], [[0, 7], [5, 0]], [[7, 0], [5, 0]], [[0, 7], [0, 5]], [[0, 0], [3, 5]]]
        )
    ).by_class["mcc"]
    assert (perfect, reversed_, silent, all_positive, everywhere) == (1, -1, 0, 0, 0)
    assert math.isnan(class_scores(Confusion.from_matrices([[[5, 3], [0, 0]]])).mcc[0])


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(max_examples=100, deadline=None)
@given(truth_and_scores(), thresholds)
def test_matthews_correlation_equals_scikit_learn(inputs, threshold):
    truth, scores = inputs
    made = decide(scores, threshold)
    confusion = counts(truth, scores).at(threshold)
    each, averaged = class_scores(confusion).by_class["mcc"], averages(confusion)
    defined = truth.any(axis=0)
    expected = [matthews_corrcoef(truth[:, c], made[:, c]) for c in range(truth.shape[1])]
    np.testing.assert_allclose(each, np.where(defined, expected, np.nan), atol=1e-12)
    if not defined.any():
        assert math.isnan(averaged["micro"].mcc) and math.isnan(averaged["macro"].mcc)
        return
    assert averaged["macro"].mcc == pytest.approx(np.mean(np.array(expected)[defined]), abs=1e-12)
    assert averaged["micro"].mcc == pytest.approx(matthews_corrcoef(truth.ravel(), made.ravel()), abs=1e-12)
    assert "mcc" not in averaged["weighted"]


@settings(max_examples=100)
@given(COUNT, COUNT, COUNT, COUNT, st.sampled_from([np.uint32, np.int64, np.float64]))
def test_matthews_correlation_of_many_clips_does_not_overflow(tp, fp, fn, tn, dtype):
    below = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    exact = Decimal(tp * tn - fp * fn) / Decimal(below).sqrt() if below else 0
    held = (np.array([count], dtype) for count in (tp, tp + fp, tp + fn))
    assert matthews(*held, tp + fp + fn + tn)[0] == pytest.approx(float(exact), abs=1e-9)


def test_it_is_in_json_and_tables_beside_what_was_there():
    generator = np.random.default_rng(0)
    truth = generator.random((50, 3)) < 0.3
    e = evaluate(truth, generator.random((50, 3)), "abc", 0.5)
    shown = e.to_json("test", 0.5)
    assert shown["micro"]["mcc"] == e.averages["micro"].mcc and "mcc" not in shown["samples"]
    assert shown["classes"]["b"]["mcc"] == e.mcc[1]
    assert {"mAP", "macro_roc_auc", "lwlrap", "eer", "micro", "macro", "weighted", "samples"} <= shown.keys()
    assert [name for name in e.class_table() if name in MEASURES] == [m.name for m in OF_CLASSES]
    table = e.averages_table().set_index("average")
    assert table.loc["macro", "mcc"] == e.averages["macro"].mcc and math.isnan(table.loc["samples", "mcc"])


@given(truth_and_scores(), thresholds)
def test_a_confusion_is_the_same_from_counts_and_from_decisions(inputs, threshold):
    truth, scores = inputs
    wanted = counts(truth, scores).at(threshold)
    found = Confusion.from_decisions(truth, decide(scores, threshold))
    again = Confusion.from_counts(wanted.tp, wanted.fp, truth.sum(axis=0), len(truth))
    for name in ("tp", "fp", "fn", "tn"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
        np.testing.assert_array_equal(getattr(again, name), getattr(wanted, name))
    assert (found.clips == len(truth)).all() and found.pooled().clips[0] == truth.size
