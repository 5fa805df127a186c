"""Shift and rank: label priors of the splits, predicted against true counts, ranks of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from sedcore.evaluation.counts import Confusion


def label_priors(splits: Mapping[str, tuple[Sequence[str], np.ndarray]]) -> pd.DataFrame:
    """A row a class: its share of the clips of each split, 0..1, NaN where a split lacks the class.

    splits: by name (classes, truth (clips, classes) bool). Columns: class, then the splits in their order.
    """
    names = list(dict.fromkeys(name for classes, _ in splits.values() for name in classes))
    table = pd.DataFrame({"class": names})
    for split, (classes, truth) in splits.items():
        shares = dict(zip(classes, np.asarray(truth, bool).mean(axis=0)))
        table[split] = [float(shares.get(name, np.nan)) for name in names]
    return table


def predicted_against_true(confusion: Confusion) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips predicted to hold each class, clips that do, and the first over the second (NaN for 0)."""
    predicted, positives = confusion.tp + confusion.fp, confusion.tp + confusion.fn
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(positives > 0, predicted / positives, np.nan)
    return predicted, positives, share


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, 1 the highest, equal values the same rank; NaN stays NaN and ranks nobody."""
    values = np.asarray(values, np.float64)
    placed = stats.rankdata(np.where(np.isnan(values), -np.inf, values) * -1.0, method="min", axis=-1)
    return np.where(np.isnan(values), np.nan, placed)
