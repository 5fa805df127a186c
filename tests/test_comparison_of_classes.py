"""Classes of several runs side by side, and seeds as one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sedcore.artifacts.index import RunIndex
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import create_run, save_predictions
from sedcore.comparison.classes import (
    below_baselines_of_classes,
    class_support,
    class_values,
    spread,
    trivial_values,
)
from sedcore.comparison.seeds import seeds_frame
from sedcore.comparison.selection import Choice, Reader, select

IDS = np.array(list("abcd"))


def save(root, run_id: str, classes: str, truth: list, scores: list, **info: object):
    run = create_run(root, {"kind": "trained", "run_id": run_id, "model": "cnn"} | info, state="finished")
    held = Predictions("test", IDS, tuple(classes), np.array(truth, bool), np.array(scores, np.float32))
    save_predictions(run, held)
    return run


@pytest.fixture
def selection(tmp_path):
    # X is in a and b; Y in a alone; Z in none
    save(tmp_path, "one", "XYZ", [[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]], [[0.9, 0.9, 0.1]] * 4)
    save(
        tmp_path,
        "two",
        "XW",
        [[1, 1], [1, 1], [0, 1], [0, 1]],
        [[0.9, 0.1], [0.8, 0.1], [0.1, 0.1], [0.1, 0.1]],
    )
    return select(Reader(RunIndex(tmp_path, keep=False)), Choice(("one", "two"), threshold=0.5))


def test_values_stand_beside_each_other(selection):
    assert selection.classes == ("X", "Y", "Z", "W")
    values = class_values(selection.scored, "f1", selection.classes)
    nan = math.nan
    np.testing.assert_allclose(values, [[2 / 3, 1], [0.4, nan], [nan, nan], [nan, 0]])
    np.testing.assert_allclose(spread(values), [1 / 3, nan, nan, nan])
    assert class_support(selection) == [2, 1, 0, 4]


def test_what_no_listening_gives_is_known_of_each_class(selection):
    np.testing.assert_allclose(trivial_values(selection, "f1"), [2 / 3, 0.4, math.nan, 1])
    below = below_baselines_of_classes(selection.scored, "f1", selection.classes)
    assert below.tolist() == [[False, False], [False, False], [False, False], [False, True]]
    assert below_baselines_of_classes([], "f1", selection.classes).shape == (4, 0)


def test_seeds_of_one_configuration_are_a_row(tmp_path):
    runs = []
    for number, (model, seed) in enumerate([("cnn", 0), ("cnn", 1), ("rnn", 0)]):
        config = {"model": model, "seed": seed, "epochs": 3}
        info = {"model": model, "seed": seed, "config": config, "dataset": "tiny"}
        runs.append(save(tmp_path, f"r{number}", "X", [[1], [0], [0], [0]], [[0.5]] * 4, **info))
    table = seeds_frame(runs, ["a", "b", "c"], {"AP": [0.5, 0.7, 0.9]})
    assert len(table) == 1 and table["Seeds"][0] == 2
    assert table["AP"][0] == pytest.approx(0.6)
    assert table["SD AP"][0] == pytest.approx(math.sqrt(0.02))
    assert seeds_frame(runs[1:], ["b", "c"], {"AP": [0.7, 0.9]}).empty
