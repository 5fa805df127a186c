"""Runs that somebody's own program logs: at once or by epoch, whatever becomes of that program."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import sedcore
from sedcore.artifacts.files import write_json
from sedcore.artifacts.logged_run import _place
from sedcore.artifacts.runs import Run, list_runs
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import evaluate
from sedcore.jobs.queue import cancel
from tests.support.opened import open_page, texts

REPO = Path(__file__).parents[1]
NAMES = ("Alarm", "Dog", "Speech")
PAGES = ("overview", "curves", "metrics", "thresholds", "confusion", "verdicts")


def made(quality: float, clips: int = 60, seed: int = 0) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Clip ids, scores and truth (clips, classes); the same clips and truth for every quality."""
    generator = np.random.default_rng(seed)
    truth = generator.random((clips, len(NAMES))) < 0.4
    scores = np.clip(quality * truth + (1 - quality) * generator.random(truth.shape), 0, 1)
    return [f"{seed}-{i}.wav" for i in range(clips)], scores, truth


def ap_of(scored) -> float:
    return evaluate(scored[2], scored[1], NAMES, 0.5).mAP


def test_scores_at_once(tmp_path):
    run = sedcore.log_scores(
        "ast", test=made(0.4), validation=made(0.3, seed=1), classes=NAMES, root=tmp_path
    )
    assert run.status().state == "finished" and run.splits() == ["test", "validation"]
    ids, scores, truth = made(0.4)
    held = sedcore.open_runs(tmp_path)["ast"].predictions("test")
    assert held.clip_ids.tolist() == ids and held.classes == NAMES
    np.testing.assert_array_equal(held.scores, scores)
    np.testing.assert_array_equal(held.truth, truth)
    assert (run.info["kind"], run.info["collapsed"]) == ("imported", False)


def test_tables_bring_their_classes_and_half_precision_becomes_single(tmp_path):
    ids, scores, truth = made(0.4)
    tables = [pd.DataFrame(part, ids, list(NAMES)) for part in (scores.astype(np.float16), truth)]
    run = sedcore.log_scores("ast", test=(ids, *tables), root=tmp_path)
    assert run.predictions("test").scores.dtype == np.float32 and tuple(run.info["classes"]) == NAMES


def test_a_data_set_gives_its_classes_and_fingerprint(tmp_path):
    (tmp_path / "datasets" / "mine").mkdir(parents=True)
    write_json(tmp_path / "datasets" / "mine" / "dataset.json", {"classes": NAMES, "fingerprint": "f00d"})
    run = sedcore.log_scores("ast", test=made(0.4), data="mine", root=tmp_path)
    assert (run.info["dataset"], run.info["data_fingerprint"]) == ("mine", "f00d")
    assert run.predictions("test").classes == NAMES
    with pytest.raises(SedcoreError, match="data set other.*does not exist"):
        sedcore.log_scores("ast", test=made(0.4), data="other", root=tmp_path)


IDS, SCORES, TRUTH = made(0.4, clips=4)


@pytest.mark.parametrize(
    "given, said",
    [
        ({}, "has no scores; give test="),
        ({"test": SCORES}, "test is given as .clip_ids, scores, truth.; given is a ndarray"),
        ({"test": (IDS, SCORES, TRUTH[:3])}, "test: scores has shape .4, 3., truth has shape .3, 3."),
        ({"test": (IDS[:3], SCORES, TRUTH)}, "wanted .3, 3."),
        ({"test": (["a"] * 4, SCORES, TRUTH)}, "a clip id twice"),
        ({"test": (IDS, SCORES * np.nan, TRUTH)}, "test: scores holds 12 values that are not finite"),
        ({"test": (IDS, SCORES, TRUTH * 2)}, "test: truth holds values other than 0 and 1"),
        ({"test": (IDS, SCORES, TRUTH), "classes": ["a"]}, "1 class names for 3"),
        ({"test": (IDS, SCORES, TRUTH), "classes": ["a", "a", "b"]}, "'a' is named twice"),
        ({"test": (IDS, SCORES, TRUTH), "run_id": "../x"}, "run id"),
    ],
)
def test_what_cannot_be_logged_is_told_and_leaves_nothing(tmp_path, given, said):
    with pytest.raises(SedcoreError, match=said):
        sedcore.log_scores("ast", root=tmp_path, **given)
    assert (
        list_runs(tmp_path) == [] and not list(tmp_path.glob("runs/*")) and not list(tmp_path.glob("runs/.*"))
    )


