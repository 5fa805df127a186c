"""Run folders: what is written is read back, states tell the truth, bad folders are named."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sedcore.artifacts import recording, runs
from sedcore.artifacts.files import atomic_path, read_json, safe_name, write_json
from sedcore.artifacts.locks import RunLock, is_locked
from sedcore.artifacts.manage import delete_run, note_run, rename_run, tag_run
from sedcore.artifacts.predictions import Predictions, from_frame, read_predictions, write_predictions
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.status import set_status
from sedcore.errors import SedcoreError


def make_run(root, **info):
    return runs.create_run(root, {"kind": "trained", "model": "cnn"} | info)


def some_predictions(dtype=np.float32, ids=("a.wav", "b.wav", "c.wav")):
    rng = np.random.default_rng(0)
    scores = rng.random((len(ids), 2)).astype(dtype)
    return Predictions(
        "test", np.array(ids), ("Dog", "Running water"), rng.random((len(ids), 2)) < 0.5, scores
    )


# ---- files ----------------------------------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "x.json"
    write_json(file, {"a": 1})
    with pytest.raises(RuntimeError), atomic_path(file) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert read_json(file, "x") == {"schema": 1, "a": 1}
    assert os.listdir(tmp_path) == ["x.json"]


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    write_json(tmp_path / "file", {})
    with pytest.raises(SedcoreError, match="file/x.json could not be written: Not a directory"):
        write_json(tmp_path / "file" / "x.json", {})
    with pytest.raises(SedcoreError, match="could not be written: File name too long"):
        write_json(tmp_path / ("x" * 300), {})
    with pytest.raises(SedcoreError, match="nowhere/x.json could not be written: No such file"):
        write_json(tmp_path / "nowhere" / "x.json", {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not valid JSON"),
        ("[1]", "list where an object"),
        ('{"schema": 2}', "schema 2 and this version reads 1"),
        ("{}", "schema None"),
    ],
)
def test_a_json_file_that_cannot_be_read_is_named(tmp_path, text, says):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(SedcoreError, match=says) as error:
        read_json(tmp_path / "run.json", "run")
    assert "run.json" in str(error.value)


def test_nan_becomes_null_and_numpy_becomes_plain(tmp_path):
    write_json(
        tmp_path / "x.json", {"a": float("nan"), "b": np.float32(0.5), "c": (np.int64(3), float("inf"))}
    )
    assert json.loads((tmp_path / "x.json").read_text()) == {"schema": 1, "a": None, "b": 0.5, "c": [3, None]}


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "-x", ".hidden", "a b", "a\n", "ä", "a" * 81]
)
def test_names_that_could_leave_the_folder_are_refused(name):
    with pytest.raises(SedcoreError):
        safe_name(name, "name")


def test_the_root_is_the_argument_then_the_environment_then_here(monkeypatch, tmp_path):
    monkeypatch.delenv("SEDCORE_ARTIFACTS", raising=False)
    assert str(artifact_root()) == "artifacts"
    monkeypatch.setenv("SEDCORE_ARTIFACTS", "/elsewhere")
    assert str(artifact_root()) == "/elsewhere"
    assert artifact_root(tmp_path) == tmp_path
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SedcoreError, match="is a file"):
        artifact_root(file)


# ---- predictions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parquet_keeps_scores_to_the_bit(tmp_path, dtype):
    before = some_predictions(dtype)
    write_predictions(tmp_path / "test.parquet", before)
    after = read_predictions(tmp_path / "test.parquet", "test")
    assert after.scores.dtype == dtype
    np.testing.assert_array_equal(after.scores, before.scores)
    np.testing.assert_array_equal(after.truth, before.truth)
    assert (list(after.clip_ids), after.classes) == (list(before.clip_ids), before.classes)


def test_csv_keeps_doubles_to_the_bit(tmp_path):
    before = some_predictions(np.float64)
    write_predictions(tmp_path / "test.csv", before)
    np.testing.assert_array_equal(read_predictions(tmp_path / "test.csv", "test").scores, before.scores)
    assert (tmp_path / "test.csv").read_text().splitlines()[
        0
    ] == "clip_id,y_Dog,y_Running water,p_Dog,p_Running water"


def test_a_clip_may_be_called_na(tmp_path):
    write_predictions(tmp_path / "test.csv", some_predictions(np.float64, ids=("NA", "null", "1")))
    assert list(read_predictions(tmp_path / "test.csv", "test").clip_ids) == ["NA", "null", "1"]


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(SedcoreError, match=".csv or .parquet"):
        write_predictions(tmp_path / "test.xlsx", some_predictions())


def test_tables_that_are_not_predictions_are_refused(tmp_path):
    frame = some_predictions().frame()
    with pytest.raises(SedcoreError, match="y_Dog"):
        from_frame(frame.drop(columns="y_Dog"), "test", "file")
    with pytest.raises(SedcoreError, match="0 or 1"):
        from_frame(frame.assign(y_Dog=2), "test", "file")
    with pytest.raises(SedcoreError, match="wanted numbers"):
        from_frame(frame.assign(p_Dog="high"), "test", "file")
    with pytest.raises(SedcoreError, match="twice"):
        from_frame(frame.assign(clip_id="same"), "test", "file")
    (tmp_path / "broken.parquet").write_bytes(b"not parquet")
    with pytest.raises(SedcoreError, match="broken.parquet could not be read"):
        read_predictions(tmp_path / "broken.parquet", "test")


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(5)), st.permutations(range(3)), st.integers(0, 14))
def test_comparison_key_ignores_order_and_sees_every_label(clips, classes, flipped):
    truth = np.arange(15).reshape(5, 3) % 2 == 0
    ids, names = np.array([f"clip{i}" for i in range(5)]), np.array(["a", "b", "c"])
    key = Predictions("test", ids, tuple(names), truth, np.zeros((5, 3))).comparison_key()
    moved = Predictions(
        "test", ids[clips], tuple(names[classes]), truth[np.ix_(clips, classes)], np.ones((5, 3))
    )
    assert moved.comparison_key() == key
    other = truth.copy()
    other.flat[flipped] ^= True
    assert Predictions("test", ids, tuple(names), other, np.zeros((5, 3))).comparison_key() != key


# ---- runs -----------------------------------------------------------------------------------------------------


def test_a_new_run_is_whole_at_once(tmp_path):
    run = make_run(tmp_path, name="first")
    assert run.status().state == "queued"
    assert (run.name, run.info["kind"], run.info["tags"]) == ("first", "trained", [])
    assert run.history().empty and run.splits() == [] and run.progress() is None and run.log_tail() == ""
    assert [r.run_id for r in runs.list_runs(tmp_path)] == [run.run_id]
    assert sorted(os.listdir(tmp_path / "runs")) == [run.run_id]


def test_a_taken_or_unsafe_run_id_is_refused(tmp_path):
    make_run(tmp_path, run_id="mine")
    with pytest.raises(SedcoreError, match="'mine' is taken"):
        make_run(tmp_path, run_id="mine")
    with pytest.raises(SedcoreError, match="cannot be used"):
        make_run(tmp_path, run_id="../mine")
    assert os.listdir(tmp_path / "runs") == ["mine"]


def test_running_without_a_living_trainer_is_interrupted(tmp_path):
    run = make_run(tmp_path)
    with RunLock(run.path):
        set_status(run.path, "running")
        assert run.status().state == "running"
        assert is_locked(run.path)
    assert run.status().state == "interrupted"


def test_the_lock_falls_with_its_process_and_is_not_inherited(tmp_path):
    run = make_run(tmp_path)
    # The child claims the run, starts a grandchild that outlives it, and is killed.
    code = (
        "import os, subprocess, sys\nfrom pathlib import Path\nfrom sedcore.artifacts.locks import RunLock\n"
        "RunLock(Path(sys.argv[1])).__enter__()\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "print(grandchild.pid, flush=True)\nsys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    child.stdout.readline()
    assert is_locked(run.path)
    child.kill()
    child.communicate()
    assert not is_locked(run.path)


def test_a_second_trainer_is_refused(tmp_path):
    run = make_run(tmp_path)
    with RunLock(run.path), pytest.raises(SedcoreError, match="another process"), RunLock(run.path):
        pass


def test_status_changes_only_from_the_states_named(tmp_path):
    run = make_run(tmp_path)
    assert not set_status(run.path, "cancelling", only_from=("running",))
    assert run.status().state == "queued"
    assert set_status(run.path, "cancelled", "why", only_from=("queued",))
    assert (run.status().state, run.status().reason) == ("cancelled", "why")


def test_history_reads_whole_lines_only(tmp_path):
    run = make_run(tmp_path)
    recording.append_history(run, {"epoch": 1, "train": {"loss": 0.5}, "validation": {"mAP": float("nan")}})
    with open(run.path / "history.jsonl", "a") as file:
        file.write('{"epoch": 2, "train": {"lo')
    history = run.history()
    assert list(history["epoch"]) == [1] and history["train.loss"][0] == 0.5
    assert np.isnan(history["validation.mAP"][0])


def test_changes_of_two_processes_to_one_run_are_both_kept(tmp_path):
    run = make_run(tmp_path)
    threads = [
        threading.Thread(target=lambda i=i, key=key: runs.update_info(runs.Run(run.path), **{key: i}))
        for i, key in enumerate(["wall_s", "best_epoch", "epochs_run", "parameters", "ms_per_clip"] * 4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(
        run.info[key] is not None
        for key in ("wall_s", "best_epoch", "epochs_run", "parameters", "ms_per_clip")
    )
    with pytest.raises(SedcoreError, match="no key"):
        runs.update_info(run, best_epch=3)


def test_runs_are_found_by_id_and_by_unique_name(tmp_path):
    first, second = make_run(tmp_path, name="same"), make_run(tmp_path, name="other")
    assert runs.find_run(tmp_path, first.run_id).run_id == first.run_id
    assert runs.find_run(tmp_path, "other").run_id == second.run_id
    rename_run(second, "  same ")
    with pytest.raises(SedcoreError, match="2 runs are named 'same'"):
        runs.find_run(tmp_path, "same")
    with pytest.raises(SedcoreError, match="no run '../x'"):
        runs.find_run(tmp_path, "../x")


def test_names_tags_and_notes(tmp_path):
    run = make_run(tmp_path)
    assert run.name == run.run_id
    tag_run(run, ["b", " a ", "", "b"])
    note_run(run, " said <b>so</b>\n")
    assert (run.info["tags"], run.info["note"]) == (["a", "b"], "said <b>so</b>")
    for name in ("", " \n", "x" * 121):
        with pytest.raises(SedcoreError, match="1 to 120"):
            rename_run(run, name)


def test_broken_folders_are_named_and_hide_nothing(tmp_path):
    good = make_run(tmp_path)
    bad = make_run(tmp_path)
    (bad.path / "status.json").write_text("{")
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "runs" / "stray.txt").touch()
    assert [r.run_id for r in runs.list_runs(tmp_path)] == [good.run_id]
    broken = dict(runs.broken_runs(tmp_path))
    assert {path.name for path in broken} == {bad.run_id, "empty"}
    assert "status.json is not valid JSON" in broken[bad.path]


def test_a_run_in_training_cannot_be_deleted(tmp_path):
    run = make_run(tmp_path)
    with RunLock(run.path), pytest.raises(SedcoreError, match="stop it first"):
        delete_run(run)
    delete_run(run)
    assert runs.list_runs(tmp_path) == [] and os.listdir(tmp_path / "runs") == []


def test_missing_predictions_are_named(tmp_path):
    run = make_run(tmp_path)
    runs.save_predictions(run, some_predictions())
    assert run.splits() == ["test"]
    with pytest.raises(SedcoreError, match="no predictions for split 'train'; it has test"):
        run.predictions("train")
    with pytest.raises(SedcoreError, match="cannot be used"):
        run.predictions("../../secret")


APPEND = """
import sys
from pathlib import Path
from sedcore.artifacts import recording, runs
for epoch in range(50):
    recording.append_history(runs.Run(Path(sys.argv[1])), {"epoch": epoch, "train": {"loss": int(sys.argv[2])}})
"""


def test_lines_appended_by_several_processes_stay_whole(tmp_path):
    run = make_run(tmp_path)
    writers = [subprocess.Popen([sys.executable, "-c", APPEND, run.path, mark]) for mark in "12"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(run.history()) == 100
