"""Runs of any size with made-up scores, for benchmarks: labels as skewed as AudioSet's, models of different skill."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sedcore.artifacts.files import SCHEMA
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run, create_run, default_info, save_predictions

MODELS = ("ann", "cnn", "rnn", "crnn", "crnn_time")
RATES = (1e-4, 1e-3, 1e-2)


def make_runs(
    root: Path, *, runs: int, clips: int, classes: int, labels_a_clip: float = 2.0, seed: int = 0
) -> list[Run]:
    """Write runs that compare: the same clips, classes and truth, scores (clips, classes) float32 in 0..1."""
    rng = np.random.default_rng(seed)
    names = tuple(f"Class_{c:03d}" for c in range(classes))
    share = 1 / np.arange(1, classes + 1)
    truth = rng.random((clips, classes)) < np.minimum(share * labels_a_clip / share.sum(), 0.6)
    truth[rng.integers(0, clips, classes), np.arange(classes)] = True  # every class is there
    ids = np.array([f"clip_{i:06d}.wav" for i in range(clips)])
    hardness = rng.normal(0, 1, truth.shape).astype(np.float32)
    made = []
    for number in range(runs):
        noise = rng.normal(0, 1, truth.shape).astype(np.float32)
        skill = 1.5 + number / max(runs, 1)
        scores = 1 / (1 + np.exp(-(skill * (2 * truth - 1) + hardness + noise - 1)))
        info = {
            "kind": "imported",
            "run_id": f"made-{number:02d}",
            "name": f"model {number + 1}",
            "classes": list(names),
        }
        run = create_run(root, info | {"dataset": "made"}, state="finished")
        save_predictions(run, Predictions("test", ids, names, truth, scores.astype(np.float32)))
        made.append(run)
    return made


def make_many(
    root: Path, *, runs: int, clips: int = 2_000, classes: int = 10, epochs: int = 100, alike: bool = True
) -> list[str]:
    """Write thousands of trained runs that compare, in seconds; return their ids.

    The files are those that `create_run` and training leave, written without waiting for the disk. Configurations have
    several seeds each if `alike`, else one; histories repeat after some runs, scores do not.
    """
    rng = np.random.default_rng(0)
    names = [f"Class_{c:02d}" for c in range(classes)]
    truth = rng.random((clips, classes)) < 0.15
    shared = {"clip_id": pa.array([f"clip_{i:06d}.wav" for i in range(clips)])}
    shared |= {f"y_{name}": pa.array(truth[:, c].astype(np.int8)) for c, name in enumerate(names)}
    hardness = rng.normal(0, 1, truth.shape)
    histories = [_history(np.random.default_rng(n), epochs, classes) for n in range(16)]
    status = json.dumps(
        {"schema": SCHEMA, "state": "finished", "since": "2026-01-01T00:00:00Z", "reason": ""}
    )

    def write(number: int) -> str:
        info = _trained_info(number, names, epochs, alike)
        folder = root / "runs" / info["run_id"]
        (folder / "predictions").mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({"schema": SCHEMA, **info}))
        (folder / "status.json").write_text(status)
        (folder / "history.jsonl").write_bytes(histories[number % len(histories)])
        generator = np.random.default_rng(number)
        drawn = hardness + generator.normal(0, 1, truth.shape) - 1
        scores = 1 / (1 + np.exp(-((1 + generator.random()) * (2 * truth - 1) + drawn)))
        table = shared | {f"p_{name}": scores[:, c].astype(np.float32) for c, name in enumerate(names)}
        pq.write_table(pa.table(table), folder / "predictions" / "test.parquet", compression="none")
        return info["run_id"]

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(write, range(runs)))


def _trained_info(number: int, classes: list[str], epochs: int, alike: bool) -> dict:
    model, seed = MODELS[number % 5], number // 15 % 3
    rate = RATES[number // 5 % 3] * (1 if alike else 1 + number / 10_000)
    config = {"model": model, "dataset": "made", "learning_rate": rate, "seed": seed}
    return default_info() | {
        "run_id": f"20260101-{number:06d}-{model.replace('_', '-')}-{number:04x}",
        "name": f"{model} {number}",
        "created": f"2026-01-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z",
        "model": model,
        "features": "logmel",
        "dataset": "made",
        "classes": classes,
        "config": config | {"batch_size": 32, "epochs": epochs},
        "seed": seed,
        "data_fingerprint": "made",
        "parameters": 100_000 * (1 + number % 7),
        "wall_s": 100.0 + number % 977,
        "ms_per_clip": 1.0 + number % 13,
        "best_epoch": max(1, epochs * 7 // 10),
        "epochs_run": epochs,
    }


def _history(rng: np.random.Generator, epochs: int, classes: int) -> bytes:
    """Return a history as training writes it, with measures by class."""
    lines = []
    for epoch in range(1, epochs + 1):
        record = {
            "epoch": epoch,
            "seconds": 8 + rng.random(),
            "validation_seconds": 1.0,
            "learning_rate": 1e-3,
        }
        for part in ("train", "validation"):
            ap = (0.8 * (1 - np.exp(-epoch / 20)) + 0.02 * rng.random(classes)).tolist()
            counted = {name: rng.integers(0, 60, classes).tolist() for name in ("tp", "fp", "fn")}
            means = {"loss": 1 / epoch + rng.random() / 100, "mAP": float(np.mean(ap))}
            means |= {"micro_f1": ap[0], "macro_f1": ap[-1], "clips": 400}
            record[part] = means | {"ap": ap} | counted
        lines.append(json.dumps(record) + "\n")
    return "".join(lines).encode()
