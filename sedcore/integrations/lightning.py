"""Lightning: a logger that writes a run as a Trainer goes; the module hands it the scores.

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

_STEP, _EPOCH = "_step", "_epoch"  # how Lightning ends the names of metrics that it logs both ways


class SedcoreLogger(Logger):
    """Writes metrics of each epoch into a run, and the scores that `log_scores` is given.

    The run begins when `fit` does and ends with it; `test` after it goes on with the same run. Of several processes the
    first writes; it needs the scores of all clips.

    Parameters
    ----------
    name : what the run is called.
    classes : names, in the order of the columns of the scores.
    start : further settings of `sedcore.start_run` (data, config, model, root, run_id).
    """

    def __init__(self, name: str, *, classes: Sequence[str] | None = None, **start: Any):
        super().__init__()
        self._name, self._start = name, {"classes": classes, **start}
        self._run: LoggedRun | None = None

    @property
    def name(self) -> str:
        """What the run is called."""
        return self._name

    @property
    def version(self) -> str:
        """Id of the run; "" in processes that do not write."""
        return self.experiment.run_id if rank_zero_only.rank == 0 else ""

    @property
    def experiment(self) -> LoggedRun:
        """The run, begun if need be; of the process that writes."""
        if self._run is None:
            self._run = start_run(self._name, **self._start)
        return self._run

    def _open(self) -> LoggedRun:
        run = self.experiment
        run.reopen()
        return run

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add metrics to the history of their epoch; of those of single steps the epoch keeps the last."""
        run, values = self._open(), dict(metrics)
        epoch = int(values.pop("epoch", run.epoch - 1)) + 1  # Lightning counts from 0
        if values and all(name.startswith("test") for name in values):
            epoch = min(epoch, run.epoch)  # after the last epoch Lightning has counted on
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
        """Keep hyperparameters as settings of the run."""
        run = self.experiment.run
        update_info(run, config=run.info["config"] | settings_of(params) | settings_of(more))

    @rank_zero_only
    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Keep how many parameters the model has."""
        update_info(self.experiment.run, parameters=sum(part.numel() for part in model.parameters()))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the run as Lightning says: "success", or else as what was raised."""
        if self._run is None:
            return
        error = sys.exc_info()[1]  # Lightning ends its loggers while it handles what was raised
        if status == "success":
            self._run.finish()
        else:
            self._run.finish(
                *(ending_of(error) if error is not None else ("failed", f"Lightning says {status}"))
            )
