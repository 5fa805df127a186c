"""Labels of each time step of a window, where a data set has events with times."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sedcore.data.store import STRONG_LABELS, DataSet


class FrameTruth:
    """Labels over time for the windows of one split, made on demand: memory grows with the number of events only.

    Raises
    ------
    ValueError
        The labels of the split have no times; check `has_times` first.
    """

    def __init__(self, dataset: DataSet, split: str):
        if not has_times(dataset, split):
            raise ValueError(f"labels of {split} of data set {dataset.name} have no times")
        clips, self._classes = dataset.clips_of(split), len(dataset.classes)
        self._window_s = float(dataset.info["clip_s"])
        counts = clips["rows"].to_numpy()
        owners = dataset.row_clips(split)
        self._begins = (np.arange(len(owners)) - (np.cumsum(counts) - counts)[owners]) * self._window_s
        self._owners = owners
        events = dataset.events[dataset.events["split"] == split]
        place = pd.Series(np.arange(len(clips)), index=clips["clip_id"])
        column = {name: i for i, name in enumerate(dataset.classes)}
        table = np.column_stack(
            [
                place.loc[events["clip_id"]].to_numpy(),
                events["label"].map(column).to_numpy(),
                events["onset_s"].to_numpy(),
                events["offset_s"].to_numpy(),
            ]
        ).astype(float)
        table = table[np.argsort(table[:, 0], kind="stable")]
        starts = np.searchsorted(table[:, 0], np.arange(len(clips) + 1))
        self._events = [table[a:b, 1:] for a, b in zip(starts, starts[1:])]

    def __call__(self, rows: np.ndarray, steps: int) -> np.ndarray:
        """Return (len(rows), steps, classes) float32: 1 in each step that an event of the class touches.

        rows : positions in `rows_of(split)`.
        """
        out = np.zeros((len(rows), steps, self._classes), np.float32)
        a_second = steps / self._window_s
        for place, row in enumerate(rows):
            for label, onset, offset in self._events[self._owners[row]]:
                first = int((onset - self._begins[row]) * a_second + 1e-9)
                last = int(np.ceil((offset - self._begins[row]) * a_second - 1e-9))
                if last > 0:
                    out[place, max(first, 0) : last, int(label)] = 1
        return out


def has_times(dataset: DataSet, split: str) -> bool:
    """Whether the labels of a split have times."""
    return dataset.events is not None and dataset.labels_of(split) in STRONG_LABELS
