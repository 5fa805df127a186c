"""Every page on every kind of root: no exception, numbers that equal the evaluation, sentences where data lack."""

import base64
import json
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from benchmarks.made_runs import make_runs
from sedcore.artifacts.manage import rename_run
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.recording import append_history
from sedcore.artifacts.runs import Run, create_run, list_runs, save_predictions
from sedcore.artifacts.status import set_status
from sedcore.evaluation.evaluate import evaluate
from tests.pages.conftest import (
    CLASSES,
    TRAINED,
    add_queued,
    add_reported,
    add_trained,
    make_scores,
    make_truth,
)
from tests.support.opened import table, texts

PAGES = ("overview", "curves", "metrics", "thresholds", "confusion", "verdicts")
LEADER, SECOND = "20250301-150000-crnn-time-a005", "20250301-130000-crnn-a003"
ANN = "20250301-100000-ann-a000"


def board(app: AppTest) -> dict:
    """Return what the threshold board is given; runs by their label."""
    data = json.loads(next(element for element in app.main if element.type == "bidi_component").proto.json)
    return data | {"labels": [run["label"] for run in data["runs"]]}


def expected(root: Path, run_id: str, split: str = "test", threshold=0.5):
    found = Run(root / "runs" / run_id).predictions(split)
    return evaluate(found.truth, found.scores, found.classes, threshold)


@pytest.mark.parametrize("page", PAGES)
def test_full_root(visit, full_root, page):
    app = visit(full_root, page)
    assert not app.exception and not app.error
    assert app.title[0].value == page.title()
    assert "best of each model on demo" in texts(app)
    assert "**ann** has collapsed" in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_odd_root(visit, odd_root, page):
    app = visit(odd_root, page)
    assert not app.exception and not app.error
    ids = ",".join(run.run_id for run in list_runs(odd_root))
    app = visit(odd_root, page, runs=ids)
    assert not app.exception and not app.error
    assert "1 run folder cannot be read" in [e.label for e in app.expander]
    if page != "curves":
        assert "not comparable with" in texts(app)
        assert "120 clips against 300 clips" in texts(app) or "300 clips against 120 clips" in texts(app)


@pytest.mark.parametrize("page", [*PAGES, "run"])
def test_empty_roots_say_what_to_do(visit, tmp_path, page):
    app = visit(tmp_path / "nowhere", page)
    assert not app.exception and "does not exist" in texts(app)
    app = visit(tmp_path, page)
    assert not app.exception and "There is no run in" in texts(app)
    assert any("sedcore demo-data" in code.value for code in app.code)


@pytest.mark.parametrize("page", PAGES)
def test_runs_without_scores_are_explained(visit, full_root, page):
    app = visit(full_root, page, runs="20250301-190000-cnn-dead,20250301-200000-rnn-wait,report-cnn")
    assert not app.exception and not app.error
    if page not in ("overview", "curves"):
        said = texts(app)
        assert "it failed" in said and "waits to be trained" in said and "printed result" in said


def test_root_that_is_a_file_is_one_sentence(visit, tmp_path):
    file = tmp_path / "root"
    file.write_text("")
    app = visit(file, "metrics")
    assert not app.exception and "is a file" in app.error[0].value


def test_leaderboard_equals_the_evaluation(visit, full_root):
    board = table(visit(full_root), "Macro AP")
    assert list(board["Name"][:2]) == ["crnn_time ★", "crnn"]
    e, base = expected(full_root, SECOND), expected(full_root, LEADER)
    row = board.iloc[1]
    assert row["Macro AP"] == e.mAP and row["Macro F1"] == e.averages["macro"].f1
    assert row["Micro F1"] == e.averages["micro"].f1
    assert row["Difference"] == pytest.approx(e.mAP - base.mAP, abs=1e-12)
    assert set(board["State"]) == {
        "finished",
        "finished, collapsed, below baseline",
        "failed",
        "queued",
        "baseline",
    }
    assert np.isnan(board["Macro AP"].iloc[-4])  # below runs without scores stand three trivial baselines
    low, high = (float(part) for part in row["95 %"].strip("[]").split(", "))
    assert low < e.mAP < high


