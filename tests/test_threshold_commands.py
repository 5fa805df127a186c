"""Saved threshold vectors, ``thresholds`` and ``metrics --threshold FILE|tuned``."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from sedcore.artifacts import runs
from sedcore.artifacts import thresholds as saved
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.thresholds import ThresholdVector
from sedcore.cli import main
from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import counts
from sedcore.evaluation.objectives import FBeta, PrecisionAtLeast
from sedcore.evaluation.tuning import tune

CLASSES = ("Dog", "Speech", "Running_water")
VECTOR = {"Dog": 0.4, "Speech": 0.6, "Running_water": 0.25}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run with scores on validation and test."""
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    return add_run(tmp_path, "r1", ("validation", "test"))


def add_run(root, run_id, splits):
    made = runs.create_run(
        root, {"run_id": run_id, "kind": "imported", "classes": list(CLASSES)}, state="finished"
    )
    for seed, split in enumerate(splits):
        rng = np.random.default_rng(seed)
        truth = rng.random((60, 3)) < 0.4
        scores = (0.7 * rng.random((60, 3)) + 0.3 * truth).astype(np.float32)
        ids = np.array([f"{split}{i}" for i in range(60)])
        runs.save_predictions(made, Predictions(split, ids, CLASSES, truth, scores))
    return made


def said(capsys, *argv, code=0):
    """Run a command; return its stdout and stderr."""
    assert main([str(a) for a in argv]) == code
    out = capsys.readouterr()
    return out.out, out.err


def refused(capsys, *argv):
    out, err = said(capsys, *argv, code=2)
    assert out == "" and err.count("\n") == 1
    return err


def test_a_vector_is_saved_listed_read_and_deleted(run):
    vector = ThresholdVector("mine", dict(reversed(VECTOR.items())), "", "validation", {"kind": "f1"})
    saved.save_thresholds(run, vector, CLASSES)
    assert saved.list_thresholds(run) == ["mine"]
    got = saved.read_thresholds(run, "mine", CLASSES)
    assert got.thresholds == VECTOR and list(got.thresholds) == list(CLASSES)
    assert (got.run_id, got.split, got.objective) == ("r1", "validation", {"kind": "f1"})
    assert json.loads(saved.thresholds_file(run, "mine").read_text())["schema"] == 1
    saved.delete_thresholds(run, "mine")
    saved.delete_thresholds(run, "mine")
    assert saved.list_thresholds(run) == []
    with pytest.raises(SedcoreError, match="saved are none"):
        saved.read_thresholds(run, "mine", CLASSES)


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden", "x" * 99])
def test_a_name_that_is_no_file_name_is_refused(run, name):
    with pytest.raises(SedcoreError, match="cannot be used"):
        saved.save_thresholds(run, ThresholdVector(name, VECTOR), CLASSES)
    with pytest.raises(SedcoreError, match="cannot be used"):
        saved.delete_thresholds(run, name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"Dog": 0.4, "Speach": 0.6, "Running_water": 0.2}', "'Speach'; did you mean 'Speech'"),
        ('{"Dog": 0.4, "Speech": 0.6, "Cat": 1, "Running_water": 0.2}', "no class 'Cat'; the run's classes"),
        ('{"Dog": 0.4}', "no threshold for 'Speech', 'Running_water'"),
        ('{"Dog": NaN, "Speech": 0.6, "Running_water": 0.2}', "'Dog' is nan; wanted is a finite"),
        ('{"Dog": 1e999, "Speech": 0.6, "Running_water": 0.2}', "'Dog' is inf"),
        ('{"Dog": "0.4", "Speech": 0.6, "Running_water": 0.2}', "finite number"),
        ('{"Dog": true, "Speech": 0.6, "Running_water": 0.2}', "finite number"),
        ('{"Dog": 0.4, "Dog": 0.6, "Speech": 0.6, "Running_water": 0.2}', "'Dog' twice"),
        ('{"schema": 2, "thresholds": {}}', "schema 1"),
        ('{"schema": 1, "thresholds": 3}', "schema 1"),
        ('{"schema": 1, "thresholds": {"Dog": 0.4, "Speech": 1, "Running_water": 2}, "split": 3}', "split"),
        ("[0.4, 0.6]", "holds a list"),
        ("{half", "not valid JSON"),
        ("\x00" * 10, "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        (" " * 1_000_001, "larger than 1 MB"),
    ],
)
def test_a_file_that_is_no_vector_is_one_sentence(text, said):
    with pytest.raises(SedcoreError, match=said):
        saved.from_bytes(text.encode(), CLASSES, "mine.json")


def test_a_huge_whole_number_is_no_threshold():
    with pytest.raises(SedcoreError, match="finite"):
        saved.checked_thresholds(VECTOR | {"Dog": 10**400}, CLASSES, "x")


