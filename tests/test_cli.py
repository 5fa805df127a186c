"""The command line is a contract: what goes to stdout, what to stderr, and the exit codes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from sedcore.artifacts import runs
from sedcore.artifacts.predictions import Predictions, read_predictions
from sedcore.cli import main
from sedcore.errors import SedcoreError

CLASSES = ("Dog", "Speech", "Never", "Silent")
HOME = Path(__file__).parents[1]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A root with one scored run: "Never" has no positive in the split and fires, "Silent" does neither."""
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def scored(root):
    run = runs.create_run(
        root,
        {
            "run_id": "r1",
            "kind": "trained",
            "name": "first",
            "model": "cnn",
            "features": "logmel",
            "dataset": "d",
            "classes": CLASSES,
        },
        state="finished",
    )
    rng = np.random.default_rng(0)
    truth = rng.random((40, 4)) < 0.4
    truth[:, 2:] = False
    scores = (0.6 * rng.random((40, 4)) + 0.3 * truth).astype(np.float32)
    scores[:, 3] = 0.01
    ids = np.array([f"clip{i}.wav" for i in range(40)])
    runs.save_predictions(run, Predictions("test", ids, CLASSES, truth, scores))
    return run


def said(capsys, *argv):
    """Run a command that works; return its stdout."""
    code = main([str(a) for a in argv])
    out = capsys.readouterr()
    assert code == 0, out.err
    return out.out


def refused(capsys, *argv):
    """Run a command that must not; return its one line on stderr."""
    assert main([str(a) for a in argv]) == 2
    out = capsys.readouterr()
    assert out.out == "" and out.err.count("\n") == 1 and "Traceback" not in out.err
    return out.err


def test_bad_input_is_one_line_and_exit_code_2(root, capsys):
    assert "invalid choice: 'nope'" in refused(capsys, "nope")
    assert "--model" in refused(capsys, "train", "demo")
    assert "no run 'x'" in refused(capsys, "metrics", "x")
    assert "no data set 'x'" in refused(capsys, "data", "show", "x")
    assert "no data set 'x'" in refused(capsys, "train", "x", "--model", "cnn")
    assert "did you mean crnn" in refused(capsys, "train", "x", "--model", "crn")
    assert "not like 0.7,0.15,0.15" in refused(
        capsys, "data", "import", "x", "--train", "y", "--fractions", "a"
    )
    assert "not a list of" in refused(
        capsys, "data", "import", "x", "--train", "y", "--features", "logmel,foo"
    )


def test_the_root_may_stand_before_or_after_the_command(tmp_path, scored, capsys, monkeypatch):
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path / "elsewhere"))
    for argv in (
        ["--artifacts", tmp_path, "runs", "--json"],
        ["runs", "--json", "--artifacts", tmp_path],
        ["runs", "--artifacts", tmp_path, "--json"],
    ):
        assert [row["run_id"] for row in json.loads(said(capsys, *argv))] == ["r1"]
    assert json.loads(said(capsys, "runs", "--json")) == []
    said(capsys, "--artifacts", tmp_path, "runs", "rename", "r1", "x")
    said(capsys, "runs", "rename", "r1", "y", "--artifacts", tmp_path)
    assert scored.name == "y"
    said(capsys, "data", "--artifacts", tmp_path, "list")
    said(capsys, "predictions", "--artifacts", tmp_path, "export", "r1", "--out", tmp_path / "x.csv")


def test_runs_lists_what_the_contract_names(scored, capsys):
    [row] = json.loads(said(capsys, "runs", "--json"))
    assert row == {
        "run_id": "r1",
        "name": "first",
        "kind": "trained",
        "state": "finished",
        "model": "cnn",
        "features": "logmel",
        "dataset": "d",
        "created": scored.info["created"],
    }
    assert "r1  finished  cnn  logmel  d  first" in said(capsys, "runs")


def test_runs_are_renamed_tagged_annotated_and_deleted(scored, capsys):
    said(capsys, "runs", "rename", "first", "second name")
    said(capsys, "runs", "tag", "second name", "a", "b")
    said(capsys, "runs", "note", "r1", "worth a look")
    assert (scored.name, scored.info["tags"], scored.info["note"]) == (
        "second name",
        ["a", "b"],
        "worth a look",
    )
    said(capsys, "runs", "tag", "r1")
    assert scored.info["tags"] == []
    refused(capsys, "runs", "delete", "r1", "nothing")  # all or none
    assert scored.path.exists()
    said(capsys, "runs", "delete", "r1", "second name")  # one run, named twice
    assert not scored.path.exists()