def test_reported_rows_stand_apart_with_their_note(visit, full_root):
    app = visit(full_root)
    rows = table(app, "In doubt")
    assert list(rows["Name"]) == ["CNN (report)"] and rows["Micro F1"].iloc[0] == 0.87
    assert "Precision and recall are exchanged" in texts(app)
    assert "CNN (report)" not in list(table(app, "Macro AP")["Name"])


def test_metrics_equal_the_evaluation_with_thresholds_of_the_url(visit, full_root):
    app = visit(full_root, "metrics", runs=f"{SECOND},{LEADER}", split="validation", t="0.3", tc="Speech:0.7")
    thresholds = [
        0.7 if name == "Speech" else 0.3 for name in Run(full_root / "runs" / LEADER).info["classes"]
    ]
    e = expected(full_root, LEADER, "validation", thresholds)
    averages = table(app, "macro F1")
    assert list(averages["Run"][:2]) == ["crnn", "crnn_time"] and len(averages) == 5  # and baselines
    for name in ("micro", "macro", "weighted", "samples"):
        assert averages[f"{name} P"].iloc[1] == e.averages[name].precision
        assert averages[f"{name} R"].iloc[1] == e.averages[name].recall
        assert averages[f"{name} F1"].iloc[1] == e.averages[name].f1
        assert averages.get(f"{name} MCC", [None, None])[1] == e.averages[name].get("mcc")
    mcc = table(visit(full_root, "metrics", runs=f"{SECOND},{LEADER}", t="0.3", measure="MCC"), "Support")
    at = expected(full_root, LEADER, "test", 0.3)
    np.testing.assert_array_equal(mcc[LEADER], at.mcc)
    assert (
        mcc["Trivial"].isna() | (mcc["Trivial"] == 0)
    ).all()  # what predicts everything tells nothing apart
    classes = table(app, "Support")
    assert list(classes["Support"]) == list(e.support)
    np.testing.assert_array_equal(classes[LEADER], e.f1)
    share = e.support / e.clips
    np.testing.assert_allclose(classes["Trivial"], 2 * share / (1 + share))  # of predicting everything
    other = expected(full_root, SECOND, "validation", thresholds)
    np.testing.assert_allclose(classes["Spread"], np.abs(e.f1 - other.f1))


def test_a_class_below_its_trivial_baseline_is_tinted_and_named(visit, full_root):
    app = visit(full_root, "metrics", runs=f"{LEADER},{ANN}")
    classes = next(e for e in app.dataframe if "Trivial" in e.value.columns)
    e = expected(full_root, ANN, "test", [0.5] * 10)
    under = np.flatnonzero(e.f1 < classes.value["Trivial"])
    assert 0 < len(under) < 10
    css = classes.proto.arrow_data.styler.styles
    column = list(classes.value.columns).index(ANN)
    tinted = [row for row in range(10) if f"row{row}_col{column} " in tints_of(css).replace(",", " ")]
    assert tinted == under.tolist()
    assert f"without listening (Trivial): ann in {len(under)} classes" in texts(app)
    app.get_by_key("measure").set_value("recall").run()
    assert "Tinted" not in texts(app)


def tints_of(css: str) -> str:
    return "".join(rule.partition("{")[0] for rule in css.split("}") if "background-color" in rule)


def test_undefined_class_is_a_dash_with_its_reason(visit, full_root):
    app = visit(full_root, "metrics")
    assert np.isnan(table(app, "Support")[LEADER].iloc[5])
    assert "Electric shaver toothbrush: no positive clip in test" in texts(app)


