"""The page of sweeps, and seeds as one on other pages, without a browser; runs are trained by hand."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from sedcore.artifacts.index import RunIndex
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import list_runs, save_predictions
from sedcore.artifacts.sweeps import find_sweep, list_sweeps
from sedcore.data.store import open_dataset
from sedcore.evaluation.evaluate import evaluate
from sedcore.jobs import launch
from sedcore.jobs.queue import queued_runs
from sedcore.jobs.sweeps.advance import Sweeps
from sedcore.jobs.sweeps.results import best_score
from sedcore.jobs.sweeps.space import parse_values
from sedcore.jobs.sweeps.spec import make_sweep, parse_spec
from sedcore.models.catalog import MODELS
from sedcore.training.grid import grid_cells
from tests.support.tiny import make_dataset
from tests.test_sweeps import train, value_of

PAGES = Path(__file__).parents[2] / "pages"
SPEC = {
    "dataset": "tiny",
    "model": "ann",
    "epochs": 4,
    "seeds": 2,
    "space": {"learning_rate": [1e-4, 1e-3, 1e-2], "batch_size": [8, 16, 32]},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("sweeps-page")
    make_dataset(root)
    return root


@pytest.fixture
def root(data, tmp_path, monkeypatch) -> Path:
    (tmp_path / "datasets").symlink_to(data / "datasets")
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("SEDBOARD_TRAINING", "on")
    started: list[Path] = []
    monkeypatch.setattr(launch, "ensure_worker", lambda root, job=None: started.append(root))
    monkeypatch.setattr(
        "pages.widgets.training.sweep_form.ensure_worker", lambda root, job=None: started.append(root)
    )
    return tmp_path


def sweep_some(root: Path, number: int = 10_000, **changes) -> str:
    """Make a sweep and train so many of its runs; return its name."""
    sweep, worker = make_sweep(root, parse_spec(SPEC | changes)), Sweeps(root)
    worker.advance(now=True)
    while number and (waiting := queued_runs(root)):
        run = waiting[0]
        train(run, value_of(run) - 0.05, value_of(run))
        number -= 1
        worker.advance(now=True)
    return sweep.name


def page_of(name: str = "sweeps", **params: str) -> AppTest:
    page = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=120)
    for key, value in params.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def text_of(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.warning, page.error)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def figures(page: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def numbers(values: list | dict) -> list[float]:
    """Return what an axis of a trace holds; Plotly packs arrays."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return values


def texts(figure: dict) -> list[str]:
    return [text for trace in figure["data"] if trace.get("mode") == "text" for text in trace["text"]]


def test_without_a_sweep_the_page_offers_one_and_the_grid(root):
    page = page_of()
    assert "No sweep yet" in text_of(page)
    assert page.button(key="sweep-new").label == "New sweep"
    assert page.button(key="grid-ann-logmel").label == "Train"


def test_a_finished_sweep_shows_its_map(root):
    sweep_some(root)
    page = page_of()
    words = text_of(page).replace("**", "")
    # value_of: 0.5 at 1e-3 and seed 0, 0.51 with seed 1; the batch size changes nothing
    assert "does best at learning rate 0.001, batch size 8: macro AP 0.505 on validation, ±0.007" in words
    assert "18 of 18 runs finished" in words
    cells = texts(figures(page)[0])
    assert len(cells) == 9 and sum("<b>0.505</b> ±0.007<br>2 runs" == cell for cell in cells) == 3
    assert sum("<b>0.405</b>" in cell for cell in cells) == 6
    table = page.dataframe[0].value
    assert table["Macro AP"].tolist()[:3] == pytest.approx([0.505] * 3) and table["Runs"].tolist() == [2] * 9
    assert len(figures(page)) == 4  # map, importance, best so far, parallel coordinates
    assert "sweep-stop" not in [button.key for button in page.button]


def test_a_sweep_that_has_begun_says_how_far_it_is_and_stops(root):
    name = sweep_some(root, 3)
    page = page_of()
    assert "3 of 18 runs finished" in text_of(page)
    cells = texts(figures(page)[0])
    assert any("2 runs" in cell for cell in cells) and "waits" in cells
    page.button(key="sweep-stop").click().run()
    assert find_sweep(root, name).read()["state"] == "stopping" and not queued_runs(root)


