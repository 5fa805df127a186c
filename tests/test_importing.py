"""Importing whole folders: .npy pairs, audio, splits, checks, and real soundscapes."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sedcore.data.features import clip_features, log_mel
from sedcore.data.importing import import_dataset
from sedcore.data.mel import FeatureParams, mel_power
from sedcore.data.npy_pairs import REPORT_CLASSES, fold_bands, load_mel
from sedcore.errors import SedcoreError

FRAMES = 20


def write_pairs(folder, clips=3, bands=8, seed=0, classes=11):
    """Pairs whose clip i has the class of row i on in frames 2 to 4, and Silence (row 8) elsewhere."""
    rng = np.random.default_rng(seed)
    for name in "XY":
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(clips):
        roll = np.zeros((classes, FRAMES))
        roll[i % 8, 2:5] = 1
        if classes > 8:
            roll[8] = roll.sum(axis=0) == 0
        np.save(folder / "X" / f"melspec_{i + 1:05d}.npy", rng.random((1, bands, FRAMES)))
        np.save(folder / "Y" / f"eventroll_{i + 1:05d}.npy", roll)
    return folder


def write_wavs(folder, labels, seconds=1.0, seed=0):
    """A wav a clip id, with a strong table of {clip id: [(onset, offset, label), ...]}."""
    (folder / "audio").mkdir(parents=True)
    lines = ["filename\tonset\toffset\tevent_label"]
    for i, (name, events) in enumerate(labels.items()):
        samples = np.random.default_rng([seed, i]).normal(0, 0.1, int(seconds * 8000))
        soundfile.write(folder / "audio" / name, samples, 8000)
        lines += ["\t".join([name, *map(str, event)]) for event in events] or [f"{name}\t\t\t"]
    (folder / "strong.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def run(root, train, said=None, **options):
    options = {"clip_s": 1.0, "hop_s": 0.02, "sample_rate_hz": 8000, "n_fft": 256, "bands": None, **options}
    if (Path(train) / "audio").exists():
        options["bands"] = options["bands"] or 20
    return import_dataset(root, "set", train, announce=(said if said is not None else []).append, **options)


def problems_of(root, train, **options):
    with pytest.raises(SedcoreError) as error:
        run(root, train, **options)
    assert not (root / "datasets").exists() or os.listdir(root / "datasets") == []
    first, *lines = str(error.value).splitlines()
    return [first] if not lines else [line.strip() for line in lines]


def folders(tmp_path, make, **options):
    return {s: make(tmp_path / s, seed=i, **options) for i, s in enumerate(("train", "validation", "test"))}


# ---- .npy pairs -----------------------------------------------------------------------------------------------


def test_pairs(tmp_path):
    said = []
    dataset = run(tmp_path, **folders(tmp_path, write_pairs), features=("mel", "logmel"), said=said)
    assert dataset.classes == tuple(name for name in REPORT_CLASSES if name != "Silence")
    assert dataset.splits == ("train", "validation", "test")
    assert dataset.clips_of("test")["clip_id"].tolist() == [f"melspec_0000{i}.npy" for i in (1, 2, 3)]
    assert dataset.truth("train").tolist() == np.eye(10, dtype=bool)[:3].tolist()
    assert (dataset.info["labels"], dataset.info["hop_s"], dataset.info["clip_s"]) == (
        "event rolls",
        0.05,
        1.0,
    )
    events = dataset.events[dataset.events["split"] == "train"]
    assert events[["onset_s", "offset_s", "label"]].values.tolist() == [
        [0.1, 0.25, "Alarm_bell_ringing"], [0.1, 0.25, "Blender"], [0.1, 0.25, "Cat"],
    ]  # fmt: skip
    given = np.load(tmp_path / "train" / "X" / "melspec_00002.npy")[0].T.astype(np.float32)
    np.testing.assert_array_equal(dataset.open_features("mel")[1], given)
    np.testing.assert_array_equal(dataset.open_features("logmel")[1], log_mel(given))
    assert said == [
        "taken: .npy pairs X/ and Y/, 8 bands x 20 frames; 10 classes from the report's list; "
        "clips: train 3, validation 3, test 3"
    ]


def test_pairs_are_joined_by_number_not_by_listing(tmp_path):
    folder = write_pairs(tmp_path / "train", 3)
    for i, name in ((1, "roll-9.npy"), (2, "roll-10.npy"), (3, "z_011_old_8.npy")):
        (folder / "X" / f"melspec_{i:05d}.npy").rename(folder / "X" / f"mel{i + 8:03d}.npy")
        (folder / "Y" / f"eventroll_{i:05d}.npy").rename(folder / "Y" / name)
    (folder / "X" / "mel011.npy").rename(folder / "X" / "mel8.npy")
    (folder / "X" / ".DS_Store").write_text("")
    (folder / "X" / "notes.txt").write_text("")
    dataset = run(tmp_path, folder, test=write_pairs(tmp_path / "test"))
    first = dataset.clips_of("train").set_index("clip_id")["labels"].to_dict()
    assert first == {"mel8.npy": ["Cat"], "mel009.npy": ["Alarm_bell_ringing"], "mel010.npy": ["Blender"]}


def test_bands_are_kept_or_folded(tmp_path):
    folder, test = write_pairs(tmp_path / "train", bands=16), write_pairs(tmp_path / "test", bands=16)
    assert run(tmp_path / "a", folder, test=test).feature_info("logmel")["bands"] == 16
    folded = run(tmp_path / "b", folder, test=test, bands=4, features=("mel",)).open_features("mel")
    given = np.load(folder / "X" / "melspec_00001.npy")[0]
    np.testing.assert_allclose(folded[0][:, 1], given[4:8].sum(axis=0), rtol=1e-6)
    assert "16 mel bands cannot be folded to 6" in problems_of(tmp_path / "c", folder, test=test, bands=6)[0]
    assert fold_bands(given, 16) is given


@pytest.mark.parametrize("bands", [None, 32])
def test_audio_gets_the_features_of_the_pairs_that_were_made_of_it(tmp_path, bands):
    made_with = FeatureParams(sample_rate_hz=8000, n_fft=512, hop_s=1 / FRAMES, bands=64, clip_s=1.0)
    folder, sounds = write_pairs(tmp_path / "train", bands=64), []
    for i in range(3):
        sounds.append(np.random.default_rng(i).normal(0, 0.1, 8000).astype(np.float32))
        np.save(folder / "X" / f"melspec_{i + 1:05d}.npy", mel_power(sounds[i], made_with).T[None])
    dataset = run(tmp_path, folder, test=write_pairs(tmp_path / "test", bands=64), n_fft=512, bands=bands)
    params = json.loads((dataset.path / "features" / "logmel.json").read_text())["params"]
    for stored, samples in zip(dataset.open_features("logmel"), sounds):
        np.testing.assert_allclose(clip_features(samples, "logmel", params), stored, atol=0.07)
    assert params.get("folded_from") == (64 if bands else None)


def test_classes_beside_the_pairs(tmp_path):
    folder = write_pairs(tmp_path / "train", classes=4)
    message = problems_of(tmp_path, folder)[0]
    assert "(4, 20)" in message and "(11, 20)" in message and "classes.json" in message
    (folder / "classes.json").write_text(json.dumps(["d", "c", "b", "silence"]))
    assert run(tmp_path, folder, fractions=(0.4, 0.3, 0.3)).classes == ("d", "c", "b")
    test = write_pairs(tmp_path / "test", classes=4)
    (test / "classes.json").write_text(json.dumps(["c", "d", "b", "silence"]))
    assert "differs from" in problems_of(tmp_path / "other", folder, test=test)[0]


def test_every_problem_of_pairs_is_listed(tmp_path):
    folder = write_pairs(tmp_path / "train", 13)
    x, y = (
        (lambda n: folder / "X" / f"melspec_{n:05d}.npy"),
        (lambda n: folder / "Y" / f"eventroll_{n:05d}.npy"),
    )
    y(1).unlink()
    x(2).unlink()
    nan = np.load(x(3))
    nan[0, 1, 1] = np.nan
    np.save(x(3), nan)
    np.save(x(4), np.ones((1, 8, 21)))
    np.save(y(5), np.zeros((FRAMES, 11)))
    x(6).write_bytes(x(6).read_bytes()[:-100])
    np.save(x(11), np.full((1, 8, FRAMES), 1e300))
    np.save(x(7), np.array([{"a": 1}], dtype=object), allow_pickle=True)
    y(8).write_bytes(b"")
    np.save(y(9), np.full((11, FRAMES), 3.0))
    np.save(y(13), np.full((11, FRAMES), 0.1))
    np.save(x(10), np.ones((2, 8, FRAMES)))
    np.save(folder / "X" / "other_12.npy", np.ones((1, 8, FRAMES)))
    np.save(folder / "Y" / "roll.npy", np.zeros((11, FRAMES)))
    wanted = {
        "melspec_00001.npy": "has no partner number 1",
        "eventroll_00002.npy": "has no partner number 2",
        "melspec_00003.npy": "1 values are NaN",
        "eventroll_00004.npy": "wanted is an event roll (11, 21)",
        "melspec_00004.npy": "has 8 bands x 21 frames, most have 8 x 20",
        "eventroll_00005.npy": "axes are exchanged",
        "melspec_00006.npy": "unreadable or truncated",
        "melspec_00007.npy": "Python objects",
        "eventroll_00008.npy": "unreadable or truncated",
        "eventroll_00009.npy": "values from 3 to 3",
        "eventroll_00013.npy": "holds 0.1; wanted are 0 and 1",
        "melspec_00010.npy": "has shape (2, 8, 20)",
        "melspec_00011.npy": "160 values are NaN, infinite or beyond float32",
        "other_12.npy": "same number as melspec_00012.npy",
        "roll.npy": "no number in its name",
    }
    lines = problems_of(tmp_path, folder)
    for file, words in wanted.items():
        assert [line for line in lines if f"{file}: " in line and words in line], (file, lines)
    assert len(lines) == len(wanted)


@pytest.mark.parametrize(
    "stored",
    [
        lambda file, mel: np.save(file, mel),
        lambda file, mel: np.save(file, np.asfortranarray(mel)),
        lambda file, mel: np.save(file, mel.astype(">f4")),
        lambda file, mel: np.save(file, mel.astype(np.float64)),
        lambda file, mel: np.save(file, mel.astype(np.int16)),
        lambda file, mel: np.lib.format.write_array(file, mel, version=(2, 0)),
        lambda file, mel: np.lib.format.write_array(file, mel, version=(3, 0)),
        lambda file, mel: file.write(saved(mel) + b"what follows is not read"),
    ],
    ids=["plain", "by columns", "big-endian", "float64", "integers", "version 2", "version 3", "longer"],
)
def test_mel_is_the_same_however_it_was_stored(tmp_path, stored):
    mel = np.arange(40, dtype=np.float32).reshape(1, 8, 5)
    for name, write in (("plain.npy", lambda file, mel: np.save(file, mel)), ("other.npy", stored)):
        with open(tmp_path / name, "wb") as file:
            write(file, mel)
    (values, digest), (plain, of_plain) = (load_mel(str(tmp_path / n)) for n in ("other.npy", "plain.npy"))
    np.testing.assert_array_equal(values, mel[0].T)
    np.testing.assert_array_equal(plain, mel[0].T)
    assert digest == of_plain == hashlib.sha256(b"(8, 5)" + mel.astype("<f4").tobytes()).hexdigest()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "unreadable or truncated"),
        (b"\x93NUM", "unreadable or truncated"),
        (b"no array at all, and long enough for a header of numpy", "holds Python objects"),
        (lambda: saved(np.ones((8, 5)))[:-1], "unreadable or truncated"),
        (lambda: saved(np.ones((8, 5)))[:40], "unreadable or truncated"),
        (lambda: saved(np.ones((8, 5))).replace(b"(8, 5)", b"(8,-5)"), "unreadable or truncated"),
        (lambda: saved(np.ones((8, 5))).replace(b"(8, 5)", b"(8, )("), "unreadable or truncated"),
        (lambda: saved(np.array(["a", "b"])), "wanted are real numbers"),
        (lambda: saved(np.ones((8, 5), complex)), "wanted are real numbers"),
    ],
)
def test_what_is_no_array_of_numbers_is_named(tmp_path, content, words):
    file = tmp_path / "melspec_00001.npy"
    file.write_bytes(content if isinstance(content, bytes) else content())
    with pytest.raises(SedcoreError, match=f"melspec_00001.npy: .*{words}"):
        load_mel(str(file))


def saved(array):
    """The bytes of a .npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_log_mel_in_place_of_power_is_told(tmp_path):
    folder = write_pairs(tmp_path / "train")
    np.save(folder / "X" / "melspec_00001.npy", np.full((1, 8, FRAMES), -30.0))
    dataset = run(tmp_path, folder, test=write_pairs(tmp_path / "test"))
    assert any("if it is log-mel already" in p["message"] for p in dataset.problems)


