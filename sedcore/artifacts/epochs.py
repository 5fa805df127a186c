"""Single epochs of a history: which was best, and the counts of its classes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sedcore.artifacts.runs import Run
from sedcore.evaluation.counts import Confusion


def best_epoch(history: pd.DataFrame) -> int | None:
    """Return the epoch with the highest validation macro AP so far, None where none was measured."""
    values = history.get("validation.mAP")
    if values is None or values.isna().all():
        return None
    return int(history.loc[values.idxmax(), "epoch"])


def validation_matrices(run: Run, history: pd.DataFrame, epoch: int | None) -> np.ndarray | None:
    """Return the validation confusion matrices after an epoch, (classes, 2, 2) as [[tn, fp], [fn, tp]].

    None where the run did not record them.
    """
    counts = {measure: run.class_history(measure) for measure in ("tp", "fp", "fn")}
    if (
        epoch is None
        or "validation.clips" not in history
        or any(epoch not in table.index for table in counts.values())
    ):
        return None
    clips = history.loc[history["epoch"] == epoch, "validation.clips"].iloc[0]
    tp, fp, fn = (counts[measure].loc[epoch].to_numpy(dtype=np.int64) for measure in ("tp", "fp", "fn"))
    return Confusion.from_counts(tp, fp, tp + fn, int(clips)).matrices()
