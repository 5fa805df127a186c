"""The page that starts trainings, run without a browser; the process that trains is replaced."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from sedcore.artifacts.files import write_json
from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.runs import append_history, create_run, list_runs, write_progress
from sedcore.artifacts.status import set_status
from sedcore.jobs import build, launch
from sedcore.models.catalog import MODELS
from tests.small_sets import small_set

PAGE = str(Path(__file__).parents[2] / "pages" / "new_run.py")


class NoProcess:
    """Stands in for the training process."""

    started: list[list[str]] = []

    def __init__(self, command: list[str], **_: object):
        self.started.append(command)


def replace_process(monkeypatch: pytest.MonkeyPatch, popen: object) -> None:
    """Put `popen` in place of subprocess.Popen, where trainings and builds start and nowhere else."""
    for module in (launch, build):
        fake = SimpleNamespace(Popen=popen, DEVNULL=subprocess.DEVNULL)
        monkeypatch.setattr(module, "subprocess", fake)


def no_memory(*_: object, **__: object) -> None:
    raise OSError(12, "no memory")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    small_set(folder, "birds", clips=30, features=("logmel", "mfcc"))
    small_set(folder, "short", clips=20, hop_s=1.0)  # 10 frames
    return folder


@pytest.fixture
def root(data, tmp_path, monkeypatch) -> Path:
    shutil.copytree(data / "datasets", tmp_path / "datasets")
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("SEDBOARD_TRAINING", "on")
    replace_process(monkeypatch, NoProcess)
    NoProcess.started.clear()
    return tmp_path


def run_page(**params: str) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    for key, value in ({"data": "birds"} | params).items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def text_of(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.warning, page.error, page.code)
    return "\n".join(element.value for kind in kinds for element in kind)


def make_run(root: Path, model: str = "cnn", state: str = "finished", **info: object):
    known = {"kind": "trained", "model": model, "features": "logmel", "dataset": "birds", **info}
    return create_run(root, known, state=state)


def test_the_recommended_model_and_its_defaults_come_first(root):
    page = run_page()
    assert "**CRNN over time** on **birds** takes about" in page.markdown[0].value
    assert page.number_input(key="new-epochs").value == MODELS["crnn_time"].epochs
    command = page.code[0].value.replace("\\\n", "")
    assert command.split()[:8] == "python -m sedcore train birds --model crnn_time --features".split()
    assert str(root) in command


def test_every_model_has_a_card(root):
    page = run_page()
    for card in MODELS.values():
        assert page.button(key=f"choose-{card.name}").label == card.title


def test_defaults_follow_the_model_unless_they_were_changed(root):
    page = run_page()
    page.button(key="choose-ann").click().run()
    assert page.number_input(key="new-rate").value == 1e-2
    page.number_input(key="new-epochs").set_value(3).run()
    page.button(key="choose-cnn").click().run()
    assert page.number_input(key="new-rate").value == 1e-3
    assert page.number_input(key="new-epochs").value == 3
    assert "--epochs 3" in page.code[0].value


def test_a_link_chooses_the_model(root):
    assert "**CNN** on **birds**" in run_page(model="cnn").markdown[0].value
    assert "**CRNN over time**" in run_page(model="<b>").markdown[0].value


def test_start_makes_a_queued_run_with_these_settings(root):
    page = run_page(model="rnn_time")
    page.number_input(key="new-epochs").set_value(1).run()
    page.number_input(key="new-batch").set_value(8).run()
    page.text_input(key="new-name").set_value("first *try*").run()
    page.button(key="new-start").click().run()
    assert not page.exception
    (run,) = list_runs(root)
    assert run.status().state == "queued"
    assert run.info["name"] == "first *try*"
    config = run.info["config"]
    assert (config["model"], config["epochs"], config["batch_size"]) == ("rnn_time", 1, 8)
    assert len(NoProcess.started) == 1 and run.run_id in NoProcess.started[0]
    assert "has started" in text_of(page)
    assert page.number_input(key="new-epochs").value == 1
    assert page.button(key="new-start").disabled  # the same is under way
    page.number_input(key="new-seed").set_value(1).run()
    assert not page.button(key="new-start").disabled


def test_an_error_keeps_the_form(root, monkeypatch):
    page = run_page()
    page.number_input(key="new-epochs").set_value(7).run()
    replace_process(monkeypatch, no_memory)
    page.button(key="new-start").click().run()
    assert not page.exception
    assert "no memory" in page.error[0].value
    assert page.number_input(key="new-epochs").value == 7


def test_a_model_that_does_not_fit_says_why_and_cannot_start(root):
    page = run_page(data="short", model="crnn")
    assert "needs at least" in page.error[0].value
    assert page.button(key="new-start").disabled


def test_features_are_those_that_are_built(root):
    page = run_page()
    assert page.get("button_group")[0].options == ["log-mel", "MFCC"]
    assert "1 000 frames" not in text_of(page) and "200 frames × 64 bands" in text_of(page)


def test_data_without_features_says_how_they_come(root):
    shutil.rmtree(root / "datasets" / "birds" / "features")
    page = run_page()
    assert "Features are not built" in text_of(page)
    assert "new-start" not in [button.key for button in page.button]


def test_no_data_set_offers_the_demo(root):
    shutil.rmtree(root / "datasets")
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    assert "python -m sedcore demo-data" in text_of(page)
    page.button(key="build-demo").click().run()
    assert not page.exception
    assert NoProcess.started[0][-1] == "demo-data"


def test_time_follows_earlier_runs(root):
    run = make_run(root, "crnn_time", input={"frames": 200, "bands": 64})
    for epoch in range(1, 4):
        append_history(
            run, {"epoch": epoch, "seconds": 60.0, "validation_seconds": 6.0, "validation": {"mAP": 0.5}}
        )
    page = run_page()
    # 40 epochs of 66 s and 8 s to begin
    assert "takes about 44 min here for 40 epochs" in page.markdown[0].value


def test_a_running_training_shows_how_far_it_is(root):
    run = make_run(root, "cnn", "queued", name="slow one", config={"epochs": 10})
    with RunLock(run.path):
        set_status(run.path, "running")
        looks = {"train": {"loss": 0.5, "mAP": 0.2}, "validation": {"loss": 0.6, "mAP": 0.1}}
        append_history(run, {"epoch": 1, "seconds": 2.0, **looks})
        record = {
            "phase": "training",
            "epoch": 2,
            "epochs": 10,
            "batch": 3,
            "batches": 19,
            "clips_per_s": 41.2,
        }
        write_progress(run, record | {"seconds_left": 75.0})
        page = run_page()
        bar = page.get("progress")[0].proto
        assert bar.text == "Epoch 2 of 10 · batch 3 of 19 · 41 clips/s · 1 min 15 s left at most"
        assert bar.value == 11  # per cent: (1 + 3 / 19) of 10 epochs
        assert len(page.get("plotly_chart")) == 3  # balance, loss, macro AP
        page.button(key=f"stop-{run.run_id}").click().run()
        assert run.status().state == "cancelling"
        assert page.button(key=f"stop-{run.run_id}").disabled


def test_a_waiting_run_whose_process_never_came_can_be_cancelled(root):
    run = make_run(root, "cnn", "queued")
    old = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    write_json(run.path / "status.json", {"state": "queued", "since": old, "reason": ""})
    page = run_page()
    assert "not begun" in page.get("progress")[0].proto.text
    page.button(key=f"stop-{run.run_id}").click().run()
    assert run.status().state == "cancelled"


def test_past_runs_say_how_they_ended(root):
    make_run(root, "cnn", "failed", name="bad")
    set_status(list_runs(root)[0].path, "failed", "the loss became nan in epoch 2")
    page = run_page()
    table = page.dataframe[0].value
    assert table["Run"].tolist() == ["bad"]
    assert table["How it ended"].tolist() == ["the loss became nan in epoch 2"]


def test_deleting_asks_first(root):
    run = make_run(root, "cnn", name="old")
    page = run_page()
    page.session_state["delete-run"] = run.run_id
    page.run()
    assert "This cannot be undone" in text_of(page)
    assert run.path.exists()
    page.button(key="past-delete-yes").click().run()
    assert not run.path.exists()


def test_without_training_the_page_does_nothing(root, monkeypatch):
    monkeypatch.delenv("SEDBOARD_TRAINING")
    make_run(root, "cnn", "queued")
    page = run_page()
    assert not page.button and not page.dataframe
