"""The data set folder: what is written, how it is read, and that nothing half-written stays."""

import errno
import functools
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sedcore import cli
from sedcore.artifacts.files import read_json, write_json
from sedcore.data.adding import build_features
from sedcore.data.checks import Problem
from sedcore.data.features import (
    FEATURE_KINDS,
    FeatureKind,
    check_kinds,
    clip_features,
    derivable,
    feature_title,
)
from sedcore.data.mel import FeatureParams, split_windows
from sedcore.data.store import list_datasets, open_dataset
from sedcore.data.writing import write_dataset
from sedcore.errors import SedcoreError
from sedcore.training.checks import check_fit
from sedcore.training.config import TrainConfig
from tests.support.small_sets import small_set

PARAMS = FeatureParams(sample_rate_hz=8000, n_fft=256, hop_s=0.02, bands=20, clip_s=1.0, n_mfcc=8)
CLASSES = ("Cat", "Dog")


def tone(item, scale=1.0):
    """Loads a clip: (seed, seconds), or what an item that is an exception stands for."""
    if isinstance(item, BaseException):
        raise item
    seed, seconds = item
    samples = scale * np.random.default_rng(seed).normal(0, 0.1, int(seconds * 8000)).astype(np.float32)
    return samples, f"content {seed}"


def make_clips(rows):
    """Clips from (clip_id, split, seconds, labels), and their items."""
    frame = pd.DataFrame([(c, s, f"audio/{c}", d, x) for c, s, d, x in rows],
                         columns=["clip_id", "split", "source_file", "duration_s", "labels"])  # fmt: skip
    return frame, [(i, row[2]) for i, row in enumerate(rows)]


def three_clips():
    return make_clips([("a.wav", "train", 1.0, ["Dog"]), ("b.wav", "train", 2.5, ["Cat", "Dog"]),
                       ("a.wav", "test", 0.5, [])])  # fmt: skip


EVENTS = pd.DataFrame(
    [("b.wav", "train", 0.2, 0.9, "Cat"), ("b.wav", "train", 0.5, 1.0, "Dog"), ("b.wav", "train", 2.0, 2.4, "Dog"),
     ("a.wav", "train", 0.0, 1.0, "Dog")],
    columns=["clip_id", "split", "onset_s", "offset_s", "label"],
)  # fmt: skip


def write(root, name="set", clips=None, items=None, **options):
    given, loaded = three_clips()
    options = {"classes": CLASSES, "load": tone, "params": PARAMS, "events": EVENTS, **options}
    clips = given if clips is None else clips
    return write_dataset(root, name, clips=clips, items=loaded if items is None else items, **options)


def test_what_is_written_can_be_read(tmp_path):
    dataset = write(tmp_path, features=("mel", "logmel"), source={"kind": "audio"}, licence_note="free")
    assert dataset.classes == CLASSES and dataset.splits == ("train", "test")
    assert dataset.clips["first_row"].tolist() == [0, 1, 4] and dataset.clips["rows"].tolist() == [1, 3, 1]
    assert dataset.clips["labels"].tolist() == [["Dog"], ["Cat", "Dog"], []]
    assert dataset.clips["duration_s"].tolist() == [1.0, 2.5, 0.5]
    assert dataset.truth("train").tolist() == [[False, True], [True, True]]
    assert dataset.truth("test").tolist() == [[False, False]]
    info = dataset.info
    assert info["schema"] == 1 and info["labels"] == "strong" and info["licence_note"] == "free"
    assert info["splits"]["train"] == {"clips": 2, "positives": {"Cat": 1, "Dog": 2}}
    assert (info["sample_rate_hz"], info["hop_s"], info["clip_s"]) == (8000, 0.02, 1.0)


def test_windows_have_the_labels_of_their_own_events(tmp_path):
    truth = write(tmp_path).row_truth("train")
    assert truth.tolist() == [[False, True], [True, True], [False, False], [False, True]]


def test_windows_of_weak_labels_have_those_of_the_clip(tmp_path):
    dataset = write(tmp_path, labels="weak", events=None)
    assert dataset.events is None and not (dataset.path / "events.parquet").exists()
    assert dataset.row_truth("train").tolist() == [[False, True], [True, True], [True, True], [True, True]]


