"""Predicted against true frequency of classes, and ranks of runs."""

from __future__ import annotations

import numpy as np

from sedcore.evaluation.counts import Confusion


def predicted_against_true(confusion: Confusion) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the clips predicted to hold each class, those that do, and their ratio (NaN without positives)."""
    predicted, positives = confusion.tp + confusion.fp, confusion.tp + confusion.fn
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(positives > 0, predicted / positives, np.nan)
    return predicted, positives, share


def ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks along the last axis, 1 the highest, ties share a rank; NaN stays NaN and takes no rank."""
    values = np.asarray(values, np.float64)
    shown = np.where(np.isnan(values), -np.inf, values)
    placed = 1.0 + (shown[..., None, :] > shown[..., :, None]).sum(axis=-1)
    return np.where(np.isnan(values), np.nan, placed)
