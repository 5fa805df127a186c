"""Trainings started from a page: processes of their own that outlive it and stop when asked."""

import shlex
import time

import pytest

from sedcore.artifacts import runs
from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.status import set_status
from sedcore.cli import parser
from sedcore.errors import SedcoreError
from sedcore.jobs import launch
from sedcore.training.config import TrainConfig

SLOW_MACHINE_S = 240


def wait_until(condition, run):
    """Wait for a condition on a run that its process will bring about."""
    end = time.monotonic() + SLOW_MACHINE_S
    while not condition():
        assert time.monotonic() < end, (run.status(), run.log_tail())


@pytest.fixture
def switched_on(monkeypatch):
    monkeypatch.setenv("SEDBOARD_TRAINING", "on")


@pytest.mark.parametrize("value", [None, "", "off", "1", "ON"])
def test_training_is_off_unless_switched_on(tiny, monkeypatch, value):
    monkeypatch.delenv("SEDBOARD_TRAINING", raising=False)
    if value is not None:
        monkeypatch.setenv("SEDBOARD_TRAINING", value)
    with pytest.raises(SedcoreError, match="switched off"):
        launch.start_training(tiny, TrainConfig("tiny", "ann"))
    assert runs.list_runs(tiny) == []


def test_a_training_runs_in_its_own_process_and_stops_when_asked(tiny, switched_on):
    run = launch.start_training(
        tiny, TrainConfig("tiny", "rnn_time", epochs=100_000, patience=0), name=" my run "
    )
    assert run.name == "my run" and run.status().live
    wait_until(lambda: not run.history().empty, run)
    assert run.status().state == "running"
    assert launch.request_stop(run)
    wait_until(lambda: not run.status().live, run)
    assert run.status().state == "cancelled" and run.has_weights and "test" in run.splits()


def test_what_cannot_be_trained_is_refused_before_a_run_exists(tiny, switched_on):
    for config in (
        TrainConfig("tiny", "crnn"),
        TrainConfig("gone", "ann"),
        TrainConfig("tiny", "ann", epochs=0),
    ):
        with pytest.raises(SedcoreError):
            launch.start_training(tiny, config)
    assert runs.list_runs(tiny) == []


def test_a_process_that_cannot_start_leaves_a_failed_run(tiny, switched_on, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(SedcoreError, match="could not be started"):
        launch.start_training(tiny, TrainConfig("tiny", "ann"))
    [run] = runs.list_runs(tiny)
    assert run.status().state == "failed"


def test_stopping_follows_the_state(tmp_path):
    run = runs.create_run(tmp_path, {"kind": "trained"})
    assert not launch.request_stop(run) and run.status().state == "cancelled"
    other = runs.create_run(tmp_path, {"kind": "trained"})
    with RunLock(other.path):
        set_status(other.path, "running")
        assert launch.request_stop(other) and other.status().state == "cancelling"
    done = runs.create_run(tmp_path, {"kind": "trained"}, state="finished")
    assert not launch.request_stop(done) and done.status().state == "finished"


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