# ---- audio ----------------------------------------------------------------------------------------------------


AUDIO = {"a.wav": [(0, 0.5, "Dog"), (0.2, 0.4, "Cat")], "b.wav": [], "c.wav": [(0.5, 1, "Cat")]}


def test_audio_with_a_strong_table(tmp_path):
    said = []
    dataset = run(
        tmp_path, **folders(tmp_path, write_wavs, labels=AUDIO), features=("logmel", "mfcc"), said=said
    )
    assert dataset.classes == ("Cat", "Dog") and dataset.info["labels"] == "strong"
    assert dataset.truth("test").tolist() == [[True, True], [False, False], [True, False]]
    assert dataset.clips["source_file"].tolist()[:2] == ["audio/a.wav", "audio/b.wav"]
    assert len(dataset.events) == 9 and dataset.feature_names() == ["logmel", "mfcc"]
    assert dataset.info["source"]["folders"]["test"] == str((tmp_path / "test").resolve())
    assert said == [
        "taken: audio with strong labels (strong.tsv); 2 classes from the labels; "
        "clips: train 3, validation 3, test 3"
    ]


def test_long_clips_become_windows(tmp_path):
    train = write_wavs(tmp_path / "train", {"a.wav": [(0, 0.5, "Dog"), (1.2, 2.4, "Cat")]}, seconds=2.5)
    dataset = run(tmp_path, train, test=write_wavs(tmp_path / "test", AUDIO))
    assert dataset.clips_of("train")[["duration_s", "rows"]].values.tolist() == [[2.5, 3]]
    assert dataset.row_truth("train").tolist() == [[False, True], [True, False], [True, False]]
    assert (dataset.open_features("logmel")[2, 30:] == -100).all()


