"""Long tables: their numbers equal the evaluation to the last digit, at stops of the grid and between."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.made_runs import make_many
from pages.widgets.compare import context_bar, leaderboard
from pages.widgets.runs import cached
from sedcore.artifacts.runs import list_runs
from sedcore.evaluation.baselines import baselines, beaten_by_baselines
from sedcore.evaluation.evaluate import evaluate
from tests.pages.conftest import TRAINED, add_trained
from tests.support.opened import table, texts

RUNS = 70


@pytest.fixture(scope="module")
def many_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("many")
    make_many(root, runs=RUNS, clips=60, epochs=4)
    return root


@pytest.fixture
def as_long(monkeypatch):
    """Treat tables of these runs as long ones."""
    monkeypatch.setattr(leaderboard, "MOST_STYLED", 50)


def evaluated(root: Path, thresholds):
    """Return the evaluation of each run by its name, and the trivial baselines."""
    found = {}
    for run in list_runs(root):
        held = run.predictions("test")
        wanted = [thresholds(name) for name in held.classes]
        found[run.name] = evaluate(held.truth, held.scores, held.classes, wanted)
    return found, baselines(held.truth, held.classes)


@pytest.mark.parametrize(
    ("params", "thresholds"),
    [
        ({}, lambda name: 0.5),
        ({"t": "0.07"}, lambda name: 0.07),
        ({"t": "0.512345"}, lambda name: 0.512345),  # between the stops: scores are read
        ({"t": "0.4", "tc": "Class_03:0.6"}, lambda name: 0.6 if name == "Class_03" else 0.4),
        ({"t": "2"}, lambda name: 2.0),  # beyond the grid
        ({"t": "-1"}, lambda name: -1.0),
    ],
)
def test_rows_equal_the_evaluation_to_the_last_digit(visit, many_root, as_long, params, thresholds):
    app = visit(many_root, **params)
    assert not app.exception and not app.error
    board, (wanted, trivial) = table(app, "Macro AP").set_index("Name"), evaluated(many_root, thresholds)
    assert len(board) == RUNS + len(trivial)
    base = next(wanted[name.removesuffix(" ★")] for name in board.index if name.endswith("★"))
    for name, e in wanted.items():
        row = board.loc[name if name in board.index else f"{name} ★"]
        assert row["Macro AP"] == e.mAP
        assert row["Micro F1"] == e.averages["micro"].f1 and row["Macro F1"] == e.averages["macro"].f1
        assert e is base or row["Difference"] == e.mAP - base.mAP
        assert row["State"] == "finished" + (", below baseline" if beaten_by_baselines(e, trivial) else "")
    assert board["Macro AP"].iloc[:RUNS].is_monotonic_decreasing


def test_of_many_runs_the_chosen_ones_have_intervals(visit, many_root, as_long):
    app = visit(many_root)
    board = table(app, "95 %").set_index("Name")
    chosen = [name for name in board.index if board.loc[name, "95 %"]]
    assert len(chosen) == 5  # the best of each model
    assert {name.split()[0] for name in chosen} == {"ann", "cnn", "rnn", "crnn", "crnn_time"}
    assert len(set(map(tuple, board["mark"]))) == 5 + 2  # one mark for all others, none for baselines


def test_seeds_of_a_long_table(visit, many_root, as_long):
    app = visit(many_root)
    seeds, (wanted, _) = table(app, "Configuration"), evaluated(many_root, lambda name: 0.5)
    assert seeds["Seeds"].isin([2, 3]).all()
    groups: dict = {}
    often: dict = {}
    for run in sorted(list_runs(many_root), key=lambda run: -wanted[run.name].mAP):  # as the table has them
        info = run.info
        what = info["model"], info["config"]["learning_rate"]
        turn = often[what, info["seed"]] = often.get((what, info["seed"]), 0) + 1
        groups.setdefault((what, turn), []).append(wanted[run.name].mAP)
    means = sorted((np.mean(group) for group in groups.values() if len(group) > 1), reverse=True)
    spread = [np.std(group, ddof=1) for group in groups.values() if len(group) > 1]
    assert seeds["Macro AP"].tolist() == means and sorted(seeds["SD Macro AP"]) == sorted(spread)


def test_a_crowd_is_one_trace(visit, many_root, monkeypatch):
    from sedcore.figures import pareto

    monkeypatch.setattr(pareto, "MOST_SINGLE", 50)
    cached.recent_all_runs().clear()  # with the figures that were made of it
    app = visit(many_root)
    traces = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    crowd = max(traces, key=lambda trace: len(trace.get("text", ())))
    assert len(traces) < 40 and len(crowd["text"]) + sum(len(t.get("text", "")) == 1 for t in traces) == RUNS


def test_many_chosen_runs_are_chips_and_a_number(visit, many_root):
    ids = sorted(run.run_id for run in list_runs(many_root))
    app = visit(many_root, "curves", runs=",".join(ids))
    assert not app.exception and not app.error
    assert f"{RUNS - context_bar.MOST_CHIPS + 1} more · Change" in [button.label for button in app.button]
    assert not any("Classes by epoch" in one.value for one in app.subheader)
    app.multiselect(key="curves-maps").set_value(ids[:2]).run()
    assert any("Classes by epoch" in one.value for one in app.subheader)
    app = visit(many_root, "metrics", runs=",".join(ids))
    assert not app.exception and f"{RUNS - 40} are left out" in texts(app)


def test_the_picker_of_many_runs(visit, many_root):
    app = visit(many_root)
    app.button(key="bar-choose").click().run()
    picker = next(e.value for e in app.dataframe if "Tags" in e.value.columns)
    wanted, _ = evaluated(many_root, lambda name: 0.5)
    assert dict(zip(picker["Name"], picker["Macro AP"])) == {name: e.mAP for name, e in wanted.items()}


def test_a_rank_counts_the_runs_on_the_same_clips(visit, tmp_path):
    runs = [add_trained(tmp_path, row, place) for place, row in enumerate(TRAINED[:3])]
    add_trained(tmp_path, TRAINED[5], 5, clips={"test": 120})
    app = visit(tmp_path, "run", run=runs[1].run_id)
    held = [run.predictions("test") for run in runs]
    ap = [evaluate(one.truth, one.scores, one.classes, 0.5).mAP for one in held]
    assert f"number {1 + sum(np.array(ap) > ap[1])} of 3 runs on the same clips" in texts(app)