def test_epoch_by_epoch(tmp_path):
    scored = [made(quality) for quality in (0.1, 0.4, 0.2)]
    run = sedcore.start_run("crnn", config={"seed": 5, "model": "crnn"}, root=tmp_path)
    assert Run(run.run.path).status().state == "running" and run.best_epoch is None
    for epoch, one in enumerate(scored, start=1):
        run.log({"loss": 1 / epoch, "lr": 0.001}, epoch=epoch)
        run.log_scores("validation", *one, NAMES, epoch=epoch)
        run.log({"val_loss": 2 / epoch}, epoch=epoch)
    run.log_scores("test", *made(0.3, seed=2))
    run.finish()
    history, seen = run.run.history(), Run(run.run.path)
    assert history["train.loss"].tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    assert history["validation.loss"].tolist() == pytest.approx([2, 1, 2 / 3])
    assert history["learning_rate"].tolist() == [0.001] * 3 and (history["seconds"] >= 0).all()
    assert history["validation.mAP"].tolist() == pytest.approx([ap_of(one) for one in scored])
    assert seen.class_history("ap").shape == (3, 3) and history["validation.clips"].tolist() == [60] * 3
    np.testing.assert_array_equal(seen.predictions("validation").scores, scored[1][1])
    assert seen.splits() == ["test", "validation"]
    wanted = {"best_epoch": 2, "epochs_run": 3, "seed": 5, "model": "crnn", "classes": list(NAMES)}
    assert {key: seen.info[key] for key in wanted} == wanted and seen.info["wall_s"] > 0
    assert seen.status().state == "finished" and "best epoch 2" in seen.status().reason


def test_test_scores_of_an_epoch_are_kept_where_it_is_the_best_whichever_comes_first(tmp_path):
    with sedcore.start_run("crnn", root=tmp_path) as run:
        for epoch, quality in enumerate((0.1, 0.5, 0.2), start=1):
            order = ("test", "validation") if epoch % 2 else ("validation", "test")
            for split in order:
                run.log_scores(split, *made(quality), NAMES, epoch=epoch)
    for split in ("test", "validation"):
        np.testing.assert_array_equal(run.run.predictions(split).scores, made(0.5)[1])


def test_an_epoch_that_is_scored_again_counts_as_the_last_time(tmp_path):
    with sedcore.start_run("crnn", root=tmp_path) as run:
        run.log_scores("validation", *made(0.9), NAMES, epoch=1)  # as a sanity check before training would
        run.log_scores("validation", *made(0.1), NAMES, epoch=1)
        run.log_scores("validation", *made(0.2), NAMES, epoch=2)
    assert run.best_epoch == 2 and len(run.run.history()) == 2


def test_without_a_positive_the_last_epoch_is_kept(tmp_path):
    ids, scores, truth = made(0.4)
    with sedcore.start_run("crnn", root=tmp_path) as run:
        for epoch in (1, 2):
            run.log_scores("validation", ids, scores / epoch, truth & False, NAMES, epoch=epoch)
    assert run.run.predictions("validation").scores.max() == (scores / 2).max()
    assert run.run.history()["validation.mAP"].isna().all()


@pytest.mark.parametrize(
    "key, place",
    [
        ("loss", ("train", "loss")),
        ("train_loss", ("train", "loss")),
        ("val_loss", ("validation", "loss")),
        ("val/loss", ("validation", "loss")),
        ("validation_micro_f1", ("validation", "micro_f1")),
        ("test_loss", ("test", "loss")),
        ("val_mAP", ("validation", "mAP")),
        ("val_macro_ap", ("validation", "mAP")),
        ("lr", ("", "learning_rate")),
        ("valuable", ("train", "valuable")),
        ("loss.a", ("train", "loss_a")),
    ],
)
def test_where_a_number_belongs(key, place):
    assert _place(key) == place


