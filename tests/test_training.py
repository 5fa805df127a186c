"""Training: what a run leaves behind is what was trained, and every end is told in words."""

import os
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import soundfile

from sedcore.artifacts import recording, runs
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import set_status
from sedcore.data.store import open_dataset
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import evaluate
from sedcore.jobs.queue import submit
from sedcore.models import registry
from sedcore.training import start
from sedcore.training.batches import RowReader, in_background, shuffled, widen
from sedcore.training.config import TrainConfig
from sedcore.training.predict import predict_files
from sedcore.training.scoring import SplitScorer
from tests.support.tiny import BANDS, CLASSES, FRAMES, make_dataset


def small(classes: int, bands: int, frames: int) -> keras.Model:
    """A model that learns the tiny set in a few epochs."""
    return keras.Sequential(
        [
            keras.layers.Input((frames, bands)),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(classes, activation="sigmoid"),
        ]
    )


@pytest.fixture
def fast(monkeypatch):
    """Let `ann` be a model without hidden layers: the loop is under test, not the network."""
    monkeypatch.setitem(registry.BUILDERS, "ann", small)


def train(root, **settings) -> Run:
    config = TrainConfig("tiny", "ann", **{"epochs": 3, "learning_rate": 0.05, "batch_size": 16} | settings)
    run = submit(root, config)
    start.train_run(root, run)
    return run


# ---- configuration --------------------------------------------------------------------------------------------


def test_defaults_are_the_reports():
    config = TrainConfig("d", "ann").resolved()
    assert (config.learning_rate, config.epochs, config.batch_size, config.threshold) == (1e-2, 150, 32, 0.5)
    assert TrainConfig("d", "cnn").resolved().learning_rate == 1e-3
    assert TrainConfig("d", "cnn").resolved().epochs == 100


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.5),
        ("batch_size", 0),
        ("seed", -1),
        ("patience", -1),
        ("learning_rate", 0),
        ("learning_rate", "fast"),
        ("threshold", float("nan")),
        ("epochs", True),
    ],
)
def test_a_setting_out_of_range_is_named_with_what_was_given(setting, value):
    with pytest.raises(SedcoreError, match=f"{setting} is a .*given"):
        TrainConfig("d", "ann", **{setting: value}).resolved()


def test_an_unknown_setting_is_told_the_nearest():
    with pytest.raises(SedcoreError, match="did you mean 'learning_rate'"):
        TrainConfig.from_json({"dataset": "d", "model": "ann", "learning_rte": 1})
    with pytest.raises(SedcoreError, match="needs the setting 'model'"):
        TrainConfig.from_json({"dataset": "d"})


def test_a_configuration_survives_json():
    config = TrainConfig("d", "cnn", seed=3).resolved()
    assert TrainConfig.from_json(config.to_json()) == config


def test_queueing_says_what_does_not_fit(tiny):
    with pytest.raises(SedcoreError, match="no features 'mfcc' .*data features tiny --features mfcc"):
        submit(tiny, TrainConfig("tiny", "ann", features="mfcc"))
    with pytest.raises(SedcoreError, match="did you mean 'mfcc'"):
        submit(tiny, TrainConfig("tiny", "ann", features="mfccc"))
    with pytest.raises(SedcoreError, match="model crnn needs at least 38 bands"):
        submit(tiny, TrainConfig("tiny", "crnn"))
    with pytest.raises(SedcoreError, match="no data set 'other'"):
        submit(tiny, TrainConfig("other", "ann"))
    assert runs.list_runs(tiny) == []


# ---- reading --------------------------------------------------------------------------------------------------


def test_rows_come_normalised_by_the_train_split(tiny):
    dataset = open_dataset(tiny, "tiny")
    reader = RowReader(dataset, "logmel")
    batch = reader(dataset.rows_of("train"))
    assert batch.dtype == np.float32 and batch.shape == (48, FRAMES, BANDS)
    np.testing.assert_allclose(batch.mean(axis=(0, 1)), 0, atol=1e-3)
    np.testing.assert_allclose(batch.std(axis=(0, 1)), 1, atol=1e-3)
    np.testing.assert_array_equal(reader(np.array([3])), batch[3:4])  # also after its pages were given back


