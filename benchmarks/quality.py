"""Which model is worth its time: the report's four in plain Keras against `compact`. `python -m benchmarks.quality`

    python -m benchmarks.quality --artifacts ROOT --data NAME [--parts cnn,compact-0] [--ablation]

Needs a data set with train, validation and test. The report's four are trained as it prints them, by `model.fit`, until
validation macro AP has not risen for 10 epochs, at most the report's epochs, the CNN at most 75 minutes; the best epoch
is kept. `compact` is trained as it comes, with three seeds, and once in a tenth of the time that the best of the four
took to its best epoch; where that is an epoch or a few, on the clips as they are, since what makes them harder (mixup,
masks, filters, shifts) costs at first and pays later. Nothing is chosen on test. Every part is a run of the root, so
that the pages show them; a part that is there already is not trained again, one that was cut off goes on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from sedcore.artifacts import recording, runs
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import set_status
from sedcore.data.store import DataSet, open_dataset
from sedcore.evaluation.align import aligned
from sedcore.evaluation.bootstrap import bootstrap_ranking, seed_mean
from sedcore.evaluation.evaluate import evaluate
from sedcore.evaluation.verdicts import compare

EPOCHS = {"ann": 150, "cnn": 100, "rnn": 150, "crnn": 150}  # the report's
PATIENCE, CNN_MINUTES, BATCH = 10, 75, 32
SEEDS = (0, 1, 2)
SHORT = "compact-short"
# Macro AP on validation after two epochs .66 on the clips as they are and .55 with the recipe, after eight .68 and .72.
RECIPE_FROM = 5  # epochs
AS_THEY_ARE = ["--mixup", "0", "--no-masking", "--no-filtering", "--shifting", "0"]
ABLATION = {
    "without mixup": ["--mixup", "0"],
    "without masking": ["--no-masking"],
    "without filtering": ["--no-filtering"],
    "without shifting": ["--shifting", "0"],
    "without averaging": ["--averaging", "0"],
    "without frame labels": ["--no-frame-labels"],
    "constant rate": ["--schedule", "constant"],
    "none of them": [
        *AS_THEY_ARE,
        *("--averaging", "0", "--no-frame-labels", "--schedule", "constant"),
    ],
}


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


def run_of(root: Path, part: str) -> Run:
    return Run(root / "runs" / ("quality-" + part.replace(" ", "-")))


def train(given: argparse.Namespace, part: str) -> None:
    """Train a part in a process of its own, unless it is there."""
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
        sedcore = [sys.executable, "-m", "sedcore", *root]
        subprocess.run([*sedcore, "resume", run.run_id], check=True)
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
    """Train one of the four by `model.fit`; go on where a former process was cut off."""
    import keras

    from benchmarks import report_models
    from sedcore.training.batches import RowReader

    reader = RowReader(data, "logmel")
    sides = {split: (fed(data, reader, split, name), data.truth(split)) for split in data.splits}
    model = report_models.compiled(name, len(data.classes), reader.bands, reader.frames)
    run = run_of(root, name)
    if not run.path.exists():
        info = {"kind": "trained", "run_id": run.run_id, "name": f"{name} in plain Keras", "model": name}
        info |= {"features": "logmel", "dataset": data.name, "classes": list(data.classes), "seed": 0}
        runs.create_run(root, info | {"parameters": model.count_params()}, state="cancelled")
    keras.utils.set_random_seed(0)
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
    """Return a callback that looks at validation after each epoch, keeps the best weights, and ends in time.

    base : `keras.callbacks.BackupAndRestore`. An epoch counts as done once its row is written, not before: what is
    killed while it looks at validation trains that epoch again.
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
    """Return where the weights of an epoch lie that was the best so far."""
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


# ---- what came of it -------------------------------------------------------------------------------------------


def macro_ap(run: Run, split: str = "test") -> float:
    found = run.predictions(split)
    return evaluate(found.truth, found.scores, found.classes, 0.5).mAP


def epoch_s(run: Run) -> float:
    """Return the seconds of an epoch's training, validation left out: those of the fastest.

    A part takes hours, in which the machine may have other things to do; the fastest epoch had the least of that.
    """
    return float(run.history()["seconds"].min())


def seconds(run: Run, epochs: int | None = None) -> float:
    """Return the seconds of training of so many epochs; of all that there are."""
    return epoch_s(run) * (len(run.history()) if epochs is None else epochs)


def to_best(run: Run) -> float:
    """Return the seconds of training until the end of a run's best epoch."""
    return seconds(run, run.info["best_epoch"])


def done(root: Path, parts) -> dict[str, Run]:
    found = {part: run_of(root, part) for part in parts}
    return {p: run for p, run in found.items() if run.path.exists() and run.status().state == "finished"}


