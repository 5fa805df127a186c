"""The index of a root: quick, made again where anything has changed, and never the truth."""

import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from benchmarks.made_runs import make_runs
from sedcore.artifacts.counted import VERSION, count_scores, layout_of
from sedcore.artifacts.index import RunIndex
from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.manage import delete_run, rename_run
from sedcore.artifacts.runs import Run, create_run, list_runs, save_predictions, save_reported
from sedcore.artifacts.status import set_status
from sedcore.errors import SedcoreError
from sedcore.evaluation.measures import ByMeasure


@pytest.fixture
def root(tmp_path) -> Path:
    make_runs(tmp_path, runs=3, clips=60, classes=4)
    return tmp_path


def names(index: RunIndex) -> list[str]:
    return [one.info["name"] for one in index.refresh()]


@pytest.mark.parametrize("keep", [True, False])
def test_it_lists_what_is_there_and_follows_every_change(root, keep):
    index = RunIndex(root, keep)
    assert [one.run_id for one in index.refresh()] == [run.run_id for run in list_runs(root)]
    assert sorted(names(index)) == ["model 1", "model 2", "model 3"]
    first = Run(root / "runs" / "made-00")
    rename_run(first, "renamed")
    delete_run(Run(root / "runs" / "made-01"))
    create_run(root, {"kind": "trained", "name": "new"})
    for _ in range(2):
        assert sorted(names(index)) == ["model 3", "new", "renamed"]
        index = RunIndex(root, keep)  # another process
    assert (root / "index.sqlite").exists() == keep


def flat(held) -> dict:
    """The fields of a dataclass, measures one by one."""
    fields = vars(held)
    nested = {name: values for name, values in fields.items() if isinstance(values, ByMeasure)}
    plain = {name: value for name, value in fields.items() if name not in nested}
    return plain | {f"{name} {m}": value for name, values in nested.items() for m, value in values.items()}


def test_what_it_kept_is_what_the_scores_give(root):
    run = Run(root / "runs" / "made-00")
    wanted = count_scores(run, "test")
    RunIndex(root, keep=True).counted(run, "test")
    found = RunIndex(root, keep=True).counted(run, "test")
    assert found.key == wanted.key == run.predictions("test").comparison_key()
    for part in ("summary", "on_grid"):
        for name, value in flat(getattr(wanted, part)).items():
            np.testing.assert_array_equal(flat(getattr(found, part))[name], value, err_msg=name)
    assert found.summary.classes == wanted.summary.classes and found.summary.dtype == wanted.summary.dtype


def test_records_are_those_of_their_version(root):
    """What is kept by an index of this VERSION has these parts: others want another VERSION."""
    index = RunIndex(root, keep=False)
    index.counted(Run(root / "runs" / "made-00"), "test")
    packed = index.packed(Run(root / "runs" / "made-00"), "test")
    wanted = ["key", "lowest", "highest", "lwlrap", "collapsed", "macro_ap", "macro_roc_auc", "positives"]
    wanted += ["ap", "roc_auc", "eer", "samples", "empty", "tp", "fp"]
    record = layout_of(packed.layout).record
    assert VERSION == 2 and list(record.names) == wanted and record["samples"].shape[1] == 3


def test_counting_goes_on_where_it_ended(root):
    index = RunIndex(root, keep=True)
    index.refresh()
    assert len(index.uncounted("test")) == 3 and index.uncounted("validation") == []
    index.counted(Run(root / "runs" / "made-01"), "test")
    told = []
    index.count(index.uncounted("test"), "test", lambda done, total: told.append((done, total)))
    assert told == [(2, 2)]
    again = RunIndex(root, keep=True)
    again.refresh()
    assert again.uncounted("test") == []


def test_new_scores_are_counted_again(root):
    run = Run(root / "runs" / "made-00")
    index = RunIndex(root, keep=True)
    before = index.counted(run, "test").summary
    found = run.predictions("test")
    better = found.truth * 0.5 + found.scores * 0.5
    save_predictions(run, type(found)("test", found.clip_ids, found.classes, found.truth, better))
    after = index.counted(run, "test").summary
    assert after.mAP == 1.0 > before.mAP
    index.refresh()
    assert sorted(r.run_id for r in index.uncounted("test")) == ["made-01", "made-02"]


