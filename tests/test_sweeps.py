"""Sweeps without a training: what a specification says, which runs are given, what Optuna is told.

The runs are trained by hand here: a history and a state are all that a sweep looks at.
"""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sedcore.artifacts.locks import FileLock, RunLock
from sedcore.artifacts.manage import delete_run
from sedcore.artifacts.recording import append_history
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import set_status
from sedcore.artifacts.sweeps import find_sweep, list_sweeps, set_sweep_state
from sedcore.cli import main
from sedcore.errors import SedcoreError
from sedcore.jobs.engine import ray_job, takes
from sedcore.jobs.queue import queued_runs, resume
from sedcore.jobs.sweeps import advance, step, study
from sedcore.jobs.sweeps.advance import Sweeps, stop_sweep
from sedcore.jobs.sweeps.results import point_table, run_table, runs_of
from sedcore.jobs.sweeps.space import grid, size
from sedcore.jobs.sweeps.spec import make_sweep, parse_spec, read_spec, to_toml
from tests.support.tiny import make_dataset

GRID = {
    "dataset": "tiny",
    "model": "ann",
    "epochs": 4,
    "seeds": 2,
    "space": {"learning_rate": [1e-4, 1e-3, 1e-2], "batch_size": [8, 16]},
}
RANDOM = GRID | {
    "sampler": "random",
    "trials": 6,
    "seeds": 1,
    "space": {"learning_rate": {"low": 1e-5, "high": 1e-1, "log": True}},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("sweeps")
    make_dataset(root)
    return root


@pytest.fixture
def root(data, tmp_path) -> Path:
    (tmp_path / "datasets").symlink_to(data / "datasets")
    return tmp_path


def train(run: Run, *scores: float, state: str = "finished") -> None:
    """Do what a trainer does to a run, as far as a sweep sees it."""
    assert set_status(run.path, "running", only_from=("queued",)), run.status()
    for epoch, score in enumerate(scores, start=1):
        append_history(run, {"epoch": epoch, "seconds": 1.0, "validation": {"loss": 0.5, "mAP": score}})
    set_status(run.path, state, "as told")


def value_of(run: Run) -> float:
    """A made-up score that the settings decide, and the seed a little."""
    config = run.info["config"]
    return round(0.5 - 0.1 * abs(math.log10(config["learning_rate"]) + 3) + 0.01 * config["seed"], 6)


def sweep_out(root: Path, sweep, worker: Sweeps | None = None) -> None:
    """Advance and train until the sweep has ended."""
    worker = worker or Sweeps(root)
    for _ in range(200):
        worker.advance(now=True)
        if sweep.read()["state"] not in ("open", "stopping"):
            return
        for run in queued_runs(root)[:2]:
            train(run, value_of(run) - 0.1, value_of(run))
    raise AssertionError(sweep.read())


def trials(sweep) -> list[optuna.trial.FrozenTrial]:
    """What Optuna's own way of opening the journal finds."""
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(sweep.journal)))
    return optuna.load_study(study_name=sweep.name, storage=storage).trials


# ---- what a specification says


def test_the_documented_example_is_a_sweep(tmp_path):
    from sedcore.jobs.sweeps import spec as module

    text = module.__doc__.partition("\n\n")[2].partition("\n\nA point's")[0]
    file = tmp_path / "sweep.toml"
    file.write_text("\n".join(line[4:] for line in text.splitlines()).replace("trials = 30", "#"))
    spec = read_spec(file)
    assert spec.title() == "ann-rate-batch" and spec.seeds == (0, 1) and (spec.trials, spec.runs) == (9, 18)


