"""The audit: hand-worked numbers, and its first duty: what was printed from real counts is never accused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    classification_report,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
)

from sedcore.errors import SedcoreError
from sedcore.evaluation.audit import (
    Document,
    Printed,
    Result,
    Verdict,
    audit,
    read_document,
    report_document,
    report_notes,
)
from sedcore.evaluation.audit.attainable import attainable, why_not
from sedcore.evaluation.audit.recompute import CONVENTIONS, from_counts
from sedcore.evaluation.audit.tables import IMPOSSIBLE, PARTS, ClassRow
from sedcore.evaluation.audit.together import baseline_ranges, dominant_share
from sedcore.evaluation.audit.tuned import check_threshold
from sedcore.evaluation.averages import averages
from sedcore.evaluation.counts import Confusion, counts, decide
from tests.support.awkward_scores import thresholds, truth_and_scores

AVERAGES = ("micro", "macro", "weighted", "samples")


def scores(p=None, r=None, f1=None, decimals=2) -> dict:
    given = {"precision": p, "recall": r, "f1": f1}
    return {part: Printed(value, decimals) for part, value in given.items() if value is not None}


def table(model="", split="", **rows) -> Result:
    """A result of averages: micro=(P, R, F1) and so on."""
    return Result(model, split, {average: scores(*values) for average, values in rows.items()})


def only(result: Result, **known):
    [one] = audit(Document([result], **known)).audited
    return one


def report() -> dict:
    return {one.result.name: one for one in audit(report_document()).audited}


# The report's own tables


def test_the_report_is_found_where_it_is_wrong_and_nowhere_else():
    found = report()
    assert {name: one.verdict.value for name, one in found.items()} == {
        "ANN validation": "suspicious",
        "CNN validation": "exchanged",
        "RNN validation": "consistent",
        "CRNN validation": "consistent",
        **{f"{model} test": "cannot be right" for model in ("ANN", "CNN", "RNN", "CRNN")},
    }
    assert (
        audit(report_document())
        .answer()
        .startswith(
            "5 of 8 tables cannot be right as printed: precision and recall are exchanged in CNN validation; no counts "
        )
    )


@pytest.mark.parametrize(
    ("model", "micro", "macro", "weighted"),
    [
        ("CNN", (0.839, 0.902, 0.869), (0.842, 0.876, 0.853), (0.852, 0.902, 0.872)),
        ("CRNN", (0.771, 0.835, 0.802), (0.807, 0.756, 0.770), (0.782, 0.835, 0.798)),
    ],
)
def test_averages_of_the_matrices_that_the_report_prints(model, micro, macro, weighted):
    found = report()[f"{model} validation"].recomputed
    for name, expected in {"micro": micro, "macro": macro, "weighted": weighted}.items():
        assert [found[name][part][0] for part in PARTS] == pytest.approx(expected, abs=0.0005)


def test_the_report_validation_tables():
    found = report()
    assert "All 9 averages that the matrices give are as printed." in found["CRNN validation"].sentences()
    [said] = found["CNN validation"].sentences(*IMPOSSIBLE)
    assert (
        "exchanged: the printed matrices give micro P 0.839, R 0.902" in said and "(y_pred, y_true)" in said
    )
    cells = {(c.row, c.part) for c, v in found["CNN validation"].cells().items() if v is Verdict.EXCHANGED}
    assert cells == {(a, p) for a in ("micro", "macro", "weighted") for p in ("precision", "recall")}
    [everything, _] = found["ANN validation"].sentences(Verdict.SUSPICIOUS)
    assert "micro 0.30 against 0.315, macro 0.26 against 0.292 and weighted 0.40 against 0.441" in everything


def test_the_report_test_tables_are_impossible_and_exchanging_removes_it():
    found = report()
    assert found["ANN test"].sentences(*IMPOSSIBLE) == [
        "This row forces one class to hold at least 99.47 % of all labels; then the weighted F1 of CNN, RNN and CRNN "
        "is impossible. Exchanging precision and recall removes this."
    ]
    for model, bounds in {"CNN": "0.586 to 0.608", "RNN": "0.443 to 0.468", "CRNN": "0.466 to 0.488"}.items():
        [said] = found[f"{model} test"].sentences(*IMPOSSIBLE)
        assert said.endswith(f"that allows {bounds}.")


def test_the_baselines_of_the_report():
    named = audit(report_document()).baselines["validation"]
    f1 = [named["every class"][average]["f1"][0] for average in ("micro", "macro", "weighted")]
    assert f1 == pytest.approx([0.315, 0.292, 0.441], abs=0.0005)
    assert named["the most frequent class"]["micro"]["f1"][0] == pytest.approx(0.434, abs=0.0005)


def test_the_notes_on_the_report_are_where_its_tables_cannot_be_right():
    places = {
        (model, split) for model, splits in report_notes().items() for split, said in splits.items() if said
    }
    assert places == {("cnn", "validation"), *((model, "test") for model in ("ann", "cnn", "rnn", "crnn"))}


def test_without_the_ann_row_or_with_possible_f1_nothing_is_found():
    document = report_document()
    document.results = [r for r in document.results if r.split == "test" and r.model != "ANN"]
    assert not any(one.sentences(*IMPOSSIBLE) for one in audit(document).audited)
    document = report_document()
    for result in document.results:
        f1 = {"CNN": 0.6, "RNN": 0.45, "CRNN": 0.48}.get(result.model)
        if f1 and result.split == "test":
            result.averages["weighted"]["f1"] = Printed(f1, 2)
    assert not any(
        one.sentences(*IMPOSSIBLE) for one in audit(document).audited if one.result.split == "test"
    )


def test_exchange_is_not_offered_where_it_does_not_help():
    document = report_document()
    document.results = [r for r in document.results if r.split == "test"]
    document.results[0].averages["weighted"]["f1"] = Printed(0.8, 2)  # impossible by its own weights too
    said = audit(document).audited[0].sentences()
    assert any("forces one class" in sentence for sentence in said) and "Exchanging" not in " ".join(said)


# Averages alone


def test_a_single_table_can_refute_itself():
    one = only(table(micro=(0.5, 0.5, 0.52), macro=(0.4, 0.4, 0.42), weighted=(0.4, 0.6, 0.4)))
    assert one.sentences(*IMPOSSIBLE) == [
        "Micro F1 0.52 cannot be: P 0.50 and R 0.50 allow 0.495 to 0.505.",
        "Macro F1 0.42 cannot be: P 0.40 and R 0.40 allow at most 0.405.",
        "Weighted R 0.60 cannot be: it always equals micro R, here 0.50.",
    ]
    one = only(table(micro=(0.5, 0.5, 0.48), macro=(0.4, 0.4, 0.1)))  # only micro has a lower bound
    assert one.sentences(*IMPOSSIBLE) == ["Micro F1 0.48 cannot be: P 0.50 and R 0.50 allow 0.495 to 0.505."]


def test_exchanged_columns_are_seen_by_what_weighted_equals():
    one = only(table(micro=(0.6, 0.8, 0.69), weighted=(0.6, 0.85, 0.68)))
    assert one.verdict is Verdict.EXCHANGED
    [said] = one.sentences(*IMPOSSIBLE)
    assert (
        "weighted R 0.85 always equals micro R, here 0.80; it is weighted P 0.60 that equals micro P 0.60"
        in said
    )


def test_weights_of_another_table_bind_the_averages():
    """Positives 90 and 10: with macro P .50 the weighted one is at least .1 (rare class right) and at most .9."""
    known = Result("a", "test", matrices={"x": (10, 0, 0, 90), "y": (90, 0, 0, 10)})
    bad = table("b", "test", macro=(0.5,), weighted=(0.95,))
    found = audit(Document([known, bad])).audited[1]
    [said] = found.sentences(*IMPOSSIBLE)
    # .495 and .505 of macro P: sums of .99 to 1.01; least .1 * .99, most .9 + .1 * .01
    assert said == (
        "Weighted P 0.95 cannot be with macro P 0.50 on the positives of a test, which allow 0.099 to 0.901."
    )


# Whole numbers


@pytest.mark.parametrize(
    ("p", "r", "f1", "support", "why"),
    [
        (None, 0.48, None, 34, "no tp of 34 gives R 0.48: 16/34 is 0.4706, 17/34 is 0.5000"),
        (0.9, 1.0, None, 4, "no tp of 4 gives R 1.00 with P 0.90"),  # 4/4, 4/5
        (0.8, 1.0, 0.85, 4, "no tp of 4 gives F1 0.85 with R 1.00"),  # 8/9 = .889, 8/10
        (None, 0.3, None, 0, "without a positive clip R is 0 or 1 by convention, not 0.30"),
    ],
)
def test_rows_that_no_counts_give(p, r, f1, support, why):
    assert attainable(scores(p, r, f1), support) is None
    assert why_not(scores(p, r, f1), support) == why
    one = only(Result(classes={"Dog": ClassRow(scores(p, r, f1), support)}))
    assert one.verdict is Verdict.CANNOT and one.sentences() == [f"Dog: {why}."]


def test_false_alarms_are_bounded_by_the_clips():
    row = scores(0.01, 1.0)  # 5 of about 500 predicted
    assert attainable(row, 5) is not None
    assert attainable(row, 5, others=95) is None
    assert only(Result(classes={"Dog": ClassRow(row, 5)}), clips=100).verdict is Verdict.CANNOT


def test_rows_with_exchanged_columns_are_recognised():
    """7 positives: R is k/7. Written as P, with P = .50 as R, no k of 7 gives it."""
    rows = {"Dog": ClassRow(scores(0.43, 0.5), 7), "Cat": ClassRow(scores(0.6, 0.75), 5)}
    one = only(Result(classes=rows))
    assert one.verdict is Verdict.EXCHANGED
    assert "no tp of 7 gives R 0.50" in one.sentences()[0]


@settings(max_examples=70, deadline=None)
@given(
    st.integers(0, 14),
    *[st.none() | st.integers(0, 20).map(lambda k: k / 20)] * 3,
    st.none() | st.integers(0, 12),
)
def test_attainable_equals_brute_force(support, p, r, f1, others):
    """Every tp and false alarm up to a bound, with both conventions where a score divides by nothing."""
    row = {k: Printed(v, 1) for k, v in zip(PARTS, (p, r, f1)) if v is not None}
    found = []
    for tp in range(support + 1):
        for fp in range((560 if others is None else others) + 1):
            pairs = {"precision": (tp, tp + fp), "recall": (tp, support), "f1": (2 * tp, support + tp + fp)}
            if all(
                printed.holds(pairs[k][0] / pairs[k][1])
                if pairs[k][1]
                else printed.holds(0) or printed.holds(1)
                for k, printed in row.items()
            ):
                found.append((tp, tp + fp))
    got = attainable(row, support, others)
    assert (got is not None) == bool(found)
    if found:
        tps, predicted = zip(*found)
        assert got.tp == (min(tps), max(tps))
        assert got.predicted[0] <= min(predicted) and got.predicted[1] >= max(predicted)


# No false accusations


def printed_from(truth, decisions, decimals, per_cent, zero_division, left_out=False) -> tuple[dict, dict]:
    """Tables of scikit-learn as somebody would print them: averages by part, rows of classes."""
    labels = [c for c in range(truth.shape[1]) if truth[:, c].any()] if left_out else None

    def text(value):
        return f"{100 * value:.{decimals}f} %" if per_cent else f"{value:.{decimals}f}"

    made = {part: {} for part in ("precision", "recall", "f1")}
    for average in AVERAGES:
        found = precision_recall_fscore_support(
            truth, decisions, average=average, zero_division=zero_division, labels=labels
        )
        for part, value in zip(made, found):
            made[part][average] = text(value)
    each = precision_recall_fscore_support(truth, decisions, average=None, zero_division=zero_division)
    rows = {
        f"c{c}": {part: text(each[i][c]) for i, part in enumerate(made)} | {"support": int(each[3][c])}
        for c in range(truth.shape[1])
    }
    return made, rows


many = settings(max_examples=70, deadline=None)
prints = st.tuples(st.sampled_from([1, 2, 3, 5]), st.booleans(), st.sampled_from([0, 1]), st.booleans())


@many
@given(truth_and_scores(max_clips=30, max_classes=5), thresholds, thresholds, prints)
def test_what_comes_from_counts_is_never_accused(inputs, threshold, other, how):
    """Averages, rows and matrices of two models on one split, printed by scikit-learn in any usual way."""
    truth, found = inputs
    truth = np.column_stack([truth, truth[:, 0]])  # two classes at least: one column is no multi-label table
    found = np.column_stack([found, found[:, -1]])
    truth[0, 0] = truth[0, -1] = True
    together = {"classes": [f"c{c}" for c in range(truth.shape[1])], "tables": {}, "confusion": {}}
    for name, chosen in {"a": threshold, "b": other}.items():
        decisions = decide(found, chosen)
        made, rows = printed_from(truth, decisions, *how)
        matrices = multilabel_confusion_matrix(truth, decisions).tolist()
        together["tables"][name] = {"test": made}
        together["confusion"][name] = {"test": matrices}
        for texts in (
            rows | {f"{average} avg": {p: made[p][average] for p in made} for average in AVERAGES},
            made,
        ):
            for clips in (None, len(truth)):
                assert not accused(read_document(json.dumps(texts), clips))
    assert not accused(read_document(json.dumps(together)))
    del together["confusion"]["a"]  # then its averages are checked by the positives of the other
    assert not accused(read_document(json.dumps(together), len(truth)))
    del together["confusion"]
    assert not accused(read_document(json.dumps(together)))


def accused(document: Document) -> list[str]:
    return [said for one in audit(document).audited for said in one.sentences(*IMPOSSIBLE)]


@many
@given(truth_and_scores(max_clips=25, max_classes=4), thresholds, st.sampled_from([2, 3]))
def test_reports_of_scikit_learn_are_never_accused(inputs, threshold, digits):
    truth, found = inputs
    truth, found = np.column_stack([truth, truth[:, 0]]), np.column_stack([found, found[:, -1]])
    decisions = decide(found, threshold)
    names = [f"class {c} x" for c in range(truth.shape[1])]
    text = classification_report(truth, decisions, target_names=names, digits=digits, zero_division=0)
    document = read_document(text, len(truth))
    assert not accused(document)
    [result] = document.results
    assert list(result.classes) == names and list(result.averages) == list(AVERAGES)
    assert [row.support for row in result.classes.values()] == truth.sum(axis=0).tolist()


@many
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]))
def test_exchanged_arguments_are_recognised_beside_matrices(seed, digits):
    """scikit-learn called as (y_pred, y_true), its averages printed beside the true matrices."""
    generator = np.random.default_rng(seed)
    truth = generator.random((200, 4)) < 0.3
    decisions = (truth & (generator.random(truth.shape) < 0.9)) | (generator.random(truth.shape) < 0.2)
    made, rows = printed_from(decisions, truth, digits, False, 0)
    matrices = dict(zip(rows, multilabel_confusion_matrix(truth, decisions).tolist()))
    [one] = audit(
        read_document(
            json.dumps({"tables": {"test": made}, "classes": list(rows), "confusion": {"test": matrices}})
        )
    ).audited
    assert one.verdict is Verdict.EXCHANGED  # recall near .9, precision near .65: distinguishable
    assert "(y_pred, y_true)" in one.sentences(*IMPOSSIBLE)[0]


def test_exchanged_arguments_are_recognised_beside_another_model():
    """Positives 50 and 30. The second table counts its own predictions as positives: 60 and 25."""
    right = Result(
        "a", "test", classes={"x": ClassRow(scores(0.9, 0.72), 50), "y": ClassRow(scores(0.5, 0.5), 30)}
    )
    # tp 45 of 60 predicted and 50 positive: true P .75, R .90, printed exchanged; y: tp 20 of 25, 20 of 30
    other = Result(
        "b", "test", classes={"x": ClassRow(scores(0.9, 0.75), 60), "y": ClassRow(scores(0.67, 0.8), 25)}
    )
    found = audit(Document([right, other])).audited
    assert [one.verdict for one in found] == [Verdict.CONSISTENT, Verdict.EXCHANGED]
    assert "Truth and predictions are exchanged in b test" in found[1].sentences()[0]
    other.classes["x"].support = 59
    other.classes["x"].scores = scores(0.1, 0.1)
    assert audit(Document([right, other])).audited[1].verdict is Verdict.CANNOT


def test_matrices_turned_beside_another_model():
    right = Result("a", "test", matrices={"x": (80, 0, 5, 15), "y": (60, 5, 5, 30)})
    turned = Result(
        "b", "test", matrices={"x": (75, 2, 7, 16), "y": (60, 5, 5, 30)}
    )  # fp and fn changed places
    turned.matrices["x"] = (75, 4, 9, 16)
    found = audit(Document([right, turned])).audited[1]
    assert found.verdict is Verdict.CANNOT  # 104 clips, 25 positives
    turned.matrices["x"] = (74, 4, 6, 16)  # predicts 20 = the positives of x in a
    found = audit(Document([right, turned])).audited[1]
    assert (
        found.verdict is Verdict.EXCHANGED and "Truth and predictions are exchanged" in found.sentences()[0]
    )


# Recomputing


@many
@given(truth_and_scores(max_clips=25), thresholds)
def test_conventions_are_those_of_scikit_learn_and_of_this_project(inputs, threshold):
    truth, found = inputs
    truth, found = np.column_stack([truth, truth[:, 0]]), np.column_stack([found, found[:, -1]])
    decisions = decide(found, threshold)
    held = counts(truth, found).at(threshold)
    for name, zero_division in {"zero": 0, "one": 1}.items():
        made = from_counts(held, name)
        for average in ("micro", "macro", "weighted"):
            if average == "weighted" and not truth.any():
                continue
            expected = precision_recall_fscore_support(
                truth, decisions, average=average, zero_division=zero_division
            )
            assert [made[average][part][0] for part in PARTS] == pytest.approx(expected[:3], abs=1e-12)
    if truth.any():
        ours, made = averages(held), from_counts(held, "zero, left out")
        for average, row in made.items():
            expected = [getattr(ours[average], part) for part in PARTS]
            assert [row[part][0] for part in PARTS] == pytest.approx(expected, abs=1e-12)


def test_a_cell_that_is_off_is_named():
    document = report_document()
    crnn = next(r for r in document.results if r.name == "CRNN validation")
    crnn.averages["macro"]["precision"] = Printed(0.83, 2)
    one = only(crnn)
    assert one.sentences(*IMPOSSIBLE) == [
        "1 of 9 averages differ from the printed matrices: macro P 0.83 (they give 0.807)."
    ]
    assert [c.row for c, v in one.cells().items() if v is Verdict.CANNOT] == ["macro"]


def test_macro_f1_of_the_other_definition_is_no_error():
    """P 1, R .5 and P .5, R 1: the mean of F1 is .667, F1 of the means is .75."""
    result = table(macro=(0.75, 0.75, 0.75))
    result.matrices = {"x": (0, 0, 1, 1), "y": (0, 1, 0, 1)}
    one = only(result)
    assert one.verdict is Verdict.SUSPICIOUS
    assert (
        "harmonic mean of the averaged P and R; the mean of the classes' F1, as scikit-learn's, is 0.667"
        in (one.sentences()[0])
    )


def test_averages_of_rows_that_lack_classes_are_not_accused():
    text = "precision recall f1-score support\nDog 0.50 0.50 0.50 10\nmacro avg 0.90 0.90 0.90 40\n"
    one = audit(read_document(text)).audited[0]
    assert one.verdict is Verdict.SUSPICIOUS and "sum to 10, the averages are of 40" in one.sentences()[0]
    text = text.replace("40", "10")
    one = audit(read_document(text)).audited[0]
    assert one.verdict is Verdict.CANNOT and "macro P 0.90 (they give 0.495 to 0.505)" in one.sentences()[0]


def test_matrices_of_different_clips():
    one = only(Result(matrices={"x": (5, 1, 1, 3), "y": (5, 1, 1, 3), "z": (5, 1, 1, 4)}))
    assert one.sentences(*IMPOSSIBLE) == [
        "The matrices cannot be of the same clips: the others hold 10, but z 11."
    ]
    assert "the number of clips is 12" in only(one.result, clips=12).sentences()[0]


@settings(max_examples=60, deadline=None)
@given(truth_and_scores(max_clips=30), thresholds)
def test_the_dominant_share_is_never_above_the_true_one(inputs, threshold):
    truth, found = inputs
    truth[0] = True
    support = truth.sum(axis=0)
    made = averages(counts(truth, found).at(threshold))
    rows = {a: scores(*(round(getattr(prf, part), 2) for part in PARTS)) for a, prf in made.items()}
    assert dominant_share(Result(averages=rows), truth.shape[1]) <= np.max(support) / support.sum() + 1e-9


def test_baselines_are_hand_worked():
    """10 clips, positives 5 and 1: all classes give tp 6, fp 14, so P .3, R 1, F1 .4615."""
    named = baseline_ranges([5, 1], 10)
    assert named["every class"]["micro"]["f1"][0] == pytest.approx(12 / 26)
    assert named["the most frequent class"]["macro"]["f1"][0] == pytest.approx(2 * 5 / 15 / 2)
    assert len(CONVENTIONS) == 9 and next(iter(CONVENTIONS)) == "zero"
    turned = Confusion(*(np.array([n]) for n in (6, 14, 0, 0)))
    assert from_counts(turned)["micro"]["precision"][0] == pytest.approx(0.3)


# Thresholds


def test_a_threshold_that_only_the_reported_split_prefers_is_suspicious():
    """On test .3 separates and nothing else of the grid does; on validation .6 does."""
    truth = np.array([[True], [True], [False], [False]])
    test = counts(truth, np.array([[0.9], [0.3], [0.29], [0.1]]))
    validation = counts(truth, np.array([[0.9], [0.6], [0.59], [0.5]]))
    held = {"test": test, "validation": validation}
    found = check_threshold(held, 0.30, 2, "test")
    assert found.verdict is Verdict.SUSPICIOUS
    assert "best for micro F1 on test (1.000; of 99 thresholds it alone is)" in found.sentence
    assert "0.6 gives 1.000 and this one 0.667" in found.sentence and "no proof" in found.sentence
    assert check_threshold(held, 0.60, 2, "test").verdict is Verdict.CONSISTENT  # chosen on validation
    assert check_threshold(held, 0.45, 2, "test").verdict is Verdict.CONSISTENT  # on neither
    assert check_threshold({"test": test}, 0.3, 2, "test").verdict is Verdict.NOT_CHECKABLE


def test_what_the_print_says_of_its_threshold():
    document = report_document()
    document.threshold_chosen_on = "test"
    [finding] = audit(document).findings
    assert finding.verdict is Verdict.SUSPICIOUS and "chosen on test, which is reported" in finding.sentence
    document.threshold_chosen_on = "train"
    assert audit(document).findings[0].verdict is Verdict.CONSISTENT


def test_nothing_to_audit_is_one_sentence():
    with pytest.raises(SedcoreError, match="no table to audit"):
        audit(Document([]))
