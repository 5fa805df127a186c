"""Lightning: a logger that writes a run while a Trainer runs; the LightningModule gives it the scores.

trainer = Trainer(logger=SedcoreLogger("crnn-a", classes=names))

def on_validation_epoch_end(self):   # of the LightningModule
    if not self.trainer.sanity_checking:
        self.logger.log_scores("validation", self.clip_ids, self.scores, self.truth, epoch=self.current_epoch + 1)
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from sedcore.artifacts.logged_run import LoggedRun, ending_of
from sedcore.artifacts.logging import settings_of, start_run
from sedcore.artifacts.runs import update_info
from sedcore.extras import need

need("lightning", "SedcoreLogger")
from lightning.pytorch.loggers import Logger  # noqa: E402
from lightning.pytorch.utilities import rank_zero_only  # noqa: E402

_STEP, _EPOCH = "_step", "_epoch"  # suffixes of metrics that Lightning logs both ways


class SedcoreLogger(Logger):
    """Writes each epoch's metrics into a run, and the scores given to `log_scores`.

    The run begins and ends with `fit`; a `test` afterwards continues it. Of several processes only the first writes,
    so it needs the scores of all clips.

    Parameters
    ----------
    name : display name of the run.
    classes : names, in the order of the columns of the scores.
    start : further parameters of `sedcore.start_run` (data, config, model, root, run_id).
    """

    def __init__(self, name: str, *, classes: Sequence[str] | None = None, **start: Any):
        super().__init__()
        self._name, self._start = name, {"classes": classes, **start}
        self._run: LoggedRun | None = None

    @property
    def name(self) -> str:
        """Display name of the run."""
        return self._name

    @property
    def version(self) -> str:
        """Id of the run; "" in processes that do not write."""
        return self.experiment.run_id if rank_zero_only.rank == 0 else ""

    @property
    def experiment(self) -> LoggedRun:
        """The run, begun on first use; only in the process that writes."""
        if self._run is None:
            self._run = start_run(self._name, **self._start)
        return self._run

    def _open(self) -> LoggedRun:
        run = self.experiment
        run.reopen()
        return run

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add metrics to the history of their epoch; of metrics logged at every step it keeps the last value."""
        run, values = self._open(), dict(metrics)
        epoch = int(values.pop("epoch", run.epoch - 1)) + 1  # Lightning counts from 0
        if values and all(name.startswith("test") for name in values):
            epoch = min(epoch, run.epoch)  # Lightning's counter is one past the last epoch by then
        kept = {
            name.removesuffix(_EPOCH): value for name, value in values.items() if not name.endswith(_STEP)
        }
        if kept:
            run.log(kept, epoch=max(epoch, 1))

    @rank_zero_only
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
        """Log the scores of a split, as `LoggedRun.log_scores` does; epochs count from 1."""
        self._open().log_scores(split, clip_ids, scores, truth, classes, epoch=epoch)

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace | None = None, *args: Any, **more: Any
    ) -> None:
        """Add hyperparameters to the run's settings."""
        run = self.experiment.run
        update_info(run, config=run.info["config"] | settings_of(params) | settings_of(more))

    @rank_zero_only
    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Record the model's number of parameters."""
        update_info(self.experiment.run, parameters=sum(part.numel() for part in model.parameters()))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the run: finished for the status "success", else by the exception that was raised."""
        if self._run is None:
            return
        error = sys.exc_info()[1]  # Lightning finalises its loggers while it handles the exception
        if status == "success":
            self._run.finish()
        else:
            self._run.finish(
                *(ending_of(error) if error is not None else ("failed", f"Lightning says {status}"))
            )