def test_a_specification_goes_through_json_and_toml_and_back(tmp_path):
    file = tmp_path / "s.toml"
    for given_ in (GRID, RANDOM, GRID | {"seeds": [3, 1], "name": "mine", "deterministic": True}):
        spec = parse_spec(given_)
        assert parse_spec(json.loads(json.dumps(spec.to_json()))) == spec
        file.write_text(to_toml(spec))
        assert read_spec(file) == spec


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sampeler": "grid"}, "knows no 'sampeler'; did you mean 'sampler'"),
        ({"sampler": "gird"}, "no sampler 'gird'; did you mean 'grid'"),
        ({"pruner": 3}, "no pruner 3; there are none, median, hyperband"),
        ({"space": {}}, "a table of settings that vary"),
        ({"space": {"learning_rates": [1]}}, "no setting 'learning_rates'; did you mean 'learning_rate'"),
        ({"space": {"seed": [1]}}, "give `seeds = 3` or a list"),
        ({"space": {"batch_size": []}}, "a list of choices, or a range"),
        ({"space": {"batch_size": [8, 8]}}, "names a value twice"),
        ({"space": {"batch_size": [8, 1.5]}}, "batch_size is a whole number; given 1.5"),
        ({"space": {"batch_size": [0]}}, "batch_size is a whole number from 1"),
        ({"space": {"model": ["an"]}}, "there is no model 'an'; did you mean ann"),
        ({"model": 3}, "model is text"),
        ({"space": {"learning_rate": {"low": 1}}}, "needs low and high"),
        ({"space": {"learning_rate": {"low": 2, "high": 1}}}, "low must be below high"),
        ({"space": {"learning_rate": {"low": 1, "high": 2, "lag": True}}}, "did you mean 'log'"),
        ({"space": {"learning_rate": {"low": 0.1, "high": 1, "log": 1}}}, "log is true or false"),
        (
            {"space": {"learning_rate": {"low": 0.1, "high": 1, "log": True, "step": 0.1}}},
            "takes one of them",
        ),
        ({"space": {"learning_rate": {"low": 0.1, "high": 1, "log": True}}}, "a grid needs all values"),
        (
            {"space": {"model": {"low": 1, "high": 2}}, "sampler": "grid"},
            "fixed and in [space]|cannot be a range",
        ),
        ({"space": {"epochs": {"low": 1, "high": 4, "step": 9}}}, "step is above 0 and at most 3"),
        ({"space": {"epochs": [1, 2]}}, "epochs is fixed and in [space]"),
        ({"seeds": 0}, "a number of runs a point"),
        ({"seeds": [1, 1]}, "a list of different seeds"),
        ({"sampler": "tpe"}, "needs trials"),
        ({"trials": 5}, "tries all of its 6 points"),
        ({"name": "../x"}, "sweep name '../x' cannot be used"),
        ({"dataset": 3}, "dataset is the name"),
        ({"learning_rate": "fast", "space": {"batch_size": [8]}}, "learning_rate is a number; given 'fast'"),
    ],
)
def test_a_mistake_is_one_clear_sentence(change, words):
    with pytest.raises(SedcoreError) as caught:
        parse_spec(GRID | change)
    assert any(part in str(caught.value) for part in words.split("|")), caught.value
    assert "\n" not in str(caught.value)


def test_a_sweep_that_cannot_train_is_refused(root):
    for change, words in (
        ({"dataset": "gone"}, "no data set 'gone'"),
        ({"features": "mel"}, "has no features 'mel'"),
        ({"features": "melody"}, "unknown feature 'melody'"),
        ({"model": "crnn"}, "needs at least 38 bands"),
        ({"model": "cnn", "frame_labels": True}, "^model cnn gives no frames, so it cannot learn from frame"),
        ({"model": "cnn", "space": {"frame_labels": [True]}}, "^model cnn gives no frames, so it cannot"),
    ):
        with pytest.raises(SedcoreError, match=words):
            make_sweep(root, parse_spec(GRID | change))
    assert list_sweeps(root) == []


numbers = st.floats(1e-6, 10, allow_nan=False)


@given(low=numbers, high=numbers, log=st.booleans(), whole=st.booleans(), data=st.data())
@settings(max_examples=40)
def test_what_is_drawn_lies_within_the_range(low, high, log, whole, data):
    if whole:
        low, high = 1 + int(low * 10), 200 + int(high * 10)
    if low >= high:
        return
    key = "batch_size" if whole else "learning_rate"
    wanted = {"low": low, "high": high, "log": log}
    step = data.draw(st.none() | st.integers(1, 9)) if whole and not log else None
    wanted |= {"step": step} if step else {}
    spec = parse_spec(
        RANDOM | {"sampler": data.draw(st.sampled_from(["random", "tpe"])), "space": {key: wanted}}
    )
    drawn = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(3):
        value = drawn.ask(study.distributions(spec)).params[key]
        assert low <= value <= high and isinstance(value, int) == whole
        assert step is None or (value - low) % step == 0
        spec.config({key: value}, 0)  # a training takes it


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_a_grid_has_every_point_once(lengths):
    keys = ["learning_rate", "batch_size", "patience"]
    space = {key: list(range(1, n + 1)) for key, n in zip(keys, lengths)}
    spec = parse_spec({"dataset": "d", "model": "ann", "space": space})
    points = [tuple(point.items()) for point in grid(spec.space)]
    assert len(points) == len(set(points)) == math.prod(lengths) == size(spec.space) == spec.trials