def test_the_board_holds_exact_counts_of_every_class_run_and_stop(visit, full_root):
    app = visit(full_root, "thresholds", runs=f"{SECOND},{LEADER}")
    data = board(app)
    assert data["labels"] == ["crnn", "crnn_time"]
    assert data["grid"] == [k / 100 for k in range(101)]
    raw = zlib.decompress(base64.b64decode(data["counts"]))
    tp, fp = np.frombuffer(raw, f"<u{data['bytes']}").reshape(2, 2, 10, 101)
    for r, run_id in enumerate((SECOND, LEADER)):
        for g in (0, 7, 50, 100):
            e = expected(full_root, run_id, threshold=data["grid"][g])
            assert (tp[r, :, g].tolist(), fp[r, :, g].tolist()) == (e.tp.tolist(), e.fp.tolist())
            samples = e.averages["samples"]
            np.testing.assert_allclose(
                data["runs"][r]["samples"][g], [samples.precision, samples.recall, samples.f1], rtol=1e-12
            )


def test_thresholds_in_force_reach_the_board_and_every_other_number(visit, full_root):
    app = visit(full_root, "thresholds", runs=f"{LEADER},{SECOND}", t="0.2", tc="Speech:0.6172")
    data = board(app)
    assert (data["threshold"], data["own"]) == (0.2, {"Speech": 0.6172})
    thresholds = [0.6172 if name == "Speech" else 0.2 for name in CLASSES]
    e = expected(full_root, LEADER, threshold=thresholds)
    assert (data["exact"]["tp"][0], data["exact"]["fp"][0]) == (e.tp.tolist(), e.fp.tolist())
    samples = e.averages["samples"]
    assert data["exact"]["samples"][0] == [samples.precision, samples.recall, samples.f1]
    assert f"{e.averages['macro'].f1:.3f}" in texts(app)
    app.switch_page("pages/metrics.py").run()
    np.testing.assert_array_equal(table(app, "Support")[LEADER], e.f1)


@pytest.mark.parametrize("subject", ["Macro average", "Micro average", "Speech"])
def test_matthews_correlation_against_the_threshold(visit, full_root, subject):
    app = visit(full_root, "thresholds", runs=LEADER, t="0.3", **{"class": subject})
    app.get_by_key("thresholds-view").set_value("MCC").run()
    assert not app.exception
    line, marker = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    e = expected(full_root, LEADER, "test", 0.3)
    wanted = e.averages.get(subject.split()[0].lower(), {}).get("mcc", e.mcc[e.classes.index("Speech")])
    assert marker["y"] == [pytest.approx(wanted)]
    drawn = np.frombuffer(base64.b64decode(line["y"]["bdata"]), line["y"]["dtype"])
    assert drawn[board(app)["grid"].index(0.3)] == pytest.approx(wanted)


def test_the_board_ends_with_what_one_gets_without_listening(visit, full_root):
    app = visit(full_root, "thresholds", runs=LEADER)
    every = next(one for one in board(app)["baselines"] if one["label"] == "all positive")
    found = Run(full_root / "runs" / LEADER).predictions("test")
    e = evaluate(found.truth, np.ones(found.truth.shape), found.classes, 0.5)
    for name, values in every["values"].items():
        assert {"f1", "precision", "recall"} <= values.keys()
        assert values == {measure: e.averages[name][measure] for measure in values}


def test_the_board_spans_scores_that_are_no_probabilities(visit, odd_root):
    app = visit(odd_root, "thresholds", runs="energy", t="-20")
    assert not app.exception
    data, e = board(app), expected(odd_root, "energy", threshold=-20)
    scores = Run(odd_root / "runs" / "energy").predictions("test").scores
    assert data["grid"][0] <= scores.min() and data["grid"][-1] >= scores.max() and -20 in data["grid"]
    assert data["exact"]["tp"] == [e.tp.tolist()]


def test_runs_with_other_classes_share_the_board_and_stand_apart(visit, odd_root):
    app = visit(odd_root, "thresholds", runs=f"{LEADER},energy")
    data = board(app)
    assert [run["group"] for run in data["runs"]] == [0, 1]
    assert data["runs"][1]["positives"][3:] == [-1] * 7  # it has three classes only


def test_choice_survives_a_change_of_page(visit, full_root):
    app = visit(full_root, "metrics", runs=SECOND, split="validation", t="0.25")
    app.switch_page("pages/thresholds.py").run()
    assert board(app)["threshold"] == 0.25 and board(app)["labels"] == ["crnn"]
    app.switch_page("pages/confusion.py").run()
    assert "validation" in app.get_by_key("bar-split").value


