"""Scoring: from feature rows to one score per clip and class.

A clip longer than a window has several rows, and its score is their maximum.
"""

from __future__ import annotations

import numpy as np

from sedcore.artifacts.predictions import Predictions
from sedcore.data.store import DataSet
from sedcore.training.batches import RowReader, in_background

SCORING_BATCH = 32  # rows at a time where the model has no preference, as in training


class SplitScorer:
    """Scores the clips of one split, or of a random part of it that stays the same.

    Attributes
    ----------
    truth : (clips, classes) bool, in the order of the scores.
    clip_ids : (clips,) str.
    """

    def __init__(
        self, dataset: DataSet, reader: RowReader, split: str, most: int | None = None, seed: int = 0
    ):
        clips, truth, rows = dataset.clips_of(split), dataset.truth(split), dataset.rows_of(split)
        owner = dataset.row_clips(split)
        if most is not None and len(clips) > most:
            chosen = np.sort(np.random.default_rng(seed).choice(len(clips), most, replace=False))
            kept = np.isin(owner, chosen)
            clips, truth, rows, owner = clips.iloc[chosen], truth[chosen], rows[kept], owner[kept]
        self.split, self.classes, self.truth, self._reader = split, dataset.classes, truth, reader
        self.clip_ids = clips["clip_id"].to_numpy(dtype=str)
        self._rows = rows
        self._starts = np.flatnonzero(np.diff(owner, prepend=-1))  # first row of each clip

    def __call__(self, model, goes_on=lambda: True) -> np.ndarray | None:
        """Return scores (clips, classes) float32; None as soon as `goes_on` returns False."""
        many = getattr(model, "rows", SCORING_BATCH)
        parts = [self._rows[i : i + many] for i in range(0, len(self._rows), many)]
        scores = []
        for batch in in_background(map(self._reader, parts)):
            if not goes_on():
                return None
            scores.append(np.asarray(model.predict_on_batch(batch), np.float32))
        if not scores:
            return np.empty((0, len(self.classes)), np.float32)
        return np.maximum.reduceat(np.concatenate(scores), self._starts, axis=0)

    def predictions(self, model) -> Predictions:
        """Return truth and scores of the clips."""
        return Predictions(self.split, self.clip_ids, self.classes, self.truth, self(model))