# ---- what is given and told


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
def test_every_point_is_given_with_every_seed_and_told_its_mean(root, sampler):
    space = (
        GRID["space"] if sampler == "grid" else {"learning_rate": {"low": 1e-5, "high": 1e-1, "log": True}}
    )
    sweep = make_sweep(
        root,
        parse_spec(
            GRID
            | {"sampler": sampler, "space": space, "seeds": [3, 1]}
            | ({} if sampler == "grid" else {"trials": 6})
        ),
    )
    sweep_out(root, sweep)
    assert sweep.read()["state"] == "finished" and sweep.read()["reason"] == "6 complete"
    runs = runs_of(root, sweep.name)
    assert len(runs) == 12
    found = trials(sweep)
    assert len(found) == 6 and len({tuple(t.params.items()) for t in found}) == 6
    for trial in found:
        mine = {r.info["seed"]: r for r in runs if r.info["sweep"]["trial"] == trial.number}
        assert set(mine) == {1, 3}
        assert trial.value == pytest.approx(sum(map(value_of, mine.values())) / 2)
        for run in mine.values():
            assert {key: run.info["config"][key] for key in trial.params} == trial.params
            assert run.info["config"]["epochs"] == 4


def test_few_runs_wait_where_the_next_point_hangs_on_the_last(root):
    make_sweep(root, parse_spec(RANDOM | {"sampler": "tpe", "trials": 50}))
    Sweeps(root).advance(now=True)
    assert len(queued_runs(root)) == 1
    sweep = make_sweep(root, parse_spec(RANDOM | {"trials": 50}))
    Sweeps(root).advance(now=True)
    assert len(runs_of(root, sweep.name)) == 8


def test_looking_again_changes_nothing(root):
    sweep = make_sweep(root, parse_spec(GRID))
    worker = Sweeps(root)
    worker.advance(now=True)
    before = sweep.journal.read_bytes()
    for other in (worker, Sweeps(root), Sweeps(root)):
        other.advance(now=True)
    assert sweep.journal.read_bytes() == before and len(runs_of(root, sweep.name)) == 8
    assert worker.busy


def test_two_workers_share_a_sweep(root):
    sweep = make_sweep(root, parse_spec(GRID))
    one, two = Sweeps(root), Sweeps(root)
    for _ in range(40):
        for worker in (one, two):
            worker.advance(now=True)
            for run in queued_runs(root)[:1]:
                train(run, value_of(run))
    assert sweep.read()["state"] == "finished"
    assert len(runs_of(root, sweep.name)) == 12 and len(trials(sweep)) == 6


def test_a_sweep_that_another_worker_looks_at_is_left_alone(root):
    sweep = make_sweep(root, parse_spec(GRID))
    worker = Sweeps(root)
    with FileLock(sweep.path / "lock"):
        worker.advance(now=True)
        assert worker.busy and not queued_runs(root)  # so that a worker does not leave
    worker.advance(now=True)
    assert queued_runs(root)


