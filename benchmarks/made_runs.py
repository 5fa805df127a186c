"""Runs of any size with made-up scores, for benchmarks: labels as skewed as AudioSet's, models of different skill."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run, create_run, save_predictions


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
