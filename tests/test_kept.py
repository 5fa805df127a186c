"""Arrays kept in a run's cache, and runs grouped by configuration."""

import numpy as np
import pytest

from sedcore.artifacts.kept import keep_arrays, kept_arrays, source_key
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import create_run, save_predictions
from sedcore.artifacts.seeds import seed_groups
from sedcore.errors import SedcoreError


def make_run(root, run_id="one", seed=0, **config):
    settings = {"dataset": "d", "model": "cnn", "learning_rate": 0.1, "seed": seed} | config
    info = {"kind": "trained", "run_id": run_id, "name": run_id, "model": "cnn", "config": settings}
    return create_run(root, info | {"seed": seed, "data_fingerprint": "f"}, state="finished")


def add_scores(run, value):
    scores = np.full((3, 1), value)
    ids = np.array(["a", "b", "c"])
    save_predictions(run, Predictions("test", ids, ("x",), np.eye(3, 1, dtype=bool), scores))


def test_arrays_come_back_for_their_key_alone(tmp_path):
    run = make_run(tmp_path)
    add_scores(run, 0.5)
    key = source_key(run, "test") | {"resamples": 9}
    assert kept_arrays(run, "draws-test", key) is None
    keep_arrays(run, "draws-test", key, {"ap": np.arange(6.0).reshape(3, 2), "macro_ap": np.ones(3)})
    found = kept_arrays(run, "draws-test", key)
    assert set(found) == {"ap", "macro_ap"}
    np.testing.assert_array_equal(found["ap"], np.arange(6.0).reshape(3, 2))
    assert kept_arrays(run, "draws-test", key | {"resamples": 10}) is None
    add_scores(run, 0.123456)
    assert kept_arrays(run, "draws-test", source_key(run, "test") | {"resamples": 9}) is None
    assert not list(run.path.glob("cache/.*"))


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half", b"not an archive"])
def test_a_damaged_cache_is_no_cache(tmp_path, damage):
    run = make_run(tmp_path)
    keep_arrays(run, "draws", {"n": 1}, {"a": np.ones(3)})
    (run.path / "cache" / "draws.npz").write_bytes(damage)
    assert kept_arrays(run, "draws", {"n": 1}) is None


def test_objects_are_never_unpickled(tmp_path):
    run = make_run(tmp_path)
    keep_arrays(run, "draws", {"n": 1}, {"a": np.ones(3)})
    held = dict(np.load(run.path / "cache" / "draws.npz"))
    np.savez(run.path / "cache" / "draws.npz", **held | {"a": np.array([{"x": 1}], dtype=object)})
    assert kept_arrays(run, "draws", {"n": 1}) is None


def test_names_and_splits_that_are_none_are_refused(tmp_path):
    run = make_run(tmp_path)
    with pytest.raises(SedcoreError, match="cache entry"):
        keep_arrays(run, "../draws", {}, {})
    with pytest.raises(SedcoreError, match="no predictions"):
        source_key(run, "test")


def test_runs_group_by_configuration_without_the_seed(tmp_path):
    first, second = make_run(tmp_path, "s0", 0), make_run(tmp_path, "s1", 1)
    again = make_run(tmp_path, "s1-again", 1)
    other = make_run(tmp_path, "faster", 2, learning_rate=0.2)
    imported = [create_run(tmp_path, {"kind": "imported", "run_id": f"i{n}"}, state="finished") for n in "ab"]
    groups = seed_groups([first, other, second, again, *imported])
    names = [[run.run_id for run in group] for group in groups]
    assert names == [["s0", "s1"], ["faster"], ["s1-again"], ["ia"], ["ib"]]
