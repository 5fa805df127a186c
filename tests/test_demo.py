"""The demo set: the same wherever it is built, with the statistics it promises, and every event to be heard."""

import collections

import numpy as np
import pytest

from sedcore.data import demo
from sedcore.data.demo_build import build_demo, build_demo_features
from sedcore.data.store import open_dataset
from sedcore.errors import SedcoreError
from sedcore.jobs.queue import submit
from sedcore.training.config import TrainConfig
from tests.support.tiny import make_dataset

CLIPS = range(1, 1001)


@pytest.fixture(scope="module")
def scripts():
    return [demo.script(index) for index in CLIPS]


def test_a_clip_is_a_function_of_seed_and_index():
    np.testing.assert_array_equal(demo.clip_audio(3), demo.clip_audio(3))
    assert demo.script(3) == demo.script(3)
    assert not np.array_equal(demo.clip_audio(3), demo.clip_audio(4))
    assert demo.script(3, seed=1) != demo.script(3) or demo.script(4, seed=1) != demo.script(4)


def test_a_clip_is_ten_seconds_within_range():
    audio = demo.clip_audio(1)
    assert audio.shape == (160_000,) and audio.dtype == np.float32
    assert np.isfinite(audio).all() and 0 < np.abs(audio).max() < 0.9


def test_the_statistics_are_like_deseds(scripts):
    labels = [{event.label for event in script} for script in scripts]
    assert 0.45 < np.mean(["Speech" in found for found in labels]) < 0.55
    assert 1.35 < np.mean([len(found) for found in labels]) < 1.65
    assert 0.01 < np.mean([not found for found in labels]) < 0.06
    assert set.union(*labels) == set(demo.CLASSES)
    seconds = collections.defaultdict(list)
    for script in scripts:
        for event in script:
            assert 0 <= event.onset_s < event.offset_s <= demo.CLIP_S
            seconds[event.label].append(event.offset_s - event.onset_s)
    for label in ("Dishes", "Dog", "Cat"):
        assert np.median(seconds[label]) < 1.2, label
    for label in ("Frying", "Vacuum_cleaner"):
        assert np.median(seconds[label]) > 9, label


def test_events_of_different_classes_overlap(scripts):
    def overlaps(script):
        return any(
            a.label != b.label and a.onset_s < b.offset_s and b.onset_s < a.offset_s
            for a in script
            for b in script
        )

    several = [script for script in scripts if len({event.label for event in script}) > 1]
    assert np.mean([overlaps(script) for script in several]) > 0.3


@pytest.mark.parametrize("label", demo.CLASSES)
def test_every_class_can_be_heard_above_the_background(label, scripts):
    index = next(i for i, script in zip(CLIPS, scripts) if any(event.label == label for event in script))
    background, sounds = demo.clip_parts(index)
    for event, sound in sounds:
        if event.label == label:
            start = round(event.onset_s * 16000)
            under = background[start : start + len(sound)]
            # Loudness is that of the louder half of short frames, so a whole event may lie a little below 0 dB.
            assert 10 * np.log10(np.mean(sound**2) / np.mean(under**2)) > -10, event


def test_the_set_is_the_same_whatever_the_workers(tmp_path):
    one = build_demo(tmp_path, "one", clips=30, workers=1)
    two = build_demo(tmp_path, "two", clips=30, workers=2)
    assert one.fingerprint == two.fingerprint
    np.testing.assert_array_equal(one.open_features("logmel"), two.open_features("logmel"))
    assert [len(one.clips_of(split)) for split in one.splits] == [18, 6, 6]
    assert one.events is not None and len(one.events) > 30


def test_features_are_made_again_where_only_the_tables_were_copied(tmp_path):
    whole = build_demo(tmp_path, "demo", clips=20)
    before = np.array(whole.open_features("logmel"))
    for file in (whole.path / "features").iterdir():
        file.unlink()
    (whole.path / "features").rmdir()
    assert open_dataset(tmp_path, "demo").feature_names() == []
    with pytest.raises(SedcoreError, match="add them with: demo-data --name demo --features logmel"):
        submit(tmp_path, TrainConfig("demo", "cnn"))
    again = build_demo_features(tmp_path, "demo", features=("logmel", "mel"))
    np.testing.assert_array_equal(again.open_features("logmel"), before)
    assert set(again.feature_names()) == {"mel", "logmel"} and again.fingerprint == whole.fingerprint
    assert not [file for file in whole.path.iterdir() if file.name.startswith(".")]


def test_what_cannot_be_built_is_said(tmp_path):
    build_demo(tmp_path, "demo", clips=10)
    with pytest.raises(SedcoreError, match="already a data set 'demo'"):
        build_demo(tmp_path, "demo", clips=10)
    with pytest.raises(SedcoreError, match="at least 10 clips"):
        build_demo(tmp_path, "few", clips=9)
    with pytest.raises(SedcoreError, match="no data set 'other'"):
        build_demo_features(tmp_path, "other")
    make_dataset(tmp_path)
    with pytest.raises(SedcoreError, match="not a demo set"):
        build_demo_features(tmp_path, "tiny")


def test_tables_of_another_generator_are_refused(tmp_path, monkeypatch):
    build_demo(tmp_path, "demo", clips=10)
    monkeypatch.setattr("sedcore.data.demo_build.GENERATOR", 99)
    with pytest.raises(SedcoreError, match="another version of sedcore"):
        build_demo_features(tmp_path, "demo")