def test_ids_that_do_not_exist_are_said_and_the_rest_is_shown(visit, full_root):
    app = visit(full_root, "metrics", runs=f"{SECOND},nobody,../../etc", baseline="gone")
    assert not app.exception
    assert "nobody" in texts(app) and "gone" in texts(app) and "cannot be one" in texts(app)
    assert "crnn" in list(table(app, "macro F1")["Run"]) and len(table(app, "macro F1")) == 4


def test_names_cannot_format_the_page(visit, odd_root):
    app = visit(odd_root, "metrics", runs="20250301-130000-crnn-a003")
    assert not app.exception
    said = texts(app)
    assert "\\<b\\>" in said and "<b>" not in said.replace("\\<b", "")
    assert ":red[x]" not in said


def test_a_damaged_score_file_is_a_reason_not_a_failure(visit, odd_root):
    app = visit(odd_root, "metrics", runs="20250301-150000-crnn-time-a005,20250301-120000-rnn-a002")
    assert not app.exception and not app.error
    assert "scores cannot be used" in texts(app)


def test_confusion_shows_counts_and_rates(visit, full_root):
    app = visit(full_root, "confusion", runs=f"{LEADER},report-cnn", split="validation")
    spec = app.get("plotly_chart")[0].proto.spec
    e = expected(full_root, LEADER, "validation")
    assert f'"{int(e.tp[8])}"' in spec
    assert len(app.get("plotly_chart")) == 2, "printed matrices of the reported run are shown beside"
    app.get_by_key("numbers").set_value("rates").run()
    assert f'"{e.recall[8]:.2f}"' in app.get("plotly_chart")[0].proto.spec
    app.get_by_key("by").set_value("class").run()
    assert len(app.get("plotly_chart")) == 10
    app.get_by_key("view").set_value("fires").run()
    assert not app.exception and len(app.get("plotly_chart")) == 1


def test_curves_leave_out_what_has_no_history_and_mark_the_best_epoch(visit, full_root):
    app = visit(full_root, "curves", runs=f"{LEADER},report-cnn")
    assert "printed results have no history" in texts(app)
    assert "best epoch, 25" in app.get("plotly_chart")[0].proto.spec
    app.get_by_key("layout").set_value("apart").run()
    app.slider(key="curves-smoothing").set_value(0.6).run()
    assert not app.exception


def test_run_page_shows_actions_only_where_the_server_may_write(visit, full_root):
    app = visit(full_root, "run", run=LEADER)
    assert not app.exception and "number 1 of 6 runs" in texts(app)
    assert not [button for button in app.button if button.key == "run-delete"]
    app = visit(full_root, "run", training=True, run=LEADER)
    assert [button for button in app.button if button.key == "run-delete"]
    for run_id in ("report-cnn", "20250301-190000-cnn-dead", "20250301-200000-rnn-wait"):
        assert not visit(full_root, "run", run=run_id).exception
    assert "No such run" in texts(visit(full_root, "run", run="../../etc/passwd"))


def test_rename_note_and_delete(visit, odd_root):
    app = visit(odd_root, "run", training=True, run="energy")
    app.text_input(key="run-name").set_value("loudness").run()
    app.button(key="run-name-save").click().run()
    assert Run(odd_root / "runs" / "energy").name == "loudness"
    app.text_input(key="run-name").set_value("  ").run()
    app.button(key="run-name-save").click().run()
    assert "characters" in app.error[0].value


def test_pages_write_nothing_without_the_switch(visit, odd_root):
    def snapshot():
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in odd_root.rglob("*")}

    before = snapshot()
    for page in PAGES:
        visit(odd_root, page)
    assert snapshot() == before


