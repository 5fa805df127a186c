"""Trainings started from a page."""

import shlex
from pathlib import Path

import pytest

from sedcore.artifacts import runs
from sedcore.artifacts.locks import lock_holder
from sedcore.cli import parser
from sedcore.errors import SedcoreError
from sedcore.jobs import launch, workers
from sedcore.jobs.queue import cancel, queued_runs, submit
from sedcore.jobs.workers import ensure_worker, living_workers, register
from sedcore.training.config import TrainConfig
from tests.support.queue_tools import FOR_EVER, Processes, small
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("none_left")


@pytest.fixture
def switched_on(monkeypatch):
    monkeypatch.setenv("SEDBOARD_TRAINING", "on")


@pytest.mark.parametrize("value", [None, "", "off", "1", "ON"])
def test_training_is_off_unless_switched_on(tiny, monkeypatch, value):
    monkeypatch.delenv("SEDBOARD_TRAINING", raising=False)
    if value is not None:
        monkeypatch.setenv("SEDBOARD_TRAINING", value)
    with pytest.raises(SedcoreError, match="switched off"):
        launch.start_training(tiny, small())
    with pytest.raises(SedcoreError, match="switched off"):
        launch.resume_training(tiny, submit(tiny, small()))
    assert len(runs.list_runs(tiny)) == 1


def test_a_training_started_from_a_page_runs_in_a_process_of_its_own_and_stops_when_asked(tiny, switched_on):
    config = TrainConfig("tiny", "rnn_time", epochs=FOR_EVER, patience=0)
    run = launch.start_training(tiny, config, name=" my run ")
    assert run.name == "my run" and run.status().live
    wait_until(lambda: not run.history().empty, lambda: (run.status(), run.log_tail()))
    assert run.status().state == "running"
    holder = lock_holder(run.path / "lock")
    words = Path(f"/proc/{holder['pid']}/cmdline").read_bytes().split(b"\0")
    assert run.run_id.encode() in words and [w["worker"] for w in living_workers(tiny)] == [holder["worker"]]
    assert cancel(run) == "cancelling"
    wait_until(lambda: not run.status().live, lambda: (run.status(), run.log_tail()))
    assert run.status().state == "cancelled" and run.has_weights and "test" in run.splits()
    wait_until(lambda: not living_workers(tiny))  # it goes when the queue is empty


def test_what_cannot_be_trained_is_refused_before_a_run_exists(tiny, switched_on):
    refused = (TrainConfig("tiny", "crnn"), TrainConfig("gone", "ann"), small(epochs=0))
    for config in refused:
        with pytest.raises(SedcoreError):
            launch.start_training(tiny, config)
    assert runs.list_runs(tiny) == []


def test_without_a_worker_the_run_waits_and_the_page_is_told(tiny, switched_on, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(SedcoreError, match="the worker could not be started"):
        launch.start_training(tiny, small())
    assert len(queued_runs(tiny)) == 1


def test_a_page_starts_one_worker_and_no_second(tiny, monkeypatch):
    started = []
    monkeypatch.setattr(workers, "subprocess", Processes(started))
    ensure_worker(tiny)
    [(command, how)] = started
    assert parser().parse_args(command[3:]).until_empty and how["start_new_session"]
    lock = register(tiny, {})
    ensure_worker(tiny)
    lock.release()
    assert len(started) == 1


def test_the_command_line_shown_trains_the_same():
    config = TrainConfig("my-set", "cnn", "mfcc", epochs=7, learning_rate=0.002, seed=3)
    words = shlex.split(launch.command_line(config))
    assert words[:3] == ["python", "-m", "sedcore"]
    args = parser().parse_args(words[3:])
    settings = {key: getattr(args, key) for key in config.to_json()}
    assert TrainConfig(**settings) == config
    assert (
        launch.command_line(TrainConfig("d", "ann"))
        == "python -m sedcore train d --model ann --features logmel"
    )