def test_a_training_that_dies_is_seen_although_no_file_changed(root):
    run = create_run(root, {"kind": "trained", "name": "live"})
    index = RunIndex(root, keep=True)

    def state():
        return next(one.seen.state for one in index.refresh() if one.info["name"] == "live")

    assert state() == "queued"
    with RunLock(run.path):
        set_status(run.path, "running")
        assert state() == "running"
    assert state() == "interrupted"


@pytest.mark.parametrize("damage", ["nonsense", "version", "cut"])
def test_a_damaged_index_is_made_again(root, damage):
    RunIndex(root, keep=True).refresh()
    file = root / "index.sqlite"
    if damage == "nonsense":
        file.write_bytes(b"no database" * 1000)
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:5000])
    else:
        with sqlite3.connect(file) as base:
            base.executescript("DROP TABLE scores; PRAGMA user_version = 99;")
    index = RunIndex(root, keep=True)
    assert len(index.refresh()) == 3
    assert index.counted(Run(root / "runs" / "made-00"), "test").summary.clips == 60
    again = RunIndex(root, keep=True)
    again.refresh()
    assert len(again.uncounted("test")) == 2  # and kept again


def test_broken_runs_and_damaged_scores_are_told(root):
    (root / "runs" / "broken").mkdir()
    file = root / "runs" / "made-02" / "predictions" / "test.parquet"
    file.write_bytes(file.read_bytes()[:100])
    index = RunIndex(root, keep=True)
    listed = index.refresh()
    assert listed[-1].run_id == "broken" and "run.json does not exist" in listed[-1].problem
    index.count(index.uncounted("test"), "test")
    assert [r.run_id for r in index.uncounted("test")] == ["made-02"]
    with pytest.raises(SedcoreError, match="parquet"):
        index.counted(Run(root / "runs" / "made-02"), "test")


def test_a_root_without_runs_has_an_empty_index(tmp_path):
    assert RunIndex(tmp_path, keep=True).refresh() == () and os.listdir(tmp_path) == []


def test_a_look_keeps_its_runs_when_others_look_again(root):
    """Two readers of one process: what the first derives must not stand for the runs that the second sees."""
    index = RunIndex(root, keep=False)
    first = index.refresh()
    index.count(first, "test")
    before = index.look_up("test", first)
    assert index.refresh() is first  # nothing changed: the same look
    create_run(root, {"kind": "trained", "run_id": "new", "name": "new"})
    second = index.refresh()
    assert len(first) == 3 and len(second) == 4
    assert first.derived("labels", lambda: "of three") == "of three"
    assert second.derived("labels", lambda: "of four") == "of four"
    assert index.look_up("test", first) == before
    assert index.look_up("test")[1] == index.look_up("test", second)[1] != before[1]


def test_counts_that_came_later_are_found_by_an_earlier_look(root):
    index = RunIndex(root, keep=False)
    listing = index.refresh()
    assert index.look_up("test", listing)[0] == {}
    index.count(listing, "test")
    assert len(index.look_up("test", listing)[0]) == 3


@pytest.mark.parametrize("damage", ['{"schema": 2}', '{"schema": 1, "tables": []}', '{"schema": 1, "ta', ""])
def test_damaged_printed_results_are_a_problem_of_their_run_alone(root, damage):
    run = create_run(root, {"kind": "reported", "run_id": "printed"}, state="finished")
    save_reported(run, {"tables": {"test": {"f1": {"micro": 0.5}}}})
    index = RunIndex(root, keep=True)
    assert [one.problem for one in index.refresh()] == [""] * 4
    whole = (run.path / "reported.json").read_text()
    (run.path / "reported.json").write_text(damage)
    for again in (index, RunIndex(root, keep=True)):
        listed = again.refresh()
        assert "reported.json" in listed[-1].problem and [one.problem for one in listed[:-1]] == [""] * 3
    (run.path / "reported.json").write_text(whole)
    assert [one.problem for one in index.refresh()] == [""] * 4