def test_runs_that_do_not_compare_can_be_cut_to_what_they_share(visit, odd_root):
    app = visit(odd_root, "metrics", runs=f"{LEADER},energy")
    assert "not comparable" in texts(app)
    app.button(key="common-on").click().run()
    assert not app.exception
    assert "Cut to 300 common clips and 3 common classes" in texts(app)
    found = Run(odd_root / "runs" / LEADER).predictions("test")
    e = evaluate(found.truth[:, :3], found.scores[:, :3], found.classes[:3], 0.5)
    shown = table(app, "macro F1")
    assert shown["macro F1"].iloc[0] == e.averages["macro"].f1 and len(shown) == 5  # and three baselines
    app.switch_page("pages/thresholds.py").run()
    assert [run["group"] for run in board(app)["runs"]] == [0, 0]
    app.button(key="common-off").click().run()
    assert [run["group"] for run in board(app)["runs"]] == [0, 1]


def test_common_clips_whose_labels_differ_are_left_out_and_counted(visit, tmp_path):
    for name, first, other_labels in (("one", 0, 0), ("other", 2, 3)):
        truth = make_truth(42, 2)[first : first + 40]
        truth[:other_labels] = ~truth[:other_labels]
        ids = np.array([f"clip_{i}.wav" for i in range(first, first + 40)])
        run = create_run(tmp_path, {"kind": "imported", "run_id": name, "name": name}, state="finished")
        save_predictions(run, Predictions("test", ids, CLASSES, truth, make_scores(truth, 2.0, 1)))
    app = visit(tmp_path, "confusion", runs="one,other", common="1")
    assert not app.exception
    assert "Cut to 35 common clips and 10 common classes" in texts(app)
    assert "Left out: 3 common clips whose labels differ" in texts(app)


def test_what_thresholds_are_worth_is_told_of_the_common_clips_and_classes(visit, tmp_path):
    add_trained(tmp_path, TRAINED[5], 5)
    other = add_trained(tmp_path, TRAINED[1], 1, clips={"validation": 100, "test": 120})
    for split in ("validation", "test"):  # it knows but nine of the classes
        found = other.predictions(split)
        save_predictions(
            other,
            Predictions(split, found.clip_ids, CLASSES[1:], found.truth[:, 1:], found.scores[:, 1:]),
        )
    for common in ("", "1", ""):
        app = visit(tmp_path, "thresholds", runs=f"{LEADER},{other.run_id}", common=common)
        shown = table(app, "Macro F1 0.5").set_index("Run")
        held = Run(tmp_path / "runs" / LEADER).predictions("test")
        kept = np.isin(held.clip_ids, other.predictions("test").clip_ids) if common else slice(None)
        classes = slice(1, None) if common else slice(None)
        e = evaluate(held.truth[kept, classes], held.scores[kept, classes], held.classes[classes], 0.5)
        assert shown.loc["crnn_time", "Macro F1 0.5"] == e.averages["macro"].f1
        assert not shown["Macro F1 tuned"].isna().any() and "Not tuned" not in texts(app)


def test_removing_one_of_very_many_runs_keeps_the_others(visit, tmp_path):
    runs = make_runs(tmp_path, runs=45, clips=20, classes=3)
    ids = [run.run_id for run in runs]
    app = visit(tmp_path, "confusion", runs=",".join(ids))
    assert "5 are left out" in texts(app)
    app.button(key=f"chip-base-{ids[1]}").click().run()
    assert app.query_params["runs"] == ",".join(ids)
    app.button(key=f"chip-remove-{ids[0]}").click().run()
    assert app.query_params["runs"] == ",".join(ids[1:])


def test_names_that_format_stay_plain_in_help(visit, tmp_path):
    runs = make_runs(tmp_path, runs=2, clips=40, classes=3)
    for run in runs:
        rename_run(run, "**bold** [x](http://e.org)")
    app = visit(tmp_path, "metrics", runs=",".join(run.run_id for run in runs))
    columns = [column for frame in app.dataframe for column in json.loads(frame.proto.columns).values()]
    helps = [column["help"] for column in columns if "bold" in (column.get("help") or "")]
    assert helps and all("\\*\\*bold" in text for text in helps)


