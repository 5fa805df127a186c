"""Runs that do not compare, what they share, and what is remembered of slow results."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sedcore.artifacts.index import RunIndex
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import create_run, save_predictions
from sedcore.comparison.common_clips import Mismatch, mismatch
from sedcore.comparison.recent import Recent
from sedcore.comparison.selection import Choice, Reader, select
from sedcore.errors import SedcoreError


def made(
    ids: str, classes: str, truth: list[list[int]], scores: list[list[float]] | None = None
) -> Predictions:
    marks = np.array(truth, bool)
    given = marks.astype(np.float32) if scores is None else np.array(scores, np.float32)
    return Predictions("test", np.array(list(ids)), tuple(classes), marks, given)


FIRST = made("abcd", "XY", [[1, 0], [0, 1], [1, 1], [0, 0]], [[0.9, 0.2], [0.4, 0.7], [0.6, 0.8], [0.1, 0.3]])
# other order, without a, with e; c is labelled otherwise in Y; Z in place of nothing
SECOND = made("dcbe", "YXZ", [[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1]])


def test_what_keeps_two_runs_from_comparing():
    assert mismatch(FIRST, SECOND) == Mismatch(classes=("Z",), clips=(4, 4), shared=3, relabelled=1)
    assert mismatch(FIRST, FIRST) == Mismatch((), (4, 4), 4, 0)


@pytest.fixture
def two_runs(tmp_path):
    for run_id, held in (("one", FIRST), ("two", SECOND)):
        run = create_run(tmp_path, {"kind": "imported", "run_id": run_id, "name": run_id}, state="finished")
        save_predictions(run, held)
    return Reader(RunIndex(tmp_path, keep=False))


def test_runs_are_cut_to_what_they_share(two_runs):
    apart = select(two_runs, Choice(("one", "two"), threshold=0.65))
    assert [len(group) for group in apart.groups] == [1, 1] and apart.common.enough
    cut = select(two_runs, Choice(("one", "two"), threshold=0.65, common=True))
    assert (cut.common.clips, cut.common.classes, cut.common.relabelled) == (("b", "d"), ("X", "Y"), 1)
    assert [s.label for s in cut.lead_group] == ["one", "two"]
    one = cut.scored[0].evaluation  # of b and d: X is in neither, Y in b, and only b fires, on Y
    assert (one.tp.tolist(), one.fp.tolist(), one.fn.tolist(), one.tn.tolist()) == (
        [0, 1],
        [0, 0],
        [0, 0],
        [2, 1],
    )
    assert one.averages["macro"].f1 == 1.0 and not cut.scored[0].scores.whole


def test_numbers_follow_the_thresholds_of_the_choice(two_runs):
    own = Choice(("one",), threshold=0.5, by_class=(("Y", 0.75),))
    one = select(two_runs, own).scored[0].evaluation
    assert (one.tp.tolist(), one.fp.tolist()) == ([2, 1], [0, 0])  # Y's b has 0.7
    assert select(two_runs, Choice(("one",), threshold=0.5)).scored[0].evaluation.tp.tolist() == [2, 2]


def test_a_choice_of_nothing_is_the_best_of_each_model_and_says_what_it_lacks(two_runs):
    nothing = select(two_runs, Choice(("three",), baseline="four"))
    assert nothing.automatic and nothing.missing == ["three", "four"]
    assert {run.run_id for run in nothing.chosen} == {"one", "two"}
    most = select(two_runs, Choice(("two", "one")), most=1)
    assert [run.run_id for run in most.chosen] == ["two"] and [r.run_id for r in most.not_shown] == ["one"]


def test_recent_results_are_made_once_and_the_oldest_goes():
    asked: list[str] = []

    def make(name: str) -> str:
        asked.append(name)
        return name.upper()

    recent: Recent[str] = Recent(2)
    for name in "abab":
        assert recent.get(name, lambda name=name: make(name)) == name.upper()
    assert asked == ["a", "b"]
    recent.get("c", lambda: make("c"))  # a was used before b, and goes
    assert "b" in recent and "a" not in recent

    def fail() -> str:
        raise SedcoreError("damaged")

    with pytest.raises(SedcoreError):
        recent.get("d", fail)
    assert "d" not in recent and recent.get("d", lambda: "mended") == "mended"


def test_a_slow_result_is_made_once_and_holds_nobody_else_up():
    recent: Recent[str] = Recent(4)
    begun, go_on, made = threading.Event(), threading.Event(), []

    def slow() -> str:
        begun.set()
        assert go_on.wait(20)
        made.append("slow")
        return "slow"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(recent.get, "slow", slow)
        assert begun.wait(20)
        second = pool.submit(recent.get, "slow", slow)
        assert recent.get("other", lambda: "other") == "other"  # while the slow one is being made
        go_on.set()
        assert (first.result(20), second.result(20)) == ("slow", "slow") and made == ["slow"]
