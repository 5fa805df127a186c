"""Keras: a callback that writes a run during `fit`.

model.fit(x, y, callbacks=[SedcoreCallback("crnn-a", validation=(clip_ids, x_val, y_val), classes=names)])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sedcore.artifacts.logged_run import VALIDATION, LoggedRun
from sedcore.artifacts.logging import start_run
from sedcore.extras import need

need("keras", "SedcoreCallback")
import keras  # noqa: E402


class SedcoreCallback(keras.callbacks.Callback):
    """Writes each epoch's losses and the model's validation scores into a run.

    The run keeps the scores of the epoch with the highest validation macro AP, on validation and, if given, on test.
    If `fit` is aborted, its run is cancelled by the next `fit`, or interrupted when the process ends.

    Parameters
    ----------
    name : display name of the run.
    validation, test : (clip ids, x, y) of a split; x as `model.predict` takes it, y (clips, classes) of 0 and 1 in the
        same order.
    classes : names, in the order of the model's outputs.
    batch_size : of `model.predict`, if x is an array.
    start : further parameters of `sedcore.start_run` (data, config, model, root, run_id).
    """

    def __init__(
        self,
        name: str,
        *,
        validation: tuple[Sequence, Any, Any],
        test: tuple[Sequence, Any, Any] | None = None,
        classes: Sequence[str] | None = None,
        batch_size: int | None = None,
        **start: Any,
    ):
        super().__init__()
        self.name, self._start = name, {"classes": classes, **start}
        self.run: LoggedRun | None = None  # of the last `fit`
        self._validation, self._test, self._batch_size = validation, test, batch_size

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Begin a run."""
        if self.run is not None:
            self.run.finish("cancelled", "another fit began")
        self.run = start_run(self.name, parameters=self.model.count_params(), **self._start)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Log Keras's numbers of the epoch, and the scores on validation; those on test after a new best epoch."""
        epoch += 1  # Keras counts from 0
        self.run.log(logs or {}, epoch=epoch)
        self._score(VALIDATION, self._validation, epoch)
        if self._test is not None and self.run.best_epoch == epoch:
            self._score("test", self._test, epoch)

    def on_train_end(self, logs: dict | None = None) -> None:
        """End the run."""
        self.run.finish()

    def _score(self, split: str, scored: tuple[Sequence, Any, Any], epoch: int) -> None:
        clip_ids, x, y = scored
        scores = self.model.predict(x, batch_size=self._batch_size, verbose=0)
        self.run.log_scores(split, clip_ids, scores, y, epoch=epoch)
