"""Anybody's scores: every format, what does not match, and everything people's files do to one."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sedcore.artifacts import runs
from sedcore.artifacts.frames import read_frames
from sedcore.artifacts.imports import folders
from sedcore.artifacts.imports.matching import match_classes, match_clips
from sedcore.artifacts.imports.understand import read_scores, read_source, write_run
from sedcore.artifacts.predictions import Predictions, write_predictions
from sedcore.cli import main
from sedcore.data.truth import dataset_truth, read_truth
from sedcore.errors import SedcoreError
from tests.support.small_sets import small_set

WEAK = "filename\tevent_labels\na.wav\tDog\nb.wav\tCat,Dog\nc.wav\t\n"
COLUMNS = "filename,Cat,Dog\na.wav,0.25,0.5\nb.wav,0.75,0.1\nc.wav,0,1e-3\n"
SCORES = [[0.25, 0.5], [0.75, 0.1], [0.0, 0.001]]
LABELS = [[0, 1], [1, 1], [0, 0]]


@pytest.fixture
def truth(tmp_path):
    (tmp_path / "weak.tsv").write_text(WEAK)
    return read_truth(tmp_path / "weak.tsv")


@pytest.fixture
def understood(tmp_path, truth):
    """Import a text as a file and match it with the truth of three clips."""

    def make(content: str | bytes, name: str = "s.csv", **more):
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return read_source(tmp_path / name, more.pop("truth", truth), **more)

    return make


def same(found) -> None:
    """Check that an import gives the scores of all three clips."""
    p = found.predictions
    assert p.clip_ids.tolist() == ["a.wav", "b.wav", "c.wav"] and p.classes == ("Cat", "Dog")
    np.testing.assert_array_equal(p.scores, SCORES)
    np.testing.assert_array_equal(p.truth, LABELS)


@pytest.mark.parametrize(
    "content",
    [
        COLUMNS,
        "\ufeff" + COLUMNS,
        COLUMNS.replace("\n", "\r\n"),
        COLUMNS.replace("\n", "\r"),
        COLUMNS.replace(",", "\t"),
        COLUMNS.replace(",", ";"),
        "\n" + COLUMNS.replace("\n", "\n\n"),
        COLUMNS.replace("filename", "Clip ID"),
        COLUMNS.replace("filename", ""),
        COLUMNS.replace("0.25", " 0.25 ").replace("Cat", '"Cat"'),
        "filename,p_Cat,p_Dog,y_Cat,y_Dog\na.wav,0.25,0.5,0,0\nb.wav,0.75,0.1,0,0\nc.wav,0,1e-3,0,0\n",
        "a.wav,Cat,.25\na.wav,Dog,.5\nb.wav,Dog,.1\nc.wav,Cat,0\nb.wav,Cat,.75\nc.wav,Dog,.001\n",
        "file,tag,score\nc.wav,Cat,0\nc.wav,Dog,.001\na.wav,Cat,.25\na.wav,Dog,.5\nb.wav,Dog,.1\nb.wav,Cat,.75\n",
    ],
)
def test_tables_in_every_dress(understood, content):
    same(understood(content))


def test_rows_are_matched_by_id_and_not_by_place(understood):
    head, *rows = COLUMNS.splitlines()
    same(understood("\n".join([head, *reversed(rows)])))


def test_parquet_and_npz(tmp_path, truth):
    frame = pd.DataFrame(
        {"fname": ["a.wav", "b.wav", "c.wav"], "Cat": [0.25, 0.75, 0], "Dog": [0.5, 0.1, 0.001]}
    )
    frame.to_parquet(tmp_path / "s.parquet")
    same(read_source(tmp_path / "s.parquet", truth))
    frame.set_index("fname").to_parquet(tmp_path / "i.parquet")
    same(read_source(tmp_path / "i.parquet", truth))
    arrays = {
        "scores": np.array(SCORES),
        "clip_ids": frame["fname"].to_numpy(str),
        "classes": np.array(["Cat", "Dog"]),
    }
    np.savez(tmp_path / "s.npz", **arrays)
    same(read_source(tmp_path / "s.npz", truth))
    np.savez(tmp_path / "t.npz", **arrays, truth=np.array(LABELS))
    same(read_source(tmp_path / "t.npz"))
    single = arrays["scores"].astype(np.float32)
    np.savez(tmp_path / "s.npz", **arrays | {"scores": single})
    assert read_source(tmp_path / "s.npz", truth).predictions.scores.dtype == np.float32


def test_an_npz_never_runs_code_or_takes_more_than_it_has(tmp_path):
    good = {
        "scores": np.array(SCORES),
        "clip_ids": np.array(["a", "b", "c"]),
        "classes": np.array(["Cat", "Dog"]),
    }

    def refused(**arrays) -> str:
        np.savez(tmp_path / "x.npz", **arrays)
        with pytest.raises(SedcoreError) as error:
            read_scores(tmp_path / "x.npz")
        return str(error.value)

    assert "Python objects" in refused(**good | {"clip_ids": np.array(["a", "b", "c"], object)})
    assert "lacks classes" in refused(**{k: good[k] for k in ("scores", "clip_ids")})
    assert "is it transposed?" in refused(**good | {"scores": good["scores"].T})
    assert "names one class twice" in refused(**good | {"classes": np.array(["Cat", "Cat"])})
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for key in good:
            with archive.open(f"{key}.npy", "w") as file:
                header = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 10)}
                np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(SedcoreError, match="is too short for it"):
        read_scores(tmp_path / "x.npz")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for key, values in good.items():
            member = io.BytesIO()
            np.save(member, values)
            archive.writestr(f"{key}.npy", member.getvalue().replace(b"(3, 2)", b"(3, )("))
    with pytest.raises(SedcoreError, match="is no array that numpy wrote"):
        read_scores(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", **good)
    whole = bytearray((tmp_path / "x.npz").read_bytes())
    for at in range(0, len(whole), 7):  # damage anywhere is one sentence, or does no harm
        (tmp_path / "x.npz").write_bytes(whole[:at] + b"\xb0\n" + whole[at + 2 :])
        try:
            read_scores(tmp_path / "x.npz")
        except SedcoreError as error:
            assert "\n" not in str(error) and len(str(error)) < 300
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(SedcoreError, match="could not be read as .npz"):
        read_scores(tmp_path / "x.npz")


@pytest.mark.parametrize(
    "content, words",
    [
        ("", "s.csv: is empty"),
        ("\n\n", "s.csv: is empty"),
        ("filename,Cat,Dog\n", "no row below it"),
        ("filename\na.wav\n", "no column of scores"),
        (COLUMNS + "a.wav,0.1,0.1\n", "clip a.wav is there twice"),
        (COLUMNS.replace("0.75", ""), "clip b.wav, class Cat has no score"),
        (COLUMNS.replace("0.75", "nan"), "clip b.wav, class Cat has no score"),
        (COLUMNS.replace("0.75", "-inf"), "clip b.wav, class Cat has -inf; wanted is a finite number"),
        (COLUMNS.replace("0.75", "high"), "clip b.wav, class Cat has 'high'; wanted is a number"),
        (COLUMNS.replace("0.75", "75%"), "a number without a % sign"),
        (COLUMNS.replace(",", ";").replace("0.75", "0,75"), "a number with a decimal point"),
        (COLUMNS.replace("b.wav", ""), "row 2 below the header has no clip id"),
        (COLUMNS.replace("filename", "who"), "is an id column"),
        (COLUMNS.replace("Dog", "Cat"), "the column 'Cat' is there twice"),
        (COLUMNS.replace("0.75,0.1", "0.75,0.1,3"), "rows do not fit its header of 3 columns"),
        (COLUMNS.replace("0.75,0.1", "0.75"), "clip b.wav, class Dog has no score"),
        (COLUMNS.encode("utf-16"), "is not UTF-8 text"),
        ("filename,onset,offset,event_label\na.wav,0,1,Dog\n", "holds events"),
        ("onset,offset,Cat\n0,1,.5\n", "the frame scores of one clip"),
        ("a.wav,Cat,.5\na.wav,Dog,.5\nb.wav,Cat,.5\n", "clip b.wav, class Dog has no score"),
        ("a.wav,Cat,.5\na.wav,Cat,.6\n", "clip a.wav, class Cat has two scores"),
        ("file,tag,score\na.wav,Cat,loud\n", "clip a.wav, class Cat has 'loud'"),
        (COLUMNS.replace(".wav", "-x.wav"), "none of its 3 clips"),
        ("filename,y_Cat,p_Cat\na.wav,7,.5\n", "column y_Cat holds '7' for clip a.wav"),
        ("filename,y_Cat,p_Cat\na.wav,,.5\n", "column y_Cat holds 'nan' for clip a.wav"),
    ],
)
def test_a_wrong_table_is_one_sentence(understood, content, words):
    with pytest.raises(SedcoreError) as error:
        understood(content)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_other_files_are_one_sentence(tmp_path, truth):
    for name, words in (
        ("x.pkl", "is not read"),
        ("x.parquet", "could not be read as Parquet"),
        ("x.zip", "unpacked"),
    ):
        (tmp_path / name).write_bytes(b"\x80\x04 whatever")
        with pytest.raises(SedcoreError, match=words):
            read_source(tmp_path / name, truth)
    with pytest.raises(SedcoreError, match="does not exist"):
        read_source(tmp_path / "nothing.csv", truth)


def test_scores_need_not_be_probabilities(understood):
    found = understood(COLUMNS.replace("0.75", "-1234.5").replace("0.5", "99"))
    assert (found.lowest, found.highest) == (-1234.5, 99.0)


def test_clips_without_truth_or_score_are_named(understood, tmp_path):
    found = understood(COLUMNS.replace("b.wav", "d.wav"))
    assert (found.without_truth, found.without_scores, found.clips) == (("d.wav",), ("b.wav",), 2)
    config = write_run(tmp_path, found, "x").info["config"]
    assert config["clips_without_truth"] == {"count": 1, "first": ["d.wav"]}
    assert config["clips_without_scores"] == {"count": 1, "first": ["b.wav"]}


def test_ids_match_by_extension_and_folder_where_one_is_meant():
    found = match_clips(["a", "b.flac", "x/c.wav", "d"], ["a.wav", "b.wav", "c.wav", "d.wav", "d.flac"])
    assert found.rows == ((0, 0), (1, 1), (2, 2))  # d may be either
    assert found.without_truth == ("d",) and found.without_scores == ("d.wav", "d.flac")
    assert "2 clip ids match when extensions are left aside (a is a.wav)." in found.notes
    assert "1 clip id matches when folders are left aside (x/c.wav is c.wav)." in found.notes
    assert match_clips(["x/1.wav"], ["y/1.wav"]).rows == ()  # another folder is another clip
    assert match_clips(["Y1_0.000_10.000"], ["Y1_0.000_10.500"]).rows == ()  # .000 is no extension
    assert match_clips(["caf\u00e9.wav"], ["cafe\u0301.wav"]).rows == ((0, 0),)


@settings(max_examples=60)
@given(st.data())
def test_matched_clips_are_a_partition(data):
    name = st.text("ab./", min_size=1, max_size=5).map(lambda t: t + ".wav") | st.text(
        "ab", min_size=1, max_size=3
    )
    ours, theirs = (data.draw(st.lists(name, unique=True, max_size=8)) for _ in range(2))
    found = match_clips(ours, theirs)
    assert len({i for i, _ in found.rows}) == len({j for _, j in found.rows}) == len(found.rows)
    assert {*found.without_truth} == {*ours} - {ours[i] for i, _ in found.rows}
    assert {*found.without_scores} == {*theirs} - {theirs[j] for _, j in found.rows}
    pairs = {(ours[i], theirs[j]) for i, j in found.rows}
    assert all((name, name) in pairs for name in {*ours} & {*theirs})


def test_classes_fold_only_where_one_is_meant():
    found = match_classes(["dog-bark", "Cat"], ["Cat", "Dog bark"], closed=True)
    assert found.sources == {"Cat": "Cat", "Dog bark": "dog-bark"} and not found.questions
    assert found.notes == ("The class dog-bark of the scores is Dog bark of the truth.",)
    found = match_classes(["dog", "DOG"], ["Dog"], closed=True)
    assert [(q.of, q.name) for q in found.questions] == [
        ("scores", "dog"),
        ("scores", "DOG"),
        ("truth", "Dog"),
    ]
    found = match_classes(["dog", "DOG"], ["Dog"], closed=True, class_map=[("DOG", "Dog"), ("dog", "")])
    assert found.sources == {"Dog": "DOG"} and found.left_out == ("dog",) and not found.questions


def test_classes_that_have_no_counterpart_are_asked_about(understood):
    content = COLUMNS.replace("Dog", "Bark")
    found = understood(content)
    assert found.predictions is None and [q.name for q in found.questions] == ["Bark", "Dog"]
    same(understood(content, class_map=[("Bark", "Dog")]))
    left = understood(content, class_map=[("Bark", ""), ("", "Dog")])
    assert left.predictions.classes == ("Cat",) and left.left_out == ("Bark", "Dog (of the truth)")
    more = "filename,Cat,Dog,Cow\na.wav,.25,.5,.1\nb.wav,.75,.1,.2\nc.wav,0,.001,.3\n"
    kept = understood(more, class_map=[("Cow", "Cow")])
    assert not kept.questions and not kept.predictions.truth[:, kept.predictions.classes.index("Cow")].any()
    for wrong, words in (
        (("Brak", "Dog"), "did you mean Bark?"),
        (("Bark", "Dgo"), "did you mean Dog?"),
        (("*", "Dog"), "leaves all other classes out"),
    ):
        with pytest.raises(SedcoreError, match=words.replace("?", r"\?")):
            understood(content, class_map=[wrong])
    with pytest.raises(SedcoreError, match="given twice"):
        understood(content, class_map=[("Bark", "Dog"), ("Cat", "Dog")])


def test_an_extra_column_is_asked_about_and_may_hold_text(understood):
    content = "filename,fold,Cat,Dog\na.wav,x,.25,.5\nb.wav,y,.75,.1\nc.wav,z,0,.001\n"
    assert [q.name for q in understood(content).questions] == ["fold"]
    same(understood(content, class_map=[("fold", "")]))
    same(understood(content, class_map=[("*", "")]))


def test_unicode_names(tmp_path):
    (tmp_path / "t.csv").write_text("filename;Türklingel;犬\nπ.wav;1;0\n", encoding="utf-8")
    (tmp_path / "s.csv").write_text("filename,犬,türklingel\nπ.wav,.5,.6\n", encoding="utf-8")
    p = read_source(tmp_path / "s.csv", read_truth(tmp_path / "t.csv")).predictions
    assert p.classes == ("Türklingel", "犬") and p.scores.tolist() == [[0.6, 0.5]]


def test_our_own_export_comes_back_as_it_was(tmp_path):
    rng = np.random.default_rng(0)
    ids = np.array([f"{i}.wav" for i in range(30)])
    p = Predictions("test", ids, ("y_axis", "Dog"), rng.random((30, 2)) < 0.4, rng.random((30, 2)))
    for ending in ("csv", "parquet"):
        write_predictions(tmp_path / f"p.{ending}", p)
        found = read_source(tmp_path / f"p.{ending}").predictions
        assert found.comparison_key() == p.comparison_key() and found.classes == p.classes
        np.testing.assert_array_equal(found.scores, p.scores)


@pytest.mark.parametrize(
    "content, labels",
    [
        ("filename\tonset\toffset\tevent_label\na.wav\t0\t1\tDog\nb.wav\t\t\t\n", [[True], [False]]),
        ("fname,labels,split\na.wav,Dog,x\nb.wav,,x\n", [[True], [False]]),
        ("clip_id,Dog\na.wav,1\nb.wav,0\n", [[True], [False]]),
        ("clip_id,y_Dog,p_Dog\na.wav,1,.2\nb.wav,0,.7\n", [[True], [False]]),
        ("a.wav\thome\tDog;\tx\nb.wav\thome\t\ty\n", [[True], [False]]),
    ],
)
def test_truth_in_every_form(tmp_path, content, labels):
    (tmp_path / "t.txt").write_text(content)
    truth = read_truth(tmp_path / "t.txt")
    assert truth.clip_ids.tolist() == ["a.wav", "b.wav"] and truth.classes == ("Dog",)
    assert truth.labels.tolist() == labels


@pytest.mark.parametrize(
    "content, words",
    [
        ("", "is empty"),
        ("filename\tonset\toffset\tevent_label\na.wav\t3\t1\tDog\n", "from 3 to 1 s"),
        ("filename,Dog\na.wav,0.7\n", "holds '0.7' for clip a.wav; wanted is 0 or 1"),
        ("filename,event_labels\na.wav,\n", "holds no class"),
        ("who,Dog\na.wav,1\n", "is an id column"),
    ],
)
def test_wrong_truth_is_one_sentence(tmp_path, content, words):
    (tmp_path / "t.txt").write_text(content)
    with pytest.raises(SedcoreError) as error:
        read_truth(tmp_path / "t.txt")
    assert words in str(error.value) and "\n" not in str(error.value)


def write_tables(folder, **clips: str):
    folder.mkdir(exist_ok=True)
    for name, rows in clips.items():
        (folder / f"{name}.tsv").write_text("onset\toffset\tCat\tDog\n" + rows)
    return folder


def test_score_tables_of_different_lengths(tmp_path, truth):
    folder = write_tables(
        tmp_path / "t",
        a="0\t.5\t.25\t.1\n.5\t1\t.2\t.5\n",
        b="0\t.5\t.75\t.1\n",
        c="0\t.5\t0\t0\n.5\t1\t0\t.001\n",
    )
    found = read_source(folder, truth)
    same(found)
    run = write_run(tmp_path, found, "f")
    frames = read_frames(run.path / "predictions", "test")
    assert [len(frames.of(clip)[1]) for clip in ("a.wav", "b.wav", "c.wav")] == [2, 1, 2]
    assert frames.of("c.wav")[0].tolist() == [0, 0.5, 1] and frames.of("a.wav")[1].tolist() == [
        [0.25, 0.1],
        [0.2, 0.5],
    ]
    assert len(json.loads((run.path / "predictions" / "test_frames.json").read_text())["grids"]) == 2
    with pytest.raises(SedcoreError, match="no frame scores of clip nobody"):
        frames.of("nobody")


@pytest.mark.parametrize(
    "rows, words",
    [
        ("0\t.5\t.2\t.1\n1\t2\t.2\t.1\n", "frame 2 is from 1 to 2 s"),
        ("0\t.5\t.2\t\n", "x, frame 1, class Dog has no score"),
        ("", "has no frame"),
        ("1\t.5\t.2\t.1\n", "frame 1 is from 1 to 0.5 s"),
    ],
)
def test_a_wrong_score_table_is_one_sentence(tmp_path, truth, rows, words):
    with pytest.raises(SedcoreError, match=words):
        read_source(write_tables(tmp_path / "t", x=rows), truth)


def write_events(folder, **files: str):
    folder.mkdir()
    for threshold, rows in files.items():
        name = f"predictions_th_{threshold.removeprefix('t').replace('_', '.')}.tsv"
        (folder / name).write_text("event_label\tonset\toffset\tfilename\n" + rows if rows else "")
    return folder


def test_events_score_the_highest_threshold_at_which_they_fire(tmp_path, truth):
    folder = write_events(
        tmp_path / "e",
        t0_1="Cat\t0\t1\tb.wav\nDog\t0\t1\tb.wav\nDog\t2\t3\tb.wav\n",
        t0_5="Cat\t0\t1\tb.wav\n",
        t0_9="",
    )
    found = read_source(folder, truth)
    assert found.predictions.scores.tolist() == [[0, 0], [0.5, 0.1], [0, 0]]  # a and c never fire
    assert found.clips == 3 and any("2 clips of the truth have no event" in note for note in found.notes)
    assert len(found.events) == 4


def test_a_class_that_never_fires_scores_0(tmp_path, truth):
    found = read_source(write_events(tmp_path / "e", t0_5="Cat\t0\t1\tb.wav\n"), truth)
    assert found.predictions.classes == ("Cat", "Dog") and found.predictions.scores[:, 1].tolist() == [
        0,
        0,
        0,
    ]
    asked = read_source(write_events(tmp_path / "f", t0_5="Cat\t0\t1\tb.wav\nBark\t0\t1\tb.wav\n"), truth)
    assert [q.name for q in asked.questions] == ["Bark", "Dog"]  # Bark may be Dog


def test_folders_that_are_none(tmp_path, truth):
    empty = tmp_path / "empty"
    (empty / "scores").mkdir(parents=True)
    with pytest.raises(SedcoreError, match="is it one of its folders, scores?"):
        read_source(empty, truth)
    with pytest.raises(SedcoreError, match="lacks the column event_label"):
        folder = write_events(tmp_path / "e", t0_5="Cat\t0\t1\tb.wav\n")
        (folder / "predictions_th_0.7.tsv").write_text("a\tb\n1\t2\n")
        read_source(folder, truth)
    with pytest.raises(SedcoreError, match="two files for the threshold 0.5"):
        read_source(
            write_events(tmp_path / "f", t0_5="Cat\t0\t1\tb.wav\n", t0_50="Cat\t0\t1\tb.wav\n"), truth
        )


def test_a_zip_of_a_folder_is_the_folder_and_writes_nowhere_else(tmp_path, truth, monkeypatch):
    folder = write_tables(tmp_path / "t", a="0\t1\t.25\t.5\n", b="0\t1\t.75\t.1\n", c="0\t1\t0\t.001\n")
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"../../up/{file.name}")
        archive.writestr("__MACOSX/._a.tsv", "junk")
    same(read_source(tmp_path / "s.zip", truth))
    assert not (tmp_path.parent / "up").exists()
    monkeypatch.setattr(folders, "MOST_BYTES", 50)
    with pytest.raises(SedcoreError, match="unpacked"):
        read_source(tmp_path / "s.zip", truth)
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("x/a.tsv", "1")
        archive.writestr("y/a.tsv", "1")
    with pytest.raises(SedcoreError, match="in two folders"):
        read_source(tmp_path / "s.zip", truth)


@pytest.mark.parametrize("name", ["../x.csv", "a/b/../x.csv", "c:\\d\\x.csv"])
def test_an_uploaded_name_stays_in_its_folder(tmp_path, name):
    assert folders.copy_into(tmp_path, name, b"1") == tmp_path / "x.csv"
    with pytest.raises(SedcoreError, match="two files are named x.csv"):
        folders.copy_into(tmp_path, name, b"1")
    with pytest.raises(SedcoreError, match="cannot be taken"):
        folders.copy_into(tmp_path, "..", b"1")


def test_the_command_says_what_it_did_and_the_run_is_comparable(tmp_path, capsys):
    dataset = small_set(tmp_path, "birds", clips=30)
    clips, classes = dataset.clips_of("test")["clip_id"], dataset.classes
    scores = np.random.default_rng(0).random((len(clips), len(classes)))
    trained = Predictions("test", clips.to_numpy(str), classes, dataset.truth("test"), scores)
    frame = pd.DataFrame(scores, columns=[name.lower() for name in classes])
    frame.insert(0, "id", clips.str.replace(".wav", "", regex=False))
    frame.sample(frac=1, random_state=1).to_csv(tmp_path / "s.csv", index=False)
    root = ["--artifacts", str(tmp_path)]
    command = [
        "predictions",
        "import",
        str(tmp_path / "s.csv"),
        "--data",
        "birds",
        "--name",
        "their model",
        *root,
    ]
    assert main([*command, "--run-id", "theirs"]) == 0
    said = capsys.readouterr()
    assert said.out == "theirs\n" and "extensions are left aside" in said.err
    run = runs.find_run(tmp_path, "their model")
    assert run.info["kind"] == "imported" and run.status().state == "finished"
    assert (run.info["dataset"], run.info["data_fingerprint"]) == ("birds", dataset.fingerprint)
    assert run.predictions("test").comparison_key() == trained.comparison_key()
    np.testing.assert_array_equal(run.predictions("test").scores, scores)
    assert main(["metrics", "theirs", "--json", *root]) == 0
    found = json.loads(capsys.readouterr().out)["theirs"]
    assert 0 < found["lwlrap"] <= 1 and found["eer"] is not None and "eer" in found["classes"][classes[0]]
    assert main([*command, "--run-id", "theirs"]) == 2  # the id is taken, and nothing is left behind
    assert "is taken" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["theirs"]


def test_the_command_asks_in_one_line(tmp_path, capsys):
    (tmp_path / "s.csv").write_text(COLUMNS.replace("Dog", "Bark"))
    (tmp_path / "weak.tsv").write_text(WEAK)
    root = ["--artifacts", str(tmp_path / "a")]
    command = ["predictions", "import", str(tmp_path / "s.csv"), "--name", "x", *root]

    def refused(*more: str) -> str:
        assert main([*command, *more]) == 2
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1
        return said.err

    assert "give a file of labels (--truth) or a data set (--data)" in refused()
    truth = ["--truth", str(tmp_path / "weak.tsv")]
    asked = refused(*truth)
    assert (
        "class Bark of the scores is not in the truth" in asked
        and '--class-map, once a class: "Bark=Dog"' in asked
    )
    assert "not like FROM=TO" in refused(*truth, "--class-map", "Bark")
    assert "no data set 'x'" in refused("--data", "x")
    assert "not allowed with" in refused(*truth, "--data", "x")
    assert "split" in refused(*truth, "--split", "../x")
    assert not (tmp_path / "a").exists()
    assert main([*command, *truth, "--class-map", "Bark=Dog"]) == 0


def test_dataset_truth_names_the_splits_there_are(tmp_path):
    small_set(tmp_path, "birds", clips=20)
    with pytest.raises(SedcoreError, match="has no split 'evaluation'"):
        dataset_truth(tmp_path, "birds", "evaluation")


def test_keeping_all_others_never_overrides_what_was_given(understood, tmp_path):
    (tmp_path / "dogs.tsv").write_text(
        "filename\tonset\toffset\tevent_label\na.wav\t0\t1\tDog\nb.wav\t\t\t\n"
    )
    truth, content = read_truth(tmp_path / "dogs.tsv"), "clip_id,A,Dog\na.wav,.9,.1\nb.wav,.2,.8\n"
    with pytest.raises(SedcoreError, match='Dog of the scores cannot keep its name, which "A=Dog" takes'):
        understood(content, truth=truth, class_map=[("A", "Dog"), ("*", "*")])
    with pytest.raises(SedcoreError, match='which "=Dog" takes'):
        understood(content, truth=truth, class_map=[("", "Dog"), ("*", "*")])
    kept = understood(content, truth=truth, class_map=[("A", "Dog"), ("Dog", ""), ("*", "*")])
    assert kept.predictions.scores[:, 0].tolist() == [0.9, 0.2]


@pytest.mark.parametrize("name", ["None", "NA", "null", "nan"])
def test_a_class_or_clip_named_like_a_missing_number_is_a_name(tmp_path, understood, name):
    (tmp_path / "t.csv").write_text(f"fname,labels\na.wav,{name}\nb.wav,\n{name},Dog\n")
    truth = read_truth(tmp_path / "t.csv")
    assert set(truth.classes) == {name, "Dog"} and truth.clip_ids.tolist() == ["a.wav", "b.wav", name]
    rows = [
        f"{clip},{tag},0.{i}5" for i, clip in enumerate(("a.wav", "b.wav", name)) for tag in (name, "Dog")
    ]
    found = understood("file,tag,score\n" + "\n".join(rows) + "\n", truth=truth).predictions
    assert found.scores[:, found.classes.index(name)].tolist() == [0.05, 0.15, 0.25]
    folder = tmp_path / "events"
    folder.mkdir()
    header = "event_label\tonset\toffset\tfilename\n"
    (folder / "predictions_th_0.3.tsv").write_text(f"{header}{name}\t0\t1\ta.wav\n\t\t\tb.wav\n")
    events = read_scores(folder)
    assert list(events.classes) == [name]


@pytest.mark.parametrize("kind", ["npz", "zip"])
def test_damage_within_what_is_compressed_is_one_sentence(tmp_path, kind):
    file = tmp_path / f"s.{kind}"
    if kind == "npz":
        np.savez_compressed(
            file, scores=np.random.default_rng(0).random((50, 2)), clip_ids=np.arange(50).astype(str),
            classes=np.array(["A", "B"]),
        )  # fmt: skip
    else:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for clip in range(3):
                rows = "".join(f"{i}\t{i + 1}\t0.{i % 7}\n" for i in range(60))
                archive.writestr(f"clip{clip}.tsv", "onset\toffset\tDog\n" + rows)
    whole = file.read_bytes()
    for at in range(0, len(whole), 11):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            read_scores(file)
        except SedcoreError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["index", "Clip", "path", "clip_id", "a;b", "a\tb", 'a"b', "schema"])
def test_an_export_is_read_again_whatever_its_classes_are_called(tmp_path, monkeypatch, name, ending):
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    run = runs.create_run(
        tmp_path, {"kind": "imported", "run_id": "r", "classes": [name, "Dog"]}, state="finished"
    )
    truth, scores = np.array([[1, 0], [0, 1]], bool), np.array([[0.75, 0.25], [0.5, 0.125]])
    runs.save_predictions(run, Predictions("test", np.array(["a", "b"]), (name, "Dog"), truth, scores))
    file = tmp_path / f"export.{ending}"
    write_predictions(file, run.predictions("test"))
    found = read_source(file).predictions
    assert found.classes == (name, "Dog") and np.array_equal(found.scores, scores)
    assert np.array_equal(found.truth, truth)


def test_what_the_project_cannot_keep_is_refused_or_made_fit(tmp_path, understood):
    arrays = {"clip_ids": np.array(["a.wav", "b.wav", "c.wav"]), "classes": np.array(["Cat", "Dog"])}
    np.savez(tmp_path / "long.npz", scores=np.array(SCORES, np.longdouble), **arrays)
    found = read_source(tmp_path / "long.npz", read_truth(tmp_path / "weak.tsv")).predictions
    assert found.scores.dtype == np.float64
    with pytest.raises(SedcoreError, match="'dev_events' ends like the files beside scores"):
        understood(COLUMNS, split="dev_events")
    (tmp_path / "line.txt").write_text("x" * 200_000)
    for read in (read_scores, read_truth):
        with pytest.raises(SedcoreError, match="line.txt: "):
            read(tmp_path / "line.txt")