class Killed(BaseException):
    """Stands for what leaves a process no time for a last word."""


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
def test_a_worker_may_be_killed_between_any_two_steps(root, monkeypatch, sampler):
    """Each write to the journal and each run given is the last thing some worker does."""
    space = GRID["space"] if sampler == "grid" else RANDOM["space"] | {"batch_size": [8, 16]}
    wanted = GRID | {"sampler": sampler, "space": space} | ({} if sampler == "grid" else {"trials": 6})
    sweep = make_sweep(root, parse_spec(wanted))
    done = {"n": 0}
    append, submit = study.JournalFileBackend.append_logs, step.submit

    def counted(function):
        def call(*args, **named):
            result = function(*args, **named)
            done["n"] += 1
            if done["n"] % 2:
                raise Killed
            return result

        return call

    monkeypatch.setattr(study.JournalFileBackend, "append_logs", counted(append))
    monkeypatch.setattr(step, "submit", counted(submit))
    deaths = 0
    for _ in range(400):
        try:
            Sweeps(root).advance(now=True)
        except Killed:
            deaths += 1
        if sweep.read()["state"] == "finished":
            break
        for run in queued_runs(root)[:2]:
            train(run, value_of(run))
    assert deaths > 12 and sweep.read()["state"] == "finished"
    runs = runs_of(root, sweep.name)
    members = [tuple(run.info["sweep"].values()) for run in runs]
    assert len(members) == len(set(members)) == 12
    for trial in trials(sweep):
        mine = [value_of(r) for r in runs if r.info["sweep"]["trial"] == trial.number]
        assert trial.value == pytest.approx(sum(mine) / 2)


def test_a_torn_line_of_the_journal_is_cut_off(root):
    sweep = make_sweep(root, parse_spec(GRID))
    Sweeps(root).advance(now=True)
    with open(sweep.journal, "ab") as file:
        file.write(b'{"op_code":5,"worker')
    sweep_out(root, sweep)
    assert len(trials(sweep)) == 6 and sweep.read()["reason"] == "6 complete"


def test_a_restarted_worker_draws_on_and_not_the_same_again(root):
    sweep = make_sweep(root, parse_spec(RANDOM))
    for _ in range(30):
        Sweeps(root).advance(now=True)  # a new process each time
        for run in queued_runs(root):
            train(run, value_of(run))
    rates = [t.params["learning_rate"] for t in trials(sweep)]
    assert len(rates) == len(set(rates)) == 6


def test_failed_and_cancelled_runs_are_told_as_such(root):
    sweep = make_sweep(root, parse_spec(GRID | {"space": {"batch_size": [1, 2, 3, 4, 5, 6]}, "seeds": 1}))
    worker = Sweeps(root)
    worker.advance(now=True)
    first, second, third, fourth, fifth, sixth = sorted(
        runs_of(root, sweep.name), key=lambda r: r.info["sweep"]["trial"]
    )
    train(first, 0.3, 0.4, 0.35)
    train(second, state="failed")
    train(third, 0.2, state="cancelled")
    train(fourth, float("nan"))
    delete_run(fifth)
    train(sixth, 0.1, state="running")  # and no lock: interrupted
    worker.advance(now=True)
    states = [t.state.name for t in trials(sweep)]
    assert states == ["COMPLETE", "FAIL", "FAIL", "FAIL", "FAIL", "RUNNING"]
    assert trials(sweep)[0].value == 0.4
    assert not worker.busy and sweep.read()["state"] == "open"  # it waits for a person to resume the last one
    resume(root, sixth)
    train(sixth, 0.1, 0.2)
    worker.advance(now=True)
    assert trials(sweep)[5].value == 0.2
    assert sweep.read()["state"] == "finished" and sweep.read()["reason"] == "2 complete, 4 failed"


def test_a_seed_that_was_cancelled_leaves_the_mean_to_the_others(root):
    sweep = make_sweep(root, parse_spec(GRID | {"space": {"batch_size": [4]}, "seeds": 3}))
    worker = Sweeps(root)
    worker.advance(now=True)
    one, two, three = runs_of(root, sweep.name)
    train(one, 0.2)
    train(two, 0.9, state="cancelled")
    worker.advance(now=True)
    assert trials(sweep)[0].state.name == "RUNNING"
    train(three, 0.4)
    worker.advance(now=True)
    assert trials(sweep)[0].value == pytest.approx(0.3)


def test_pairs_that_do_not_fit_are_skipped_with_a_word(root):
    sweep = make_sweep(
        root, parse_spec({"dataset": "tiny", "space": {"model": ["crnn", "ann", "rnn_time"]}, "epochs": 1})
    )
    sweep_out(root, sweep)
    first, *others = trials(sweep)
    assert first.state.name == "FAIL" and "needs at least 38 bands" in first.user_attrs["skipped"]
    assert [t.state.name for t in others] == ["COMPLETE"] * 2
    assert sweep.read()["reason"] == "2 complete"
    assert {run.info["model"] for run in runs_of(root, sweep.name)} == {"ann", "rnn_time"}