def test_metrics_equal_scikit_learn_and_say_null_where_undefined(scored, capsys):
    result = json.loads(said(capsys, "metrics", "first", "--json", "--threshold", "0.4"))
    assert list(result) == ["r1"]
    got = result["r1"]
    assert (got["split"], got["threshold"]) == ("test", 0.4)
    p = scored.predictions("test")
    decided = p.scores >= np.float32(0.4)
    for average in ("micro", "macro", "weighted", "samples"):
        labels = [0, 1] if average in ("macro", "weighted") else None
        wanted = precision_recall_fscore_support(
            p.truth, decided, average=average, labels=labels, zero_division=0
        )
        assert [got[average][k] for k in ("precision", "recall", "f1")] == pytest.approx(list(wanted[:3])), (
            average
        )
    wanted = [average_precision_score(p.truth[:, c], p.scores[:, c]) for c in (0, 1)]
    assert got["mAP"] == pytest.approx(np.mean(wanted))
    dog = got["classes"]["Dog"]
    assert dog["ap"] == pytest.approx(wanted[0]) and dog["support"] == p.truth[:, 0].sum()
    assert dog["tp"] + dog["fn"] == dog["support"] and sum(dog[k] for k in ("tp", "fp", "fn", "tn")) == 40
    never, silent = got["classes"]["Never"], got["classes"]["Silent"]
    assert never["fp"] > 0 and never["precision"] == 0
    assert never["recall"] is never["f1"] is never["ap"] is None
    assert silent["precision"] is silent["recall"] is silent["f1"] is silent["ap"] is None
    assert "first  test, threshold 0.5" in said(capsys, "metrics", "r1")


def test_a_threshold_is_compared_in_the_scores_own_type(root, capsys):
    run = runs.create_run(root, {"run_id": "r", "kind": "imported", "classes": ["a"]}, state="finished")
    scores = np.array([[0.71], [0.2]], np.float32)  # 0.71 in single precision is below the double 0.71
    runs.save_predictions(
        run, Predictions("test", np.array(["x", "y"]), ("a",), np.array([[True], [False]]), scores)
    )
    got = json.loads(said(capsys, "metrics", "r", "--threshold", "0.71", "--json"))["r"]
    assert got["classes"]["a"]["tp"] == 1


@pytest.mark.parametrize("threshold", ["nan", "inf"])
def test_metrics_want_a_finite_threshold(scored, capsys, threshold):
    assert f"given {threshold}" in refused(capsys, "metrics", "r1", "--threshold", threshold)


def test_metrics_of_a_split_that_is_not_there(scored, capsys):
    assert "has no predictions for split 'validation'; it has test" in refused(
        capsys, "metrics", "r1", "--split", "validation"
    )


def test_scores_that_cannot_be_evaluated_are_named_by_their_run(scored, capsys):
    p = scored.predictions("test")
    p.scores[3, 1] = np.nan
    runs.save_predictions(scored, p)
    assert "run first, test: scores holds 1 values" in refused(capsys, "metrics", "r1")


@pytest.mark.parametrize("broken", ["{half", '{"schema": 1, "created": null}', '{"schema": 1, "tags": "x"}'])
def test_a_broken_run_is_named_and_the_others_still_answer(scored, capsys, broken):
    folder = scored.path.with_name("r2")
    folder.mkdir()
    (folder / "run.json").write_text(broken)
    said(capsys, "metrics", "r1")
    assert main(["runs"]) == 0
    out = capsys.readouterr()
    assert "first" in out.out and "r2 left out" in out.err
    message = refused(capsys, "metrics", "r2")
    assert str(folder / "run.json") in message and f"remove the folder {folder}" in message