def best_of_report(root: Path) -> tuple[str, Run]:
    """Return the best of the four, by validation."""
    found = done(root, EPOCHS)
    if not found:
        raise SystemExit("none of the report's models is trained yet; --parts ann,cnn,rnn,crnn does it")
    return max(found.items(), key=lambda item: macro_ap(item[1], "validation"))


def short_epochs(root: Path) -> int:
    """Return how many epochs of compact fit into a tenth of the time of the best of the four."""
    found = done(root, [f"compact-{seed}" for seed in SEEDS])
    if not found:
        raise SystemExit(f"{SHORT} needs a finished compact, to know how long an epoch takes")
    epoch = np.median([epoch_s(run) for run in found.values()])
    return max(int(to_best(best_of_report(root)[1]) / 10 / epoch), 1)


def table(root: Path, data: DataSet) -> str:
    """Return the results as Markdown."""
    four, compact = done(root, EPOCHS), done(root, [f"compact-{seed}" for seed in SEEDS])
    rest = done(root, [SHORT, *(f"compact {words}" for words in ABLATION)])
    lines = [
        f"{data.name}: {', '.join(f'{len(data.clips_of(s)):,} {s}' for s in data.splits)} clips. Macro AP.",
        "",
        "| run | validation | test | best epoch of | s an epoch | minutes to the best epoch |",
        "|---|---|---|---|---|---|",
    ]
    for part, run in (four | compact | rest).items():
        info = run.info
        lines.append(
            f"| {part} | {macro_ap(run, 'validation'):.3f} | {macro_ap(run):.3f} | {info['best_epoch']} of "
            f"{info['epochs_run']} | {epoch_s(run):.1f} | {to_best(run) / 60:.1f} |"
        )
    if compact and four:
        lines += ["", verdict(root, list(compact.values())), "", overtaking(root, list(compact.values()))]
    if SHORT in rest and four:
        lines += ["", in_short(root, rest[SHORT])]
    return "\n".join(lines)


def verdict(root: Path, compact: list[Run]) -> str:
    """Return the difference of test macro AP between compact, mean over its seeds, and the best of the four."""
    name, best = best_of_report(root)
    members = [held(run) for run in (*compact, best)]
    draws = bootstrap_ranking(members[0].truth, [member.scores for member in members])
    mean, other = seed_mean(draws[:-1]) if len(compact) > 1 else draws[0], draws[-1]
    found = compare(
        np.atleast_1d(mean.full["macro_ap"]),
        np.atleast_1d(other.full["macro_ap"]),
        np.atleast_2d(mean.draws["macro_ap"]).reshape(-1, 1),
        np.atleast_2d(other.draws["macro_ap"]).reshape(-1, 1),
    )
    values = [macro_ap(run) for run in compact]
    spread = f" (deviation over seeds {np.std(values, ddof=1):.3f})" if len(values) > 1 else ""
    low, high = float(found.low[0]), float(found.high[0])
    return (
        f"compact, {len(values)} seeds: test macro AP {np.mean(values):.3f}{spread}; {name}, the best of the four on "
        f"validation: {macro_ap(best):.3f}. Difference {float(found.difference[0]):+.3f}, 95 % interval [{low:.3f}, "
        f"{high:.3f}]: {found.verdict[0]} (wanted: .05 more)."
    )


def overtaking(root: Path, compact: list[Run]) -> str:
    """Return when compact's validation macro AP has passed the best of the best of the four."""
    name, best = best_of_report(root)
    target = best.history()["validation.mAP"].max()
    passed = [run for run in compact if (run.history()["validation.mAP"] >= target).any()]
    said = f"{name}'s best macro AP on validation, {target:.3f} after {to_best(best) / 60:.1f} minutes of training,"
    if not passed:
        return f"{said} no seed of compact reaches."
    epochs = [int((run.history()["validation.mAP"] >= target).argmax()) + 1 for run in passed]
    took = float(np.median([seconds(run, n) for run, n in zip(passed, epochs)]))
    return (
        f"{said} compact passes after {took / 60:.1f} ({took / to_best(best):.2f} of it; epochs "
        f"{', '.join(map(str, epochs))}; {len(passed)} of {len(compact)} seeds)."
    )


def in_short(root: Path, short: Run) -> str:
    """Return what compact reaches in a tenth of the time of the best of the four."""
    name, best = best_of_report(root)
    return (
        f"compact in {seconds(short) / 60:.1f} minutes: test macro AP {macro_ap(short):.3f}; {name} in plain Keras in "
        f"{to_best(best) / 60:.1f} minutes: {macro_ap(best):.3f} (wanted: as much in a tenth of the time; it took "
        f"{seconds(short) / to_best(best):.2f} of it)."
    )


def held(run: Run):
    found = run.predictions("test")
    return aligned(found.clip_ids, found.classes, found.truth, found.scores)


if __name__ == "__main__":
    main()
