"""The names of `import sedcore`: light to load, and the same numbers as behind them."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

import sedcore
from benchmarks import importing
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import create_run, save_predictions
from sedcore.errors import SedcoreError
from sedcore.evaluation.align import aligned
from sedcore.evaluation.bootstrap import bootstrap_decisions, bootstrap_ranking
from sedcore.evaluation.verdicts import compare_all

REPO = Path(__file__).parents[1]
NAMES = ("Alarm", "Dog", "Speech")
FRONT = {"SedcoreError", "compare", "evaluate", "log_scores", "open_runs", "start_run", "tune"}
HEAVY = {
    "numpy",
    "pandas",
    "scipy",
    "sklearn",
    "pyarrow",
    "tensorflow",
    "keras",
    "librosa",
    "streamlit",
    "plotly",
}


def loaded(code: str) -> set[str]:
    """Modules of a fresh process that has run some code."""
    code += "; import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def made(quality: float, seed: int = 1, clips: int = 200) -> np.ndarray:
    noise = np.random.default_rng(seed).random((clips, len(NAMES)))
    return np.clip(quality * TRUTH[:clips] + (1 - quality) * noise, 0, 1)


TRUTH = np.random.default_rng(0).random((200, 3)) < 0.4
GOOD, FAIR, ALIKE = made(0.4), made(0.15, 2), made(0.15, 3)


# ---- loading ---------------------------------------------------------------------------------------------------


def test_importing_the_package_loads_nothing_heavy():
    names = loaded("import sedcore; dir(sedcore)")
    own = {name for name in names if name.split(".")[0] == "sedcore"}
    assert own == {"sedcore", "sedcore.errors"}
    assert not HEAVY & {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("name", sorted(FRONT - {"SedcoreError"}))
def test_a_name_loads_what_it_needs_and_no_page(name):
    names = {module.partition(".")[0] for module in loaded(f"import sedcore; sedcore.{name}")}
    assert "numpy" in names and not {"tensorflow", "keras", "librosa", "streamlit", "plotly"} & names


def test_integrations_load_their_own_framework_alone():
    assert not {"keras", "lightning"} & loaded("import sedcore.integrations")
    names = {module.partition(".")[0] for module in loaded("import sedcore.integrations.keras")}
    assert "keras" in names and not {"streamlit", "plotly", "lightning"} & names


def test_the_names_are_there_for_readers_and_editors():
    assert FRONT == set(sedcore.__all__) and FRONT <= set(dir(sedcore)) and "__version__" in dir(sedcore)
    source = inspect.getsource(sedcore)
    for name in FRONT - {"SedcoreError"}:
        home = sedcore._HOMES[name]
        assert getattr(sedcore, name).__module__ == home
        assert f"from {home} import" in source  # under TYPE_CHECKING
        assert getattr(sedcore, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'evaluat'; it has"):
        _ = sedcore.evaluat


def test_the_benchmark_of_loading(capsys):
    importing.main(["--repeats=1"])
    rows = [line for line in capsys.readouterr().out.splitlines() if "import sedcore" in line]
    assert len(rows) == len(importing.STEPS)


# ---- evaluate and tune -----------------------------------------------------------------------------------------


def test_evaluate_equals_scikit_learn():
    found = sedcore.evaluate(TRUTH, FAIR, thresholds=0.4)
    wanted = precision_recall_fscore_support(TRUTH, FAIR >= 0.4, average="macro", zero_division=0)[:3]
    macro = found.averages["macro"]
    assert (macro.precision, macro.recall, macro.f1) == pytest.approx(wanted, abs=1e-12)
    assert found.mAP == pytest.approx(average_precision_score(TRUTH, FAIR, average="macro"), abs=1e-12)
    assert found.classes == ("class 0", "class 1", "class 2")
    assert repr(found).startswith("Evaluation(200 clips, 3 classes: macro AP 0.")


def test_tables_are_matched_by_name_in_any_order():
    ids = [f"{i}.wav" for i in range(len(TRUTH))]
    truth, scores = pd.DataFrame(TRUTH, ids, NAMES), pd.DataFrame(FAIR, ids, NAMES)
    found = sedcore.evaluate(truth, scores.iloc[::-1, ::-1], {"Speech": 0.5, "Alarm": 0.3, "Dog": 0.4})
    wanted = sedcore.evaluate(TRUTH, FAIR, [0.3, 0.4, 0.5], classes=NAMES)
    assert found.classes == NAMES
    pd.testing.assert_frame_equal(found.class_table(), wanted.class_table())


def test_thresholds_that_are_tuned_can_be_evaluated_at():
    table = sedcore.tune(TRUTH, FAIR, classes=NAMES)
    assert table.index.tolist() == list(NAMES) and {"threshold", "F1", "reached", "positives"} == set(table)
    found = sedcore.evaluate(TRUTH, FAIR, thresholds=table, classes=NAMES)
    np.testing.assert_allclose(found.f1, table["F1"], atol=1e-12)
    assert (found.f1 >= sedcore.evaluate(TRUTH, FAIR).f1).all()
    at = sedcore.tune(TRUTH, FAIR, "precision", at=0.9)
    assert (sedcore.evaluate(TRUTH, FAIR, at).precision >= 0.9 - 1e-9).all()
    assert sedcore.tune(TRUTH, FAIR, common="micro")["threshold"].nunique() == 1


@pytest.mark.parametrize(
    "act, said",
    [
        (lambda: sedcore.evaluate(TRUTH, FAIR[:9]), "scores has shape .9, 3., truth has shape .200, 3."),
        (lambda: sedcore.evaluate(TRUTH[:, 0], FAIR[:, 0]), "wanted .clips, classes."),
        (lambda: sedcore.evaluate(TRUTH, np.where(TRUTH, np.nan, 0.5)), "not finite, first nan at clip"),
        (lambda: sedcore.evaluate(TRUTH * 0.5, FAIR), "truth holds values other than 0 and 1"),
        (lambda: sedcore.evaluate(np.where(TRUTH, np.nan, 0), FAIR), "truth holds .* NaN, first at clip"),
        (lambda: sedcore.evaluate(TRUTH, FAIR, classes=["a"]), "1 class names for 3"),
        (lambda: sedcore.evaluate(TRUTH, FAIR, [0.1, 0.2]), "one number or one a class .3."),
        (lambda: sedcore.evaluate(TRUTH, FAIR, {"class 0": 0.1}), "no threshold is given for class class 1"),
        (lambda: sedcore.evaluate(TRUTH, FAIR, pd.DataFrame()), "needs a column 'threshold'"),
        (
            lambda: sedcore.evaluate(pd.DataFrame(TRUTH), pd.DataFrame(FAIR).iloc[1:]),
            "other clips: 0 is in one",
        ),
        (lambda: sedcore.evaluate(pd.DataFrame(TRUTH), pd.DataFrame(FAIR, columns=NAMES)), "other classes"),
        (lambda: sedcore.tune(TRUTH, FAIR, "f2"), "no objective 'f2'"),
        (lambda: sedcore.tune(TRUTH, FAIR, "precision"), "precision needs at"),
        (lambda: sedcore.compare({"a": (TRUTH, FAIR)}), "two models or more"),
        (lambda: sedcore.compare({"a": FAIR, "b": FAIR}), "'a' is given as .truth, scores."),
        (lambda: sedcore.compare({"a": (TRUTH, FAIR), "b": (TRUTH, FAIR[:9])}), "b: scores has shape"),
        (
            lambda: sedcore.compare({"a": (TRUTH, FAIR), "b": (~TRUTH, FAIR)}),
            "'b' does not .* labels for 200",
        ),
        (lambda: sedcore.compare({"a": (TRUTH, FAIR), "b": (TRUTH[:9], FAIR[:9])}), "200 and 9, 9 in common"),
    ],
)
def test_what_does_not_fit_is_told_in_one_sentence(act, said):
    with pytest.raises(SedcoreError, match=said) as found:
        act()
    assert "\n" not in str(found.value)


# ---- compare ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three():
    return sedcore.compare({n: (TRUTH, s) for n, s in (("good", GOOD), ("<b>fair", FAIR), ("alike", ALIKE))})


def test_verdicts_are_those_of_the_paired_bootstrap(three):
    assert three.verdict("macro_ap", "good", "<b>fair") == "better"
    assert three.verdict("macro_ap", "<b>fair", "good") == "worse"
    assert three.verdict("micro_f1", "<b>fair", "alike") == "not proven"
    ids = [f"{i:09d}" for i in range(len(TRUTH))]
    held = [aligned(ids, [f"class {c}" for c in range(3)], TRUTH, scores) for scores in (GOOD, FAIR, ALIKE)]
    ranking = bootstrap_ranking(TRUTH, [one.scores for one in held])
    decisions = bootstrap_decisions(TRUTH, [one.scores >= 0.5 for one in held])
    for measure, drawn in (("macro_ap", ranking), ("micro_f1", decisions)):
        wanted = compare_all(
            [one.full[measure] for one in drawn], np.stack([o.draws[measure] for o in drawn], 1)
        )
        found = three.pairs(measure)
        places = np.triu_indices(3, 1)
        np.testing.assert_array_equal(found["p"], wanted.p_corrected[places])
        np.testing.assert_array_equal(found["difference"], wanted.difference[places])
        low, high = drawn[1].interval(measure)
        row = three.frame().query("name == '<b>fair' and measure == @measure").iloc[0]
        assert (row["low"], row["high"]) == (low, high)


def test_a_row_a_model_and_measure(three):
    table = three.frame()
    assert len(table) == 3 * len(three.measures) and three.names == ["good", "<b>fair", "alike"]
    ranks = table[table["measure"] == "macro_ap"].set_index("name")["rank"]
    assert ranks.to_dict() == {"good": 1, "<b>fair": 2, "alike": 2}  # not proven to differ: they share it
    known = table[table["value"].notna()]
    assert (known["low"] <= known["value"] + 1e-12).all() and (known["value"] <= known["high"] + 1e-12).all()


def test_the_classes_behind_a_verdict(three):
    table = three.classes("macro_ap", "good", "alike")
    assert table.index.tolist() == ["class 0", "class 1", "class 2"] and (table["verdict"] == "better").all()
    assert set(three.classes("micro_f1", "good", "alike")) >= {"good", "alike", "difference", "p"}


def test_it_reads_well_where_it_is_printed(three):
    text, page = repr(three), three._repr_html_()
    assert "good is better than <b>fair" in text and "<b>fair against alike: not proven" in text
    assert "<b>" not in page and "&lt;b&gt;fair" in page


def test_names_and_measures_that_there_are_not_are_told(three):
    for act, said in (
        (lambda: three.verdict("macro_a"), "did you mean macro_ap"),
        (lambda: three.verdict("macro_ap"), "two names of good, <b>fair, alike; given None"),
        (lambda: three.verdict("macro_ap", "good", "god"), "given 'god'"),
        (lambda: three.verdict("macro_ap", "good", "good"), "not compared with itself"),
    ):
        with pytest.raises(SedcoreError, match=said):
            act()


def test_two_models_need_no_names_and_tables_any_order():
    ids = [f"{i}.wav" for i in range(len(TRUTH))]
    tables = [pd.DataFrame(part, ids, NAMES) for part in (TRUTH, GOOD, FAIR)]
    turned = [part.iloc[::-1, ::-1] for part in tables]
    found = sedcore.compare({"a": (tables[0], tables[1]), "b": (turned[0], turned[2])})
    assert found.verdict("macro_ap") == "better" and found.evaluations["b"].classes == NAMES[::-1]
    assert found.classes().index.tolist() == list(NAMES)


# ---- open_runs -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    ids = np.array([f"{i}.wav" for i in range(len(TRUTH))], dtype=object)
    for name, scores in (("good", GOOD), ("fair", FAIR)):
        run = create_run(
            folder, {"kind": "imported", "name": name, "run_id": name, "model": name}, "finished"
        )
        save_predictions(run, Predictions("test", ids, NAMES, TRUTH, scores))
    create_run(folder, {"kind": "trained", "name": "waits", "run_id": "waits"})
    return folder


def test_runs_of_a_root(root):
    before = sorted(str(file) for file in root.rglob("*"))
    runs = sedcore.open_runs(root)
    assert len(runs) == 3 and {run.name for run in runs} == {"good", "fair", "waits"}
    np.testing.assert_array_equal(runs["good"].predictions("test").scores, GOOD)
    table = runs.frame()
    for name, scores in (("good", GOOD), ("fair", FAIR)):
        wanted = sedcore.evaluate(TRUTH, scores)
        assert table.loc[name, "macro_ap"] == pytest.approx(wanted.mAP, abs=1e-12)
        assert table.loc[name, "micro_f1"] == pytest.approx(wanted.averages["micro"].f1, abs=1e-12)
    assert np.isnan(table.loc["waits", "macro_ap"]) and table.loc["waits", "state"] == "queued"
    at = runs.frame(thresholds={"Dog": 0.123, "Speech": 0.3})  # the third keeps 0.5
    wanted = sedcore.evaluate(TRUTH, FAIR, [0.5, 0.123, 0.3])
    assert at.loc["fair", "macro_f1"] == pytest.approx(wanted.averages["macro"].f1, abs=1e-12)
    assert "good" in repr(runs) and "good" in runs._repr_html_()
    assert sorted(str(file) for file in root.rglob("*")) == before


def test_runs_compare_as_arrays_do(root):
    found = sedcore.open_runs(root).compare("good", "fair")
    wanted = sedcore.compare({"good": (TRUTH, GOOD), "fair": (TRUTH, FAIR)})
    for measure in ("macro_ap", "micro_f1"):
        assert found.verdict(measure) == wanted.verdict(measure)
    assert found.frame()["value"].tolist() == pytest.approx(wanted.frame()["value"].tolist(), abs=1e-12)
    assert sedcore.open_runs(root).compare().names == ["good", "fair"]


def test_what_is_not_in_a_root_is_told(root, tmp_path):
    for act, said in (
        (lambda: sedcore.open_runs(tmp_path / "none"), "there is no artifact root"),
        (lambda: sedcore.open_runs(root)["best"], "no run 'best'"),
        (lambda: sedcore.open_runs(root).compare("good", "waits"), "run waits: it waits to be trained"),
        (lambda: sedcore.open_runs(root).compare("good"), "two runs or more"),
        (
            lambda: sedcore.open_runs(root).compare("good", "fair", split="eval"),
            "no run has scores on eval|no scores",
        ),
        (lambda: sedcore.open_runs(root).compare("good", "fair", thresholds="high"), "one number, or"),
    ):
        with pytest.raises(SedcoreError, match=said):
            act()
