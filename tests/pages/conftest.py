"""Artifact roots to try the pages on. `python tests/pages/conftest.py FOLDER` writes the full one there.

The full root: six trained runs on one data set (10 classes, 300 test and 200 validation clips, one class
without positives in test), with histories; a failed, a queued and a reported run.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from sedcore.artifacts.manage import note_run, tag_run
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.recording import append_history
from sedcore.artifacts.runs import Run, create_run, save_predictions, save_reported
from sedcore.artifacts.status import set_status
from tests.support.opened import open_page

CLASSES = (
    "Alarm_bell_ringing",
    "Blender",
    "Cat",
    "Dishes",
    "Dog",
    "Electric_shaver_toothbrush",
    "Frying",
    "Running_water",
    "Speech",
    "Vacuum_cleaner",
)
SHARES = (0.12, 0.08, 0.1, 0.18, 0.12, 0.0, 0.09, 0.12, 0.5, 0.08)  # of clips that hold the class
# model, features, how well it separates, parameters, seconds of training, ms a clip, best epoch, epochs run
TRAINED = (
    ("ann", "logmel", 0.2, 32_937_194, 96.0, 3.1, 3, 8),
    ("cnn", "logmel", 1.7, 516_426, 1840.0, 41.0, 8, 8),
    ("rnn", "logmel", 0.9, 629_866, 610.0, 22.0, 11, 16),
    ("crnn", "logmel", 1.9, 411_658, 540.0, 15.5, 17, 22),
    ("rnn_time", "mfcc", 1.3, 118_410, 402.0, 9.8, 14, 19),
    ("crnn_time", "logmel", 2.5, 163_002, 388.0, 7.4, 25, 30),
)
SPLITS = {"validation": 200, "test": 300}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def make_truth(clips: int, seed: int, classes: tuple[str, ...] = CLASSES) -> np.ndarray:
    generator = np.random.default_rng(seed)
    truth = generator.random((clips, len(classes))) < np.array(SHARES)[: len(classes)]
    if seed == 1:  # validation has every class
        truth[:4, 5] = True
    return truth


def make_scores(truth: np.ndarray, quality: float, seed: int, collapsed: bool = False) -> np.ndarray:
    """Return scores that separate the classes by `quality`; clips are as hard for one run as for another."""
    hardness = np.random.default_rng(7).normal(0, 0.9, truth.shape)
    noise = np.random.default_rng(seed).normal(0, 0.7, truth.shape)
    each = 1 + 0.35 * np.cos(np.arange(truth.shape[1]) + seed)
    if collapsed:
        return (np.full(truth.shape, 0.16) + 1e-6 * noise).astype(np.float32)
    return sigmoid(quality * each * (2 * truth - 1) + hardness + noise - 0.7).astype(np.float32)


def add_trained(
    root: Path, row: tuple, place: int, *, dataset: str = "demo", clips: dict | None = None
) -> Run:
    model, features, quality, parameters, wall_s, ms, best, ran = row
    run = create_run(
        root,
        {
            "kind": "trained",
            "run_id": f"20250301-1{place}0000-{model.replace('_', '-')}-a{place:03d}",
            "model": model,
            "features": features,
            "dataset": dataset,
            "created": f"2025-03-01T1{place}:00:00Z",
            "config": {"model": model, "features": features, "batch_size": 32, "epochs": 30, "seed": 0},
            "classes": list(CLASSES),
            "parameters": parameters,
            "wall_s": wall_s,
            "ms_per_clip": ms,
            "best_epoch": best,
            "epochs_run": ran,
            "versions": {"tensorflow": "2.21.0", "numpy": "2.4.6"},
            "data_fingerprint": "5d2f0a91",
            "seed": 0,
            "peak_memory_mb": 1210.0,
            "collapsed": model == "ann",
        },
        state="finished",
    )
    generator = np.random.default_rng(place)
    for epoch in range(1, ran + 1):
        grown = 1 - np.exp(-epoch / (best / 2))
        over = max(epoch - best, 0)
        noise = generator.normal(0, 0.012, 6)
        ap = 0.16 + (0.14 + 0.25 * quality) * grown
        append_history(
            run,
            {
                "epoch": epoch,
                "seconds": wall_s / ran * 0.92,
                "validation_seconds": wall_s / ran * 0.08,
                "learning_rate": 0.001,
                "train": {
                    "loss": 0.46 - 0.3 * grown * min(quality, 2) / 2 + noise[0],
                    "mAP": min(ap * 1.08 + noise[1] + 0.004 * over, 1),
                    "micro_f1": ap * 0.95 + noise[2],
                    "macro_f1": ap * 0.9 + noise[2],
                },
                "validation": {
                    "loss": 0.47 - 0.25 * grown * min(quality, 2) / 2 + 0.006 * over + noise[3],
                    "mAP": ap - 0.004 * over + noise[4],
                    "micro_f1": ap * 0.93 + noise[5],
                    "macro_f1": ap * 0.86 + noise[5],
                },
            },
        )
    for number, (split, many) in enumerate((clips or SPLITS).items(), start=1):
        truth = make_truth(many, number)
        ids = np.array([f"{split}_{i:05d}.wav" for i in range(many)])
        scores = make_scores(truth, quality, 10 * place + number, collapsed=model == "ann")
        save_predictions(run, Predictions(split, ids, CLASSES, truth, scores))
    (run.path / "log.txt").write_text("epoch 1: loss 0.46\nkept the best epoch\n")
    return run


def add_reported(root: Path) -> Run:
    run = create_run(
        root,
        {
            "kind": "reported",
            "run_id": "report-cnn",
            "name": "CNN (report)",
            "model": "cnn",
            "dataset": "demo",
            "created": "2025-02-01T00:00:00Z",
        },
        state="finished",
    )
    part = {"micro": 0.84, "macro": 0.84, "weighted": 0.85, "samples": 0.83}
    table = {
        "precision": part,
        "recall": {k: v + 0.06 for k, v in part.items()},
        "f1": {**part, "micro": 0.87},
    }
    save_reported(
        run,
        {
            "source": "Table 1",
            "threshold": 0.1,
            "classes": list(CLASSES),
            "tables": {"validation": table, "test": table},
            "confusion": {"validation": [[[150, 5], [4, 41]] for _ in CLASSES]},
            "notes": {"test": ["Precision and recall are exchanged in this row."]},
        },
    )
    return run


def add_failed(root: Path) -> Run:
    run = create_run(
        root,
        {
            "kind": "trained",
            "run_id": "20250301-190000-cnn-dead",
            "name": "cnn, learning rate 1",
            "model": "cnn",
            "features": "logmel",
            "dataset": "demo",
            "created": "2025-03-01T19:00:00Z",
        },
        state="failed",
        reason="the loss became NaN in epoch 2",
    )
    append_history(run, {"epoch": 1, "seconds": 3.0, "train": {"loss": 9.0}, "validation": {"loss": None}})
    return run


def add_queued(root: Path) -> Run:
    return create_run(
        root,
        {
            "kind": "trained",
            "run_id": "20250301-200000-rnn-wait",
            "model": "rnn",
            "features": "logmel",
            "dataset": "demo",
            "created": "2025-03-01T20:00:00Z",
        },
        state="queued",
    )


def build_full(root: Path) -> Path:
    runs = [add_trained(root, row, place) for place, row in enumerate(TRAINED)]
    tag_run(runs[5], ["baseline", "paper"])
    note_run(runs[5], "Folded frequency, GRU over time.")
    add_failed(root)
    add_queued(root)
    add_reported(root)
    return root


@pytest.fixture(scope="session", autouse=True)
def components_once() -> Iterator[None]:
    """Each AppTest looks through all installed packages for components, most of a second: once will do."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        yield


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Return a function that opens a page on a root, as a fresh session with URL parameters."""

    def visited(root: Path, page: str = "overview", training: bool = False, **params: str) -> AppTest:
        monkeypatch.setenv("SEDCORE_ARTIFACTS", str(root))
        monkeypatch.setenv("SEDBOARD_TRAINING", "on" if training else "off")
        return open_page(page, **params)

    return visited


@pytest.fixture(scope="session")
def full_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_full(tmp_path_factory.mktemp("full"))


@pytest.fixture
def odd_root(tmp_path: Path) -> Path:
    """Runs that do not compare, a damaged one, a damaged score file, names that look like markup."""
    add_trained(tmp_path, TRAINED[5], 5)
    add_trained(tmp_path, TRAINED[1], 1, clips={"test": 120})
    named = add_trained(tmp_path, TRAINED[3], 3)
    info = json.loads((named.path / "run.json").read_text())
    (named.path / "run.json").write_text(
        json.dumps(info | {"name": "<b>:red[x]</b> $a$ | *y*", "dataset": None})
    )
    damaged = add_trained(tmp_path, TRAINED[2], 2)
    (damaged.path / "predictions" / "test.parquet").write_bytes(b"not parquet")
    (tmp_path / "runs" / "half").mkdir()
    # a detector whose scores are no probabilities, and three classes only
    generator = np.random.default_rng(3)
    truth = make_truth(300, 2)[:, :3]
    ids = np.array([f"test_{i:05d}.wav" for i in range(300)])
    loud = create_run(tmp_path, {"kind": "imported", "run_id": "energy", "name": "energy"}, state="finished")
    save_predictions(
        loud, Predictions("test", ids, CLASSES[:3], truth, generator.normal(-20, 9, truth.shape))
    )
    set_status(add_queued(tmp_path).path, "running")  # without a lock: interrupted
    return tmp_path


if __name__ == "__main__":
    build_full(Path(sys.argv[1]))
