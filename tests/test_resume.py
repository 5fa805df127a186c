"""A training that was cut off goes on as if nothing had happened, and says where it cannot."""

import functools
import math
import shutil

import keras
import numpy as np
import pandas as pd
import pytest

from sedcore.artifacts import checkpoint, recording, runs
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.jobs.queue import cancel, resume, submit
from sedcore.training import fit, start
from sedcore.training import resume as training_resume
from sedcore.training.config import TrainConfig
from tests.support import small_sets
from tests.support.small_sets import small_set


@pytest.fixture(autouse=True)
def no_graphs_left():
    """Each model traced makes the next slower, by the garbage that it leaves."""
    yield
    keras.utils.clear_session()


class Killed(BaseException):
    """Stands for what leaves a process no time for a last word."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("resume")
    small_set(root, clips=20, hop_s=0.1)  # 100 frames of 64 bands
    small_set(root, "brief", clips=20, hop_s=0.5)
    return root


@pytest.fixture
def cut_after(monkeypatch):
    """Make the process "die" right after the checkpoint of an epoch."""

    def arm(epoch: int | None) -> None:
        def save_and_die(run, model, state):
            save(run, model, state)
            if state.epoch == epoch:
                raise Killed

        monkeypatch.setattr(fit, "save", save_and_die)

    monkeypatch.setattr(training_resume, "_DEAREST", math.inf)  # a checkpoint after each epoch, however short
    save = fit.save
    return arm


def trained(root, model: str, **settings) -> Run:
    usual = {"dataset": "small", "epochs": 4, "batch_size": 8, "deterministic": True}
    config = TrainConfig(model=model, **usual | settings)
    run = submit(root, config)
    start.train_run(root, run)
    return run


def compare(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """The same numbers in the same epochs, but for the clock's."""
    clock = ["seconds", "validation_seconds"]
    pd.testing.assert_frame_equal(one.drop(columns=clock), other.drop(columns=clock), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("model", "rate"), [("ann", 1e-4), ("crnn", 1e-3), ("compact", 2e-3)])
def test_a_resumed_history_equals_an_uninterrupted_one(root, cut_after, model, rate):
    whole = trained(root, model, learning_rate=rate)
    cut_after(2)
    run = submit(
        root, TrainConfig("small", model, epochs=4, batch_size=8, learning_rate=rate, deterministic=True)
    )
    with pytest.raises(Killed):
        start.train_run(root, run)
    assert run.status().state == "interrupted" and list(run.history()["epoch"]) == [1, 2]
    cut_after(None)
    resume(root, run)
    assert run.status().state == "queued"
    assert start.train_run(root, run) == "finished"
    compare(run.history(), whole.history())
    pd.testing.assert_frame_equal(run.class_history(), whole.class_history(), rtol=1e-6, atol=1e-6)
    for split in ("validation", "test"):
        np.testing.assert_allclose(run.predictions(split).scores, whole.predictions(split).scores, atol=1e-6)
    assert run.info["best_epoch"] == whole.info["best_epoch"]
    assert not (run.path / "checkpoint").exists() and run.progress() is None


def test_early_stopping_remembers_its_patience(root, cut_after):
    """Nothing changes at this rate, so epoch 1 stays the best; patience 3 ends it after epoch 4, cut or not."""
    cut_after(3)
    run = submit(root, TrainConfig("brief", "ann", epochs=9, patience=3, learning_rate=1e-12))
    with pytest.raises(Killed):
        start.train_run(root, run)
    cut_after(None)
    resume(root, run)
    assert start.train_run(root, run) == "finished"
    assert run.info["epochs_run"] == 4 and run.info["best_epoch"] == 1
    assert "no better validation macro AP for 3 epochs" in run.status().reason


def test_what_was_half_written_is_not_taken_up(root, cut_after):
    cut_after(1)
    run = submit(root, TrainConfig("brief", "ann", epochs=2))
    with pytest.raises(Killed):
        start.train_run(root, run)
    recording.append_history(run, {"epoch": 2, "seconds": 1.0})  # an epoch whose checkpoint was never written
    with open(run.path / "history.jsonl", "a") as file:
        file.write('{"epoch": 3, "sec')
    (run.path / "checkpoint" / ".state.tmp-1-abc.npz").write_bytes(b"half")
    (run.path / ".progress.tmp-1-abc.json").write_bytes(b"half")
    cut_after(None)
    resume(root, run)
    assert start.train_run(root, run) == "finished"
    history = run.history()
    assert list(history["epoch"]) == [1, 2] and history["train.loss"].notna().all()
    assert not list(run.path.rglob(".*"))