def test_what_cannot_be_logged_to_a_run_is_told(tmp_path):
    run = sedcore.start_run("crnn", classes=NAMES, root=tmp_path)
    run.log({"loss": 0.5}, epoch=2)
    for values, epoch, said in (
        ({"loss": "low"}, 2, "'loss' is a str that is no number"),
        ({"loss": np.zeros(3)}, 2, "no number"),
        ({"loss": 0.5}, 0, "epochs count from 1; given 0"),
        ({"loss": 0.5}, 1, "epoch 1 cannot be logged after epoch 2"),
        ({"val_tp": 3}, 2, "class by class"),
    ):
        with pytest.raises(SedcoreError, match=said):
            run.log(values, epoch=epoch)
    with pytest.raises(SedcoreError, match="has the classes Alarm, Dog, Speech; given are a, b, c"):
        run.log_scores("validation", *made(0.4), ["a", "b", "c"], epoch=2)
    run.finish()
    run.finish("failed")  # no second end
    assert run.run.status().state == "finished"
    with pytest.raises(SedcoreError, match="is not logged by this process"):
        run.log({"loss": 0.1}, epoch=3)


@pytest.mark.parametrize(
    "raised, state, reason",
    [
        (ValueError("bad\nclip"), "failed", "ValueError: bad clip"),
        (KeyboardInterrupt(), "cancelled", "stopped by Ctrl-C"),
    ],
)
def test_what_is_raised_inside_ends_the_run(tmp_path, raised, state, reason):
    with pytest.raises(type(raised)), sedcore.start_run("crnn", root=tmp_path) as run:
        run.log({"loss": 0.5}, epoch=1)
        raise raised
    assert (run.run.status().state, run.run.status().reason) == (state, reason)
    assert f"{state}: {reason}" in run.run.log_tail()


@dataclass
class Settings:
    rate: float = 0.1
    folder: Path = Path("clips")
    sizes: tuple[int, ...] = (1, 2)


PLAIN = {"rate": 0.1, "folder": "clips", "sizes": [1, 2]}


@pytest.mark.parametrize(
    "config, kept",
    [
        (Settings(), PLAIN),
        (SimpleNamespace(**vars(Settings())), PLAIN),
        ({"a": np.float32(0.5), "b": {1: [Path("x")]}}, {"a": 0.5, "b": {"1": ["x"]}}),
        (None, {}),
    ],
)
def test_settings_are_kept_as_json(tmp_path, config, kept):
    run = sedcore.start_run("crnn", config=config, root=tmp_path)
    assert run.run.info["config"] == kept
    run.finish()


