"""The quick way to read a history equals the one line by line, and what it does not take goes that way."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sedcore.artifacts import history
from sedcore.artifacts.history import read_class_history, read_history
from sedcore.artifacts.kept_history import LONG, kept_history
from sedcore.artifacts.recording import append_history
from sedcore.artifacts.runs import create_run
from sedcore.errors import SedcoreError

NUMBERS = st.one_of(st.none(), st.floats(-1e300, 1e300), st.integers(-(2**53), 2**53), st.just(0.1))
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "loss": NUMBERS,
        "mAP": NUMBERS,
        "ap": st.lists(NUMBERS, min_size=2, max_size=2),
        "clips": NUMBERS,
    },
)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"epoch": st.integers(1, 9)}, optional={"seconds": NUMBERS, "train": PARTS, "validation": PARTS}
    ),
    max_size=6,
)


def by_line(file):
    """Return what is read line by line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "_parsed", lambda text: None)
        return read_history(file, "run")


# as many keys in both lines, but not the same ones
@example(records=[{"epoch": 1, "train": {}}, {"epoch": 1, "seconds": None}])
@settings(max_examples=70)
@given(RECORDS)
def test_the_quick_way_reads_what_the_lines_hold(tmp_path_factory, records):
    file = tmp_path_factory.mktemp("h") / "history.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    found, wanted = read_history(file, "run"), by_line(file)
    assert sorted(found.columns) == sorted(wanted.columns) and len(found) == len(wanted)
    for name in wanted.columns:
        np.testing.assert_array_equal(found[name].to_numpy(float), wanted[name].to_numpy(float), err_msg=name)


def test_the_usual_file_goes_the_quick_way(tmp_path, monkeypatch):
    file = tmp_path / "history.jsonl"
    part = {"loss": 0.5, "mAP": None, "ap": [0.1, None], "tp": [1, 2], "fp": [0, 0], "fn": [3, 1]}
    lines = [
        json.dumps({"epoch": e, "seconds": 1.5, "train": part, "validation": part}) + "\n" for e in (1, 2)
    ]
    file.write_text("".join(lines) + lines[0][:20])  # the last is still being written
    monkeypatch.setattr(history, "_records", None)
    found = read_history(file, "run")
    assert list(found.columns) == [
        *("epoch", "seconds", "train.loss", "train.mAP", "validation.loss", "validation.mAP")
    ]
    assert found["epoch"].tolist() == [1, 2] and found["validation.mAP"].isna().all()


def test_classes_are_a_table_of_their_own(tmp_path):
    file = tmp_path / "history.jsonl"
    file.write_text('{"epoch": 3, "validation": {"ap": [0.5, null]}}\n{"epoch": 4}\n')
    found = read_class_history(file, "run", ["Cat", "Dog"], "ap", "validation")
    wanted = pd.DataFrame({"Cat": [0.5], "Dog": [np.nan]}, index=pd.Index([3], name="epoch"))
    pd.testing.assert_frame_equal(found, wanted)
    assert read_class_history(tmp_path / "none", "run", ["Cat"], "ap", "validation").empty


@pytest.mark.parametrize(
    "text",
    [b"{\n", b"[1]\n", b'{"epoch": 1}\n\n{"epoch": 2}\n', b'{"epoch": 1}\n\0\0\0\n', b"\xff\n", b"1\n"],
)
def test_damage_is_told(tmp_path, text):
    file = tmp_path / "history.jsonl"
    file.write_bytes(text)
    with pytest.raises(SedcoreError, match="not one JSON object a line"):
        read_history(file, "run r")


def test_no_file_and_no_whole_line_are_no_epochs(tmp_path):
    file = tmp_path / "history.jsonl"
    assert read_history(file, "run").empty
    file.write_text('{"epoch"')
    assert read_history(file, "run").empty


@pytest.mark.parametrize("epochs", [LONG, LONG - 1])
def test_a_long_history_is_kept_until_its_file_changes(tmp_path, epochs):
    run = create_run(tmp_path, {"kind": "trained", "name": "long", "classes": ["a"]}, state="finished")
    for epoch in range(1, epochs + 1):
        loss = None if epoch == 2 else 1 / epoch
        append_history(run, {"epoch": epoch, "train": {"loss": loss, "clips": 9, "ap": [0.5]}})
    entry = run.path / "cache" / "history.npz"
    plain = run.history()
    pd.testing.assert_frame_equal(kept_history(run), plain)
    assert not entry.exists()  # without `keep` nothing is written
    for _ in range(2):  # parsed, then kept
        pd.testing.assert_frame_equal(kept_history(run, keep=True), plain)
    assert entry.exists() == (epochs == LONG)
    append_history(run, {"epoch": epochs + 1, "train": {"loss": 0.1, "clips": 9, "ap": [0.5]}})
    assert len(kept_history(run, keep=True)) == epochs + 1


def test_a_history_that_still_grows_is_not_kept(tmp_path):
    run = create_run(tmp_path, {"kind": "trained", "name": "long", "classes": ["a"]}, state="queued")
    for epoch in range(1, LONG + 1):
        append_history(run, {"epoch": epoch, "train": {"loss": 1 / epoch}})
    assert len(kept_history(run, keep=True)) == LONG
    assert not (run.path / "cache").exists()