def test_a_cancelled_run_is_usable_and_can_go_on(root, monkeypatch):
    monkeypatch.setattr("sedcore.training.stop._LOOK_EVERY_S", 0.0)
    append = recording.append_history

    def append_and_cancel(run, record):
        append(run, record)
        if record["epoch"] == 1:
            assert cancel(run) == "cancelling"

    monkeypatch.setattr(recording, "append_history", append_and_cancel)
    run = trained(root, "ann", dataset="brief", epochs=2)
    assert run.status().state == "cancelled" and run.splits() == ["test", "validation"] and run.has_weights
    resume(root, run)
    assert start.train_run(root, run) == "finished" and run.info["epochs_run"] == 2


def test_what_cannot_be_resumed_says_why(root, cut_after):
    done = trained(root, "ann", dataset="brief", epochs=1)
    with pytest.raises(SedcoreError, match="is finished; only a training that was cancelled, interr"):
        resume(root, done)
    cut_after(1)
    run = submit(root, TrainConfig("brief", "ann", epochs=2))
    with pytest.raises(SedcoreError, match="is queued; only"):
        resume(root, run)
    with pytest.raises(Killed):
        start.train_run(root, run)
    state = run.path / "checkpoint" / "state.npz"
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) // 2])
    cut_after(None)
    resume(root, run)
    assert start.train_run(root, run) == "failed"
    assert "is damaged" in run.status().reason and "remove that folder" in run.status().reason
    runs.update_info(run, config=run.info["config"] | {"model": "crnn_time"})
    state.write_bytes(whole)
    resume(root, run)
    assert start.train_run(root, run) == "failed" and "does not fit the model" in run.status().reason
    checkpoint.remove_checkpoint(run)
    resume(root, run)
    assert start.train_run(root, run) == "finished"


@pytest.fixture
def cut_off(tmp_path, cut_after):
    """A run of one epoch on the data set "brief", waiting for its second, and the root of its own."""
    small_set(tmp_path, "brief", clips=20, hop_s=0.5)
    cut_after(1)
    run = submit(tmp_path, TrainConfig("brief", "ann", epochs=2))
    with pytest.raises(Killed):
        start.train_run(tmp_path, run)
    cut_after(None)
    return tmp_path, run


def imported_again(root):
    shutil.rmtree(root / "datasets" / "brief")
    small_set(root, "brief", clips=20, hop_s=0.5)


def test_a_run_does_not_go_on_over_features_that_were_made_otherwise(cut_off, monkeypatch):
    root, run = cut_off
    with monkeypatch.context() as patch:
        params = small_sets.FeatureParams
        patch.setattr(small_sets, "FeatureParams", functools.partial(params, n_fft=2048, n_mfcc=13))
        imported_again(root)
    resume(root, run)
    assert start.train_run(root, run) == "failed"
    reason = run.status().reason
    assert f"run {run.run_id} was trained so far on other logmel features than data set brief has" in reason
    assert ": n_fft was 1024 and is 2048; import the data set as it was and resume, or clone" in reason
    imported_again(root)
    resume(root, run)
    assert start.train_run(root, run) == "finished"


def test_nor_over_other_values_with_the_same_settings(cut_off, monkeypatch):
    root, run = cut_off

    def times(factor):
        with monkeypatch.context() as patch:
            load = small_sets.load
            patch.setattr(small_sets, "load", functools.partial(louder, load, factor))
            imported_again(root)
        resume(root, run)
        return start.train_run(root, run)

    assert times(10.0) == "failed"
    assert "the mean of band " in run.status().reason and "clone the run" in run.status().reason
    assert times(1 + 1e-5) == "finished"  # as much as machines differ by


def louder(load, factor, item, params):
    mel, digest = load(item, params)
    return mel * np.float32(factor), digest


def test_a_run_that_kept_nothing_of_its_features_goes_on(cut_off):
    root, run = cut_off
    runs.update_info(run, input={"frames": 20})
    resume(root, run)
    assert start.train_run(root, run) == "finished"
