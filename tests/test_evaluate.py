"""The whole evaluation of a run: hand-worked values, its JSON and tables, and what counts as collapsed."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings

from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import counts
from sedcore.evaluation.evaluate import collapsed, evaluate
from tests.support.awkward_scores import thresholds, truth_and_scores

CLASSES = ["Dog", "Cat", "Speech", "Blender"]
# Dog: AP 1, one clip missed at 0.5. Cat: never reaches 0.5. Speech: no positive, fires. Blender: no positive,
# silent.
TRUTH = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], bool)
SCORES = np.array([[0.9, 0.2, 0.1, 0], [0.4, 0.1, 0.7, 0], [0.3, 0.3, 0.1, 0], [0.2, 0, 0.1, 0]], np.float32)


def test_a_hand_worked_run():
    found = evaluate(TRUTH, SCORES, CLASSES, 0.5)
    np.testing.assert_allclose(found.precision, [1, 0, 0, np.nan])
    np.testing.assert_allclose(found.recall, [1 / 2, 0, np.nan, np.nan])
    np.testing.assert_allclose(found.ap, [1, 1 / 3, np.nan, np.nan])
    assert found.mAP == pytest.approx(2 / 3)
    np.testing.assert_allclose(found.roc_auc, [1, 1 / 3, np.nan, np.nan])
    assert found.macro_roc_auc == pytest.approx(2 / 3)
    assert found.averages["micro"].precision == pytest.approx(1 / 2)
    assert found.averages["macro"].f1 == pytest.approx(1 / 3)
    assert found.averages["samples"].recall == pytest.approx(1 / 4)
    assert found.empty_clips == 2
    assert found.undefined_classes == ("Speech", "Blender")
    assert found.never_predicted_classes == ("Cat",)
    assert not found.collapsed


def test_json_has_null_where_undefined_and_nothing_that_json_cannot_hold():
    shown = evaluate(TRUTH, SCORES, CLASSES, 0.5).to_json("test", 0.5)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert (shown["split"], shown["threshold"]) == ("test", 0.5)
    assert shown["micro"] == {
        "precision": 0.5,
        "recall": pytest.approx(1 / 3),
        "f1": pytest.approx(0.4),
        "mcc": pytest.approx((1 * 12 - 1 * 2) / math.sqrt(2 * 3 * 14 * 13)),
    }
    fired, silent = shown["classes"]["Speech"], shown["classes"]["Blender"]
    assert (fired["precision"], fired["recall"], fired["f1"], fired["ap"]) == (0, None, None, None)
    assert (silent["precision"], silent["support"], silent["tn"]) == (None, 0, 4)
    assert shown["classes"]["Dog"]["tp"] == 1 and isinstance(shown["classes"]["Dog"]["tp"], int)
    assert shown["undefined_classes"] == ["Speech", "Blender"]


def test_a_threshold_a_class_stays_a_list_in_json():
    chosen = [0.4, 0.1, 0.8, 0.5]
    found = evaluate(TRUTH, SCORES, CLASSES, chosen)
    assert found.tp.tolist() == [2, 1, 0, 0] and found.fp.tolist() == [0, 2, 0, 0]
    assert json.loads(json.dumps(found.to_json("test", np.array(chosen))))["threshold"] == chosen


def test_tables_hold_a_row_an_average_and_a_row_a_class():
    found = evaluate(TRUTH, SCORES, CLASSES, 0.5)
    averages = found.averages_table()
    assert averages["average"].tolist() == ["micro", "macro", "weighted", "samples"]
    assert averages.loc[1, "f1"] == pytest.approx(1 / 3)
    table = found.class_table().set_index("class")
    assert table.index.tolist() == CLASSES
    assert table.loc["Cat", "support"] == 1 and math.isnan(table.loc["Speech", "ap"])


@settings(max_examples=60, deadline=None)
@given(truth_and_scores(), thresholds)
def test_kept_counts_change_nothing_and_micro_is_the_pool_of_all_classes(inputs, threshold):
    truth, scores = inputs
    names = [f"class {c}" for c in range(truth.shape[1])]
    found = evaluate(truth, scores, names, threshold)
    again = evaluate(truth, scores, names, threshold, counts=counts(truth, scores))
    assert found.to_json("test", 0) == again.to_json("test", 0)
    assert (found.tp + found.fp + found.fn + found.tn == len(truth)).all()
    assert (found.tp + found.fn == found.support).all()
    if truth.any():
        pooled = 2 * found.tp.sum() / (2 * found.tp.sum() + found.fp.sum() + found.fn.sum())
        assert found.averages["micro"].f1 == pytest.approx(pooled)


def test_what_does_not_belong_together_is_an_error():
    with pytest.raises(SedcoreError, match="3 class names for 4 columns"):
        evaluate(TRUTH, SCORES, CLASSES[:3], 0.5)
    with pytest.raises(SedcoreError, match="another run"):
        evaluate(TRUTH, SCORES, CLASSES, 0.5, counts=counts(TRUTH, SCORES.astype(np.float64)))
    with pytest.raises(SedcoreError, match="another split"):
        evaluate(~TRUTH, SCORES, CLASSES, 0.5, counts=counts(TRUTH, SCORES))


def test_label_priors_for_every_clip_have_collapsed():
    priors = np.tile(np.array([0.5, 0.1, 0.02], np.float32), (200, 1))
    noise = np.random.default_rng(0).normal(size=priors.shape)
    assert collapsed(priors)
    assert collapsed(priors * (1 + 1e-3 * noise).astype(np.float32))
    assert collapsed(np.zeros((200, 3)))


@pytest.mark.parametrize(
    "scores",
    [
        np.eye(5000, 3) * 0.9,  # rare events: near 0 for all clips but one
        np.eye(1000, 3) * 0.9 - 700.0,  # scores far from 0 that are not probabilities
        np.column_stack([np.full(1000, 0.3), np.linspace(0, 1, 1000)]),  # one class is alive
        np.full((1, 3), 0.5),  # one clip says nothing
    ],
)
def test_scores_that_differ_between_clips_have_not_collapsed(scores):
    assert not collapsed(scores)
