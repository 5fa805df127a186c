"""The fit loop: trains one run folder from `queued` to its end, and says in it how it went.

Read from the bottom: `train_run` owns the lock and the state, `_train` is the course of a training, `_epoch` one
pass. Everything that a run leaves is written through `sedcore.artifacts`.
"""

from __future__ import annotations

import math
import resource
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from sedcore.artifacts import runs
from sedcore.artifacts.files import atomic_path
from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.runs import Run
from sedcore.data.store import DataSet, open_dataset
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import collapsed, evaluate
from sedcore.models.registry import build
from sedcore.training.batches import RowReader, in_background, shuffled
from sedcore.training.config import TrainConfig
from sedcore.training.progress import Progress
from sedcore.training.scoring import SplitScorer
from sedcore.training.start import check_splits
from sedcore.training.stop import StopRequest

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Training:
    """What one training works with."""

    run: Run
    config: TrainConfig
    dataset: DataSet
    reader: RowReader
    model: keras.Model
    stop: StopRequest
    progress: Progress
    say: Say


@dataclass
class _Best:
    """The best epoch so far and its weights. Kept in memory: a model is far smaller than its data."""

    epoch: int = 0
    goodness: float = -math.inf
    weights: list[np.ndarray] | None = None


def train_run(root: Path, run: Run, announce: Say | None = None, bar: bool = False) -> str:
    """Train a queued run to its end and return its final state: finished, cancelled or failed.

    Claims the run by its lock, so that it is trained once. What goes wrong ends in the run's status as a sentence
    (and, where it was not foreseen, in log.txt as a traceback), never as an exception.

    Parameters
    ----------
    root : artifact root that holds the data set.
    run : a run whose run.json holds the configuration.
    announce : called with each line of the log as well.
    bar : draw a progress bar on stderr.

    Raises
    ------
    SedcoreError
        Another process trains this run, or it is not waiting to be trained.
    """

    def say(line: str) -> None:
        with open(run.path / "log.txt", "a", encoding="utf-8") as log:
            log.write(f"{runs.now()} {line}\n")
        if announce:
            announce(line)

    with RunLock(run.path), StopRequest(run) as stop, Progress(run, bar) as progress:
        if not runs.set_status(run, "running", only_from=("queued",)):
            raise SedcoreError(
                f"run {run.run_id} is {run.status().state}, and only a queued run can be trained"
            )
        try:
            training = _prepare(root, run, stop, progress, say)
            state, reason = _train(training)
        except SedcoreError as error:
            state, reason = "failed", str(error)
        except Exception as error:
            state, reason = "failed", f"unexpected {type(error).__name__}: {error}; log.txt has the traceback"
            say(traceback.format_exc())
        say(f"{state}: {reason}" if reason else state)
        runs.set_status(run, state, reason)
    return state


def _prepare(root: Path, run: Run, stop: StopRequest, progress: Progress, say: Say) -> _Training:
    config = TrainConfig.from_json(run.info["config"]).resolved()
    dataset = open_dataset(root, config.dataset)
    check_splits(dataset)
    reader = RowReader(dataset, config.features)
    keras.utils.set_random_seed(config.seed)
    model = build(config.model, len(dataset.classes), reader.bands, reader.frames)
    model.compile(optimizer=keras.optimizers.Adam(config.learning_rate), loss="binary_crossentropy")
    runs.update_info(
        run,
        classes=list(dataset.classes),
        data_fingerprint=dataset.fingerprint,
        parameters=model.count_params(),
        input={
            "frames": reader.frames,
            "bands": reader.bands,
            "clip_s": dataset.info["clip_s"],
            "features": dataset.feature_info(config.features),
            "mean": reader.mean.tolist(),
            "std": reader.std.tolist(),
        },
    )
    say(f"{config.model} with {model.count_params():,} parameters on {config.features} of {dataset.name}")
    return _Training(run, config, dataset, reader, model, stop, progress, say)


