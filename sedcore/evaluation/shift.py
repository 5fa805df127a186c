"""How often classes are predicted against how often they are there, and ranks of runs."""

from __future__ import annotations

import numpy as np

from sedcore.evaluation.counts import Confusion


def predicted_against_true(confusion: Confusion) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips predicted to hold each class, clips that do, and the first over the second (NaN for 0)."""
    predicted, positives = confusion.tp + confusion.fp, confusion.tp + confusion.fn
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(positives > 0, predicted / positives, np.nan)
    return predicted, positives, share


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, 1 the highest, equal values the same rank; NaN stays NaN and ranks nobody."""
    values = np.asarray(values, np.float64)
    shown = np.where(np.isnan(values), -np.inf, values)
    placed = 1.0 + (shown[..., None, :] > shown[..., :, None]).sum(axis=-1)
    return np.where(np.isnan(values), np.nan, placed)
