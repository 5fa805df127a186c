"""How a run was made, on its page: rows that can be read, and the whole to copy."""

from __future__ import annotations

import json

import pytest

from pages.widgets.runs.run_settings import feature_rows
from sedcore.artifacts.runs import create_run

PARAMS = {"sample_rate_hz": 16000, "n_fft": 1024, "hop_s": 0.01, "bands": 64, "clip_s": 10.0, "n_mfcc": 20}
LOGMEL = {
    "schema": 1,
    "kind": "logmel",
    "rows": 1000,
    "frames": 1000,
    "bands": 64,
    "hop_s": 0.01,
    "sample_rate_hz": 16000,
    "dtype": "float16",
    "normalise": True,
    "mean": [-7.25 - band / 3 for band in range(64)],
    "std": [6.5 + band / 7 for band in range(64)],
    "params": PARAMS,
}


def test_features_are_told_in_rows():
    rows = feature_rows(LOGMEL)
    assert rows == {
        "kind": "logmel",
        "mel bands": "64",
        "frames": "1000",
        "length of a clip": "10 s",
        "hop": "10 ms",
        "sample rate": "16\u202f000 Hz",
        "window": "1\u202f024 samples",
        "stored as": "float16",
        "normalised in training": "each band, by mean and deviation of train",
    }
    mfcc = feature_rows(LOGMEL | {"kind": "mfcc_report", "bands": 20, "normalise": False})
    assert (mfcc["mel bands"], mfcc["coefficients"], mfcc["normalised in training"]) == ("64", "20", "no")
    assert feature_rows({"kind": "logmel", "hop_s": "soon", "params": None}) == {"kind": "logmel"}


def test_no_wall_of_numbers_stands_on_the_page_and_all_of_it_can_be_copied(visit, tmp_path):
    taken = {"frames": 1000, "bands": 64, "features": LOGMEL, "mean": LOGMEL["mean"], "std": LOGMEL["std"]}
    classes = {f"Class {number}": number for number in range(90)}
    config = {"model": "cnn", "classes_renamed": classes, "note": "n" * 500, "few": [1, 2]}
    run = {"kind": "trained", "run_id": "walled", "model": "cnn", "input": taken, "config": config}
    create_run(tmp_path, run, state="finished")
    app = visit(tmp_path, "run", run="walled")
    assert not app.exception
    cells = {str(name): str(value) for table in app.table for name, value in table.value.to_numpy()}
    assert max(map(len, cells.values())) <= 170, "80 characters, each of which may be escaped"
    assert cells["classes renamed"].startswith("90 values") and cells["few"] == r"\[1, 2\]"
    assert cells["hop"] == "10 ms"
    (whole,) = (json.loads(code.value) for code in app.code if code.language == "json")
    assert whole["input"] == taken and whole["config"]["classes_renamed"] == classes


@pytest.mark.parametrize("taken", [None, "logmel", {"features": ["logmel"]}])
def test_what_was_recorded_otherwise_disturbs_nothing(visit, tmp_path, taken):
    run = {"kind": "trained", "run_id": "odd", "model": "cnn", "input": taken}
    create_run(tmp_path, run, state="finished")
    app = visit(tmp_path, "run", run="odd")
    assert not app.exception and not app.error
    headings = [heading.value for heading in app.subheader]
    assert {"Configuration", "Data"} <= set(headings) and "Features" not in headings