def test_weak_labels_and_columns(tmp_path):
    train, test = write_wavs(tmp_path / "train", AUDIO), write_wavs(tmp_path / "test", AUDIO, seed=1)
    (train / "strong.tsv").write_text("filename\tevent_labels\na.wav\tDog,Rain\nb.wav\t\nc.wav\tCat\n")
    (test / "strong.tsv").unlink()
    (test / "tags.csv").write_text("filename,Rain,Wind,Cat\na.wav,1,0,0\nb.wav,0,0,0\nc.wav,1,0,1\n")
    dataset = run(tmp_path, train, test=test)
    assert dataset.classes == ("Cat", "Dog", "Rain", "Wind") and dataset.events is None
    assert dataset.info["labels_by_split"] == {"train": "weak", "test": "columns"}
    assert dataset.truth("test").tolist() == [
        [False, False, True, False],
        [False] * 4,
        [True, False, True, False],
    ]


def test_a_class_list_beside_audio(tmp_path):
    train, test = write_wavs(tmp_path / "train", AUDIO), write_wavs(tmp_path / "test", AUDIO, seed=1)
    (train / "classes.json").write_text(json.dumps(["Dog", "Silence", "Cat"]))
    assert run(tmp_path, train, test=test).classes == ("Dog", "Cat")
    (train / "classes.json").write_text(json.dumps(["Dogs", "Cat"]))
    lines = problems_of(tmp_path / "other", train, test=test)
    assert len(lines) == 2 and all(
        "line 2: unknown label 'Dog'; did you mean 'Dogs'?" in line for line in lines
    )


