"""Checks of printed tables: the report's own numbers, and tables made from counts, which must pass."""

import copy

import numpy as np
import pytest
from awkward_scores import thresholds, truth_and_scores
from hypothesis import given, settings

from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import PRF, averages, samples_average
from sedcore.evaluation.counts import counts, decide
from sedcore.evaluation.printed import (
    PARTS,
    baseline_averages,
    check_table,
    check_tables_together,
    dominant_share,
    matrix_averages,
    report_notes,
    report_numbers,
)

REPORT = report_numbers()
MATRICES = REPORT["confusion_validation"]


def tables(split: str) -> dict:
    return {model: copy.deepcopy(splits[split]) for model, splits in REPORT["tables"].items()}


def parts(prf: PRF) -> tuple[float, float, float]:
    return prf.precision, prf.recall, prf.f1


def printed(found: dict[str, PRF], decimals: int = 2) -> dict:
    return {
        part: {name: round(getattr(prf, part), decimals) for name, prf in found.items()} for part in PARTS
    }


@pytest.mark.parametrize(
    ("model", "micro", "macro", "weighted"),
    [
        ("cnn", (0.839, 0.902, 0.869), (0.842, 0.876, 0.853), (0.852, 0.902, 0.872)),
        ("crnn", (0.771, 0.835, 0.802), (0.807, 0.756, 0.770), (0.782, 0.835, 0.798)),
    ],
)
def test_averages_of_the_matrices_that_the_report_prints(model, micro, macro, weighted):
    found = matrix_averages(MATRICES[model])
    for name, expected in {"micro": micro, "macro": macro, "weighted": weighted}.items():
        assert parts(found[name]) == pytest.approx(expected, abs=0.0005)


def test_the_crnn_validation_table_is_right():
    assert check_table(tables("validation")["crnn"], MATRICES["crnn"]) == []


def test_the_cnn_validation_table_has_precision_and_recall_exchanged():
    assert check_table(tables("validation")["cnn"], MATRICES["cnn"]) == [
        "Precision and recall are exchanged: the printed matrices give micro P 0.839, R 0.902."
    ]


def test_a_cell_that_is_off_is_named():
    table = tables("validation")["crnn"]
    table["precision"]["macro"] = 0.83
    assert check_table(table, MATRICES["crnn"]) == [
        "1 of 9 cells differ from the printed matrices, such as macro P: printed 0.83, computed 0.807."
    ]


def test_the_ann_test_row_forces_a_dominant_class():
    share = dominant_share(tables("test")["ann"], classes=10)
    # Sum of P at most 1.05, so weighted P >= .995 needs w + .05 (1 - w) >= .995.
    assert share == pytest.approx((0.995 - 0.05) / 0.95)
    assert [dominant_share(tables("test")[model], 10) for model in ("cnn", "rnn", "crnn")] == [0, 0, 0]


def test_then_the_weighted_f1_of_the_other_three_is_impossible():
    found = check_tables_together(tables("test"), classes=10)
    assert found["ann"] == [
        "This row forces one class to hold at least 99.47 % of all labels; then the weighted F1 of cnn, rnn and "
        "crnn is impossible. Exchanging precision and recall removes this."
    ]
    for model, bounds in {"cnn": "0.586 to 0.608", "rnn": "0.443 to 0.468", "crnn": "0.466 to 0.488"}.items():
        assert len(found[model]) == 1 and found[model][0].endswith(f"that allows {bounds}.")


def test_without_the_ann_row_or_with_possible_f1_nothing_is_found():
    rows = tables("test")
    del rows["ann"]
    assert not any(check_tables_together(rows, 10).values())
    rows = tables("test")
    for model, f1 in {"cnn": 0.6, "rnn": 0.45, "crnn": 0.48}.items():
        rows[model]["f1"]["weighted"] = f1
    assert not any(check_tables_together(rows, 10).values())
    assert check_tables_together({}, 10) == {}