def _train(t: _Training) -> tuple[str, str]:
    """Train epochs until one of the ends is reached; return state and reason."""
    began, best, completed = time.monotonic(), _Best(), 0
    validation = SplitScorer(t.dataset, t.reader, "validation")
    # As many training clips as there are for validation tell how far the model has learned them by heart.
    sample = SplitScorer(t.dataset, t.reader, "train", most=len(validation.clip_ids), seed=t.config.seed)
    rows, truth = t.dataset.rows_of("train"), t.dataset.row_truth("train").astype(np.float32)
    why = "the one epoch is done" if t.config.epochs == 1 else f"all {t.config.epochs} epochs done"
    for epoch in range(1, t.config.epochs + 1):
        record = _epoch(t, epoch, rows, truth, sample, validation)
        if record is None:
            why = f"stopped by request in epoch {epoch}"
            break
        runs.append_history(t.run, record)
        completed = epoch
        score = record["validation"]["mAP"]
        # Without a positive in the validation split there is no AP; the loss has to do then.
        goodness = score if math.isfinite(score) else -record["validation"]["loss"]
        if goodness > best.goodness:
            best = _Best(epoch, goodness, t.model.get_weights())
        t.say(_line(record, best.epoch))
        if t.config.patience and epoch - best.epoch >= t.config.patience:
            why = f"no better validation macro AP for {t.config.patience} epochs"
            break
    stopped = t.stop.wanted()
    if best.weights is None:
        return "cancelled", "stopped by request before the first epoch was complete; nothing was kept"
    wall_s = time.monotonic() - began
    _keep(t, best)
    runs.update_info(
        t.run, wall_s=wall_s, best_epoch=best.epoch, epochs_run=completed, peak_memory_mb=_peak_mb()
    )
    reason = f"{why}; best epoch {best.epoch}"
    return ("cancelled" if stopped else "finished"), reason


def _epoch(
    t: _Training,
    epoch: int,
    rows: np.ndarray,
    truth: np.ndarray,
    sample: SplitScorer,
    validation: SplitScorer,
) -> dict | None:
    """Train one pass and look how it went; None where a stop was requested on the way."""
    batches = shuffled(
        np.arange(len(rows)), t.config.batch_size, np.random.default_rng([t.config.seed, epoch])
    )
    t.model.reset_metrics()
    t.progress.begin(epoch, t.config.epochs, len(batches))
    began, loss = time.monotonic(), math.nan
    for number, (x, y) in enumerate(in_background((t.reader(rows[b]), truth[b]) for b in batches), start=1):
        loss = float(t.model.train_on_batch(x, y))  # mean over the epoch so far
        if not math.isfinite(loss):
            raise SedcoreError(
                f"the loss became {loss} in epoch {epoch}, batch {number}: try a learning rate below "
                f"{t.config.learning_rate:g}"
            )
        t.progress.step(number, len(x))
        if t.stop.wanted():
            return None
    seconds = time.monotonic() - began
    looks = {}
    for name, scorer in (("train", sample), ("validation", validation)):
        scores = scorer(t.model, goes_on=lambda: not t.stop.wanted())
        if scores is None:
            return None
        looks[name] = _look(scores, scorer, t.config.threshold)
    looks["train"]["loss"] = loss
    return {
        "epoch": epoch,
        "seconds": round(seconds, 3),
        "validation_seconds": round(time.monotonic() - began - seconds, 3),
        "learning_rate": t.config.learning_rate,
        **looks,
    }


def _look(scores: np.ndarray, scorer: SplitScorer, threshold: float) -> dict[str, float]:
    """Return loss (binary cross-entropy, mean over clips and classes), macro AP and F1 of one split."""
    clipped = np.clip(scores.astype(np.float64), keras.config.epsilon(), 1 - keras.config.epsilon())
    loss = -np.mean(np.where(scorer.truth, np.log(clipped), np.log1p(-clipped)))
    result = evaluate(scorer.truth, scores, scorer.classes, threshold)
    return {
        "loss": float(loss),
        "mAP": result.mAP,
        "micro_f1": result.averages["micro"].f1,
        "macro_f1": result.averages["macro"].f1,
    }


def _keep(t: _Training, best: _Best) -> None:
    """Save the best epoch's weights and its scores of validation and test."""
    t.model.set_weights(best.weights)
    # A .keras file takes the optimizer of a compiled model along, three times the size: save a plain one.
    plain = build(t.config.model, len(t.dataset.classes), t.reader.bands, t.reader.frames)
    plain.set_weights(best.weights)
    with atomic_path(t.run.weights_file) as temporary:
        plain.save(temporary)
    for split in ("validation", "test"):
        if split not in t.dataset.splits:
            continue
        t.progress.phase("scoring")
        scorer = SplitScorer(t.dataset, t.reader, split)
        began = time.monotonic()
        predictions = scorer.predictions(t.model)
        ms_per_clip = 1000 * (time.monotonic() - began) / max(len(predictions.clip_ids), 1)
        runs.save_predictions(t.run, predictions)
        runs.update_info(t.run, ms_per_clip=round(ms_per_clip, 3), collapsed=collapsed(predictions.scores))


def _line(record: dict, best_epoch: int) -> str:
    train, validation = record["train"], record["validation"]
    return (
        f"epoch {record['epoch']}: {record['seconds']:.1f} s, loss {train['loss']:.4f}, validation loss "
        f"{validation['loss']:.4f}, macro AP {validation['mAP']:.3f}, micro F1 {validation['micro_f1']:.3f}"
        + (", best so far" if record["epoch"] == best_epoch else "")
    )


def _peak_mb() -> float:
    """Return the most memory this process has had resident, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB on Linux, bytes on macOS
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)