def test_one_table_for_all_folders(tmp_path):
    train = write_wavs(tmp_path / "train", {"a.wav": [], "b.wav": []})
    test = write_wavs(tmp_path / "test", {"c.wav": []}, seed=1)
    table = tmp_path / "all.tsv"
    table.write_text("filename\tevent_labels\na.wav\tDog\nb.wav\tCat\nc.wav\tDog\n")
    dataset = run(tmp_path, train, test=test, labels=table)
    assert dataset.clips["clip_id"].tolist() == ["a.wav", "b.wav", "c.wav"]
    table.write_text("filename\tevent_labels\na.wav\tDog\nb.wav\tCat\nc.wav\tDog\nd.wav\tDog\n")
    assert "line 5: d.wav is not among" in problems_of(tmp_path / "other", train, test=test, labels=table)[0]
    write_wavs(tmp_path / "third", {"a.wav": []})
    lines = problems_of(tmp_path / "other", train, test=tmp_path / "third", labels=table)
    assert any("give each split a table of its own" in line for line in lines)


def test_every_problem_of_audio_is_listed(tmp_path):
    names = [f"{i}.wav" for i in range(6)]
    train = write_wavs(tmp_path / "train", {name: [(0, 1, "Dog")] for name in names})
    content = (train / "audio" / "1.wav").read_bytes()
    (train / "audio" / "1.wav").write_bytes(content[:2000])
    (train / "audio" / "2.wav").unlink()
    soundfile.write(train / "audio" / "3.wav", np.full(8000, np.nan), 8000, subtype="FLOAT")
    soundfile.write(train / "audio" / "new.wav", np.zeros(10), 8000)
    with open(train / "strong.tsv", "a") as table:
        table.write("4.wav\t0.9\t0.2\tDog\n")
    lines = problems_of(tmp_path, train, fractions=(0.4, 0.3, 0.3))
    for file, words in (
        ("1.wav", "truncated"),
        ("strong.tsv", "line 4: 2.wav is not among"),
        ("3.wav", "not finite"),
        ("strong.tsv", "line 8: 4.wav"),
        ("new.wav", "has no row"),
    ):
        assert [line for line in lines if f"{file}: " in line and words in line], (file, lines)
    assert len(lines) == 5