@pytest.mark.parametrize("pruner", ["none", "hyperband"])
@pytest.mark.parametrize(
    ("change", "skipped"),
    [
        ({"frame_labels": True, "space": {"model": ["cnn", "crnn_time"]}}, {("cnn", None)}),
        ({"space": {"model": ["cnn", "crnn_time"], "frame_labels": [True, False]}}, {("cnn", True)}),
        ({"model": "cnn", "space": {"frame_labels": [True, False]}}, {(None, True)}),
    ],
    ids=["fixed", "in the space", "of one model"],
)
def test_points_whose_settings_do_not_suit_their_model_are_skipped_with_a_word(root, change, skipped, pruner):
    sweep = make_sweep(root, parse_spec({"dataset": "tiny", "pruner": pruner} | change))
    sweep_out(root, sweep)
    out, trained = (
        [t for t in trials(sweep) if ("skipped" in t.user_attrs) is wanted] for wanted in (True, False)
    )
    assert {(t.params.get("model"), t.params.get("frame_labels")) for t in out} == skipped
    assert all("gives no frames" in t.user_attrs["skipped"] for t in out)
    assert trained and {t.state.name for t in trained} == {"COMPLETE"}
    assert sweep.read()["reason"] == f"{len(trained)} complete"


def test_hyperband_counts_the_epochs_of_the_models_that_can_train():
    given_ = {"dataset": "d", "frame_labels": True, "space": {"model": ["compact", "cnn"]}}  # cnn: 100 epochs
    assert study._most_epochs(parse_spec(given_)) == 30


def test_a_point_that_comes_again_is_not_trained_again(root):
    spec = parse_spec(RANDOM | {"trials": 4, "space": {"batch_size": [8, 16, 24, 32, 40]}})
    sweep = make_sweep(root, spec)
    sweep_out(root, sweep)
    sizes = [run.info["config"]["batch_size"] for run in runs_of(root, sweep.name)]
    assert len(sizes) == len(set(sizes)) == 4
    repeats = [t for t in trials(sweep) if "same-as" in t.user_attrs]
    assert repeats and all(t.params == trials(sweep)[t.user_attrs["same-as"]].params for t in repeats)


# ---- pruning


def test_the_median_pruner_ends_what_falls_behind_and_spares_its_seeds(root):
    spec = parse_spec(GRID | {"space": {"batch_size": [1, 2, 3, 4, 5, 6, 7]}, "pruner": "median", "seeds": 2})
    sweep = make_sweep(root, spec)
    worker = Sweeps(root)
    for number in range(5):  # the pruner wants five points before it judges
        for seed in range(2):
            worker.advance(now=True)
            (run,) = queued_runs(root)
            assert (run.info["sweep"]["trial"], run.info["sweep"]["seed"]) == (number, seed)
            train(run, 0.30, 0.40, 0.50, 0.60)
    for scores, ends in (((0.31, 0.35), True), ((0.31, 0.45), False)):
        worker.advance(now=True)
        (run,) = queued_runs(root)
        with RunLock(run.path):
            train(run, *scores, state="running")
            worker.advance(now=True)
            assert run.status().state == ("cancelling" if ends else "running")
            # what the trainer says at the end
            set_status(run.path, "cancelled" if ends else "finished", "stopped by request in epoch 3")
        worker.advance(now=True)
        if ends:
            assert run.status().reason.startswith("pruned after epoch 2")
    seventh = [r for r in runs_of(root, sweep.name) if r.info["sweep"]["trial"] == 6]
    assert len(seventh) == 2  # its second seed waits
    train(queued_runs(root)[0], 0.5)
    worker.advance(now=True)
    states = [t.state.name for t in trials(sweep)]
    assert states == ["COMPLETE"] * 5 + ["PRUNED", "COMPLETE"]
    assert trials(sweep)[5].intermediate_values == {1: 0.31, 2: 0.35}
    assert len([r for r in runs_of(root, sweep.name) if r.info["sweep"]["trial"] == 5]) == 1
    assert sweep.read()["reason"] == "6 complete, 1 pruned"


