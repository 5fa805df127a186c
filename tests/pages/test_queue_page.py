"""The page of the queue, run without a browser: runs are claimed and recorded here, no process trains."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages.widgets.training.queued_table import moves, remove
from sedcore.artifacts.checkpoint import Checkpoint, write_checkpoint
from sedcore.artifacts.epochs import validation_matrices
from sedcore.artifacts.files import read_json, write_json
from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.recording import append_history, write_progress
from sedcore.artifacts.runs import Run, list_runs
from sedcore.artifacts.status import set_status
from sedcore.jobs.queue import queued_runs, submit
from sedcore.jobs.workers import register
from sedcore.training.config import TrainConfig
from tests.support.no_process import NoProcess, no_memory, replace_process
from tests.support.small_sets import CLASSES, small_set

PAGE = str(Path(__file__).parents[2] / "pages" / "queue.py")
ENTRY = str(Path(__file__).parents[2] / "dashboard.py")
# Counts at the threshold by class, after two epochs of 10 validation clips; the second is the better one.
EPOCHS = (
    {"mAP": 0.25, "ap": [0.1, 0.2, 0.3, 0.4, None], "tp": [1] * 5, "fp": [0] * 5, "fn": [2] * 5},
    {
        "mAP": 0.5,
        "ap": [0.3, 0.4, 0.6, 0.7, None],
        "tp": [3, 1, 0, 2, 0],
        "fp": [0, 1, 2, 3, 4],
        "fn": [0, 2, 1, 0, 0],
    },
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    small_set(folder, "birds", clips=20, hop_s=0.5)
    return folder


@pytest.fixture
def root(data, tmp_path, monkeypatch) -> Path:
    shutil.copytree(data / "datasets", tmp_path / "datasets")
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("SEDBOARD_TRAINING", "on")
    replace_process(monkeypatch)
    return tmp_path


def queue(root: Path, name: str, seed: int = 0, model: str = "rnn_time") -> Run:
    return submit(root, TrainConfig("birds", model, epochs=4, seed=seed), name=name)


@contextmanager
def training(run: Run, epochs: int = 0):
    """A run in the hands of a trainer that has come so far; ended without a word."""
    with RunLock(run.path):
        set_status(run.path, "running")
        for number, known in enumerate(EPOCHS[:epochs], start=1):
            looks = {"train": {"loss": 0.4, "mAP": 0.6}, "validation": {"loss": 0.5, "clips": 10} | known}
            append_history(run, {"epoch": number, "seconds": 2.0, "validation_seconds": 0.5} | looks)
        record = {"phase": "training", "epoch": epochs + 1, "epochs": 4, "batch": 3, "batches": 12}
        write_progress(run, record | {"clips_per_s": 41.2, "seconds_left": 75.0, "memory_mb": 812.3})
        yield


def run_page(file: str = PAGE) -> AppTest:
    return checked(AppTest.from_file(file, default_timeout=60))


def checked(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception
    return page


def text_of(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.warning, page.error, page.code)
    return "\n".join(element.value for kind in kinds for element in kind)


def buttons(page: AppTest) -> dict[str, str]:
    return {button.key: button.label for button in page.button}


def pulses(page: AppTest) -> int:
    """Return how many parts of the page ask to be drawn again."""
    return len(page.get("bidi_component"))


def charts(page: AppTest) -> list[dict]:
    """Return the figures on the page, arrays as lists."""
    return [unpacked(json.loads(chart.proto.spec)) for chart in page.get("plotly_chart")]


def unpacked(value):
    if isinstance(value, list):
        return [unpacked(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "bdata" not in value:
        return {key: unpacked(one) for key, one in value.items()}
    array = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
    if "shape" in value:
        array = array.reshape([int(size) for size in value["shape"].split(",")])
    return json.loads(pd.DataFrame(array).to_json(orient="values")) if array.ndim == 2 else array.tolist()


def press(key: str, row: int, label: str, act: Callable[[Run], None], runs: list[Run]) -> AppTest:
    """Press a button in a row of a table: AppTest has no click there, so its callback is called as on a click."""

    def page(key, row, label, act, runs):
        import streamlit as st

        from pages.widgets.base.messages import pressed_row

        st.session_state[key] = {"row": row, "label": label}
        pressed_row(key, runs, act)

    return checked(AppTest.from_function(page, args=(key, row, label, act, runs)))


def aged(run: Run, **ago: float) -> None:
    since = (datetime.now(UTC) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    write_json(run.path / "status.json", read_json(run.path / "status.json", "run") | {"since": since})


def test_an_empty_queue_polls_nothing(root):
    page = run_page()
    assert "Nothing trains and nothing waits." in text_of(page)
    assert pulses(page) == 0


def test_what_trains_says_how_far_it_is(root):
    run = queue(root, "slow *one*")
    with training(run, epochs=2):
        page = run_page()
        assert r"**slow \*one\*** trains; nothing waits." in text_of(page)
        bar = page.get("progress")[0].proto
        assert bar.text == "Epoch 3 of 4 · batch 3 of 12 · 41 clips/s · 812 MB · 1 min 15 s left at most"
        assert bar.value == 56  # per cent: (2 + 3 / 12) of 4 epochs
        loss, ap, classes, _ = charts(page)
        assert [trace["y"] for trace in ap["data"] if len(trace["x"]) == 2] == [[0.6, 0.6], [0.25, 0.5]]
        heat = classes["data"][0]
        assert heat["x"] == [1, 2]
        assert heat["z"] == [[0.1, 0.3], [0.2, 0.4], [0.3, 0.6], [0.4, 0.7], [None, None]]
        assert "epoch 2, threshold 0.50" in text_of(page)
        assert pulses(page) == 2  # the line, and the figures


def test_figures_grow_with_the_epochs(root):
    run = queue(root, "growing")
    with training(run, epochs=1):
        page = run_page()
        assert charts(page)[2]["data"][0]["x"] == [1]
        append_history(
            run, {"epoch": 2, "seconds": 2.0, "validation": {"loss": 0.5, "clips": 10} | EPOCHS[1]}
        )
        assert charts(checked(page))[2]["data"][0]["x"] == [1, 2]


def test_matrices_are_those_of_the_best_epoch(root):
    run = queue(root, "counted")
    with training(run, epochs=2):
        cells = validation_matrices(run, run.history(), 2)
        assert cells.tolist() == [
            [[7, 0], [0, 3]],
            [[6, 1], [2, 1]],
            [[7, 2], [1, 0]],
            [[5, 3], [0, 2]],
            [[6, 4], [0, 0]],
        ]
        assert (cells.sum(axis=(1, 2)) == 10).all() and len(cells) == len(CLASSES)
        assert validation_matrices(run, run.history(), 3) is None


def test_cancel_then_kill(root):
    run = queue(root, "stubborn")
    with training(run, epochs=1):
        page = run_page()
        page.button(key=f"cancel-{run.run_id}").click()
        checked(page)
        assert run.status().state == "cancelling"
        assert buttons(page)[f"kill-{run.run_id}"] == "Kill now"
        kill = page.button(key=f"kill-{run.run_id}")
        assert "nothing but its log" in kill.help
        write_checkpoint(run, Checkpoint({"w": np.zeros(1)}, {"epoch": 1, "best_epoch": 0}))
        assert "its last checkpoint" in checked(page).button(key=f"kill-{run.run_id}").help


def test_waiting_runs_stand_in_order(root):
    for seed, name in enumerate(("a", "b", "c")):
        queue(root, name, seed)
    page = run_page()
    table = page.dataframe[0].value
    assert table["Run"].tolist() == ["a", "b", "c"]
    assert table["Place"].tolist() == [1, 2, 3]
    assert table["Settings"].tolist()[1] == "4 epochs, rate 0.001, batch 32, seed 1"
    assert "Nothing trains; 3 runs wait." in text_of(page)
    assert pulses(page) == 1


def test_the_order_can_be_changed(root):
    runs = [queue(root, name, seed) for seed, name in enumerate("abc")]

    def order() -> str:
        return "".join(run.name for run in queued_runs(root))

    act = moves(root, runs)
    press("queued-up", 2, "↑", act["queued-up"], runs)
    assert order() == "acb"
    press("queued-down", 0, "↓", act["queued-down"], runs)
    assert order() == "cab"
    press("queued-first", 1, "⤒", act["queued-first"], runs)
    assert order() == "bca"


def test_a_waiting_run_can_be_taken_out_but_not_one_that_has_begun(root):
    runs = [queue(root, "a"), queue(root, "b", 1)]
    assert not press("queued-remove", 0, "Remove", remove, runs).toast
    assert runs[0].status().state == "cancelled"
    with training(runs[1]):
        page = press("queued-remove", 1, "Remove", remove, runs)
        assert "waits no more" in page.toast[0].value
        assert runs[1].status().state == "running"


def test_a_cell_without_a_label_is_no_button(root):
    run = queue(root, "a")
    press("queued-remove", 0, "", remove, [run])
    assert run.status().state == "queued"


def test_one_that_goes_on_from_a_checkpoint_cannot_be_edited(root):
    queue(root, "fresh")
    write_checkpoint(queue(root, "begun", 1), Checkpoint({"w": np.zeros(1)}, {"epoch": 1, "best_epoch": 0}))
    assert run_page().dataframe[0].value["Edit"].fillna("").tolist() == ["Edit", ""]


def test_without_a_worker_a_button_starts_one(root, monkeypatch):
    run = queue(root, "patient")
    assert "start-worker" not in buttons(run_page())  # one may be on its way
    aged(run, minutes=1)
    page = run_page()
    assert "No worker is there" in text_of(page)
    page.button(key="start-worker").click()
    checked(page)
    assert "worker" in NoProcess.started[0]
    replace_process(monkeypatch, no_memory)
    page.button(key="start-worker").click()
    checked(page)
    assert "no memory" in page.toast[0].value
    lock = register(root, {"jobs": 1})
    assert "start-worker" not in buttons(checked(page))
    lock.release()


def test_an_interrupted_run_is_told_and_offers_to_go_on(root):
    run = queue(root, "broken off")
    with training(run, epochs=1):
        page = run_page()
        write_checkpoint(run, Checkpoint({"w": np.zeros(1)}, {"epoch": 1, "best_epoch": 0}))
    checked(page)  # its trainer is gone
    assert "was interrupted" in text_of(page) and "last checkpoint" in text_of(page)
    assert "was interrupted" in page.toast[0].value
    assert page.dataframe[0].value["State"].tolist() == ["interrupted"]
    assert pulses(page) == 0
    page.button(key=f"resume-{run.run_id}").click()
    checked(page)
    assert [waiting.run_id for waiting in queued_runs(root)] == [run.run_id]
    assert len(NoProcess.started) == 1
    assert page.dataframe[0].value["Place"].tolist() == [1]


def test_ended_runs_say_how_and_what_can_be_done(root):
    ends = {
        "bad": ("failed", "the loss became nan"),
        "good": ("finished", "all 4 epochs done"),
        "off": ("cancelled", ""),
    }
    for seed, (name, (state, reason)) in enumerate(ends.items()):
        run = queue(root, name, seed)
        set_status(run.path, state, reason)
        aged(run, hours=seed)
    table = run_page().dataframe[0].value
    assert table["Run"].tolist() == ["bad", "good", "off"]
    assert table["How it ended"].tolist() == ["the loss became nan", "all 4 epochs done", "–"]
    assert table["Resume"].fillna("").tolist() == ["Resume", "", "Resume"]


def test_deleting_asks_first(root):
    run = queue(root, "old")
    set_status(run.path, "finished")
    page = run_page()
    page.session_state["delete-run"] = run.run_id
    checked(page)
    assert "This cannot be undone" in text_of(page)
    assert run.path.exists()
    page.button(key="past-delete-yes").click()
    checked(page)
    assert not run.path.exists()


def test_a_deleted_run_is_chosen_no_more(root):
    runs = [queue(root, name) for name in ("old", "other")]
    for run in runs:
        set_status(run.path, "finished")
    page = AppTest.from_file(PAGE, default_timeout=60)
    page.query_params["runs"] = ",".join(run.run_id for run in runs)
    page.query_params["baseline"] = runs[0].run_id
    page.session_state["delete-run"] = runs[0].run_id
    checked(page).button(key="past-delete-yes").click()
    checked(page)
    assert page.query_params["runs"] == runs[1].run_id and "baseline" not in page.query_params


def test_a_damaged_run_is_named_and_the_others_are_shown(root):
    damaged, run = queue(root, "damaged"), queue(root, "whole")
    (damaged.path / "run.json").write_text('{"a"')
    page = run_page()
    assert [box.label for box in page.expander] == ["1 run folder cannot be read"]
    assert page.dataframe[0].value["Run"].tolist() == ["whole"] and not page.error
    page = run_page(str(Path(PAGE).with_name("new_run.py")))
    assert page.button(key="new-start") and not page.error
    with training(run):
        assert "**whole** trains" in text_of(run_page())


@pytest.mark.parametrize("state, word", [("finished", "has finished"), ("failed", "has failed: no *memory*")])
def test_an_end_is_told_once_on_another_page(root, state, word):
    run = queue(root, "told")
    with training(run):
        page = run_page(ENTRY)
        assert page.title[0].value == "Overview"
        assert not page.toast and pulses(page) == 1
    set_status(run.path, state, "no *memory*")
    checked(page)
    (toast,) = page.toast
    assert toast.value.replace("\\", "").startswith(f"**told** {word}")
    assert pulses(page) == 0
    assert not checked(page).toast
    assert not run_page(ENTRY).toast  # nor to who has not seen it train


def test_a_deleted_and_a_cancelled_run_are_not_announced(root):
    runs = [queue(root, "gone"), queue(root, "off", 1)]
    page = run_page()
    set_status(runs[1].path, "cancelled")
    shutil.rmtree(runs[0].path)
    assert not checked(page).toast


def test_without_training_the_page_does_nothing(root, monkeypatch):
    monkeypatch.delenv("SEDBOARD_TRAINING")
    queue(root, "still")
    page = run_page()
    assert not page.button and not page.dataframe and pulses(page) == 0


def test_names_are_shown_as_they_are(root):
    run = queue(root, ":red[x] <b>")
    with training(run):
        assert ":red[x]" not in text_of(run_page())
    assert len(list_runs(root)) == 1


def test_the_page_of_an_interrupted_run_offers_to_go_on(root):
    run = queue(root, "half")
    with training(run, epochs=2):
        pass
    page = AppTest.from_file(PAGE.replace("queue.py", "run.py"), default_timeout=60)
    page.query_params["run"] = run.run_id
    checked(page)
    assert {"run-resume", "run-clone"} <= set(buttons(page))
    page.button(key="run-resume").click()
    checked(page)
    assert run.status().state == "queued"
    assert "run-resume" not in buttons(page)


def test_curves_show_the_classes_by_epoch(root):
    run = queue(root, "learned")
    with training(run, epochs=2):
        page = AppTest.from_file(PAGE.replace("queue.py", "curves.py"), default_timeout=60)
        page.query_params["runs"] = run.run_id
        checked(page)
        heat = charts(page)[2]
        assert heat["data"][0]["z"][0] == [0.1, 0.3]
        assert [(shape["x0"], shape["x1"]) for shape in heat["layout"]["shapes"]] == [(1.5, 2.5)]
        assert pulses(page) == 1
    assert pulses(checked(page)) == 0
