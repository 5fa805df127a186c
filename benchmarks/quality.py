"""Quality against training time: the report's four in plain Keras, and `compact`. `python -m benchmarks.quality`

    python -m benchmarks.quality --artifacts ROOT --data NAME [--parts cnn,compact-0] [--ablation]

Needs a data set with train, validation and test. The report's four are trained as it prints them, by `model.fit`, until
validation macro AP has not risen for 10 epochs, at most the report's epochs, the CNN at most 75 minutes; the best epoch
is kept. `compact` is trained with its defaults and three seeds, and once in a tenth of the time that the best of the
four took to its best epoch; if that is only a few epochs, without augmentation (mixup, masks, filters, shifts), which
costs at first and pays later. Nothing is chosen on test. Every part is a run of the root, so that the pages show it; a
finished part is not trained again, an interrupted one goes on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.quality_table import (
    ABLATION,
    AS_THEY_ARE,
    EPOCHS,
    SEEDS,
    SHORT,
    run_of,
    seconds,
    short_epochs,
    table,
)
from sedcore.artifacts import recording, runs
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import RESUMABLE_STATES, set_status
from sedcore.data.store import DataSet, open_dataset
from sedcore.evaluation.evaluate import evaluate

PATIENCE, CNN_MINUTES, BATCH = 10, 75, 32
# Macro AP on validation without and with the recipe: .66 and .55 after two epochs, .68 and .72 after eight.
RECIPE_FROM = 5  # epochs


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artifacts", type=Path, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--parts", help="only these, separated by commas")
    parser.add_argument("--epochs", type=int, help="at most, instead of the report's and the model's own")
    parser.add_argument(
        "--ablation", action="store_true", help="compact without each part of its recipe, seed 0"
    )
    parser.add_argument("--plain", choices=EPOCHS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.plain:
        plain(given.artifacts, open_dataset(given.artifacts, given.data), given.plain, given.epochs)
        return
    every = [*EPOCHS, *(f"compact-{seed}" for seed in SEEDS), SHORT]
    every += [f"compact {words}" for words in ABLATION] if given.ablation else []
    for part in given.parts.split(",") if given.parts else every:
        train(given, part)
    print(table(given.artifacts, open_dataset(given.artifacts, given.data)))


def train(given: argparse.Namespace, part: str) -> None:
    """Train a part in a process of its own, unless it is finished."""
    run = run_of(given.artifacts, part)
    state = run.status().state if run.path.exists() else ""
    if state == "finished":
        return
    print(f"{part}: {'goes on' if state else 'begins'}", file=sys.stderr, flush=True)
    root = ["--artifacts", str(given.artifacts)]
    epochs = ["--epochs", str(given.epochs)] if given.epochs else []
    if part in EPOCHS:
        command = ["benchmarks.quality", *root, "--data", given.data, "--plain", part, *epochs]
    elif state:
        if state in RESUMABLE_STATES:
            subprocess.run([sys.executable, "-m", "sedcore", *root, "resume", run.run_id], check=True)
        command = ["sedcore", *root, "worker", "--until-empty"]
    else:
        options = ABLATION.get(part.removeprefix("compact "), [])
        if part == SHORT:
            few = short_epochs(given.artifacts)
            epochs, options = ["--epochs", str(few)], AS_THEY_ARE if few < RECIPE_FROM else []
        seed = part.removeprefix("compact-") if part[8:].isdigit() else "0"
        told = ["--seed", seed, *options, *epochs, "--patience", "0"]
        command = ["sedcore", *root, "train", given.data, "--model", "compact", "--run-id", run.run_id]
        command += ["--name", part, *told]
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-m", *command], check=True, env=quiet, stdout=subprocess.DEVNULL)


# ---- the report's models in plain Keras ------------------------------------------------------------------------


def plain(root: Path, data: DataSet, name: str, epochs: int | None) -> None:
    """Train one of the four by `model.fit`; go on where an earlier process was interrupted."""
    import keras

    from benchmarks import report_models
    from sedcore.training.batches import RowReader

    run = run_of(root, name)
    begun = len(run.history()) if run.path.exists() else 0
    keras.utils.set_random_seed(begun)  # before the first weights; a resumed training shuffles differently
    reader = RowReader(data, "logmel")
    sides = {split: (fed(data, reader, split, name), data.truth(split)) for split in data.splits}
    model = report_models.compiled(name, len(data.classes), reader.bands, reader.frames)
    if not run.path.exists():
        info = {"kind": "trained", "run_id": run.run_id, "name": f"{name} in plain Keras", "model": name}
        info |= {"features": "logmel", "dataset": data.name, "classes": list(data.classes), "seed": 0}
        runs.create_run(root, info | {"parameters": model.count_params()}, state="cancelled")
    x, y = sides["train"]
    model.fit(
        x,
        y.astype(np.float32),
        batch_size=BATCH,
        epochs=epochs or EPOCHS[name],
        verbose=0,
        callbacks=[watching(keras.callbacks.BackupAndRestore)(run, sides["validation"], data.classes)],
    )
    keep(run, model, data, sides)


def fed(data: DataSet, reader, split: str, name: str) -> np.ndarray:
    from benchmarks import report_models

    return np.ascontiguousarray(report_models.as_fed(reader(data.rows_of(split)), name))


def watching(base: type) -> type:
    """Return a callback that validates after each epoch, keeps the best weights, and stops in time.

    base : `keras.callbacks.BackupAndRestore`. An epoch is done once its row is written: a process killed during
    validation trains that epoch again.
    """

    class Watching(base):
        def __init__(self, run: Run, validation: tuple[np.ndarray, np.ndarray], classes: tuple[str, ...]):
            super().__init__(str(run.path / "backup"), delete_checkpoint=False)
            self._run, self._validation, self._classes = run, validation, classes

        def on_train_begin(self, logs=None):
            super().on_train_begin(logs)
            recording.keep_history(self._run, getattr(self.model, "_initial_epoch", None) or 0)
            self._ends(self._run.history())

        def on_epoch_begin(self, epoch, logs=None):
            self._began = time.monotonic()

        def on_epoch_end(self, epoch, logs=None):
            took = time.monotonic() - self._began
            x, truth = self._validation
            scores = self.model.predict(x, batch_size=BATCH, verbose=0)
            value = evaluate(truth, scores, self._classes, 0.5).mAP
            looks = {"train": {"loss": float(logs["loss"])}, "validation": {"mAP": value}}
            looks["validation_seconds"] = round(time.monotonic() - self._began - took, 3)
            before = self._run.history()
            recording.append_history(self._run, {"epoch": epoch + 1, "seconds": round(took, 3), **looks})
            if before.empty or value > before["validation.mAP"].max():
                self.model.save_weights(best_weights(self._run, epoch + 1))
            print(f"{self._run.name}, epoch {epoch + 1}: {took:.1f} s, macro AP {value:.3f}", file=sys.stderr)
            super().on_epoch_end(epoch, logs)
            self._ends(self._run.history())

        def _ends(self, history) -> None:
            if history.empty:
                return
            since_best = len(history) - 1 - int(history["validation.mAP"].argmax())
            too_long = self._run.info["model"] == "cnn" and seconds(self._run) > 60 * CNN_MINUTES
            self.model.stop_training = since_best >= PATIENCE or too_long

    return Watching


def best_weights(run: Run, epoch: int) -> Path:
    """Return the path of the weights of an epoch that was the best so far."""
    return run.path / f"best-{epoch}.weights.h5"


def keep(run: Run, model, data: DataSet, sides: dict) -> None:
    """Save the best epoch's scores as those of the run."""
    import shutil

    history = run.history()
    best = int(history["epoch"].iloc[history["validation.mAP"].argmax()])
    model.load_weights(best_weights(run, best))
    for split in ("validation", "test"):
        x, truth = sides[split]
        clip_ids = data.clips_of(split)["clip_id"].to_numpy(dtype=str)
        scores = model.predict(x, batch_size=BATCH, verbose=0)
        runs.save_predictions(run, Predictions(split, clip_ids, data.classes, truth, scores))
    wall = float(history["seconds"].sum() + history["validation_seconds"].sum())
    runs.update_info(run, best_epoch=best, epochs_run=len(history), wall_s=wall)
    shutil.rmtree(run.path / "backup", ignore_errors=True)
    for file in run.path.glob("best-*.weights.h5"):
        file.unlink()
    set_status(run.path, "finished", f"best epoch {best}")


if __name__ == "__main__":
    main()
