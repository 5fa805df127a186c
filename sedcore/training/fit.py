"""The fit loop: trains one run, from its checkpoint where it has one, and says how it went.

`learn` is the whole of a training, `_train_epoch` one pass over the batches of `sedcore.training.recipe`. Who claims
the run and says how it ended is `sedcore.training.supervision`. Everything that a run leaves is written through
`sedcore.artifacts`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from sedcore.artifacts import recording, runs
from sedcore.artifacts.checkpoint import has_checkpoint
from sedcore.artifacts.files import atomic_path
from sedcore.artifacts.runs import Run
from sedcore.data.store import DataSet, open_dataset
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import collapsed
from sedcore.models.registry import build, with_frames
from sedcore.training.batches import RowReader
from sedcore.training.config import TrainConfig
from sedcore.training.devices import AllDevices, OneDevice, devices
from sedcore.training.environment import versions
from sedcore.training.optimizer import FusedAdam
from sedcore.training.progress import peak_memory_mb
from sedcore.training.recipe import TrainingBatches, averaged, learning_rate, learns_frames
from sedcore.training.resume import (
    CheckpointPacer,
    TrainingState,
    check_features,
    make_deterministic,
    restore,
    save,
)
from sedcore.training.scoring import SplitScorer
from sedcore.training.supervision import TrainingContext


@dataclass(frozen=True)
class _Training:
    """What one training works with."""

    context: TrainingContext
    config: TrainConfig
    dataset: DataSet
    reader: RowReader
    batches: TrainingBatches
    model: keras.Model  # with an output of clips, and one of frames where it learns those
    scoring: keras.Model  # the same weights, clips alone
    devices: OneDevice | AllDevices

    @property
    def run(self) -> Run:
        return self.context.run


def learn(context: TrainingContext) -> tuple[str, str]:
    """Train a run, from its checkpoint where it has one; return the state that it ends in and the reason."""
    t = _prepare(context)
    began, state = time.monotonic(), restore(context.run, t.model)
    before = state.seconds
    if state.epoch:
        context.say(f"goes on after epoch {state.epoch}")
    recording.keep_history(t.run, state.epoch)
    validation = SplitScorer(t.dataset, t.reader, "validation")
    # As many training clips as validation has, so that the gap between the two shows overfitting.
    sample = SplitScorer(t.dataset, t.reader, "train", most=len(validation.clip_ids), seed=t.config.seed)
    pacer = CheckpointPacer()
    while not (why := _enough(t.config, state)):
        epoch = state.epoch + 1
        learned = _train_epoch(t, epoch)
        with averaged(t.model):
            record = learned and _validate_epoch(t, epoch, learned, sample, validation)
            if record is None:
                why = f"stopped by request in epoch {epoch}"
                break
            _record_epoch(t, state, record)
        state.seconds = before + time.monotonic() - began
        state.peak_memory_mb = max(state.peak_memory_mb, peak_memory_mb())
        pacer.write(lambda: save(context.run, t.model, state))
    stopped = context.stop.wanted()
    if state.best is None:
        return "cancelled", "stopped by request before the first epoch was complete; nothing was kept"
    _keep(t, state)
    return ("cancelled" if stopped else "finished"), f"{why}; best epoch {state.best_epoch}"


def _prepare(context: TrainingContext) -> _Training:
    run = context.run
    config = TrainConfig.from_json(run.info["config"]).resolved()
    dataset = open_dataset(context.root, config.dataset)
    if has_checkpoint(run) and run.info["data_fingerprint"] != dataset.fingerprint:
        raise SedcoreError(
            f"data set {dataset.name} is no longer the one that run {run.run_id} was trained on so far; put that one "
            "back and resume, or clone the run to train from the beginning"
        )
    features = dataset.feature_info(config.features)
    if has_checkpoint(run):
        check_features(run, dataset.name, features)
    reader = RowReader(dataset, config.features)
    if config.deterministic:
        make_deterministic()
    keras.utils.set_random_seed(config.seed)
    where = devices(config.devices)
    with where.scope():
        model, scoring = _compiled(config, dataset, reader)
    steps = model.outputs[1].shape[1] if model is not scoring else None
    batches = TrainingBatches(dataset, reader, config, steps)
    runs.update_info(
        run,
        classes=list(dataset.classes),
        data_fingerprint=dataset.fingerprint,
        parameters=scoring.count_params(),
        versions=versions(),
        input={
            "frames": reader.frames,
            "bands": reader.bands,
            "clip_s": dataset.info["clip_s"],
            "features": features,
            "mean": reader.mean.tolist(),
            "std": reader.std.tolist(),
        },
    )
    context.say(
        f"{config.model} with {scoring.count_params():,} parameters on {config.features} of {dataset.name}"
        + (f", on {where.number} devices" if where.number > 1 else "")
    )
    return _Training(context, config, dataset, reader, batches, model, scoring, where)


def _compiled(config: TrainConfig, dataset: DataSet, reader: RowReader) -> tuple[keras.Model, keras.Model]:
    """Return the model that learns, and the one of the same weights that scores clips alone."""
    scoring = build(config.model, len(dataset.classes), reader.bands, reader.frames, config.precision)
    model = with_frames(scoring) if learns_frames(dataset, config) else scoring
    average = {"use_ema": True, "ema_momentum": config.averaging} if config.averaging else {}
    model.compile(optimizer=FusedAdam(config.learning_rate, **average), loss="binary_crossentropy")
    return model, scoring


def _enough(config: TrainConfig, state: TrainingState) -> str:
    """Say why no further epoch is trained; "" where one is."""
    if state.epoch >= config.epochs:
        return "the one epoch is done" if config.epochs == 1 else f"all {config.epochs} epochs done"
    if config.patience and state.best and state.epoch - state.best_epoch >= config.patience:
        return f"no better validation macro AP for {config.patience} epochs"
    return ""


def _record_epoch(t: _Training, state: TrainingState, record: dict) -> None:
    """Append an epoch to the history, and keep its weights if it is the best so far."""
    recording.append_history(t.run, record)
    state.epoch = record["epoch"]
    score = record["validation"]["mAP"]
    # Without a positive in the validation split there is no AP; the loss has to do then.
    goodness = score if math.isfinite(score) else -record["validation"]["loss"]
    if goodness > state.goodness:
        state.best_epoch, state.goodness, state.best = state.epoch, goodness, t.scoring.get_weights()
    t.context.say(_line(record, state.best_epoch))


@dataclass(frozen=True)
class _Learned:
    """What one pass gave: mean loss, the last learning rate, seconds."""

    loss: float
    rate: float
    seconds: float


def _train_epoch(t: _Training, epoch: int) -> _Learned | None:
    """Train one pass; None where a stop was requested on the way."""
    t.context.progress.begin(epoch, t.config.epochs, t.batches.number)
    began, loss_sum, seen, rate = time.monotonic(), 0.0, 0, t.config.learning_rate
    for number, (x, targets) in enumerate(t.batches(epoch), start=1):
        step = (epoch - 1) * t.batches.number + number - 1
        rate = learning_rate(t.config, step, t.config.epochs * t.batches.number)
        t.model.optimizer.learning_rate = rate
        loss = t.devices.step(t.model, x, *targets)
        if not math.isfinite(loss):
            raise SedcoreError(
                f"the loss became {loss} in epoch {epoch}, batch {number}: try a learning rate below "
                f"{t.config.learning_rate:g}"
            )
        loss_sum, seen = loss_sum + loss * len(x), seen + len(x)
        t.context.progress.step(number, len(x))
        if t.context.stop.wanted():
            return None
    return _Learned(loss_sum / seen, rate, time.monotonic() - began)


def _validate_epoch(
    t: _Training, epoch: int, learned: _Learned, sample: SplitScorer, validation: SplitScorer
) -> dict | None:
    """Score both splits and return the record of an epoch; None where a stop was requested on the way."""
    began, measured = time.monotonic(), {}
    for name, scorer in (("train", sample), ("validation", validation)):
        scores = scorer(t.devices.scoring(t.scoring), goes_on=lambda: not t.context.stop.wanted())
        if scores is None:
            return None
        measured[name] = _split_record(scores, scorer, t.config.threshold)
    measured["train"]["loss"] = learned.loss  # of the batches as they were trained on, dropout and all
    return {
        "epoch": epoch,
        "seconds": round(learned.seconds, 3),
        "validation_seconds": round(time.monotonic() - began, 3),
        "learning_rate": learned.rate,
        **measured,
    }


def _split_record(scores: np.ndarray, scorer: SplitScorer, threshold: float) -> dict[str, Any]:
    """Return the record of one split: loss (binary cross-entropy, mean over clips and classes), what scores give."""
    clipped = np.clip(scores.astype(np.float64), keras.config.epsilon(), 1 - keras.config.epsilon())
    loss = -np.mean(np.where(scorer.truth, np.log(clipped), np.log1p(-clipped)))
    return {"loss": float(loss)} | recording.scores_record(scorer.truth, scores, scorer.classes, threshold)


def _keep(t: _Training, state: TrainingState) -> None:
    """Save the best epoch's weights and its scores of validation and test, and what the training took."""
    t.scoring.set_weights(state.best)
    # A .keras file takes the optimizer of a compiled model along, three times the size: save a plain one.
    plain = build(t.config.model, len(t.dataset.classes), t.reader.bands, t.reader.frames)
    plain.set_weights(state.best)
    with atomic_path(t.run.weights_file) as temporary:
        plain.save(temporary)
    for split in ("validation", "test"):
        if split not in t.dataset.splits:
            continue
        t.context.progress.phase("scoring")
        scorer = SplitScorer(t.dataset, t.reader, split)
        began = time.monotonic()
        predictions = scorer.predictions(t.devices.scoring(t.scoring))
        ms_per_clip = 1000 * (time.monotonic() - began) / max(len(predictions.clip_ids), 1)
        runs.save_predictions(t.run, predictions)
        runs.update_info(t.run, ms_per_clip=round(ms_per_clip, 3), collapsed=collapsed(predictions.scores))
    runs.update_info(
        t.run,
        wall_s=state.seconds,
        best_epoch=state.best_epoch,
        epochs_run=state.epoch,
        peak_memory_mb=state.peak_memory_mb,
    )


def _line(record: dict, best_epoch: int) -> str:
    train, validation = record["train"], record["validation"]
    return (
        f"epoch {record['epoch']}: {record['seconds']:.1f} s, loss {train['loss']:.4f}, validation loss "
        f"{validation['loss']:.4f}, macro AP {validation['mAP']:.3f}, micro F1 {validation['micro_f1']:.3f}"
        + (", best so far" if record["epoch"] == best_epoch else "")
    )