def test_events_beyond_the_last_window_count_for_it(tmp_path):
    clips, items = make_clips([("a.wav", "train", 1.008, ["Dog"]), ("b.wav", "train", 2.0, ["Dog"])])
    times = {"onset_s": [1.001, 1.0], "offset_s": [1.008, 2.0]}
    events = EVENTS.iloc[:2].assign(clip_id=["a.wav", "b.wav"], label="Dog", **times)
    dataset = write(tmp_path, clips=clips, items=items, events=events)
    assert dataset.clips["rows"].tolist() == [1, 2]
    assert dataset.row_truth("train")[:, 1].tolist() == [True, False, True]


def test_row_labels_of_splits_with_different_tables(tmp_path):
    dataset = write(tmp_path, labels={"train": "weak", "test": "strong"})
    assert dataset.info["labels"] == "weak" and dataset.labels_of("test") == "strong"
    assert dataset.row_truth("train").tolist() == [[False, True], [True, True], [True, True], [True, True]]


def test_rows_of_a_split(tmp_path):
    clips, items = make_clips([("a", "test", 2.0, []), ("b", "train", 1.0, []), ("c", "test", 1.0, ["Dog"])])
    dataset = write(tmp_path, clips=clips, items=items, events=None, labels="weak")
    assert dataset.splits == ("train", "test")
    assert dataset.rows_of("test").tolist() == [0, 1, 3] and dataset.rows_of("train").tolist() == [2]
    assert dataset.row_clips("test").tolist() == [0, 0, 1]
    assert dataset.clips_of("test")["clip_id"].tolist() == ["a", "c"]
    with pytest.raises(SedcoreError, match="no split 'validation'; it has train, test"):
        dataset.truth("validation")


def test_features_are_those_of_the_windows(tmp_path):
    dataset = write(tmp_path, features=("mel", "logmel", "mfcc", "mfcc_report"))
    samples = [window for item in three_clips()[1] for window in split_windows(tone(item)[0], PARAMS)]
    for kind, bands in (("mel", 20), ("logmel", 20), ("mfcc", 8), ("mfcc_report", 8)):
        stored = dataset.open_features(kind)
        assert isinstance(stored, np.memmap) and not stored.flags.writeable
        assert stored.shape == (5, 50, bands)
        np.testing.assert_array_equal(stored, [clip_features(window, kind, PARAMS) for window in samples])
        info = dataset.feature_info(kind)
        flat = np.asarray(stored[:4], np.float64).reshape(-1, bands)  # the four windows of train
        np.testing.assert_allclose(info["mean"], flat.mean(axis=0))
        np.testing.assert_allclose(info["std"], flat.std(axis=0))
        assert info["normalise"] == (kind != "mfcc_report")
        assert FeatureParams.from_json(info["params"]) == PARAMS


def test_derived_features_equal_those_of_an_import(tmp_path):
    at_once = write(tmp_path, "once", features=("mel", "logmel", "mfcc", "mfcc_report"))
    write(tmp_path, "later", features=("mel",))
    later = build_features(tmp_path, "later", ["logmel", "mfcc", "mfcc_report"])
    assert later.feature_names() == at_once.feature_names() == ["logmel", "mel", "mfcc", "mfcc_report"]
    for kind in later.feature_names():
        np.testing.assert_allclose(later.open_features(kind), at_once.open_features(kind), atol=1e-4)
    write(tmp_path, "dB")
    np.testing.assert_allclose(
        build_features(tmp_path, "dB", "mfcc").open_features("mfcc"), at_once.open_features("mfcc"), atol=1e-4
    )


def test_a_further_kind_is_one_row_of_the_table(tmp_path, monkeypatch):
    def root_of(mel, _):
        return np.sqrt(mel).astype(np.float32)

    kind = FeatureKind("root", "root of mel power", np.float32, {"mel": root_of}, scale="power")
    monkeypatch.setitem(FEATURE_KINDS, "root", kind)
    imported = write(tmp_path, "once", features=("mel", "root"))
    np.testing.assert_array_equal(imported.open_features("root"), np.sqrt(imported.open_features("mel")))
    assert imported.feature_info("root")["normalise"] and imported.feature_info("root")["bands"] == 20
    write(tmp_path, "later", features=("mel",))
    assert "root" in derivable(["mel"]) and "root" not in derivable(["logmel"])
    assert cli.main(["data", "features", "later", "--features", "root", "--artifacts", str(tmp_path)]) == 0
    later = open_dataset(tmp_path, "later").open_features("root")
    np.testing.assert_array_equal(later, imported.open_features("root"))
    assert (
        feature_title("root") == "root of mel power"
        and feature_title("of a later version") == "of a later version"
    )
    with pytest.raises(SedcoreError, match="there are mel, .*, root; did you mean 'root'"):
        check_kinds("rooot")


