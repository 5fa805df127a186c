"""Runs of one configuration, told apart by their seed."""

from sedcore.artifacts.runs import create_run
from sedcore.artifacts.seeds import seed_groups


def make_run(root, run_id="one", seed=0, **config):
    settings = {"dataset": "d", "model": "cnn", "learning_rate": 0.1, "seed": seed} | config
    info = {"kind": "trained", "run_id": run_id, "name": run_id, "model": "cnn", "config": settings}
    return create_run(root, info | {"seed": seed, "data_fingerprint": "f"}, state="finished")


def test_runs_group_by_configuration_without_the_seed(tmp_path):
    first, second = make_run(tmp_path, "s0", 0), make_run(tmp_path, "s1", 1)
    again = make_run(tmp_path, "s1-again", 1)
    other = make_run(tmp_path, "faster", 2, learning_rate=0.2)
    imported = [create_run(tmp_path, {"kind": "imported", "run_id": f"i{n}"}, state="finished") for n in "ab"]
    groups = seed_groups([first, other, second, again, *imported])
    names = [[run.run_id for run in group] for group in groups]
    assert names == [["s0", "s1"], ["faster"], ["s1-again"], ["ia"], ["ib"]]