def test_a_name_that_is_not_utf_8_is_refused(root, capsys):
    folder = Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9"))
    folder.mkdir()
    soundfile.write(root / "a.wav", np.ones(1600), 16000)
    (root / "a.wav").rename(folder / "a.wav")
    (folder / "weak.tsv").write_text("filename\tevent_labels\na.wav\tDog\n")
    assert "not UTF-8" in refused(capsys, "data", "import", "x", "--train", folder, "--validation", folder)
    assert os.listdir(root / "datasets") == [] if (root / "datasets").exists() else True


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_predictions_are_exported(scored, capsys, tmp_path, ending):
    file = tmp_path / f"out.{ending}"
    said(capsys, "predictions", "export", "first", "--split", "test", "--out", file)
    got = read_predictions(file, "test")
    np.testing.assert_array_equal(got.scores.astype(np.float32), scored.predictions("test").scores)
    columns = list((pd.read_csv if ending == "csv" else pd.read_parquet)(file).columns)
    assert columns == ["clip_id", *(f"y_{c}" for c in CLASSES), *(f"p_{c}" for c in CLASSES)]
    assert ".csv or .parquet" in refused(capsys, "predictions", "export", "r1", "--out", tmp_path / "out.txt")


def test_predicting_without_weights_says_so(scored, capsys, tmp_path):
    assert "has no weights" in refused(capsys, "predict", "r1", tmp_path / "x.wav")


def test_scores_of_recordings_are_printed_as_they_come(scored, capsys, monkeypatch):
    seen = []

    def scores_of(run, files):
        for file in files:
            if file.name == "bad.wav":
                raise SedcoreError(f"{file}: cannot be decoded")
            yield file, np.array([0.25, 0.5, 0.125, 0.0])
            seen.append(capsys.readouterr().out)

    monkeypatch.setattr("sedcore.training.predict.predict_files", scores_of)
    lines = "  0.500  Speech\n  0.250  Dog\n  0.125  Never\n  0.000  Silent\n"
    assert main(["predict", "r1", "a.wav", "b.wav", "a.wav", "bad.wav", "c.wav"]) == 2
    assert seen == [f"a.wav\n{lines}", f"b.wav\n{lines}"]
    assert capsys.readouterr().err == "bad.wav: cannot be decoded\n"
    assert refused(capsys, "predict", "r1", "a.wav", "bad.wav", "--json") == "bad.wav: cannot be decoded\n"
    assert main(["predict", "r1", "a.wav", "b.wav", "--json"]) == 0
    assert seen[-2:] == ["", ""] and list(json.loads(capsys.readouterr().out)) == ["a.wav", "b.wav"]


def test_light_commands_import_nothing_heavy(scored):
    code = (
        "import sys; from sedcore.cli import main; main(['metrics', 'r1', '--json']); main(['runs']);"
        "heavy = {'tensorflow', 'keras', 'librosa', 'streamlit', 'plotly'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_closed_pipe_is_no_error(scored):
    command = f"{sys.executable} -m sedcore metrics r1 --json | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=HOME, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_from_a_folder_of_recordings_to_scores_of_a_new_one(root, capsys, tmp_path):
    """The whole way by command: import, train, compare, export, predict."""
    audio = tmp_path / "clips"
    audio.mkdir()
    rng = np.random.default_rng(0)
    tones = {"high": 3000, "low": 300}
    rows = ["filename,high,low"]
    for i in range(40):
        sounding = [bool(rng.integers(2)), bool(rng.integers(2))]
        seconds = 1.0 if i else 2.5  # the first one is longer than a window
        t = np.arange(int(16000 * seconds)) / 16000
        y = 0.01 * rng.standard_normal(len(t))
        for on, hz in zip(sounding, tones.values()):
            y += 0.1 * on * np.sin(2 * np.pi * hz * t)
        soundfile.write(audio / f"c{i:02d}.wav", y, 16000)
        rows.append(f"c{i:02d}.wav,{int(sounding[0])},{int(sounding[1])}")
    (audio / "labels.csv").write_text("\n".join(rows) + "\n")
    said(
        capsys,
        "data",
        "import",
        "tones",
        "--train",
        audio,
        "--fractions",
        "0.6,0.2,0.2",
        "--clip-seconds",
        "1",
        "--features",
        "logmel,mfcc",
        "--bands",
        "24",
    )
    shown = json.loads(said(capsys, "data", "show", "tones", "--json"))
    assert shown["classes"] == ["high", "low"] and shown["features"] == ["logmel", "mfcc"]
    out = said(
        capsys,
        "train",
        "tones",
        "--model",
        "crnn_time",
        "--epochs",
        "25",
        "--batch-size",
        "4",
        "--patience",
        "0",
        "--run-id",
        "tones-1",
        "--name",
        "tones",
        "--learning-rate",
        "0.003",
    )
    assert out.splitlines()[-1] == "tones-1"
    got = json.loads(said(capsys, "metrics", "tones", "--json"))["tones-1"]
    assert got["mAP"] > 0.9
    said(capsys, "predictions", "export", "tones", "--out", tmp_path / "p.csv")
    clip = pd.read_csv(tmp_path / "p.csv").iloc[0]
    scores = json.loads(said(capsys, "predict", "tones", audio / clip["clip_id"], "--json"))
    [scored] = scores.values()
    assert scored["high"] == pytest.approx(clip["p_high"], abs=2e-3)  # stored features are half precision
    assert "is not a file" in refused(capsys, "predict", "tones", audio / "nothing.wav")
    (tmp_path / "text.wav").write_text("not audio")
    assert "text.wav" in refused(capsys, "predict", "tones", tmp_path / "text.wav")
    said(capsys, "data", "features", "tones", "--features", "mfcc")  # there already: nothing to do
    assert "is taken" in refused(capsys, "train", "tones", "--model", "ann", "--run-id", "tones-1")


def test_the_program_itself_prints_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sedcore", "data", "import", "x", "--train", str(tmp_path / "nothing")],
        cwd=HOME,
        capture_output=True,
        text=True,
        env={**os.environ, "SEDCORE_ARTIFACTS": str(tmp_path)},
    )
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "nothing" in done.stderr


