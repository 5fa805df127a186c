"""A run that this process logs epoch by epoch: history, scores of the best epoch, and final state.

The process holds the run's lock: no other can write to the run, and if the process is killed, readers see
*interrupted*, with the history so far.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sedcore.artifacts import recording
from sedcore.artifacts.files import safe_name
from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run, save_predictions, update_info
from sedcore.artifacts.status import LIVE_STATES, set_status
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import collapsed
from sedcore.evaluation.given import given

VALIDATION = "validation"
THRESHOLD = 0.5  # for F1 and counts in the history, as when training
_SPLITS = {"train": "train", "training": "train", "test": "test"}
_SPLITS |= dict.fromkeys(("val", "valid", "validation"), VALIDATION)
_OF_EPOCH = {"lr": "learning_rate", "learning_rate": "learning_rate", "seconds": "seconds"}  # of no split
_SAME = dict.fromkeys(("ap", "map", "macro_ap", "mean_ap"), "mAP")
_COUNTS = ("tp", "fp", "fn")  # reserved: lists, one number a class, in a history


class LoggedRun:
    """A run that this process logs to. A context manager: an exception inside ends the run as failed.

    Attributes
    ----------
    run : the run as others read it.
    best_epoch : the one with the highest validation macro AP so far; None before validation scores are logged.
    """

    def __init__(self, run: Run, lock: RunLock):
        self.run, self._lock, self._began = run, lock, time.monotonic()
        self._record: dict[str, Any] = {}  # of the epoch at hand
        self._epoch_began = self._began
        self._validation_ap: dict[int, float] = {}
        self._latest: dict[str, tuple[int, Predictions]] = {}  # scores of the epoch at hand, by split
        self.best_epoch: int | None = None

    def __repr__(self) -> str:
        return f"LoggedRun({self.run.run_id!r}, {self.run.status().state})"

    def __enter__(self) -> LoggedRun:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if not self._lock.held:
            return
        if error is None:
            self.finish()
        else:
            self.finish(*ending_of(error))

    @property
    def run_id(self) -> str:
        """Id of the run, for the dashboard and the command line."""
        return self.run.run_id

    @property
    def open(self) -> bool:
        """Whether this process can still log to the run."""
        return self._lock.held

    @property
    def epoch(self) -> int:
        """The last logged epoch; 0 before the first."""
        return self._record.get("epoch", 0)

    def log(self, values: Mapping[str, Any], *, epoch: int) -> None:
        """Add numbers to the history of an epoch (from 1).

        ``val_loss`` (or ``validation_loss``, ``val/loss``) belongs to validation, a name without such a prefix to
        training; ``lr`` is the epoch's learning rate. An epoch may be logged in several calls.

        Raises
        ------
        SedcoreError
            A value is no number, the epoch is before one logged already, or the run has ended.
        """
        parts: dict[str, Any] = {}
        for key, value in values.items():
            split, name = _place(str(key))
            target = parts.setdefault(split, {}) if split else parts
            target[name] = _number(value, str(key))
        self._add_to_epoch(epoch, parts)

    def log_scores(
        self,
        split: str,
        clip_ids: Sequence,
        scores: Any,
        truth: Any,
        classes: Sequence[str] | None = None,
        *,
        epoch: int | None = None,
    ) -> None:
        """Log the scores of a split, after an epoch or once.

        With `epoch`, scores of train and validation add macro AP, F1 and each class's AP to its history, and the run
        keeps the scores of the best epoch, by validation macro AP. Without `epoch` it keeps these scores.

        Raises
        ------
        SedcoreError
            Shapes, clip ids or classes do not fit, or those classes are not the run's.
        """
        self._need_open()
        names = tuple(self.run.info["classes"])
        scored = read_scored(safe_name(split, "split"), clip_ids, scores, truth, classes or names or None)
        if names and scored.classes != names:
            raise SedcoreError(
                f"run {self.run.name} has the classes {', '.join(names[:8])}; "
                f"given are {', '.join(scored.classes[:8])}"
            )
        if not names:
            update_info(self.run, classes=list(scored.classes))
        if epoch is None:
            return self._keep(scored)
        if split in ("train", VALIDATION):
            record = recording.scores_record(scored.truth, scored.scores, scored.classes, THRESHOLD)
            self._add_to_epoch(epoch, {split: record})
        else:
            self._add_to_epoch(epoch, {})
        self._latest[split] = (epoch, scored)
        if split == VALIDATION:
            self._update_best(epoch)
        elif split != "train" and self.best_epoch in (None, epoch):
            self._keep(scored)

    def finish(self, state: str = "finished", reason: str = "") -> None:
        """End the run as finished, failed or cancelled, with a reason. A second call does nothing."""
        if not self._lock.held:
            return
        epochs = self.epoch or None
        best = f"; best epoch {self.best_epoch}" if self.best_epoch else ""
        reason = reason or (
            f"{epochs} epoch{'s' if epochs != 1 else ''} logged{best}" if epochs else "logged"
        )
        update_info(
            self.run,
            wall_s=round(time.monotonic() - self._began, 3),
            epochs_run=epochs,
            best_epoch=self.best_epoch,
        )
        recording.append_log(self.run, f"{state}: {reason}")
        set_status(self.run.path, state, reason, only_from=LIVE_STATES)
        self._lock.release()

    def reopen(self) -> None:
        """Continue a run that this process has finished, as to log test scores after a fit."""
        if not self._lock.held:
            self._lock = logging_lock(self.run)
            set_status(self.run.path, "running", "logs")

    def _need_open(self) -> None:
        if not self._lock.held:
            raise SedcoreError(
                f"run {self.run.name} is not logged by this process: it was finished, or belongs to another one"
            )

    def _add_to_epoch(self, epoch: int, parts: Mapping[str, Any]) -> None:
        """Merge `parts` into the record of the current epoch, or begin a later one, and write it."""
        self._need_open()
        if isinstance(epoch, bool) or not isinstance(epoch, (int, np.integer)) or epoch < 1:
            raise SedcoreError(f"epochs count from 1; given {epoch!r}")
        last = self.epoch
        if epoch < last:
            raise SedcoreError(f"epoch {epoch} cannot be logged after epoch {last}: a history goes forward")
        if new := epoch > last:
            now = time.monotonic()
            self._record = {"epoch": int(epoch), "seconds": round(now - self._epoch_began, 3)}
            self._epoch_began, self._latest = now, {}
        for name, value in parts.items():
            self._record[name] = self._record.get(name, {}) | value if isinstance(value, Mapping) else value
        if new:
            recording.append_history(self.run, self._record)
        else:
            recording.replace_last(self.run, self._record)

    def _update_best(self, epoch: int) -> None:
        """Record an epoch's validation macro AP and, where it is the best so far, save its scores."""
        self._validation_ap[epoch] = self._record[VALIDATION]["mAP"]
        defined = {number: ap for number, ap in self._validation_ap.items() if not math.isnan(ap)}
        self.best_epoch = max(defined, key=defined.get) if defined else epoch  # the first of equals
        if self.best_epoch != epoch:
            return
        update_info(self.run, best_epoch=epoch)
        for split, (of_epoch, scored) in self._latest.items():
            if of_epoch == epoch and split != "train":
                self._keep(scored)

    def _keep(self, predictions: Predictions) -> None:
        save_predictions(self.run, predictions)
        update_info(self.run, collapsed=collapsed(predictions.scores))