CHILD = """
import sys, numpy as np, sedcore
run = sedcore.start_run("crnn", run_id="one", root=sys.argv[1])
truth = np.random.default_rng(0).random((40, 2)) < 0.5
for epoch in (1, 2):
    run.log({"loss": 1 / epoch}, epoch=epoch)
    run.log_scores("validation", [str(i) for i in range(40)], truth * 0.5, truth, ["a", "b"], epoch=epoch)
print("logged", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def child(tmp_path):
    """Another process that has logged two epochs of run "one" and waits."""
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=REPO, **pipes)
    assert process.stdout.readline() == "logged\n"
    yield process
    process.kill()
    process.communicate()


def test_a_killed_program_leaves_an_interrupted_run_with_its_history(child, tmp_path):
    run = Run(tmp_path / "runs" / "one")
    assert run.status().state == "running"
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert run.status().state == "interrupted"
    assert run.history()["epoch"].tolist() == [1, 2] and run.info["best_epoch"] == 1
    assert run.predictions("validation").classes == ("a", "b")


def test_nobody_else_writes_to_a_run(child, tmp_path):
    with pytest.raises(SedcoreError, match="run id 'one' is taken"):
        sedcore.start_run("crnn-b", run_id="one", root=tmp_path)
    with pytest.raises(SedcoreError, match="logged by a program of its own"):
        cancel(Run(tmp_path / "runs" / "one"), at_once=True)
    assert child.poll() is None


def test_a_forked_child_cannot_log_and_does_not_keep_the_run_alive(tmp_path):
    run = sedcore.start_run("crnn", root=tmp_path)
    read, write = os.pipe()
    pid = os.fork()
    if not pid:  # the child: a worker of a data loader, say
        try:
            run.log({"loss": 1.0}, epoch=1)
        except SedcoreError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert b"is not logged by this process" in os.read(read, 1000)
    run.log({"loss": 1.0}, epoch=1)
    run.finish()
    os.close(read), os.close(write)


def test_a_reader_never_sees_half_a_history(tmp_path):
    run = sedcore.start_run("crnn", root=tmp_path)
    run.log({"loss": 1.0}, epoch=1)
    run.log({"val_loss": 2.0, "loss": 0.9}, epoch=1)
    lines = (run.run.path / "history.jsonl").read_text().splitlines()
    record = json.loads(lines[0])
    assert len(lines) == 1 and record["train"] == {"loss": 0.9} and record["validation"] == {"loss": 2.0}
    run.finish()


# ---- what the documentation says ---------------------------------------------------------------------------------


def blocks() -> list[str]:
    text = (REPO / "docs" / "logging.md").read_text("utf-8")
    return [block.partition("```")[0] for block in text.split("```python\n")[1:]]


def test_the_loops_of_the_documentation_write_runs(tmp_path, monkeypatch):
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEDCORE_ARTIFACTS", raising=False)
    ids, x, truth = made(0.3)
    at_once, by_epoch = blocks()[:2]
    model = OneVsRestClassifier(LogisticRegression())
    data = {"x_train": x, "y_train": truth, "x_test": x, "y_test": truth}
    exec(at_once, data | {"model": model, "clip_ids": ids, "names": NAMES})
    exec(
        by_epoch, {"names": NAMES, "clip_ids": ids, "truth": truth, "train_one_epoch": lambda: (0.5, 0.6, x)}
    )
    runs = sedcore.open_runs()
    np.testing.assert_array_equal(runs["logistic"].predictions("test").scores, model.predict_proba(x))
    assert len(runs["crnn-a"].history()) == 10 and runs["crnn-a"].status().state == "finished"


@pytest.mark.parametrize("block", blocks())
def test_code_of_the_documentation_is_python_and_adds_few_lines(block):
    lines = [line for line in ast.walk(ast.parse(block)) if isinstance(line, ast.stmt)]
    assert sum("sedcore" in ast.unparse(line) or "run.log" in ast.unparse(line) for line in lines) <= 6


# ---- pages -----------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A root with a run logged at once, one by epoch, and one that is being logged."""
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("SEDBOARD_TRAINING", "on")
    sedcore.log_scores("ast", test=made(0.3), classes=NAMES, root=tmp_path)
    with sedcore.start_run("crnn", root=tmp_path) as run:
        for epoch in (1, 2):
            run.log({"loss": 1 / epoch, "val_loss": 1.5 / epoch}, epoch=epoch)
            run.log_scores("validation", *made(0.2 * epoch), NAMES, epoch=epoch)
        run.log_scores("test", *made(0.4), NAMES)
    live = sedcore.start_run("live", root=tmp_path)
    live.log({"loss": 1.0}, epoch=1)
    live.log_scores("validation", *made(0.2), NAMES, epoch=1)
    yield tmp_path
    live.finish()


@pytest.mark.parametrize("page", PAGES)
def test_every_compare_page_shows_logged_runs(root, page):
    app = open_page(page, runs=",".join(run.run_id for run in list_runs(root)))
    assert not app.exception and not app.error, [*app.exception, *app.error]
    assert "crnn" in texts(app)


def test_a_logged_run_has_a_page_curves_and_a_card_in_the_queue(root):
    by_name = {run.name: run for run in list_runs(root)}
    for name, said in (("crnn", "Macro AP"), ("live", "running"), ("ast", "Macro AP")):
        app = open_page("run", run=by_name[name].run_id)
        assert not app.exception and said in texts(app)
    app = open_page("curves", runs=by_name["crnn"].run_id)
    assert "reaches the highest validation macro AP" in texts(
        app
    ) and "Average precision of each class" in texts(app)
    app = open_page("queue")
    assert not app.exception and "live" in texts(app)
    assert not [button for button in app.button if (button.key or "").startswith(("cancel-", "kill-"))]
