"""A trainer without TensorFlow, for tests of queue and worker: ``worker --trainer tests.support.small_trainer``.

A run on the data set SMALL is trained here, in milliseconds an epoch, through the same frame, files and locks as a real
one; every other goes to the real trainer. What is "learned" is a chain of digests: each epoch's follows from the
one before, so that the history and the weights show whether every epoch was done once and in order. Each process
also leaves its witness outside the run folder, by none of the code under test.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from sedcore.artifacts import recording, runs
from sedcore.artifacts.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from sedcore.artifacts.files import atomic_path
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run
from sedcore.data.store import DataSet, open_dataset
from sedcore.training.supervision import TrainingContext, supervise, trainer_main

SMALL = "tiny"
EXPLODES = "explodes"  # name of a run whose real model has lost all measure
BATCHES = 3
BATCH_S = 0.004  # what a batch of training costs
CHECKPOINT_EVERY = 2  # so that a resumed run has epochs in its history that its checkpoint does not know


def next_digest(digest: bytes, epoch: int) -> bytes:
    """Return what is known after an epoch."""
    return hashlib.sha256(digest + epoch.to_bytes(4, "big")).digest()


def first_digest(seed: int) -> bytes:
    """Return what is known before the first epoch."""
    return hashlib.sha256(b"seed %d" % seed).digest()


def learn(context: TrainingContext) -> tuple[str, str]:
    """Train the run of a context, from its checkpoint where it has one."""
    run, config = context.run, context.run.info["config"]
    dataset = open_dataset(context.root, config["dataset"])
    checkpoint = read_checkpoint(run)
    done = checkpoint.note["epoch"] if checkpoint else 0
    digest = checkpoint.arrays["digest"].tobytes() if checkpoint else first_digest(config["seed"])
    recording.keep_history(run, done)
    began = time.time_ns()
    _witness(context.root, run, began, done)
    for epoch in range(done + 1, config["epochs"] + 1):
        context.progress.begin(epoch, config["epochs"], BATCHES)
        for batch in range(1, BATCHES + 1):
            time.sleep(BATCH_S)
            context.progress.step(batch, config["batch_size"])
            if context.stop.wanted():
                if epoch == 1:
                    return (
                        "cancelled",
                        "stopped by request before the first epoch was complete; nothing was kept",
                    )
                _keep(run, dataset, digest, epoch - 1)
                return "cancelled", f"stopped by request in epoch {epoch}"
        digest = next_digest(digest, epoch)
        recording.append_history(run, _record(epoch, digest, dataset.classes))
        _witness(context.root, run, began, epoch)
        if epoch % CHECKPOINT_EVERY == 0:
            state = {"digest": np.frombuffer(digest, np.uint8)}
            best = [np.frombuffer(digest, np.uint8)] if epoch == CHECKPOINT_EVERY else None
            write_checkpoint(run, Checkpoint(state, {"epoch": epoch, "best_epoch": CHECKPOINT_EVERY}, best))
    context.progress.phase("scoring")
    _keep(run, dataset, digest, config["epochs"])
    return "finished", f"all {config['epochs']} epochs done"


def _record(epoch: int, digest: bytes, classes: tuple[str, ...]) -> dict:
    look = {"loss": 1 / epoch, "mAP": digest[0] / 255, "clips": 24, "ap": [digest[1] / 255] * len(classes)}
    seconds = {"seconds": BATCHES * BATCH_S, "validation_seconds": 0.0, "learning_rate": 0.01}
    return {"epoch": epoch, **seconds, "train": look, "validation": look, "chain": digest.hex()}


def _keep(run: Run, dataset: DataSet, digest: bytes, epoch: int) -> None:
    with atomic_path(run.weights_file) as temporary:
        temporary.write_bytes(digest)
    for split in ("validation", "test"):
        truth = dataset.truth(split)
        clip_ids = dataset.clips_of(split)["clip_id"].to_numpy(dtype=str)
        scores = np.resize(np.frombuffer(digest, np.uint8) / np.float32(255), truth.shape)
        runs.save_predictions(run, Predictions(split, clip_ids, dataset.classes, truth, scores))
    runs.update_info(run, epochs_run=epoch, best_epoch=min(epoch, CHECKPOINT_EVERY), wall_s=epoch * 0.01)


def _witness(root: Path, run: Run, began: int, epoch: int) -> None:
    """Leave a line: this training has done so many epochs of this run. In one write, to a file that grows only."""
    folder = Path(root) / "witness"
    line = json.dumps({"pid": os.getpid(), "began": began, "epoch": epoch}) + "\n"
    try:
        folder.mkdir(exist_ok=True)
        descriptor = os.open(folder / f"{run.run_id}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(descriptor, line.encode())
        os.close(descriptor)
    except OSError:
        pass  # the faults of the disk are those of the run's own files


def _exploded(model):
    """Return the model after a step that was far too large."""
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    return model


def train_run(root: Path, run: Run) -> str:
    """Train a queued run, small or real."""
    if run.info["dataset"] == SMALL:
        return supervise(learn, root, run)
    from sedcore.training import start

    if run.name == EXPLODES:
        from sedcore.models import registry

        built = registry.BUILDERS[run.info["model"]]
        registry.BUILDERS[run.info["model"]] = lambda *size: _exploded(built(*size))
    return start.train_run(root, run)


if __name__ == "__main__":
    sys.exit(trainer_main(train_run))