def test_a_link_names_a_sweep(root):
    first, second = sweep_some(root, 2), sweep_some(root, 2)
    assert first in text_of(page_of(sweep=first)) and second in text_of(page_of(sweep=second))
    assert "There is no sweep <b>x" in text_of(page_of(sweep="<b>x"))


def test_many_values_are_points_in_the_plane(root):
    space = {"learning_rate": {"low": 1e-5, "high": 1e-1, "log": True}, "batch_size": [8, 16]}
    sweep_some(root, sampler="random", trials=14, seeds=1, space=space)
    (trace,) = figures(page_of())[0]["data"]
    assert trace["mode"] == "markers" and len(trace["customdata"]) == 14


def test_one_setting_or_three_have_their_map_too(root):
    given = {key: value for key, value in SPEC.items() if key != "model"}
    for space in ({"model": ["ann", "rnn_time"]}, SPEC["space"] | {"model": ["ann", "rnn_time"]}):
        sweep, worker = make_sweep(root, parse_spec(given | {"seeds": 1, "space": space})), Sweeps(root)
        worker.advance(now=True)
        train(queued_runs(root)[0], 0.4)
        assert figures(page_of(sweep=sweep.name))


def test_the_form_makes_a_sweep(root):
    page = page_of()
    page.button(key="sweep-new").click().run()
    assert "9 points, 2 seeds each: 18 runs, about" in text_of(page).replace("**", "")
    page.number_input(key="sweep-seeds").set_value(3).run()
    page.text_input(key="sweep-rates").set_value("1e-4,1e-3").run()
    assert "6 points, 3 seeds each: 18 runs" in text_of(page).replace("**", "")
    page.button(key="sweep-begin").click().run()
    assert not page.exception
    (sweep,) = list_sweeps(root)
    spec = parse_spec(sweep.read()["spec"])
    assert spec.seeds == (0, 1, 2) and spec.space["learning_rate"].values == (1e-4, 1e-3)


def test_a_mistake_in_the_form_is_said_and_nothing_begins(root):
    page = page_of()
    page.button(key="sweep-new").click().run()
    for text, words in (
        ("quick", "is neither a list of numbers nor LOW to HIGH"),
        ("1e-5 to 1e-3", "a grid needs all values"),
        ("0, 1", "learning_rate is a number above 0"),
    ):
        page.text_input(key="sweep-rates").set_value(text).run()
        assert words in text_of(page) and page.button(key="sweep-begin").disabled
    page.multiselect(key="sweep-models").set_value(["crnn"]).run()
    page.text_input(key="sweep-rates").set_value("1e-3, 1e-2").run()
    assert "needs at least 38 bands" in text_of(page) and page.button(key="sweep-begin").disabled
    page.multiselect(key="sweep-models").set_value(["crnn", "ann"]).run()
    assert "crnn on logmel is skipped" in text_of(page) and not page.button(key="sweep-begin").disabled


def test_lists_and_ranges():
    assert parse_values("1e-5, 0.1,2", float) == [1e-5, 0.1, 2.0]
    assert parse_values(" 8 to 128", int) == {"low": 8, "high": 128, "log": True}
    for text in ("1 to 2 to 3", "a", "1.5"):
        with pytest.raises(ValueError):
            parse_values(text, int)


def test_the_grid_shows_the_best_starts_the_empty_and_names_the_misfit(root):
    sweep_some(root, 4)
    page = page_of()
    assert page.button(key="grid-ann-logmel").label == "**0.410**"  # rate 1e-4, seed 1
    assert "does not fit" in text_of(page)
    assert "grid-crnn-logmel" not in [button.key for button in page.button]
    page.button(key="grid-rnn_time-logmel").click().run()
    assert not page.exception
    (run,) = [run for run in list_runs(root) if run.info["model"] == "rnn_time"]
    assert run.status().state == "queued" and run.info["config"]["epochs"] == MODELS["rnn_time"].epochs
    assert page.button(key="grid-rnn_time-logmel").label == "waits"
    cells = grid_cells(open_dataset(root, "tiny"), RunIndex(root, keep=False).refresh(), best_score)
    assert cells["ann", "logmel"].value == pytest.approx(0.41) and cells["crnn", "logmel"].misfit