def test_a_run_that_finishes_before_it_can_be_pruned_counts(root):
    spec = parse_spec(GRID | {"space": {"batch_size": [1, 2, 3, 4, 5, 6]}, "pruner": "median", "seeds": 1})
    sweep, worker = make_sweep(root, spec), Sweeps(root)
    for _ in range(5):
        worker.advance(now=True)
        train(queued_runs(root)[0], 0.3, 0.4)
    worker.advance(now=True)
    (run,) = queued_runs(root)
    with RunLock(run.path):
        train(run, 0.1, 0.1, state="running")
        worker.advance(now=True)
        set_status(run.path, "finished", "it was nearly done")
    worker.advance(now=True)
    assert trials(sweep)[5].value == 0.1 and sweep.read()["state"] == "finished"


def test_hyperband_prunes_too(root):
    spec = parse_spec(RANDOM | {"pruner": "hyperband", "epochs": 9, "trials": 12})
    sweep, worker = make_sweep(root, spec), Sweeps(root)
    for _ in range(200):
        worker.advance(now=True)
        if sweep.read()["state"] == "finished":
            break
        (run,) = queued_runs(root)
        with RunLock(run.path):
            set_status(run.path, "running")
            for epoch in range(1, 10):
                record = {"epoch": epoch, "validation": {"mAP": 0.9 - 0.05 * run.info["sweep"]["trial"]}}
                append_history(run, record)
                worker.advance(now=True)
                if run.status().state == "cancelling":
                    set_status(run.path, "cancelled", "stopped")
                    break
            else:
                set_status(run.path, "finished", "")
    names = [t.state.name for t in trials(sweep)]
    assert len(names) == 12 and {"PRUNED", "COMPLETE"} == set(names)


# ---- ending


def test_stopping_cancels_what_waits_and_lets_the_rest_end(root):
    sweep, worker = make_sweep(root, parse_spec(GRID)), Sweeps(root)
    worker.advance(now=True)
    first = queued_runs(root)[0]
    with RunLock(first.path):
        set_status(first.path, "running")
        assert stop_sweep(root, sweep) == 7 and not queued_runs(root)
        worker.advance(now=True)
        assert sweep.read()["state"] == "stopping" and first.status().state == "running" and not worker.busy
        append_history(first, {"epoch": 1, "validation": {"mAP": 0.25}})
        set_status(first.path, "finished")
    worker.advance(now=True)
    assert sweep.read()["state"] == "stopped" and trials(sweep)[0].value == 0.25
    with pytest.raises(SedcoreError, match="is stopped; there is nothing to stop"):
        stop_sweep(root, sweep)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_sweep_that_is_stopped_while_it_gives_leaves_nothing_in_the_queue(root, monkeypatch, moment):
    """Somebody stops it right before or right after the third run comes into the queue."""
    sweep, worker, submit, given_ = make_sweep(root, parse_spec(GRID)), Sweeps(root), step.submit, []

    def stopped_at_the_third(*args):
        given_.append(args)
        if len(given_) == 3 and moment == "before":
            stop_sweep(root, sweep)
        run = submit(*args)
        if len(given_) == 3 and moment == "after":
            stop_sweep(root, sweep)
        return run

    monkeypatch.setattr(step, "submit", stopped_at_the_third)
    worker.advance(now=True)
    assert len(given_) == 3 and not queued_runs(root)
    assert worker.busy  # so that a worker that goes with the last run does not leave the sweep as it is
    worker.advance(now=True)
    assert (sweep.read()["state"], sweep.read()["reason"]) == ("stopped", "stop requested")
    assert [run.status().reason for run in runs_of(root, sweep.name)] == [
        f"sweep {sweep.name} was stopped"
    ] * 3
    assert {t.state.name for t in trials(sweep)} == {"FAIL"} and not worker.busy


def test_runs_that_a_killed_stop_left_waiting_are_not_trained(root):
    sweep = make_sweep(root, parse_spec(GRID))
    Sweeps(root).advance(now=True)
    assert len(queued_runs(root)) == 8
    set_sweep_state(sweep, "stopping", "stop requested")  # and there it was killed
    Sweeps(root).advance(now=True)
    assert sweep.read()["state"] == "stopped" and not queued_runs(root)