def test_kinds_know_each_other_and_what_they_are():
    for name, kind in FEATURE_KINDS.items():
        assert kind.name == name and kind.title and set(kind.sources) <= set(FEATURE_KINDS) - {name}
        assert kind.sources or name == "mel"  # what sound itself is turned into


def test_what_cannot_be_derived_says_why(tmp_path):
    write(tmp_path)
    for kind, words in (("mel", "cannot give mel"), ("mfcc_report", "computed from mel")):
        with pytest.raises(SedcoreError, match=words):
            build_features(tmp_path, "set", [kind])


def test_workers_write_the_same(tmp_path):
    rows = [(f"{i}.wav", "train", 1.0, ["Dog"]) for i in range(40)]
    clips, items = make_clips(rows)
    calls = []
    load = functools.partial(tone, scale=0.5)
    one = write(tmp_path, "one", clips, items, load=load, events=None, workers=1)
    two = write(tmp_path, "two", clips, items, load=load, events=None, workers=2,
                progress=lambda done, total: calls.append((done, total)))  # fmt: skip
    np.testing.assert_array_equal(one.open_features("logmel"), two.open_features("logmel"))
    assert one.fingerprint == two.fingerprint
    assert calls[-1] == (40, 40) and calls == sorted(calls) and len(calls) == 3


def test_a_worker_that_dies_is_an_error_in_words(tmp_path):
    clips, _ = make_clips([(f"{i}.wav", "train", 1.0, []) for i in range(20)])
    with pytest.raises(SedcoreError, match="worker process died"):
        write(tmp_path, clips=clips, items=[3] * 20, load=os._exit, events=None, workers=2)
    assert os.listdir(tmp_path / "datasets") == []


def test_workers_end_with_their_parent(tmp_path):
    """Killed without warning, or stopped by SIGTERM: nobody keeps this process's stderr open.

    The script that starts them has no guard against being imported by them, and needs none.
    """
    code = (
        "import os, time; from sedcore.data.mel import FeatureParams; from sedcore.data.rows import fill;"
        "fill(os.getcwd(), (), FeatureParams(), time.sleep, [0.2] * 2000, range(2000), [1] * 2000,"
        " from_audio=False, workers=2)"
    )
    (tmp_path / "main.py").write_text(code)
    home = str(Path(__file__).parents[1])
    parent = subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": home},
        stderr=subprocess.PIPE,
    )
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    while len(children.read_text().split()) < 3:  # two workers and the tracker of their semaphores
        assert parent.poll() is None, parent.stderr.read()
    parent.kill()
    parent.communicate(timeout=60)  # ends when the last holder of stderr has


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError("disk gone"), SedcoreError("bad.wav: bad")])
def test_nothing_stays_after_a_stop(tmp_path, stop):
    _, items = three_clips()
    with pytest.raises(type(stop) if isinstance(stop, KeyboardInterrupt) else SedcoreError):
        write(tmp_path, items=[items[0], stop, items[2]])
    assert os.listdir(tmp_path / "datasets") == [] and list_datasets(tmp_path) == []


BUILD = """
import sys
from sedcore.data.building import new_dataset_folder
with new_dataset_folder(sys.argv[1], "other") as folder:
    (folder / "features").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""
DAYS_AGO = time.time() - 2 * 86_400


@pytest.fixture
def builder(tmp_path):
    """A process that builds a data set "other" until its input ends, and its hidden folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(tmp_path)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def aged(folder, since=DAYS_AGO):
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (since, since))
    return folder


def test_what_a_killed_build_left_goes_with_the_next(tmp_path, builder):
    process, folder = builder
    process.kill()
    process.communicate()
    assert (folder / "features").is_dir()
    dataset = write(tmp_path)
    assert os.listdir(tmp_path / "datasets") == ["set"]
    assert sorted(os.listdir(dataset.path)) == ["clips.parquet", "dataset.json", "events.parquet", "features"]


