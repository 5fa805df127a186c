"""The page that starts trainings, run without a browser; the worker's process is replaced."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.widgets.training.setting_fields import key_of
from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.recording import append_history
from sedcore.artifacts.runs import create_run, list_runs
from sedcore.artifacts.status import set_status
from sedcore.jobs.queue import submit
from sedcore.models.catalog import MODELS
from sedcore.training.config import SETTINGS, TrainConfig
from sedcore.training.settings import DATA
from tests.support.no_process import NoProcess, no_memory, replace_process
from tests.support.small_sets import small_set

PAGE = str(Path(__file__).parents[2] / "pages" / "new_run.py")
ENTRY = str(Path(__file__).parents[2] / "dashboard.py")


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
    replace_process(monkeypatch)
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
    assert "**Compact CRNN** on **birds** takes about" in page.markdown[0].value
    assert page.number_input(key="new-epochs").value == MODELS["compact"].epochs
    command = page.code[0].value.replace("\\\n", "")
    assert command.split()[:8] == "python -m sedcore train birds --model compact --features".split()
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
    assert "**Compact CRNN**" in run_page(model="<b>").markdown[0].value


def test_the_recipe_is_the_models_own_unless_somebody_changes_it(root):
    page = run_page()
    assert page.toggle(key="new-masking").value and page.selectbox(key="new-schedule").value == "cosine"
    assert "masking" not in page.code[0].value
    page.toggle(key="new-masking").set_value(False).run()
    page.number_input(key="new-mixup").set_value(0.1).run()
    command = page.code[0].value.replace("\\\n", "")
    assert "--no-masking" in command and "--mixup 0.1" in command and "--schedule" not in command
    page.button(key="new-start").click().run()
    assert not page.exception and not page.error
    config = list_runs(root)[0].info["config"]
    assert (config["masking"], config["mixup"], config["filtering"]) == (False, 0.1, True)
    page = run_page(model="cnn")
    assert not page.toggle(key="new-masking").value
    assert "new-frame-labels" not in [toggle.key for toggle in page.toggle]


def test_every_setting_has_a_field_that_begins_as_the_model_has_it(root):
    page = run_page(model="compact")
    usual = TrainConfig("birds", "compact").resolved()
    fields = {
        field.key: field for kind in ("number_input", "selectbox", "toggle") for field in page.get(kind)
    }
    for name, known in SETTINGS.items():
        if known.part == DATA:
            assert name in ("dataset", "model", "features")  # chosen above the fields
            continue
        field = fields[key_of(name)]
        assert (field.label, field.value) == (known.title, getattr(usual, name)), name
        assert known.help.lower() in field.help.lower()
    smoothing = fields["new-label-smoothing"]
    assert (smoothing.label, smoothing.value, smoothing.max) == ("Label smoothing", 0.0, 0.5)
    smoothing.set_value(0.1).run()
    assert "--label-smoothing 0.1" in page.code[0].value


def test_start_queues_a_run_with_these_settings_and_starts_a_worker(root):
    page = run_page(model="rnn_time")
    page.number_input(key="new-epochs").set_value(1).run()
    page.number_input(key="new-batch").set_value(8).run()
    page.text_input(key="new-name").set_value("first *try*").run()
    page.button(key="new-start").click().run()
    assert not page.exception
    (run,) = list_runs(root)
    assert (run.status().state, run.status().place) == ("queued", 1)
    assert run.info["name"] == "first *try*"
    config = run.info["config"]
    assert (config["model"], config["epochs"], config["batch_size"]) == ("rnn_time", 1, 8)
    (command,) = NoProcess.started
    assert "worker" in command and str(root) in command
    assert "is next" in text_of(page)
    assert page.number_input(key="new-epochs").value == 1
    assert page.button(key="new-start").disabled  # the same waits
    page.number_input(key="new-seed").set_value(1).run()
    page.button(key="new-start").click().run()
    assert "is 2nd in the queue" in text_of(page)
    assert [run.status().place for run in list_runs(root)] in ([2, 1], [1, 2])


def test_a_line_says_what_the_queue_does(root):
    assert "wait" not in text_of(run_page())
    for seed in range(3):
        submit(root, TrainConfig("birds", "cnn", seed=seed))
    training = make_run(root, "cnn", "queued")
    with RunLock(training.path):
        set_status(training.path, "running")
        assert "1 trains, 3 wait" in text_of(run_page())


def test_an_error_keeps_the_form(root, monkeypatch):
    page = run_page()
    page.number_input(key="new-epochs").set_value(7).run()
    replace_process(monkeypatch, no_memory)
    page.button(key="new-start").click().run()
    assert not page.exception
    assert "no memory" in page.error[0].value
    assert page.number_input(key="new-epochs").value == 7


# Rate, mixup and averaging are such as no field of the form may bound more tightly than training does.
CLONED = TrainConfig(
    "birds",
    "rnn_time",
    "mfcc",
    3,
    8,
    1e-8,
    7,
    2,
    0.25,
    True,
    "all",
    "cosine",
    20.0,
    True,
    averaging=0.99995,
    label_smoothing=0.5,
).resolved()


def test_a_link_takes_the_settings_of_a_run(root):
    run = submit(root, CLONED, name="old")
    set_status(run.path, "cancelled")
    page = run_page(data="short", like=run.run_id)
    page.button(key="new-start").click().run()
    assert not page.exception and not page.error
    (copy,) = [found for found in list_runs(root) if found.run_id != run.run_id]
    assert copy.info["config"] == run.info["config"] == CLONED.to_json()
    assert copy.info["name"] == ""


@pytest.mark.parametrize("kind", ["like", "edit"])
@pytest.mark.parametrize("asked", ["../../etc", "20250101-000000-cnn-0000", "<b>", "imported"])
def test_a_link_to_no_training_is_said(root, kind, asked):
    create_run(root, {"kind": "imported", "run_id": "imported"}, state="finished")
    page = run_page(**{kind: asked})
    assert "The link cannot be followed" in text_of(page)
    assert not page.button(key="new-start").disabled


def test_a_link_to_settings_that_cannot_be_read_is_said(root):
    run = make_run(root, "cnn", config={"dataset": "birds", "model": "cnn", "epoch": 3})
    assert "did you mean" in text_of(run_page(like=run.run_id))


def test_a_run_that_waits_can_be_edited(root):
    first, run = submit(root, TrainConfig("birds", "ann")), submit(root, CLONED, name="wrong")
    page = run_page(data="short", edit=run.run_id)
    assert "You change the settings of **wrong**" in text_of(page)
    assert page.number_input(key="new-epochs").value == 3
    page.number_input(key="new-epochs").set_value(5).run()
    page.text_input(key="new-name").set_value("right").run()
    page.button(key="new-save").click().run()
    assert len(page.exception) == 1  # it leads to the queue, and the page alone knows no other
    assert run.info["config"]["epochs"] == 5 and run.name == "right"
    assert (run.status().state, run.status().place) == ("queued", 2)
    assert first.info["config"]["model"] == "ann"
    assert not NoProcess.started


def test_changes_that_were_left_are_forgotten(root):
    run = submit(root, CLONED, name="kept")
    entry = AppTest.from_file(ENTRY, default_timeout=60).switch_page("pages/new_run.py")
    entry.query_params["edit"] = run.run_id
    entry.run()
    entry.number_input(key="new-epochs").set_value(99).run()
    entry.button(key="new-leave").click().run()
    assert entry.title[0].value == "Queue"
    entry.session_state["queued-edit"] = {"row": 0, "column": "Edit", "label": "Edit"}
    entry.session_state["next-page"] = ("new_run", {"edit": run.run_id})
    entry.run()
    assert not entry.exception and entry.title[0].value == "New run"
    assert entry.number_input(key="new-epochs").value == 3
    assert entry.text_input(key="new-name").value == "kept"


def test_a_run_that_has_begun_is_not_edited(root):
    run = submit(root, CLONED, name="quick")
    page = run_page(edit=run.run_id)
    with RunLock(run.path):
        set_status(run.path, "running")
        page.button(key="new-save").click().run()
        assert "has begun" in page.error[0].value
        assert run.info["config"] == CLONED.to_json()


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
    page = run_page(model="crnn_time")
    # 40 epochs of 66 s and 8 s to begin
    assert "takes about 44 min here for 40 epochs" in page.markdown[0].value


def test_without_training_the_page_does_nothing(root, monkeypatch):
    monkeypatch.delenv("SEDBOARD_TRAINING")
    make_run(root, "cnn", "queued")
    page = run_page()
    assert not page.button and not page.dataframe