def test_every_float16_is_widened_to_itself():
    """All 65,536 of them: zeros of both signs, the smallest, infinities, and what is no number."""
    every = np.arange(65536, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    for values in (every, finite):
        found = np.empty(len(values), np.float32)
        widen(values, found)
        np.testing.assert_array_equal(found, values.astype(np.float32))
        np.testing.assert_array_equal(np.signbit(found), np.signbit(values))


def test_every_row_is_in_one_batch_and_the_order_follows_the_seed():
    batches = shuffled(np.arange(10), 4, np.random.default_rng(1))
    assert [len(b) for b in batches] == [4, 4, 2]
    assert sorted(np.concatenate(batches)) == list(range(10))
    again = shuffled(np.arange(10), 4, np.random.default_rng(1))
    np.testing.assert_array_equal(np.concatenate(batches), np.concatenate(again))


def test_the_background_reader_hands_on_errors_and_ends_when_left():
    def broken():
        yield 1
        raise ValueError("disk gone")

    with pytest.raises(ValueError, match="disk gone"):
        list(in_background(broken()))
    before = threading.active_count()
    for _ in in_background(iter(range(1000))):
        break
    assert threading.active_count() == before


def test_a_long_clip_scores_the_maximum_of_its_windows(tiny):
    dataset = open_dataset(tiny, "tiny")
    # Make the first two test clips one clip of two windows.
    clips = dataset.clips
    first, second = clips.index[clips["split"] == "test"][:2]
    clips.at[first, "rows"] = 2
    dataset.clips = clips.drop(second).reset_index(drop=True)
    scorer = SplitScorer(dataset, RowReader(dataset, "logmel"), "test")
    model = small(len(CLASSES), BANDS, FRAMES)
    scores = scorer(model)
    rows = open_dataset(tiny, "tiny").rows_of("test")
    by_row = model.predict_on_batch(RowReader(dataset, "logmel")(rows))
    assert scores.shape == (23, 3)
    np.testing.assert_allclose(scores[0], by_row[:2].max(axis=0), rtol=1e-6)
    np.testing.assert_allclose(scores[1:], by_row[2:], rtol=1e-6)


# ---- the loop -------------------------------------------------------------------------------------------------


def test_a_finished_run_explains_itself(tiny, fast):
    run = train(tiny)
    info, history = run.info, run.history()
    assert run.status().state == "finished" and "all 3 epochs done; best epoch" in run.status().reason
    assert list(history["epoch"]) == [1, 2, 3]
    for column in (
        "seconds",
        "validation_seconds",
        "learning_rate",
        "train.loss",
        "train.mAP",
        "train.micro_f1",
        "train.macro_f1",
        "validation.loss",
        "validation.mAP",
        "validation.micro_f1",
    ):
        assert history[column].notna().all(), column
    assert history["train.loss"].is_monotonic_decreasing
    assert info["parameters"] == BANDS * 3 + 3
    assert info["best_epoch"] == history["validation.mAP"].idxmax() + 1
    assert (
        info["epochs_run"] == 3
        and info["wall_s"] > 0
        and info["peak_memory_mb"] > 50
        and info["ms_per_clip"] > 0
    )
    assert (
        info["classes"] == list(CLASSES)
        and info["data_fingerprint"] == open_dataset(tiny, "tiny").fingerprint
    )
    assert info["versions"]["keras"] == keras.__version__
    assert run.splits() == ["test", "validation"] and run.progress() is None
    assert "epoch 3:" in run.log_tail()
    assert sorted(os.listdir(run.path)) == [
        "history.jsonl",
        "lock",
        "log.txt",
        "predictions",
        "run.json",
        "status.json",
        "weights.keras",
    ]


def test_scores_and_weights_are_those_of_the_best_epoch(tiny, fast):
    run = train(tiny, epochs=6, learning_rate=0.5)
    validation = run.predictions("validation")
    best = run.history().set_index("epoch").loc[run.info["best_epoch"]]
    result = evaluate(validation.truth, validation.scores, validation.classes, 0.5)
    assert result.mAP == pytest.approx(best["validation.mAP"], abs=1e-9)
    assert result.averages["micro"].f1 == pytest.approx(best["validation.micro_f1"], abs=1e-9)
    model = keras.models.load_model(run.weights_file, compile=False)
    assert getattr(model, "optimizer", None) is None
    dataset = open_dataset(tiny, "tiny")
    again = SplitScorer(dataset, RowReader(dataset, "logmel"), "validation")(model)
    np.testing.assert_allclose(again, validation.scores, rtol=1e-5)
    assert list(validation.clip_ids) == [f"validation_{i:03d}.npy" for i in range(24)]
    np.testing.assert_array_equal(validation.truth, dataset.truth("validation"))


def test_validation_is_measured_without_label_smoothing(tiny, fast):
    run = train(tiny, epochs=1, label_smoothing=0.5)
    truth, scores = run.predictions("validation").truth, run.predictions("validation").scores.astype(float)
    loss = -np.mean(np.where(truth, np.log(scores), np.log1p(-scores)))
    (epoch,) = run.history().to_dict("records")
    assert epoch["validation.loss"] == pytest.approx(loss, rel=1e-5)
    # labels of 0.25 and 0.75 leave a loss of their own entropy at least
    assert epoch["train.loss"] >= -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert run.info["config"]["label_smoothing"] == 0.5


def test_the_same_seed_gives_the_same_history(tiny, fast):
    first, second, other = train(tiny, seed=5), train(tiny, seed=5), train(tiny, seed=6)
    np.testing.assert_allclose(first.history()["train.loss"], second.history()["train.loss"], rtol=1e-6)
    assert not np.allclose(first.history()["train.loss"], other.history()["train.loss"])


def test_early_stopping_waits_for_its_patience(tiny, fast):
    run = train(tiny, epochs=50, patience=2, learning_rate=1e-12)  # nothing changes: epoch 1 stays the best
    assert run.info["epochs_run"] == 3 and run.info["best_epoch"] == 1
    assert "no better validation macro AP for 2 epochs" in run.status().reason
    assert train(tiny, epochs=4, patience=0, learning_rate=1e-12).info["epochs_run"] == 4


def test_a_loss_that_is_no_number_fails_with_advice(tiny, fast, monkeypatch):
    monkeypatch.setitem(registry.BUILDERS, "ann", lambda *size: _nan_model(*size))
    run = train(tiny)
    assert run.status().state == "failed"
    assert "the loss became nan in epoch 1, batch 1: try a learning rate below 0.05" in run.status().reason
    assert run.splits() == [] and not run.has_weights


def _nan_model(classes, bands, frames):
    model = small(classes, bands, frames)
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    return model


def test_the_unforeseen_ends_as_failed_with_its_traceback_in_the_log(tiny, monkeypatch):
    def broken(*_):
        raise MemoryError("no room")

    monkeypatch.setitem(registry.BUILDERS, "ann", broken)
    run = train(tiny)
    assert run.status().state == "failed"
    assert run.status().reason == "unexpected MemoryError: no room; log.txt has the traceback"
    assert "Traceback" in run.log_tail()


def test_a_data_set_without_validation_is_refused(tmp_path, fast):
    make_dataset(tmp_path, clips={"train": 16, "test": 8})
    with pytest.raises(SedcoreError, match="has no validation split"):
        train(tmp_path)
    assert runs.list_runs(tmp_path) == []


def test_a_stop_while_tensorflow_loads_is_heard(tiny, fast, monkeypatch):
    run = submit(tiny, TrainConfig("tiny", "ann"))
    monkeypatch.setattr(start, "load_keras", lambda: set_status(run.path, "cancelling", "stop requested"))
    assert start.train_run(tiny, run) == "cancelled"
    assert "before the first epoch" in run.status().reason and run.history().empty


def test_predicting_with_damaged_files_names_them(tiny, fast):
    run = train(tiny, epochs=1)
    weights = run.weights_file.read_bytes()
    recording = tiny / "a.wav"
    soundfile.write(recording, np.zeros(1600), 16000)
    for damaged in (b"nonsense", weights[: len(weights) // 2]):
        run.weights_file.write_bytes(damaged)
        with pytest.raises(SedcoreError, match="weights.keras could not be loaded; is it damaged"):
            list(predict_files(run, [recording]))
    run.weights_file.write_bytes(weights)
    runs.update_info(run, input=None)
    with pytest.raises(SedcoreError, match="run.json does not say how features were made"):
        list(predict_files(run, [recording]))


def test_all_files_that_cannot_be_scored_are_named_before_the_model_is_loaded(tiny, fast, monkeypatch):
    run = train(tiny, epochs=1)
    files = [tiny / f"{name}.wav" for name in ("good", "text", "empty", "missing")]
    soundfile.write(files[0], np.zeros(1600), 16000)
    files[1].write_text("not audio")
    files[2].write_bytes(b"")
    with monkeypatch.context() as patch:
        patch.setattr("sedcore.training.predict.load_keras", lambda: pytest.fail("the model was loaded"))
        with pytest.raises(SedcoreError) as error:
            list(predict_files(run, files))
        first, *lines = str(error.value).splitlines()
        assert first == f"nothing was scored with run {run.name}: 3 problems:"
        for line, file, words in zip(
            lines, files[1:], ("not readable as audio", "is empty", "is not a file")
        ):
            assert line.startswith(f"  {file}") and words in line
        with pytest.raises(SedcoreError, match=r"^.*text\.wav: not readable as audio[^\n]*$"):
            list(predict_files(run, files[:2]))  # one alone is one sentence
    assert [file for file, _ in predict_files(run, files[:1])] == files[:1]


def test_a_validation_split_without_positives_is_judged_by_its_loss(tmp_path, fast, monkeypatch):
    make_dataset(tmp_path)
    truth = open_dataset(tmp_path, "tiny").truth
    monkeypatch.setattr(
        "sedcore.data.store.DataSet.truth",
        lambda self, split: np.zeros_like(truth(split)) if split == "validation" else truth(split),
    )
    run = train(tmp_path)
    assert run.status().state == "finished"
    assert run.info["best_epoch"] == run.history()["validation.loss"].idxmin() + 1


def test_a_request_ends_training_and_keeps_the_best_epoch(tiny, fast, monkeypatch):
    monkeypatch.setattr("sedcore.training.stop._LOOK_EVERY_S", 0.0)
    append = recording.append_history

    def append_and_stop(run, record):
        append(run, record)
        if record["epoch"] == 2:
            set_status(run.path, "cancelling", "stop requested", only_from=("running",))

    monkeypatch.setattr(recording, "append_history", append_and_stop)
    run = train(tiny, epochs=50)
    assert run.status().state == "cancelled" and "stopped by request in epoch 3" in run.status().reason
    assert run.info["epochs_run"] == 2 and run.has_weights and run.splits() == ["test", "validation"]


def test_a_request_before_the_first_epoch_keeps_nothing(tiny, fast, monkeypatch):
    monkeypatch.setattr("sedcore.training.stop._LOOK_EVERY_S", 0.0)
    update = runs.update_info

    def update_and_stop(run, **changes):
        update(run, **changes)
        set_status(run.path, "cancelling", only_from=("running",))

    monkeypatch.setattr(runs, "update_info", update_and_stop)
    run = train(tiny)
    assert run.status().state == "cancelled" and "nothing was kept" in run.status().reason


def test_a_run_is_trained_once(tiny, fast):
    run = train(tiny)
    with pytest.raises(SedcoreError, match="finished, and only a queued run can be trained"):
        start.train_run(tiny, run)


def test_a_signal_ends_a_training_after_the_batch_in_hand(tiny):
    run = submit(tiny, TrainConfig("tiny", "rnn_time", epochs=100_000, patience=0))
    trainer = subprocess.Popen(
        [sys.executable, "-m", "sedcore.training", run.run_id, "--artifacts", str(tiny)],
        stderr=subprocess.PIPE,
    )
    while run.history().empty:
        assert trainer.poll() is None, trainer.stderr.read()
    assert run.status().state == "running" and run.progress()["epochs"] == 100_000
    trainer.terminate()
    trainer.communicate()
    assert run.status().state == "cancelled" and run.has_weights


@pytest.mark.parametrize("model", ["ann", "rnn_time", "crnn_time", "cnn_per_class"])
def test_the_real_models_learn_the_tiny_set(tiny, model):
    run = submit(tiny, TrainConfig("tiny", model, epochs=12, batch_size=8, learning_rate=3e-3))
    assert start.train_run(tiny, run) == "finished"
    test = run.predictions("test")
    assert evaluate(test.truth, test.scores, test.classes, 0.5).mAP > 0.9
