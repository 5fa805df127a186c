"""Runs of one configuration, told apart by their seed."""

from sedcore.artifacts.runs import create_run
from sedcore.artifacts.seeds import seed_groups


def make_run(root, run_id="one", seed=0, input=None, **config):
    settings = {"dataset": "d", "model": "cnn", "learning_rate": 0.1, "seed": seed} | config
    info = {"kind": "trained", "run_id": run_id, "name": run_id, "model": "cnn", "config": settings}
    return create_run(root, info | {"seed": seed, "data_fingerprint": "f", "input": input}, state="finished")


def test_runs_group_by_configuration_without_the_seed(tmp_path):
    first, second = make_run(tmp_path, "s0", 0), make_run(tmp_path, "s1", 1)
    again = make_run(tmp_path, "s1-again", 1)
    other = make_run(tmp_path, "faster", 2, learning_rate=0.2)
    imported = [create_run(tmp_path, {"kind": "imported", "run_id": f"i{n}"}, state="finished") for n in "ab"]
    groups = seed_groups([first, other, second, again, *imported])
    names = [[run.run_id for run in group] for group in groups]
    assert names == [["s0", "s1"], ["faster"], ["s1-again"], ["ia"], ["ib"]]


def test_settings_that_are_off_are_as_those_of_runs_before_they_existed(tmp_path):
    old = make_run(tmp_path, "old", 0)
    new = make_run(tmp_path, "new", 1, label_smoothing=0.0, masking=False, shifting=0)
    other = make_run(tmp_path, "other", 2, label_smoothing=0.1)
    assert [[run.run_id for run in group] for group in seed_groups([old, new, other])] == [
        ["old", "new"],
        ["other"],
    ]


def test_runs_on_features_that_were_made_otherwise_are_no_seeds_of_each_other(tmp_path):
    def made(kind="logmel", **params):
        return {"features": {"kind": kind, "params": {"n_fft": 1024, "n_mfcc": 20} | params, "mean": [0.0]}}

    inputs = [made(), made(n_fft=2048), made(n_mfcc=13), made(n_fft=2048), None, None]
    inputs += [made("mfcc"), made("mfcc", n_mfcc=13)]
    groups = seed_groups([make_run(tmp_path, f"r{i}", i, input) for i, input in enumerate(inputs)])
    # the number of coefficients makes MFCC others, and log-mel none
    assert [[run.run_id for run in group] for group in groups] == [
        ["r0", "r2"], ["r1", "r3"], ["r4", "r5"], ["r6"], ["r7"],
    ]  # fmt: skip
