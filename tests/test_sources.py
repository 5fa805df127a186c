"""Audio files and source folders: what is recognised, what is joined, what is refused."""

import json

import numpy as np
import pytest
import soundfile

from sedcore.data.audio import audio_info, load_audio, read_audio
from sedcore.data.checks import raise_errors
from sedcore.data.labels import read_table
from sedcore.data.sources import audio_files, find_classes, find_table, read_audio_split, source_kind
from sedcore.errors import SedcoreError

RATE = 8000


def noise(seconds=1.0, rate=RATE, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * rate)).astype(np.float32)


def write_audio(path, seconds=1.0, rate=RATE, samples=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise(seconds, rate) if samples is None else samples, rate, **options)
    return path


def split_of(folder, table):
    path = folder / "strong.tsv"
    path.write_text("filename\tonset\toffset\tevent_label\n" + table, encoding="utf-8")
    return read_audio_split(folder, read_table(path), hop_s=0.01)


def told(split):
    return [(p.level, p.message) for p in split.problems]


# ---- decoding -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_every_format_is_read_whole(tmp_path, name):
    samples = read_audio(write_audio(tmp_path / name, 2.0, 16000), 16000)
    assert samples.shape == (32000,) and samples.dtype == np.float32
    if name != "a.ogg" and name != "a.mp3":
        np.testing.assert_allclose(samples, noise(2.0, 16000), atol=1 / 32768)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_every_format_cut_short_is_noticed(tmp_path, name, kept):
    path = write_audio(tmp_path / name, 4.0, 16000)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(SedcoreError, match=f"{name}: (truncated|cannot be decoded|not readable)"):
        read_audio(path, 16000)


def test_channels_are_averaged(tmp_path):
    left = noise()
    path = write_audio(tmp_path / "a.wav", samples=np.stack([left, np.zeros_like(left)], 1), subtype="FLOAT")
    np.testing.assert_allclose(read_audio(path, RATE), left / 2, rtol=1e-6)


@pytest.mark.parametrize("rate", [7999, 11025, 16000, 44100])
def test_rates_are_made_one(tmp_path, rate):
    t = np.arange(rate) / rate
    path = write_audio(tmp_path / "a.wav", rate=rate, samples=0.5 * np.sin(2 * np.pi * 440 * t))
    samples = read_audio(path, RATE)
    assert RATE <= len(samples) <= RATE + 1  # lengths are rounded up
    assert np.abs(np.fft.rfft(samples[:RATE])).argmax() == 440