@pytest.mark.parametrize("sampler", ["grid", "tpe"])
def test_a_stopped_sweep_ends_though_a_point_never_got_its_runs(root, monkeypatch, sampler):
    more = {} if sampler == "grid" else {"sampler": "tpe", "trials": 6}
    sweep = make_sweep(root, parse_spec(GRID | more))

    def killed(*_):
        raise Killed

    monkeypatch.setattr(step, "submit", killed)
    with pytest.raises(Killed):
        Sweeps(root).advance(now=True)
    assert [t.state.name for t in trials(sweep)] == ["RUNNING"]
    assert stop_sweep(root, sweep) == 0
    Sweeps(root).advance(now=True)
    assert sweep.read()["state"] == "stopped"
    assert [(t.state.name, t.user_attrs["why"]) for t in trials(sweep)] == [
        ("FAIL", f"sweep {sweep.name} was stopped")
    ]


def test_stopping_frees_what_waiting_runs_hold_and_passes_over_damaged_ones(root):
    sweep, worker = make_sweep(root, parse_spec(GRID)), Sweeps(root)
    worker.advance(now=True)
    waiting = queued_runs(root)
    (waiting[0].path / "run.json").write_text("{")
    assert stop_sweep(root, sweep) == len(waiting) - 1
    assert [(run.path / "reserve").exists() for run in waiting] == [True] + [False] * (len(waiting) - 1)


def test_a_sweep_whose_data_is_gone_stops_with_the_reason(root):
    sweep, said = make_sweep(root, parse_spec(GRID)), []
    (root / "datasets").unlink()
    worker = Sweeps(root, said.append)
    worker.advance(now=True)
    assert sweep.read()["state"] == "stopped" and "no data set 'tiny'" in sweep.read()["reason"]
    assert not worker.busy and len(said) == 1
    worker.advance(now=True)
    assert len(said) == 1


@pytest.mark.parametrize("what", ["run", "journal"])
def test_a_full_disk_holds_a_sweep_up_and_does_not_end_it(root, monkeypatch, what):
    sweep, said = make_sweep(root, parse_spec(GRID)), []
    worker = Sweeps(root, said.append)
    worker.advance(now=True)
    train(queued_runs(root)[0], 0.5)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def torn(self, _logs):
        with open(sweep.journal, "ab") as journal:
            journal.write(b'{"op_code": 5, "wor')
        full()

    with monkeypatch.context() as disk:
        if what == "run":
            disk.setattr("sedcore.artifacts.runs.write_status", full)
        else:
            disk.setattr(study.JournalFileBackend, "append_logs", torn)
        train(queued_runs(root)[0], 0.7)
        for _ in range(3):
            worker.advance(now=True)
            assert sweep.read()["state"] == "open" and worker.busy  # so that the worker stays and tries again
        assert len(said) == 1 and "No space left on device; the worker goes on trying" in said[0]
        assert said[0].startswith(f"sweep {sweep.name}: ")
    sweep_out(root, sweep, worker)
    assert sweep.read()["reason"] == "6 complete" and len(trials(sweep)) == 6
    assert len(runs_of(root, sweep.name)) == 12 and said[1:] == [f"sweep {sweep.name} finished"]


def test_a_damaged_journal_stops_its_sweep_and_no_other(root):
    bad, good = make_sweep(root, parse_spec(GRID)), make_sweep(root, parse_spec(GRID))
    bad.journal.write_bytes(b"not a journal\nat all\n")
    Sweeps(root).advance(now=True)
    assert bad.read()["state"] == "stopped" and good.read()["state"] == "open"
    assert len(runs_of(root, good.name)) == 8


def test_names_are_numbered_where_they_are_taken(root):
    names = [make_sweep(root, parse_spec(GRID)).name for _ in range(3)]
    assert names == ["ann-rate-batch", "ann-rate-batch-2", "ann-rate-batch-3"]
    with pytest.raises(SedcoreError, match="no sweep 'x'.*there are ann-rate-batch, "):
        find_sweep(root, "x")


def test_a_sweep_for_a_cluster_is_left_to_the_workers_of_one(root):
    job = ray_job(2, 0, "http://head:8265")
    sweep = make_sweep(root, parse_spec(GRID), job)
    here = Sweeps(root, mine=lambda asked: takes({"engine": "local"}, asked))
    here.advance(now=True)
    assert not queued_runs(root) and not here.busy  # else it would never go
    there = Sweeps(root, mine=lambda asked: takes({"engine": "ray", "address": "http://head:8265"}, asked))
    there.advance(now=True)
    assert len(queued_runs(root)) == 8 and there.busy
    assert all(run.info["job"] == job for run in runs_of(root, sweep.name))