def logging_lock(run: Run) -> RunLock:
    """Return the run's lock, held. Raises SedcoreError where another process has it."""
    # Without a note the holder cannot be killed through the lock: it is somebody's own process.
    return RunLock(run.path, f"run {run.name} is being logged by another process").acquire()


def ending_of(error: BaseException) -> tuple[str, str]:
    """Return the state and the reason of a run that an exception has ended."""
    if isinstance(error, KeyboardInterrupt):
        return "cancelled", "stopped by Ctrl-C"
    words = " ".join(str(error).split())
    return "failed", f"{type(error).__name__}: {words}" if words else type(error).__name__


def read_scored(
    split: str, clip_ids: Sequence, scores: Any, truth: Any, classes: Sequence[str] | None
) -> Predictions:
    """Return the scores of a split as predictions; arguments are those of `LoggedRun.log_scores`."""
    try:
        checked = given(truth, scores, classes)
    except SedcoreError as error:
        raise SedcoreError(f"{split}: {error}") from error
    ids = np.array([str(clip) for clip in clip_ids], dtype=object)
    return Predictions(split, ids, checked.classes, checked.truth, checked.scores)


def _place(key: str) -> tuple[str, str]:
    """Return split ("" for the epoch as a whole) and name of a logged number."""
    if key in _OF_EPOCH:
        return "", _OF_EPOCH[key]
    prefix, mark, rest = re.match(r"([A-Za-z]*)([_/]?)(.*)", key).groups()
    split, name = (_SPLITS[prefix], rest) if mark and rest and prefix in _SPLITS else ("train", key)
    name = _SAME.get(name.lower(), name.replace(".", "_"))
    if name in _COUNTS:
        raise SedcoreError(
            f"{key!r} cannot be logged: a history keeps {name} class by class, of logged scores"
        )
    return split, name


def _number(value: Any, key: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a tensor of several numbers
        raise SedcoreError(f"{key!r} is a {type(value).__name__} that is no number; log numbers") from error