# ---- splits and arguments -------------------------------------------------------------------------------------


def test_one_folder_is_divided_by_fractions(tmp_path):
    labels = {f"{i:02d}.wav": [(0, 0.5, "Dog" if i % 2 else "Cat")] for i in range(20)}
    said = []
    train = write_wavs(tmp_path / "train", labels)
    dataset = run(tmp_path, train, fractions=(0.6, 0.2, 0.2), seed=5, said=said)
    assert [dataset.info["splits"][s]["clips"] for s in dataset.splits] == [12, 4, 4]
    assert [dataset.truth(s).sum(axis=0).tolist() for s in dataset.splits] == [[6, 6], [2, 2], [2, 2]]
    assert set(dataset.events["clip_id"]) == set(labels) and len(dataset.events) == 20
    for split in dataset.splits:
        assert set(dataset.events.query("split == @split")["clip_id"]) == set(
            dataset.clips_of(split)["clip_id"]
        )
    assert "divided by 0.6:0.2:0.2" in said[0]
    again = run(tmp_path / "again", train, fractions=(0.6, 0.2, 0.2), seed=5)
    assert again.fingerprint == dataset.fingerprint
    assert run(tmp_path / "other", train, seed=6).fingerprint != dataset.fingerprint


def test_too_few_good_clips_do_not_hide_what_is_wrong_with_the_others(tmp_path):
    folder = write_wavs(tmp_path / "train", AUDIO)
    table = folder / "strong.tsv"
    table.write_text(table.read_text().replace("a.wav", "A.wav").replace("b.wav", "B.wav"))
    lines = problems_of(tmp_path, folder, fractions=(0.5, 0.5))
    assert any("A.wav is not among the audio" in line and "did you mean a.wav" in line for line in lines)


