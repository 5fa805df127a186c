"""What a batch goes through before it is learned, the rate it is learned at, the weights that are scored with."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from sedcore.data.frame_truth import FrameTruth, has_times
from sedcore.data.mel import FeatureParams
from sedcore.errors import SedcoreError
from sedcore.models.registry import build, with_frames
from sedcore.training import augment
from sedcore.training.batches import RowReader
from sedcore.training.config import TrainConfig
from sedcore.training.devices import OneDevice
from sedcore.training.optimizer import FusedAdam
from sedcore.training.recipe import TrainingBatches, averaged, learning_rate, learns_frames
from tests.support.small_sets import CLASSES, small_set


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("recipe"), "birds", clips=30, hop_s=0.5)


def config(**settings) -> TrainConfig:
    return TrainConfig("birds", "compact", **settings).resolved()


def test_mixing_takes_features_and_labels_by_the_same_share():
    rng = np.random.default_rng(0)
    y = np.eye(6, dtype="f4")
    frames = np.repeat(y[:, None], 4, axis=1)
    x, (mixed_y, mixed_frames) = augment.mixed(np.repeat(y[:, None], 5, axis=1), [y, frames], 0.5, rng)
    np.testing.assert_allclose(x, np.repeat(mixed_y[:, None], 5, axis=1), rtol=1e-6)
    np.testing.assert_allclose(mixed_frames, np.repeat(mixed_y[:, None], 4, axis=1), rtol=1e-6)
    np.testing.assert_allclose(mixed_y.sum(axis=1), 1, rtol=1e-6)
    assert (np.diag(mixed_y) >= 0.5).all() and (np.diag(mixed_y) < 1).any()  # each stays mostly itself


def test_smoothed_labels_move_towards_one_half():
    labels = np.array([[0, 1, 0.25], [1, 0.5, 0]], "f4")  # mixed labels are no whole ones
    smoothed = augment.smoothed(labels, 0.2)
    np.testing.assert_allclose(smoothed, [[0.1, 0.9, 0.3], [0.9, 0.5, 0.1]], rtol=1e-6)
    assert smoothed.dtype == np.float32
    clips, scores = np.eye(3, dtype="f4"), np.array([[0.7, 0.2, 0.4]] * 3, "f4")
    ours = keras.losses.BinaryCrossentropy()(augment.smoothed(clips, 0.3), scores)
    theirs = keras.losses.BinaryCrossentropy(label_smoothing=0.3)(clips, scores)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_masks_put_out_whole_stretches_and_no_more_than_they_may():
    x = np.ones((40, 100, 64), "f4")
    augment.mask(x, np.random.default_rng(0))
    for clip in x:
        out_of_time, out_of_bands = (clip == 0).all(axis=1), (clip == 0).all(axis=0)
        assert out_of_time.sum() <= 2 * 10 and out_of_bands.sum() <= 2 * 8
        assert (clip[~out_of_time][:, ~out_of_bands] == 1).all()
    assert (x == 0).any(axis=(1, 2)).mean() > 0.9


def test_a_shift_moves_all_of_a_clip_by_the_same_bands():
    x = np.tile(np.arange(10, dtype="f4"), (60, 4, 1))
    augment.shift(x, 3, np.random.default_rng(0))
    found = {tuple(clip[0].astype(int)) for clip in x}
    assert (x == x[:, :1]).all()
    assert found == {tuple(np.clip(np.arange(10) - bands, 0, 9)) for bands in range(-3, 4)}


def test_cepstra_are_not_shifted(birds):
    reader = RowReader(birds, "logmel")
    off = dict(mixup=0.0, masking=False, filtering=False)
    batch = {}
    for features, most in (("logmel", 3), ("logmel", 0), ("mfcc", 3)):
        x, _ = next(TrainingBatches(birds, reader, config(features=features, shifting=most, **off))(1))
        batch[features, most] = x
    assert not np.array_equal(batch["logmel", 3], batch["logmel", 0])
    np.testing.assert_array_equal(batch["mfcc", 3], batch["logmel", 0])


def test_a_filter_moves_each_band_by_the_same_decibels_all_the_time():
    db = np.linspace(0.05, 0.2, 64)
    x = np.zeros((20, 7, 64), "f4")
    augment.filtered(x, db, np.random.default_rng(0))
    gains = x / db
    assert (x == x[:, :1]).all() and np.abs(gains).max() <= augment.MOST_DB + 1e-4
    assert gains.std(axis=(0, 1)).min() > 1  # no band is left out
    assert np.abs(np.diff(gains[:, 0], 2)).mean() < 0.5  # a line with a few bends


def test_frames_are_those_of_the_events(birds):
    truth, events = FrameTruth(birds, "train"), birds.events
    steps, clips = 20, birds.clips_of("train")
    found = truth(np.arange(len(clips)), steps)
    for clip, frames in zip(clips["clip_id"], found):
        for c, name in enumerate(CLASSES):
            of_class = events[(events["clip_id"] == clip) & (events["label"] == name)]
            for step in range(steps):
                begin, end = 10 * step / steps, 10 * (step + 1) / steps
                sounds = ((of_class["onset_s"] < end) & (of_class["offset_s"] > begin)).any()
                assert frames[step, c] == sounds, (clip, name, step)
    np.testing.assert_array_equal(found.max(axis=1) > 0, birds.row_truth("train"))


def test_windows_of_a_long_clip_have_the_frames_of_their_own_time(tmp_path):
    """A clip of three windows: frames of its windows, put together, are those of the clip."""
    data = small_set(tmp_path, "long", clips=10, hop_s=0.5)
    data.clips.loc[:, "rows"] = 3
    data.clips.loc[:, "first_row"] = np.arange(len(data.clips)) * 3
    data.info["clip_s"] = 10 / 3
    whole = small_set(tmp_path, "whole", clips=10, hop_s=0.5)
    parts = FrameTruth(data, "train")(np.arange(18), 10).reshape(6, 30, -1)
    np.testing.assert_array_equal(parts, FrameTruth(whole, "train")(np.arange(6), 30))


def test_labels_without_times_are_not_learned_by_frame(tmp_path):
    weak = small_set(tmp_path, "weak", clips=10, hop_s=0.5, strong=False)
    assert not has_times(weak, "train") and not learns_frames(weak, config())
    with pytest.raises(ValueError, match="have no times"):
        FrameTruth(weak, "train")
    with pytest.raises(SedcoreError, match="model cnn gives no frames"):
        TrainConfig("weak", "cnn", frame_labels=True).resolved()


def test_batches_follow_from_seed_and_epoch_alone(birds):
    def batches(epoch: int, **settings):
        made = TrainingBatches(birds, RowReader(birds, "logmel"), config(batch_size=8, **settings), 5)
        assert made.number == 3
        return [part for x, targets in made(epoch) for part in (x, *targets)]

    first, again, other = batches(1), batches(1), batches(2)
    assert [part.shape for part in first[:3]] == [(8, 20, 64), (8, 5), (8, 5, 5)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other))
    assert not np.array_equal(first[0], batches(1, seed=1)[0])
    plain = batches(1, mixup=0.0, masking=False, filtering=False, shifting=0)
    assert set(np.unique(plain[1])) == {0, 1}  # each is a switch: without them labels are whole
    np.testing.assert_array_equal(batches(1, mixup=0.0)[1], plain[1])
    smoothed = batches(
        1, label_smoothing=0.2
    )  # labels of clips and of frames, after they are mixed; nothing else
    for x, clips, frames, smooth_x, smooth_clips, smooth_frames in zip(
        *[iter(first)] * 3, *[iter(smoothed)] * 3
    ):
        np.testing.assert_array_equal(smooth_x, x)
        np.testing.assert_allclose(smooth_clips, 0.8 * clips + 0.1, rtol=1e-6)
        np.testing.assert_allclose(smooth_frames, 0.8 * frames + 0.1, rtol=1e-6)
    for without, as_before in zip(batches(1, label_smoothing=0.0), first):
        np.testing.assert_array_equal(without, as_before)


def test_the_rate_rises_and_falls_along_half_a_cosine():
    c = config(learning_rate=0.01)
    rates = [learning_rate(c, step, 1000) for step in range(1000)]
    assert np.argmax(rates) == 50 and rates[50] == pytest.approx(0.01)
    assert rates[0] < 0.001 and rates[-1] < 0.0002
    assert rates[525] == pytest.approx(0.01 * (0.01 + 0.99 / 2))  # half way down
    assert all(a <= b for a, b in zip(rates[:50], rates[1:51])) and all(
        a >= b for a, b in zip(rates[50:], rates[51:])
    )
    assert {learning_rate(config(schedule="constant"), s, 9) for s in range(9)} == {2e-3}


def test_averaged_weights_are_put_in_place_for_a_while():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Input((2, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "sigmoid")]
    )
    model.compile(optimizer=FusedAdam(0.1, use_ema=True, ema_momentum=0.2), loss="binary_crossentropy")
    rng, device, seen = np.random.default_rng(0), OneDevice(), []
    for _ in range(4):
        device.step(model, rng.normal(size=(4, 2, 3)).astype("f4"), np.ones((4, 2), "f4"))
        seen.append(model.get_weights()[0])
    average = seen[0]
    for old, weights in zip((1 / 10, 2 / 11, 0.2), seen[1:]):  # the next would be 3 / 12: more than asked for
        average = old * average + (1 - old) * weights
    with averaged(model):
        np.testing.assert_allclose(model.get_weights()[0], average, rtol=1e-5)
    np.testing.assert_array_equal(model.get_weights()[0], seen[-1])
    keras.utils.clear_session()


@pytest.mark.parametrize("name", ["compact", "crnn_time"])
def test_frames_are_pooled_to_the_score_of_the_clip(name):
    params = FeatureParams()
    model = build(name, 3, params.bands, 80)
    x = np.random.default_rng(0).normal(size=(2, 80, params.bands)).astype("f4")
    clips, frames = with_frames(model).predict_on_batch(x)
    np.testing.assert_allclose(clips, (frames**2).sum(axis=1) / (frames.sum(axis=1) + 1e-7), rtol=1e-5)
    np.testing.assert_allclose(clips, model.predict_on_batch(x), rtol=1e-6)
    keras.utils.clear_session()