# ---- what pages read


def test_points_are_means_over_seeds(root):
    sweep, worker = make_sweep(root, parse_spec(GRID)), Sweeps(root)
    spec = parse_spec(GRID)
    worker.advance(now=True)
    one, two, three, four, *_ = queued_runs(root)
    train(one, 0.2, 0.5, 0.3)
    train(two, 0.7)
    train(three, 0.9, state="failed")
    with RunLock(four.path):
        train(four, 0.1, state="running")
        points = point_table(run_table(runs_of(root, sweep.name), spec), spec).set_index("trial")
    assert points.loc[0, "mean"] == pytest.approx(0.6) and points.loc[0, "sd"] == pytest.approx(
        0.2 / math.sqrt(2)
    )
    assert (
        points.loc[0, "runs"] == 2
        and points.loc[0, "ended"]
        and points.loc[0, "run_ids"] == [one.run_id, two.run_id]
    )
    assert points.loc[1, "mean"] == 0.1 and math.isnan(points.loc[1, "sd"]) and not points.loc[1, "ended"]
    assert math.isnan(points.loc[2, "mean"]) and points.loc[2, "runs"] == 0


def test_importance_finds_the_setting_that_matters(root):
    sweep = make_sweep(
        root,
        parse_spec(RANDOM | {"trials": 14, "space": RANDOM["space"] | {"patience": {"low": 1, "high": 50}}}),
    )
    assert study.read_study(sweep) is None
    sweep_out(root, sweep)
    shares = study.importances(study.read_study(sweep))
    assert sum(shares.values()) == pytest.approx(1) and max(shares, key=shares.get) == "learning_rate"


def test_commands(root, tmp_path, capsys):
    file = tmp_path / "s.toml"
    file.write_text(to_toml(parse_spec(GRID)))
    assert main(["--artifacts", str(root), "sweep", str(file)]) == 0
    out = capsys.readouterr()
    assert out.out == "ann-rate-batch\n" and "6 points, 2 runs each: 12 runs" in out.err
    sweep_out(root, find_sweep(root, "ann-rate-batch"))
    assert main(["--artifacts", str(root), "sweeps", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["best"] == pytest.approx(0.505) and (row["finished"], row["runs"]) == (12, 12)
    assert main(["--artifacts", str(root), "sweeps", "stop", "ann-rate-batch"]) == 2
    file.write_text("dataset = 'tiny'\nmodell = 'ann'\n")
    assert main(["--artifacts", str(root), "sweep", str(file)]) == 2
    assert "did you mean 'model'" in capsys.readouterr().err


def test_a_sweep_of_an_unknown_schema_is_left_out_with_a_word(root, capsys):
    sweep = make_sweep(root, parse_spec(GRID))
    info = json.loads((sweep.path / "sweep.json").read_text())
    (sweep.path / "sweep.json").write_text(json.dumps(info | {"schema": 2}))
    Sweeps(root).advance(now=True)
    assert main(["--artifacts", str(root), "sweeps"]) == 0
    assert "has schema 2" in capsys.readouterr().err
    with pytest.raises(SedcoreError, match="has schema 2"):
        set_sweep_state(sweep, "open")


def test_optuna_is_loaded_only_where_a_sweep_is_worked_on():
    code = (
        "import sys, sedcore.cli, sedcore.jobs.worker, sedcore.jobs.sweeps.listing, sedcore.figures.sweeps\n"
        "print('optuna' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_runs_that_another_worker_gives_meanwhile_are_not_taken_for_deleted(root, monkeypatch):
    sweep = make_sweep(root, parse_spec(GRID | {"seeds": 1, "space": {"batch_size": [8, 16]}}))
    first, second, listed = Sweeps(root), Sweeps(root), advance.stored_states
    others = iter([first])

    def listed_then_given(*args):
        found = listed(*args)
        for other in others:  # between the second's look at the runs and what it concludes
            other.advance(now=True)
        return found

    monkeypatch.setattr(advance, "stored_states", listed_then_given)
    second.advance(now=True)
    assert len(queued_runs(root)) == 2 and sweep.read()["state"] == "open"
    assert [trial.state.name for trial in study.read_study(sweep).trials] == ["RUNNING"] * 2