def test_fractions_with_folders(tmp_path):
    made = folders(tmp_path, write_pairs, clips=10)
    dataset = run(tmp_path / "a", made["train"], test=made["test"], fractions=(0.8, 0.2))
    assert {s: v["clips"] for s, v in dataset.info["splits"].items()} == {
        "train": 8,
        "validation": 2,
        "test": 10,
    }
    assert "leave one away" in problems_of(tmp_path / "b", **made, fractions=(0.8, 0.2))[0]
    assert (
        "2 numbers above 0"
        in problems_of(tmp_path / "c", made["train"], test=made["test"], fractions=(1,))[0]
    )
    without = run(tmp_path / "d", made["train"], test=made["test"])
    assert any(p["file"] == "validation" and "there is none" in p["message"] for p in without.problems)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"train": "nowhere"}, "train: .*nowhere does not exist"),
        ({"features": ("logmell",)}, "did you mean 'logmel'"),
        ({"features": ()}, "no features were asked for"),
        ({"clip_s": 0}, "clip_s = 0"),
        ({"clip_s": float("inf")}, "clip_s = inf"),
        ({"bands": 0}, "bands = 0"),
        ({"seed": -1}, "seed = -1"),
        ({"source": "audio"}, "wanted are X/ and Y/"),
        ({"workers": 0}, "workers = 0"),
        ({"features": ("mfcc",)}, "20 MFCC cannot be made of 8 mel bands"),
    ],
)
def test_bad_arguments(tmp_path, options, words):
    train = write_pairs(tmp_path / "train")
    with pytest.raises(SedcoreError, match=words):
        run(tmp_path, **{"train": train, **options})
    assert not (tmp_path / "datasets").exists() or os.listdir(tmp_path / "datasets") == []


def test_kinds_of_folders_must_agree(tmp_path):
    train, test = write_pairs(tmp_path / "train"), write_wavs(tmp_path / "test", AUDIO)
    with pytest.raises(SedcoreError, match="all folders must be of one kind"):
        import_dataset(tmp_path, "set", train, test=test)


def test_an_empty_folder_of_pairs(tmp_path):
    assert "holds no clips" in problems_of(tmp_path, write_pairs(tmp_path / "train", clips=0))[0]


# ---- real recordings ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def soundscapes(tmp_path_factory):
    shared = os.environ.get("SEDCORE_SHARED")
    if not shared:
        pytest.skip("SEDCORE_SHARED is not set: no real soundscapes to render")
    out = tmp_path_factory.mktemp("soundscapes")
    splits = ("train", "validation", "test")
    render = [sys.executable, Path(shared) / "soundscapes" / "render.py"]
    running = [  # side by side: most of the time goes into starting
        subprocess.Popen(
            [*render, out / split, "--split", split, "--clips", "4", "--layout", "both"],
            stdout=subprocess.DEVNULL,
        )
        for split in splits
    ]
    assert [process.wait(timeout=300) for process in running] == [0, 0, 0]
    return {split: out / split for split in splits}


def test_real_soundscapes_are_the_same_in_both_layouts(tmp_path, soundscapes):
    npy = import_dataset(tmp_path, "npy", **soundscapes, features=("mel", "logmel"), source="npy")
    audio = import_dataset(tmp_path, "audio", **soundscapes, features=("mel", "logmel"), source="audio")
    assert npy.classes == audio.classes and len(npy.classes) == 10
    for split in ("train", "validation", "test"):
        assert npy.truth(split).any() and (npy.truth(split) == audio.truth(split)).all()
    assert npy.open_features("logmel").shape == audio.open_features("logmel").shape == (12, 1000, 64)
    mine, theirs = audio.open_features("mel")[:], npy.open_features("mel")[:]
    # 16-bit wav files against unrounded samples: equal but for the rounding noise
    np.testing.assert_allclose(mine, theirs, rtol=1e-2, atol=1e-3)
    assert len(npy.events) == len(audio.events)
    rolls, tables = (d.events.sort_values(["split", "clip_id", "label", "onset_s"]) for d in (npy, audio))
    assert rolls["label"].tolist() == tables["label"].tolist()
    for edge in ("onset_s", "offset_s"):  # rolls know the frame, tables the millisecond
        assert np.abs(rolls[edge].to_numpy() - tables[edge].to_numpy()).max() < 0.011