def test_a_living_build_is_left_alone_however_long_it_takes(tmp_path, builder):
    process, folder = builder
    aged(folder)
    write(tmp_path)
    assert (folder / "features").is_dir()
    process.communicate()
    assert process.returncode == 0 and sorted(os.listdir(tmp_path / "datasets")) == ["other", "set"]
    assert os.listdir(tmp_path / "datasets" / "other") == ["features"]


def test_whether_a_build_lives_is_not_guessed(tmp_path, monkeypatch):
    """Without a lock that says so, a hidden folder goes when nothing in it has changed for a day."""
    parent = tmp_path / "datasets"

    def left(name, note=None):
        (parent / name / "features").mkdir(parents=True)
        if note is not None:
            (parent / name / ".lock").write_text(note)
        return parent / name

    elsewhere = '{"pid": 1, "host": "another machine"}'
    left(".a.tmp-1-00000a")
    left(".b.tmp-1-00000b", elsewhere)
    aged(left(".c.tmp-1-00000c"))
    aged(left(".d.tmp-1-00000d", elsewhere))
    young = aged(left(".e.tmp-1-00000e", ""))
    (young / "features" / "logmel.npy").write_bytes(b"just written")
    aged(left(".mine"))
    (parent / ".build-demo.log").write_text("words")
    (parent / ".f.tmp-1-00000f").write_text("no folder")
    write(tmp_path)
    kept = [".a.tmp-1-00000a", ".b.tmp-1-00000b", young.name, ".mine", ".build-demo.log", ".f.tmp-1-00000f"]
    assert sorted(os.listdir(parent)) == sorted([*kept, "set"])

    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    dead = aged(left(".g.tmp-1-000000", json.dumps({"host": platform.node()})))
    write(tmp_path, "second")  # a drive that knows no locks
    assert dead.is_dir() and not (parent / "second" / ".lock").exists()


def test_all_problems_are_told_together(tmp_path):
    _, items = three_clips()
    items[0] = SedcoreError("audio/a.wav: truncated")
    items[2] = (2, 1.6)  # 0.5 s were promised
    problems = [Problem("error", "strong.tsv", "line 3: bad"), Problem("warning", "x", "harmless")]
    with pytest.raises(SedcoreError) as error:
        write(tmp_path, items=items, problems=problems)
    first, *lines = str(error.value).splitlines()
    assert first == "data set 'set' was not imported: 3 problems:"
    assert lines[:2] == ["  strong.tsv: line 3: bad", "  audio/a.wav: truncated"]
    assert lines[2].startswith("  audio/a.wav: decodes to 1.60 s")


def test_fifty_problems_are_listed_and_all_are_counted(tmp_path):
    problems = [Problem("error", f"{i}.wav", "bad") for i in range(120)]
    with pytest.raises(SedcoreError) as error:
        write(tmp_path, problems=problems)
    lines = str(error.value).splitlines()
    assert "120 problems, the first 50 are:" in lines[0] and len(lines) == 51


def test_warnings_are_kept(tmp_path):
    clips, items = make_clips(
        [("a", "train", 1.0, ["Dog"]), ("b", "train", 1.0, ["Cat"]), ("c", "test", 1.0, ["Dog"])]
    )
    items = [(1, 1.0), (2, 1.0), (1, 1.0)]
    dataset = write(
        tmp_path, clips=clips, items=items, events=None, problems=[Problem("warning", "a", "cut")]
    )
    told = [(p["level"], p["file"], p["message"].split(";")[0]) for p in dataset.problems]
    assert told == [
        ("warning", "a", "cut"),
        ("warning", "audio/a", "(train) has the same content as audio/c (test)"),
        ("warning", "test", "no clip of test has the class Cat"),
    ]


def test_silence_is_a_warning(tmp_path):
    dataset = write(tmp_path, load=functools.partial(tone, scale=0))
    silent = [p["file"] for p in dataset.problems if "silence" in p["message"]]
    assert silent == ["audio/a.wav", "audio/b.wav", "audio/a.wav"]
    assert dataset.feature_info("logmel")["std"].tolist() == [1] * 20
    many, items = make_clips([(f"{i}.wav", "train", 1.0, []) for i in range(60)])
    dataset = write(tmp_path, "many", many, items, load=functools.partial(tone, scale=0), events=None)
    assert [p["file"] for p in dataset.problems if "and 59 more" in p["message"]] == ["audio/0.wav"]