def test_exchange_is_not_offered_where_it_does_not_help():
    rows = {"ann": tables("test")["ann"], "cnn": tables("test")["cnn"]}
    rows["ann"]["f1"]["weighted"] = 0.8  # impossible by its own weights too
    assert "Exchanging" not in " ".join(check_tables_together(rows, 10)["ann"])


def test_the_notes_on_the_report_are_where_its_tables_cannot_be_right():
    found = {
        (model, split): len(said)
        for model, splits in report_notes().items()
        for split, said in splits.items()
    }
    assert {place for place, said in found.items() if said} == {
        ("cnn", "validation"),
        *((model, "test") for model in ("ann", "cnn", "rnn", "crnn")),
    }


def test_baselines_from_the_supports_of_the_report():
    support = [sum(matrix[1]) for matrix in MATRICES["cnn"]]
    everything = baseline_averages(support, 2000, [True] * 10)
    f1 = [everything[name].f1 for name in ("micro", "macro", "weighted")]
    assert f1 == pytest.approx([0.315, 0.292, 0.441], abs=0.0005)
    speech = baseline_averages(support, 2000, [name == "Speech" for name in REPORT["classes"]])
    assert speech["micro"].f1 == pytest.approx(0.434, abs=0.0005)


def test_a_single_table_can_refute_itself():
    table = {
        "precision": {"micro": 0.5, "macro": 0.4, "weighted": 0.5, "samples": 0.5},
        "recall": {"micro": 0.5, "macro": 0.4, "weighted": 0.6, "samples": 0.5},
        "f1": {"micro": 0.52, "macro": 0.42, "weighted": 0.5, "samples": 0.5},
    }
    assert check_table(table) == [
        "Micro F1 0.52 cannot be: P 0.50 and R 0.50 allow 0.495 to 0.505.",
        "Macro F1 0.42 cannot be: P 0.40 and R 0.40 allow at most 0.405.",
        "Weighted R 0.60 cannot be: it always equals micro R, here 0.50.",
    ]

    table["f1"] = {
        "micro": 0.48,
        "macro": 0.1,
        "weighted": 0.1,
        "samples": 0.1,
    }  # only micro has a lower bound
    table["recall"]["weighted"] = 0.51
    assert check_table(table) == ["Micro F1 0.48 cannot be: P 0.50 and R 0.50 allow 0.495 to 0.505."]


def test_a_table_in_per_cent_or_with_a_hole_is_an_error():
    table = tables("test")["cnn"]
    table["recall"]["macro"] = 16
    with pytest.raises(SedcoreError, match="per cent"):
        check_table(table)
    del table["recall"]["macro"]
    with pytest.raises(SedcoreError, match="of cnn has recall macro = None.*missing"):
        check_tables_together({"cnn": table}, 10)


@settings(max_examples=60, deadline=None)
@given(truth_and_scores(max_classes=3), thresholds, thresholds)
def test_tables_printed_from_real_counts_pass_every_check(inputs, threshold, other):
    """The bounds may be loose, never wrong: what comes from counts is possible, alone and together."""
    truth, scores = inputs
    truth[0] = True  # all classes defined
    rows = {}
    for name, chosen in {"a": threshold, "b": other}.items():
        confusion = counts(truth, scores).at(chosen)
        samples, _ = samples_average(truth, decide(scores, chosen))
        rows[name] = printed(averages(confusion) | {"samples": samples})
        assert check_table(rows[name], confusion.matrices()) == []
    assert not any(check_tables_together(rows, truth.shape[1]).values())


@settings(max_examples=60, deadline=None)
@given(truth_and_scores(max_clips=30), thresholds)
def test_the_dominant_share_is_never_above_the_true_one(inputs, threshold):
    truth, scores = inputs
    truth[0] = True
    support = truth.sum(axis=0)
    table = printed(averages(counts(truth, scores).at(threshold)))
    assert dominant_share(table, truth.shape[1]) <= np.max(support) / support.sum() + 1e-9