BUILD = """
import os, runpy, shutil, signal, sys
import sedcore.cli
from sedcore.data.writing import new_dataset_folder

def main():
    with new_dataset_folder(sys.argv[1], "set"):
        print("builds", flush=True)
        sys.stdin.read()
    return 0

def remove(*args, _remove=shutil.rmtree, **options):
    os.kill(os.getpid(), signal.SIGHUP)  # the shell passes on what the terminal sent
    _remove(*args, **options)

shutil.rmtree, sedcore.cli.main = remove, main
runpy.run_module("sedcore", run_name="__main__")
"""


@pytest.mark.parametrize("ignored", [False, True], ids=["a lost terminal", "nohup"])
def test_a_lost_terminal_leaves_nothing_half_written_and_nohup_goes_on(tmp_path, ignored):
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, tmp_path],
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL),
        cwd=HOME,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "builds\n", process.stderr.read()
        process.send_signal(signal.SIGHUP)
        if not ignored:
            process.wait(timeout=60)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, err) == (0 if ignored else 128 + signal.SIGHUP, "")
    assert os.listdir(tmp_path / "datasets") == (["set"] if ignored else [])


def test_a_broken_data_set_is_named_and_the_others_are_listed(tiny, capsys):
    broken = tiny / "datasets" / "broken"
    broken.mkdir()
    (broken / "dataset.json").write_text("{half")
    assert main(["--artifacts", str(tiny), "data", "list"]) == 0
    out, err = capsys.readouterr()
    assert out.split() == ["tiny"] and "broken left out" in err and "dataset.json" in err


def test_paths_that_cannot_be_are_one_sentence(scored, capsys, tmp_path):
    long = "x" * 300
    for words in (
        ("metrics", "r1", "--threshold", json.dumps({long: 0.5})),
        ("predictions", "import", long, "--truth", "y", "--name", "n"),
        ("data", "import", "new", "--train", long),
        ("runs", "--artifacts", "~nobody-of-this-name/x", "rename", "r1", "n"),
        ("predictions", "import", "~nobody-of-this-name/x.csv", "--name", "n"),
    ):
        said = refused(capsys, *words)
        assert said.count("\n") == 1 and len(said) < 600
    (tmp_path / "t.json").write_text('{"Dog": ' + "9" * 5000 + "}")
    assert "not valid JSON" in refused(capsys, "metrics", "r1", "--threshold", tmp_path / "t.json")


def test_a_run_that_may_not_be_read_leaves_the_others(scored, capsys, root):
    other = runs.create_run(root, {"run_id": "r2", "kind": "imported"}, state="finished")
    (other.path / "run.json").unlink()
    (other.path / "run.json").symlink_to("run.json")  # an OSError for any user
    assert "first" in said(capsys, "runs")
    assert "Dog" in said(capsys, "metrics", "r1")
