"""Tables of a stored data set: balance, shift between splits, classes together, lengths of events.

Light (numpy, pandas, scipy): pages import it. A share is a part of a split's clips, 0 to 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sedcore.artifacts.runs import Run
from sedcore.data.store import DataSet, open_dataset
from sedcore.errors import SedcoreError
from sedcore.evaluation.verdicts import holm

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
LIKELY = 0.05  # chance of reporting a shift where there is none, over all classes and splits


def learned_balance(root: Path, run: Run) -> pd.DataFrame | None:
    """Return the `balance_table` of the data set that a run was trained on; None where it is missing or has changed."""
    try:
        dataset = open_dataset(root, run.info["dataset"] or "")
    except SedcoreError:
        return None
    return balance_table(dataset) if dataset.fingerprint == run.info["data_fingerprint"] else None


def train_priors(root: Path, run: Run) -> dict[str, float] | None:
    """Return the share of training clips with each class; None where the data set is missing or has changed."""
    balance = learned_balance(root, run)
    if balance is None:
        return None
    train = balance[balance["split"] == "train"]
    return dict(zip(train["label"], train["share"])) if len(train) else None


def split_table(dataset: DataSet) -> pd.DataFrame:
    """Return a row per split: split, clips, hours, labels (mean a clip), unlabelled (clips), events (None: weak)."""
    rows = []
    events = dataset.events
    for split in dataset.splits:
        clips = dataset.clips_of(split)
        labels = clips["labels"].map(lambda names: len(set(names)))
        rows.append(
            {
                "split": split,
                "clips": len(clips),
                "hours": float(clips["duration_s"].sum()) / 3600,
                "labels": float(labels.mean()) if len(clips) else np.nan,
                "unlabelled": int((labels == 0).sum()),
                "events": None if events is None else int((events["split"] == split).sum()),
            }
        )
    return pd.DataFrame(rows)


def balance_table(dataset: DataSet) -> pd.DataFrame:
    """Return a row per class and split: label, split, positives, clips, share; classes and splits in order.

    Read from dataset.json alone.
    """
    rows = []
    for label in dataset.classes:
        for split in dataset.splits:
            counts = dataset.info["splits"][split]
            positives, clips = int(counts["positives"].get(label, 0)), int(counts["clips"])
            rows.append(
                {
                    "label": label,
                    "split": split,
                    "positives": positives,
                    "clips": clips,
                    "share": positives / clips if clips else 0.0,
                }
            )
    return pd.DataFrame(rows, columns=["label", "split", "positives", "clips", "share"])


def most_frequent(balance: pd.DataFrame, most: int | None = None) -> list[str]:
    """Return the classes, at most `most`, by their number of clips in all splits, the most frequent first."""
    total = (
        balance.groupby("label", sort=False)["positives"].sum().sort_values(ascending=False, kind="stable")
    )
    return list(total.index[:most])


def shift_table(balance: pd.DataFrame) -> pd.DataFrame:
    """Return how far each class's share differs between the first split (train) and the others.

    A row per class: label, split (where it differs most), difference (its share minus train's), beyond_chance:
    whether Fisher's exact test rejects equal shares, corrected over all classes and splits (Holm 1979). Empty
    where there is only one split.
    """
    from scipy.stats import fisher_exact  # takes a second, and most pages do not need it

    splits = list(dict.fromkeys(balance["split"]))
    if len(splits) < 2:
        return pd.DataFrame(columns=["label", "split", "difference", "beyond_chance"])
    first = balance[balance["split"] == splits[0]].set_index("label")
    others = balance[balance["split"] != splits[0]].copy()
    here = first.loc[others["label"]]
    others["difference"] = others["share"].to_numpy() - here["share"].to_numpy()
    others["p"] = [
        fisher_exact([[a, n - a], [b, m - b]]).pvalue
        for a, n, b, m in zip(others["positives"], others["clips"], here["positives"], here["clips"])
    ]
    others["beyond_chance"] = holm(others["p"].to_numpy()) <= LIKELY
    # A split whose shift is beyond chance takes precedence over a larger shift that is not.
    order = others.assign(size=others["difference"].abs()).sort_values(
        ["beyond_chance", "size"], ascending=False, kind="stable"
    )
    worst = order.groupby("label", sort=False).first().loc[first.index]
    return worst.reset_index()[["label", "split", "difference", "beyond_chance"]]


def together(truth: np.ndarray) -> np.ndarray:
    """Return how many clips have both classes, (classes, classes) int; the diagonal is each class's clips."""
    held = truth.astype(np.int64)
    return held.T @ held


def length_table(dataset: DataSet) -> pd.DataFrame | None:
    """Return a row per class over all splits, None where labels are weak.

    Columns: label, events, a_clip (mean events in a clip that has the class), q10, q25, q50, q75, q90
    (quantiles of event lengths in s), longest, filled (share of such clips' time that its events fill).
    A class without events has NaN.
    """
    events = dataset.events
    if events is None:
        return None
    events = events.assign(length=events["offset_s"] - events["onset_s"])
    duration = dataset.clips.set_index(["split", "clip_id"])["duration_s"]
    rows = []
    for label in dataset.classes:
        own = events[events["label"] == label]
        row: dict[str, object] = {"label": label, "events": len(own)}
        if len(own):
            clips = pd.MultiIndex.from_frame(own[["split", "clip_id"]]).unique()
            row["a_clip"] = len(own) / len(clips)
            for q in QUANTILES:
                row[f"q{round(100 * q)}"] = float(own["length"].quantile(q))
            row["longest"] = float(own["length"].max())
            row["filled"] = min(float(own["length"].sum() / duration.loc[clips].sum()), 1.0)
        rows.append(row)
    columns = ["label", "events", "a_clip", "q10", "q25", "q50", "q75", "q90", "longest", "filled"]
    return pd.DataFrame(rows).reindex(columns=columns)