def test_a_wav_whose_writer_did_not_know_its_length(tmp_path):
    path = write_audio(tmp_path / "a.wav")
    content = bytearray(path.read_bytes())
    at = content.index(b"data")
    content[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert len(read_audio(path, RATE)) == RATE


def without_length(path):
    """Make a flac such as a program leaves that writes into a pipe: it cannot go back to say how many samples came."""
    content = bytearray(path.read_bytes())
    # "fLaC", a block's header of 4 bytes, and STREAMINFO: its bits 108 to 143 are the number of samples
    assert content[:4] == b"fLaC" and content[4] & 0x7F == 0
    content[8 + 13] &= 0xF0
    content[8 + 14 : 8 + 18] = bytes(4)
    path.write_bytes(content)
    return path


def test_a_flac_whose_writer_did_not_know_its_length(tmp_path):
    path = without_length(write_audio(tmp_path / "audio" / "a.flac"))
    with pytest.raises(SedcoreError) as error:
        read_audio(path, RATE)
    assert str(error.value).startswith(f"{path}: its header does not say how long it is")
    assert "re-encode it" in str(error.value) and "\n" not in str(error.value)
    write_audio(tmp_path / "audio" / "b.flac")
    split = split_of(tmp_path, "a.flac\t0\t1\tDog\nb.flac\t0\t1\tDog\n")
    assert [clip.clip_id for clip in split.clips] == ["b.flac"] and told(split) == [
        ("error", str(error.value))
    ]


@pytest.mark.parametrize("content, words", [
    (b"", "empty"), (b"hello, no audio at all" * 9, "not readable as audio"), (None, "No such file"),
])  # fmt: skip
def test_what_is_no_audio(tmp_path, content, words):
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(SedcoreError, match=f"a.wav: .*{words}"):
        audio_info(tmp_path / "a.wav")


def test_no_samples_and_nan_samples(tmp_path):
    with pytest.raises(SedcoreError, match="holds no samples"):
        read_audio(write_audio(tmp_path / "a.wav", 0), RATE)
    bad = noise()
    bad[3] = np.nan
    with pytest.raises(SedcoreError, match="not finite"):
        read_audio(write_audio(tmp_path / "b.wav", samples=bad, subtype="FLOAT"), RATE)


def test_the_hash_is_of_the_file(tmp_path):
    first, second = write_audio(tmp_path / "a.wav"), write_audio(tmp_path / "b.wav")
    third = write_audio(tmp_path / "c.wav", samples=noise(seed=1))
    assert load_audio(first, RATE)[1] == load_audio(second, 4000)[1] != load_audio(third, RATE)[1]


# ---- what a folder is -----------------------------------------------------------------------------------------


def test_pairs_win_over_audio(tmp_path):
    (tmp_path / "X").mkdir()
    with pytest.raises(SedcoreError, match="wanted are X/ and Y/.*it holds X/"):
        source_kind(tmp_path, None, None)
    (tmp_path / "Y").mkdir()
    write_audio(tmp_path / "audio" / "a.wav")
    assert source_kind(tmp_path, None, None) == "npy"
    assert source_kind(tmp_path, "audio", None) == "audio"
    assert source_kind(tmp_path, None, "labels.tsv") == "audio"
    with pytest.raises(SedcoreError, match="leave one"):
        source_kind(tmp_path, "npy", "labels.tsv")
    with pytest.raises(SedcoreError, match="give npy or audio"):
        source_kind(tmp_path, "wav", None)


def test_audio_may_lie_in_the_folder_itself(tmp_path):
    with pytest.raises(SedcoreError, match="it holds nothing"):
        source_kind(tmp_path, None, None)
    write_audio(tmp_path / "a.WAV")
    (tmp_path / "._a.wav").write_bytes(b"resource fork")
    assert source_kind(tmp_path, None, None) == "audio"
    assert list(audio_files(tmp_path)) == ["a.WAV"]
    with pytest.raises(SedcoreError, match="wanted are X/ and Y/"):
        source_kind(tmp_path, "npy", None)


def test_the_best_table_is_found(tmp_path):
    def put(name, text):
        (tmp_path / name).write_text(text)
        return name

    with pytest.raises(SedcoreError, match="holds no label table"):
        find_table(tmp_path)
    put("notes.csv", "filename,licence\na.wav,CC0\n")
    columns = put("tags.csv", "filename,Dog\na.wav,1\n")
    assert find_table(tmp_path).name == columns
    weak = put("weak.tsv", "filename\tevent_labels\na.wav\tDog\n")
    assert find_table(tmp_path).name == weak
    events = put("events.tsv", "filename\tonset\toffset\tevent_label\n")
    assert find_table(tmp_path).name == events
    put("more.tsv", "filename\tonset\toffset\tevent_label\n")
    with pytest.raises(SedcoreError, match="several strong label tables .events.tsv, more.tsv.; choose one"):
        find_table(tmp_path)
    strong = put("strong.tsv", "filename\tonset\toffset\tevent_label\n")
    assert find_table(tmp_path).name == strong
    assert find_table(tmp_path, "tags.csv").name == columns
    assert find_table(tmp_path / "audio", tmp_path / "tags.csv").name == columns
    with pytest.raises(SedcoreError, match="none.tsv is neither in"):
        find_table(tmp_path, "none.tsv")


@pytest.mark.parametrize("name, content, words", [
    ("weak.tsv", "filename\tevent_labels\na.wav\tHündchen\n".encode("latin-1"), "weak.tsv: not UTF-8"),
    ("weak.tsv", b"file\ttags\na.wav\tDog\n", "weak.tsv: .*wanted"),
    ("tags.csv", b"filename,Dog\na.wav,0.4\n", "column 'Dog' holds '0.4'"),
])  # fmt: skip
def test_what_is_wrong_with_the_only_table_is_said(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SedcoreError, match=words):
        raise_errors(read_table(find_table(tmp_path)).problems, "problems")


def test_class_lists(tmp_path):
    assert find_classes(tmp_path) is None
    (tmp_path / "classes.json").write_text(json.dumps(["Cat", "Dog"]))
    assert find_classes(tmp_path) == ("Cat", "Dog")


# ---- joining audio and labels ---------------------------------------------------------------------------------


def test_clips_and_events_are_joined(tmp_path):
    write_audio(tmp_path / "audio" / "b.wav", 2.0)
    write_audio(tmp_path / "audio" / "sub" / "a.flac", 1.5)
    write_audio(tmp_path / "audio" / "c.wav", 1.0)
    rows = "sub/a.flac\t0.5\t1\tDog\nsub/a.flac\t0.2\t0.4\tCat\nb.wav\t\t\t\naudio/c.wav\t0\t1\tDog\n"
    split = split_of(tmp_path, rows)
    assert told(split) == []
    assert [(c.clip_id, c.source_file, c.duration_s, c.labels) for c in split.clips] == [
        ("sub/a.flac", "audio/sub/a.flac", 1.5, ["Dog", "Cat"]),
        ("b.wav", "audio/b.wav", 2.0, []),
        ("audio/c.wav", "audio/c.wav", 1.0, ["Dog"]),
    ]
    assert split.events == [
        ("sub/a.flac", 0.2, 0.4, "Cat"), ("sub/a.flac", 0.5, 1.0, "Dog"), ("audio/c.wav", 0.0, 1.0, "Dog"),
    ]  # fmt: skip


def test_names_from_other_systems(tmp_path):
    write_audio(tmp_path / "audio" / "sub" / "de\u0301ja\u0300.wav")  # accents as separate characters
    split = split_of(tmp_path, "sub\\d\u00e9j\u00e0.wav\t0\t1\tDog\n")
    assert told(split) == [] and split.clips[0].clip_id == "sub\\d\u00e9j\u00e0.wav"


def test_missing_partners(tmp_path):
    for name in ("a.wav", "extra.wav", "here.flac"):
        write_audio(tmp_path / "audio" / name)
    split = split_of(
        tmp_path, "a.wav\t\t\t\nhere.wav\t0\t1\tDog\nnowhere_at_all.ogg\t0\t1\tDog\n../a.wav\t\t\t\n"
    )
    messages = [(p.file.rsplit("/")[-1], p.level, p.message) for p in split.problems]
    assert all(level == "error" for _, level, _ in messages)
    assert "line 3: here.wav is not among" in messages[0][2] and "did you mean here.flac?" in messages[0][2]
    assert (
        "line 4: nowhere_at_all.ogg" in messages[1][2] and "add the file or remove the row" in messages[1][2]
    )
    assert "line 5: ../a.wav" in messages[2][2]
    assert [file for file, _, message in messages if "has no row" in message] == ["extra.wav", "here.flac"]


def test_one_file_under_two_names(tmp_path):
    write_audio(tmp_path / "audio" / "a.wav")
    split = split_of(tmp_path, "a.wav\t\t\t\n./a.wav\t0\t1\tDog\n")
    assert "./a.wav is the same file as a.wav" in told(split)[0][1]


def test_events_are_cut_to_their_clip(tmp_path):
    write_audio(tmp_path / "audio" / "a.wav", 1.0)
    split = split_of(
        tmp_path, "a.wav\t0\t1.005\tCat\na.wav\t0.5\t3\tDog\na.wav\t0.6\t3\tDog\na.wav\t1\t2\tRain\n"
    )
    assert split.events == [
        ("a.wav", 0.0, 1.0, "Cat"), ("a.wav", 0.5, 1.0, "Dog"), ("a.wav", 0.6, 1.0, "Dog"),
    ]  # fmt: skip
    assert split.clips[0].labels == ["Cat", "Dog"]
    assert told(split) == [
        ("warning", "lasts 1 s; Dog ends after that and was cut to it: check the times"),
        ("warning", "lasts 1 s; Rain begins after that and was left out: check the times"),
    ]


def test_times_in_milliseconds_are_an_error(tmp_path):
    write_audio(tmp_path / "audio" / "a.wav", 1.0)
    split = split_of(tmp_path, "a.wav\t100\t200\tCat\na.wav\t300\t400\tDog\n")
    assert told(split)[-1] == (
        "error",
        "2 of 2 events begin after their clip's end; are the times in seconds?",
    )


def test_bad_files_are_told_and_left_out(tmp_path):
    write_audio(tmp_path / "audio" / "a.wav")
    (tmp_path / "audio" / "b.wav").write_bytes(b"")
    split = split_of(tmp_path, "a.wav\t\t\t\nb.wav\t0\t1\tDog\n")
    assert [clip.clip_id for clip in split.clips] == ["a.wav"]
    assert [(p.level, p.line().count("b.wav")) for p in split.problems] == [("error", 1)]
