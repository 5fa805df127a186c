"""The Verdicts page: its words and tables equal the evaluation's; what cannot be compared is said."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from sedcore.artifacts.runs import Run
from sedcore.evaluation.align import aligned
from sedcore.evaluation.baselines import baselines
from sedcore.evaluation.bootstrap import bootstrap_decisions, bootstrap_ranking
from sedcore.evaluation.counts import decide
from sedcore.evaluation.verdicts import compare, compare_all, mcnemar
from tests.pages.conftest import TRAINED, add_trained
from tests.support.opened import table, texts

LEADER, SECOND = "20250301-150000-crnn-time-a005", "20250301-130000-crnn-a003"
THIRD = "20250301-110000-cnn-a001"


def held(root: Path, run_id: str, split: str = "test"):
    found = Run(root / "runs" / run_id).predictions(split)
    return aligned(found.clip_ids, found.classes, found.truth, found.scores)


def test_pairs_equal_the_evaluation(visit, full_root):
    app = visit(full_root, "verdicts", runs=f"{SECOND},{LEADER},{THIRD}")
    assert not app.exception and not app.error
    runs = [held(full_root, run_id) for run_id in (LEADER, SECOND, THIRD)]
    draws = bootstrap_ranking(runs[0].truth, [run.scores for run in runs])
    values = np.array([d.full["macro_ap"] for d in draws])
    found = compare_all(values, np.stack([d.draws["macro_ap"] for d in draws], axis=1))
    pairs = table(app, "Rank")
    assert list(pairs["Run"][:3]) == ["crnn_time", "crnn", "cnn"]
    np.testing.assert_allclose(pairs["Value"][:3], values, atol=1e-12)
    assert pairs[SECOND][0] == f"better +{found.difference[0, 1]:.3f}"
    assert pairs[LEADER][1] == f"worse −{found.difference[0, 1]:.3f}" and pairs[LEADER][0] == ""
    low, high = draws[0].interval("macro_ap")
    assert pairs["95 %"][0] == f"[{low:.3f}, {high:.3f}]"
    assert "**crnn\\_time** leads **crnn** on macro AP: better" in texts(app)
    proven = int(np.isin(found.verdict, ["better", "worse"]).sum()) // 2
    assert f"of all 3 pairs {proven} differ beyond doubt" in texts(app)


def test_trivial_baselines_stand_below_and_flag_what_they_beat(visit, full_root):
    app = visit(full_root, "verdicts")
    run = held(full_root, LEADER)
    trivial = baselines(run.truth, run.classes)
    pairs = table(app, "Rank")
    assert list(pairs["Run"][-3:]) == list(trivial)
    assert pairs["Value"].iloc[-1] == pytest.approx(run.truth[:, run.truth.any(axis=0)].mean())
    assert "**ann** is below a trivial baseline on" in texts(app)


@pytest.mark.parametrize("measure", ["f1", "mcc"])
def test_a_pair_class_by_class_equals_the_evaluation(visit, full_root, measure):
    title = f"acro {measure.upper()}"
    app = visit(full_root, "verdicts", runs=f"{LEADER},{SECOND}", judge=f"M{title}", t="0.4")
    first, second = held(full_root, LEADER), held(full_root, SECOND)
    decisions = [decide(run.scores, 0.4) for run in (first, second)]
    a, b = bootstrap_decisions(first.truth, decisions)
    support = first.truth.sum(axis=0)
    found = compare(a.full[measure], b.full[measure], a.draws[measure], b.draws[measure], support)
    test = mcnemar(first.truth, *decisions)
    rows = table(app, "Verdict").set_index("Class").loc[[name.replace("_", " ") for name in first.classes]]
    np.testing.assert_allclose(rows["Difference"], found.difference, atol=1e-12)
    np.testing.assert_allclose(rows["p"], found.p_corrected)
    assert rows["Verdict"].tolist() == found.verdict.tolist()
    assert rows["First only"].tolist() == test.first_only.tolist()
    np.testing.assert_allclose(rows["McNemar p"], test.p_corrected)
    assert rows.loc["Electric shaver toothbrush", "Verdict"] == "not defined"
    assert f"on m{title}" in texts(app)
    steps = waterfall_of(app)["x"]
    assert sum(steps[:-1]) == pytest.approx(steps[-1])


@pytest.mark.parametrize("measure", ["Micro F1", "Weighted F1", "Samples F1", "Micro MCC", "Macro ROC AUC"])
def test_every_measure_has_its_page(visit, full_root, measure):
    app = visit(full_root, "verdicts", judge=measure)
    assert not app.exception and not app.error
    assert f"** on {measure[0].lower()}{measure[1:]}" in texts(app)
    if measure in ("Samples F1", "Micro MCC"):
        assert "no parts a class" in texts(app)


def waterfall_of(app: AppTest) -> dict:
    figures = [json.loads(e.proto.spec) for e in app.get("plotly_chart")]
    return next(t for figure in figures for t in figure["data"] if t["type"] == "waterfall")


def test_the_waterfall_adds_up(visit, full_root):
    app = visit(full_root, "verdicts", runs=f"{LEADER},{SECOND}", judge="Micro F1")
    pairs, steps = table(app, "Rank"), waterfall_of(app)["x"]
    assert steps[0] == pytest.approx(pairs["Value"][1]) and steps[-1] == pytest.approx(pairs["Value"][0])
    assert sum(steps[:-1]) == pytest.approx(steps[-1])


def test_runs_that_do_not_compare_are_not_judged(visit, odd_root):
    short, long = "20250301-110000-cnn-a001", "20250301-150000-crnn-time-a005"
    app = visit(odd_root, "verdicts", runs=f"{short},{long}")
    assert not app.exception and "not comparable with" in texts(app)
    assert "a verdict needs a second run" in texts(app)
    assert len(table(app, "Rank")) == 4  # one run, three baselines


def test_seeds_of_one_configuration_count_as_one(visit, tmp_path):
    first = add_trained(tmp_path, TRAINED[3], 3)
    other = add_trained(tmp_path, TRAINED[3], 4)
    add_trained(tmp_path, TRAINED[1], 1)
    info = json.loads((other.path / "run.json").read_text())
    (other.path / "run.json").write_text(
        json.dumps(info | {"seed": 1, "config": {**info["config"], "seed": 1}})
    )
    ids = f"{first.run_id},{other.run_id},20250301-110000-cnn-a001"
    app = visit(tmp_path, "verdicts", runs=ids)
    assert not app.exception
    assert "crnn, 2 seeds" in list(table(app, "Rank")["Run"])
    spread = table(app, "SD")
    each = [
        bootstrap_ranking(r.truth, [r.scores], resamples=1)[0].full["macro_ap"]
        for r in (held(tmp_path, first.run_id), held(tmp_path, other.run_id))
    ]
    row = spread[spread["Measure"] == "Macro AP"].iloc[0]
    assert row["Mean"] == pytest.approx(np.mean(each)) and row["SD"] == pytest.approx(np.std(each, ddof=1))
    app.toggle(key="seeds-as-one").set_value(False).run()
    assert not app.exception and "crnn, 2 seeds" not in list(table(app, "Rank")["Run"])


def test_draws_are_kept_in_the_run_only_where_pages_write(visit, full_root, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(full_root, root)
    for folder in root.glob("runs/*/cache"):
        shutil.rmtree(folder)
    visit(root, "verdicts", runs=f"{LEADER},{SECOND}")
    assert not list(root.glob("runs/*/cache"))
    app = visit(root, "verdicts", training=True, runs=f"{LEADER},{SECOND}")
    assert {file.parent.parent.name for file in root.glob("runs/*/cache/*.npz")} >= {LEADER, SECOND}
    assert not app.exception


def test_runs_cut_to_what_they_share_are_judged_and_not_kept(visit, odd_root):
    visit(odd_root, "overview", training=True)
    app = visit(odd_root, "verdicts", runs=f"{LEADER},energy", common="1", training=True)
    assert not app.exception and "a verdict needs" not in texts(app)
    assert len(table(app, "Rank")) == 5
    run = held(odd_root, LEADER)
    found = bootstrap_ranking(run.truth[:, :3], [run.scores[:, :3]], resamples=2000)[0]
    row = table(app, "Rank").set_index("Run").loc["crnn_time"]
    assert row["Value"] == pytest.approx(found.full["macro_ap"])
    low, high = found.interval("macro_ap")
    assert row["95 %"] == f"[{low:.3f}, {high:.3f}]"
    with np.load(odd_root / "runs" / LEADER / "cache" / "test-bootstrap.npz") as kept:
        assert kept["ap"].shape == (2000, 10)  # of the whole split, from Overview


def test_a_damaged_other_split_leaves_verdicts_as_they_are(visit, tmp_path):
    for place in (3, 5):
        run = add_trained(tmp_path, TRAINED[place], place)
    (run.path / "predictions" / "validation.parquet").write_bytes(b"cut")
    app = visit(tmp_path, "verdicts")
    assert not app.exception and not app.error