def test_thresholds_are_those_of_the_evaluation(run, capsys):
    p = run.predictions("validation")
    wanted = tune(counts(p.truth, p.scores), FBeta())
    out, err = said(capsys, "thresholds", "r1", "--json", "--resamples", "50")
    got = json.loads(out)
    assert err == "" and (got["split"], got["objective"], got["optimistic"]) == (
        "validation",
        {"kind": "f1"},
        False,
    )
    assert list(got["thresholds"].values()) == wanted.thresholds.tolist()
    dog = got["classes"]["Dog"]
    assert dog["low"] <= dog["threshold"] <= dog["high"] and dog["reached"]
    assert dog["F1"] == wanted.values[0] and dog["positives"] == p.truth[:, 0].sum()
    out, _ = said(capsys, "thresholds", "r1", "--objective", "precision", "--at", "0.9")
    assert "best recall with precision of at least 0.9, tuned on validation" in out
    out, _ = said(capsys, "thresholds", "r1", "--common", "macro", "--json", "--resamples", "0")
    assert len(set(json.loads(out)["thresholds"].values())) == 1
    assert json.loads(out)["classes"]["Dog"]["low"] is None


def test_what_cannot_be_tuned_is_refused(run, capsys, tmp_path):
    assert "no objective 'f3'" in refused(capsys, "thresholds", "r1", "--objective", "f3")
    assert "needs at" in refused(capsys, "thresholds", "r1", "--objective", "precision")
    assert "takes no at" in refused(capsys, "thresholds", "r1", "--at", "0.3")
    assert "no predictions for split 'dev'" in refused(capsys, "thresholds", "r1", "--split", "dev")
    assert "cannot be used" in refused(capsys, "thresholds", "r1", "--resamples", "0", "--save", "../x")
    add_run(tmp_path, "r2", ("test",))
    assert "give --split test" in refused(capsys, "thresholds", "r2")
    out, err = said(capsys, "thresholds", "r2", "--split", "test", "--json", "--resamples", "0")
    assert "optimistic" in err and json.loads(out)["optimistic"] is True


def test_metrics_take_a_file_and_a_saved_vector(run, capsys, tmp_path):
    file = tmp_path / "v.json"
    file.write_text(json.dumps(dict(reversed(VECTOR.items()))))
    got = json.loads(said(capsys, "metrics", "r1", "--threshold", file, "--json")[0])["r1"]
    assert got["threshold"] == list(VECTOR.values()) and got["thresholds"] == VECTOR
    assert got["optimistic"] is False
    p = run.predictions("test")
    decided = p.scores >= np.array(list(VECTOR.values()), np.float32)
    assert got["macro"]["f1"] == pytest.approx(f1_score(p.truth, decided, average="macro"))
    said(capsys, "thresholds", "r1", "--split", "test", "--resamples", "0", "--save", "tuned", "--out", file)
    for given in ("tuned", file):
        got = json.loads(said(capsys, "metrics", "r1", "--threshold", given, "--json")[0])["r1"]
        assert got["optimistic"] is True
        assert got["thresholds"] == saved.read_thresholds(run, "tuned", CLASSES).thresholds
    assert (
        "thresholds tuned, tuned on test (optimistic"
        in said(capsys, "metrics", "r1", "--threshold", "tuned")[0]
    )


def test_metrics_tune_on_validation_where_nothing_is_saved(run, capsys, tmp_path):
    out, err = said(capsys, "metrics", "r1", "--threshold", "tuned", "--json")
    assert "tuned now on validation" in err and saved.list_thresholds(run) == []
    p = run.predictions("validation")
    assert json.loads(out)["r1"]["threshold"] == tune(counts(p.truth, p.scores), FBeta()).thresholds.tolist()
    add_run(tmp_path, "r2", ("test",))
    assert "no predictions for split 'validation'" in refused(capsys, "metrics", "r2", "--threshold", "tuned")


def test_one_number_stays_as_it_was(run, capsys):
    got = json.loads(said(capsys, "metrics", "r1", "--threshold", "0.4", "--json")[0])["r1"]
    assert got["threshold"] == 0.4 and "thresholds" not in got and "optimistic" not in got
    assert "is no number, no file" in refused(capsys, "metrics", "r1", "--threshold", "half")


def test_an_unreached_precision_and_a_class_without_positives_are_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    made = runs.create_run(tmp_path, {"run_id": "r", "kind": "imported"}, state="finished")
    truth = np.array([[0, 0], [1, 0], [0, 0]], bool)
    scores = np.array([[0.9, 0.1], [0.6, 0.2], [0.2, 0.3]])
    runs.save_predictions(made, Predictions("validation", np.array(list("abc")), ("a", "b"), truth, scores))
    out, _ = said(capsys, "thresholds", "r", "--objective", "precision", "--at", "0.8", "--resamples", "9")
    assert "no precision of 0.8 to be had" in out and "no positives" in out
    found = tune(counts(truth, scores), PrecisionAtLeast(0.8))
    assert f"{found.thresholds[0]:.4g}" in out.splitlines()[2] and " 0.5 " in out.splitlines()[3]