def test_the_fingerprint_is_of_the_content(tmp_path):
    clips, items = three_clips()
    base = write(tmp_path, "base").fingerprint
    assert write(tmp_path, "again", clips.assign(source_file="elsewhere")).fingerprint == base
    assert (
        write(tmp_path, "shuffled", clips.iloc[[2, 0, 1]], [items[2], items[0], items[1]]).fingerprint == base
    )
    other_events = EVENTS.assign(onset_s=EVENTS["onset_s"] + 0.01)
    changed = [
        write(tmp_path, "id", clips.assign(clip_id=["x", "b.wav", "a.wav"])).fingerprint,
        write(tmp_path, "split", clips.assign(split=["train", "train", "validation"])).fingerprint,
        write(
            tmp_path, "labels", clips.assign(labels=[["Cat"], ["Cat"], []]), labels="weak", events=None
        ).fingerprint,
        write(tmp_path, "content", items=[(9, 1.0), *items[1:]]).fingerprint,
        write(tmp_path, "events", events=other_events).fingerprint,
        write(tmp_path, "classes", classes=("Dog", "Cat")).fingerprint,
    ]
    assert len({base, *changed}) == 7


def test_a_name_is_taken_once(tmp_path):
    write(tmp_path)
    with pytest.raises(SedcoreError, match="already a data set 'set'.*delete the folder"):
        write(tmp_path)
    with pytest.raises(SedcoreError, match="data set name '../x'"):
        write(tmp_path, "../x")


def test_a_full_disk_is_said_before_anything_is_written(tmp_path, monkeypatch):
    import shutil

    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SedcoreError, match="make room"):
        write(tmp_path)
    assert os.listdir(tmp_path / "datasets") == []


def test_opening_what_is_not_there(tmp_path):
    with pytest.raises(SedcoreError, match="there is none yet"):
        open_dataset(tmp_path, "set")
    write(tmp_path)
    with pytest.raises(SedcoreError, match="no data set 'sett'.*there are: set"):
        open_dataset(tmp_path, "sett")
    with pytest.raises(SedcoreError, match="no data set"):
        open_dataset(tmp_path / "datasets" / "set", "../set")
    with pytest.raises(SedcoreError, match="no features 'mel'; built are: logmel"):
        open_dataset(tmp_path, "set").open_features("mel")


def test_broken_folders_are_left_out_of_the_list(tmp_path):
    write(tmp_path)
    for name, text in (("empty", ""), ("old", '{"schema": 99}'), (".hidden", "{}")):
        (tmp_path / "datasets" / name).mkdir()
        (tmp_path / "datasets" / name / "dataset.json").write_text(text)
    assert [dataset.name for dataset in list_datasets(tmp_path)] == ["set"]
    with pytest.raises(SedcoreError, match="schema 99"):
        open_dataset(tmp_path, "old")
    info = {"classes": 1, "splits": {}, "fingerprint": "", "clip_s": 1}
    write_json(tmp_path / "datasets" / "empty" / "dataset.json", info)
    with pytest.raises(SedcoreError, match="wants a list of classes"):
        open_dataset(tmp_path, "empty")


def test_damaged_features_are_named(tmp_path):
    folder = write(tmp_path).path / "features"
    info = read_json(folder / "logmel.json", "features")
    write_json(folder / "logmel.json", info | {"rows": 7})
    with pytest.raises(SedcoreError, match="has shape .* build them again"):
        open_dataset(tmp_path, "set").open_features("logmel")
    (folder / "logmel.npy").write_bytes(b"nothing")
    with pytest.raises(SedcoreError, match="could not be opened"):
        open_dataset(tmp_path, "set").open_features("logmel")


def test_a_training_is_told_how_its_features_come_to_be(tmp_path):
    dataset = small_set(tmp_path, "dB", clips=20)
    assert dataset.feature_names() == ["logmel"]  # of which MFCC follow and mel does not
    with pytest.raises(SedcoreError, match="add them with: data features dB --features mfcc$"):
        check_fit(dataset, TrainConfig("dB", "ann", features="mfcc"))
    with pytest.raises(SedcoreError, match="import the data again with --features mel$"):
        check_fit(dataset, TrainConfig("dB", "ann", features="mel"))