def test_curves_say_who_was_still_learning_and_what_lies_above_the_axis(visit, tmp_path):
    learned = {"steady": ([9.0, 0.5, 0.4], [1e-3] * 3), "cooled": ([0.7, 0.5, 0.4], [1e-3, 5e-4, 1e-5])}
    for name, (losses, rates) in learned.items():
        info = {"run_id": name, "name": name, "kind": "trained", "model": "ann", "best_epoch": 3}
        run = create_run(tmp_path, info)
        for epoch, (loss, rate) in enumerate(zip(losses, rates), 1):
            parts = {"train": {"loss": loss}, "validation": {"loss": 0.6 - epoch / 10, "mAP": epoch / 10}}
            append_history(run, {"epoch": epoch, "learning_rate": rate} | parts)
        set_status(run.path, "finished")
    said = texts(visit(tmp_path, "curves", runs="steady,cooled"))
    assert "**steady** was best in the last epoch and may not have finished" in said
    assert "Loss of the first epoch in training lies above the axis: steady (9.000)." in said


def test_runs_without_scores_go_with_whichever_group_leads(visit, tmp_path):
    add_trained(tmp_path, TRAINED[5], 5)
    other = add_trained(tmp_path, TRAINED[1], 1, clips={"test": 120})
    add_queued(tmp_path)
    runs = f"{LEADER},{other.run_id}"
    for baseline, many in ((LEADER, 300), (other.run_id, 120), (LEADER, 300)):
        app = visit(tmp_path, runs=runs, baseline=baseline)
        assert not app.exception and not app.error
        boards = [frame.value for frame in app.dataframe if "Macro AP" in frame.value.columns]
        assert [("rnn" in list(board["Model"])) for board in boards] == [True, False]
        assert f"{many} clips" in app.subheader[0].value
    cut = visit(tmp_path, runs=runs, baseline=other.run_id, common="1")
    assert "120 clips" in cut.subheader[0].value


def test_a_link_within_the_app_is_followed_each_time(visit, full_root):
    both = f"{LEADER},{SECOND}"
    app = visit(full_root, "metrics", runs=both)
    for _ in range(2):
        app.session_state["next-page"] = ("curves", {"runs": both})
        app.run()
        assert app.session_state["choice"].runs == (LEADER, SECOND)
        app.session_state["choice"] = replace(app.session_state["choice"], runs=(LEADER,))
        app.query_params["runs"] = LEADER
        app.run()
        assert app.session_state["choice"].runs == (LEADER,)


def test_the_best_threshold_for_all_is_found_between_the_stops(visit, tmp_path):
    truth = make_truth(300, 2)
    scores = make_scores(truth, 2.5, 1).astype(np.float64) * 0.01
    run = create_run(tmp_path, {"kind": "imported", "run_id": "small", "name": "small"}, state="finished")
    save_predictions(run, Predictions("test", np.arange(300).astype(str), CLASSES, truth, scores))
    app = visit(tmp_path, "thresholds")
    said = re.search(r"one threshold for all gives it at most ([.\d]+), at (\d\.\d+)", texts(app))
    distinct = np.unique(scores)
    found = [evaluate(truth, scores, CLASSES, t).averages["macro"].f1 for t in distinct[::7]]
    assert float(said[1]) >= round(max(found), 3) > 0.3 and 0 < float(said[2]) < 0.01


def test_thresholds_of_classes_that_are_cut_away_are_no_problem(visit, odd_root):
    runs = {"runs": f"{LEADER},energy", "tc": "Speech:0.7,Nothing:0.1"}
    for common in ("", "1"):
        said = texts(visit(odd_root, "metrics", common=common, **runs))
        assert "A threshold is set for Nothing, which no chosen run has" in said


def test_damaged_printed_results_disable_nothing_but_themselves(visit, tmp_path):
    add_trained(tmp_path, TRAINED[5], 5)
    printed = add_reported(tmp_path)
    (printed.path / "reported.json").write_text('{"schema": 2}')
    for page in PAGES:
        app = visit(tmp_path, page, runs=f"{LEADER},{printed.run_id}")
        assert not app.exception and not app.error
        assert "1 run folder cannot be read" in [e.label for e in app.expander]