def test_without_training_the_page_does_nothing(root, monkeypatch):
    sweep_some(root, 2)
    monkeypatch.delenv("SEDBOARD_TRAINING")
    page = page_of()
    assert not page.button and "command line sweeps" in text_of(page)


# ---- seeds as one elsewhere


def with_scores(root: Path) -> list[str]:
    sweep_some(root, 4)
    chosen = [run for run in list_runs(root) if run.status().state == "finished"][:4]
    for place, run in enumerate(sorted(chosen, key=lambda r: (r.info["sweep"]["trial"], r.info["seed"]))):
        truth = np.random.default_rng(0).random((40, 3)) < 0.4
        scores = np.clip(truth * 0.3 + np.random.default_rng(place).random((40, 3)) * 0.7, 0, 1)
        ids = np.array([f"c{n}" for n in range(40)])
        save_predictions(run, Predictions("validation", ids, ("Alarm", "Dog", "Speech"), truth, scores))
    return [run.run_id for run in chosen]


def test_curves_show_seeds_as_their_mean_and_a_band(root):
    ids = with_scores(root)
    page = page_of("curves", runs=",".join(ids))
    loss = figures(page)[0]["data"]
    bands = [trace for trace in figures(page)[1]["data"] if trace.get("fill") == "toself"]
    assert len(bands) == 2 and loss
    # seeds 0 and 1 lie at 0.40 and 0.41 in the second epoch, the mean between them
    assert sorted(numbers(bands[0]["y"])) == pytest.approx([0.35, 0.36, 0.40, 0.41])
    lines = [t for t in figures(page)[1]["data"] if t.get("line", {}).get("width") == 2.2]
    assert numbers(lines[0]["y"]) == pytest.approx([0.355, 0.405])
    assert "ann-rate-batch 0, 2 seeds" in text_of(page)
    page.toggle(key="curves-seeds").set_value(False).run()
    assert not [trace for trace in figures(page)[1]["data"] if trace.get("fill") == "toself"]
    assert len([t for t in figures(page)[1]["data"] if t.get("line", {}).get("width") == 2.2]) == 4


@pytest.mark.parametrize("name", ["overview", "metrics"])
def test_tables_show_mean_and_deviation_over_seeds(root, name):
    ids = with_scores(root)
    values: dict[int, list[float]] = {}
    for run in list_runs(root):
        if run.run_id in ids:
            found = run.predictions("validation")
            macro = evaluate(found.truth, found.scores, found.classes, 0.5).averages["macro"].f1
            values.setdefault(run.info["sweep"]["trial"], []).append(macro)
    page = page_of(name, runs=",".join(ids), split="validation")
    (table,) = [frame.value for frame in page.dataframe if "Configuration" in frame.value.columns]
    table = table.sort_values("Configuration")
    assert table["Configuration"].tolist() == [f"ann-rate-batch {trial}, 2 seeds" for trial in sorted(values)]
    pairs = [values[trial] for trial in sorted(values)]
    assert table["Macro F1"].tolist() == pytest.approx([sum(pair) / 2 for pair in pairs])
    deviations = [abs(pair[0] - pair[1]) / 2**0.5 for pair in pairs]  # of a sample of two
    assert table["SD Macro F1"].tolist() == pytest.approx(deviations)


def test_a_sweep_over_any_setting_is_shown(root):
    sweep_some(root, space={"mixup": [0, 0.2], "masking": [True, False]})
    page = page_of()
    assert not page.error and "does best at" in text_of(page)


def test_a_damaged_history_leaves_its_run_out_of_the_grid(root):
    sweep_some(root, seeds=1, space={"learning_rate": [1e-3, 1e-4]})
    pair = ("ann", "logmel")
    (run, other) = list_runs(root)
    (run.path / "history.jsonl").write_text("nonsense\n")
    cells = grid_cells(open_dataset(root, "tiny"), RunIndex(root, keep=False).refresh(), best_score)
    assert cells[pair].best.run_id == other.run_id
