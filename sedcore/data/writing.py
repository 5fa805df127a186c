"""Writing a data set folder: built complete under a hidden name beside its place, then renamed.

`write_dataset` is the one function that writes a data set; imports and the demo set both use it. Whatever
stops it (an error in a clip, Ctrl-C, a lost connection, a full disk) leaves nothing behind, and what a killed
process leaves, the next import removes (see `sedcore.data.building`).
"""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sedcore.artifacts.files import safe_name, write_json, write_parquet
from sedcore.data.building import new_dataset_folder
from sedcore.data.checks import (
    Problem,
    class_balance_problems,
    content_problems,
    duplicate_problems,
    raise_errors,
)
from sedcore.data.features import FEATURE_KINDS, band_statistics, bands_of, check_kinds
from sedcore.data.mel import FeatureParams, window_count
from sedcore.data.rows import Elsewhere, Load, Progress, allocate, bytes_needed, fill
from sedcore.data.store import CLIP_COLUMNS, EVENT_COLUMNS, DataSet, multi_hot, open_dataset
from sedcore.errors import SedcoreError

_SPLIT_ORDER = ("train", "validation", "test")


def write_dataset(
    root: str | Path,
    name: str,
    *,
    classes: Sequence[str],
    clips: pd.DataFrame,
    load: Load,
    items: Sequence[Any],
    params: FeatureParams,
    features: Sequence[str] = ("logmel",),
    events: pd.DataFrame | None = None,
    labels: str | Mapping[str, str] = "strong",
    source: Mapping[str, Any] | None = None,
    licence_note: str = "",
    problems: Sequence[Problem] = (),
    from_audio: bool = True,
    workers: int | None = None,
    elsewhere: Elsewhere | None = None,
    progress: Progress | None = None,
) -> DataSet:
    """Compute features and write the data set `name`, all or nothing.

    Parameters
    ----------
    classes
        Class names in order.
    clips
        One row a clip, grouped by split (train first): clip_id, split, source_file, duration_s, labels (list
        of str). first_row and rows are added here.
    load, items
        ``load(items[i])`` gives clip i as ``(data, digest)``: mono float32 samples (n,) at
        ``params.sample_rate_hz``, or mel power (frames, bands) where `from_audio` is false; and a hash of the
        content that is the same on every machine. Runs in worker processes: both must be picklable. A
        SedcoreError that it raises is listed as a problem of that clip.
    events
        One row an event (clip_id, split, onset_s, offset_s, label) where labels are strong, else None.
    labels
        "strong", "weak", "columns" or "event rolls"; a dict {split: one of these} where splits differ.
    problems
        What was found before; errors among them stop the import after the clips have been checked too.
    workers, elsewhere
        Processes on this machine; or what computes the clips on others (see `sedcore.data.rows.Elsewhere`).
    progress
        Called with (clips done, clips in all).
    """
    safe_name(name, "data set name")
    kinds = check_kinds(features)
    for kind in kinds:
        bands_of(kind, params)
    clips = with_rows(clips, params)
    problems = list(problems)
    if any(problem.level == "error" for problem in problems):
        kinds = ()  # clips are still loaded, so that all problems are listed together
    with new_dataset_folder(root, name) as folder:
        total = int(clips["rows"].sum())
        check_space(folder, bytes_needed(kinds, params, total))
        allocate(folder / "features", kinds, params, total)
        filled = fill(
            folder / "features", kinds, params, load, items, clips["first_row"], clips["rows"],
            from_audio=from_audio, workers=workers, elsewhere=elsewhere, progress=progress,
        )  # fmt: skip
        problems += content_problems(clips, filled)
        problems += duplicate_problems(clips, [f.digest for f in filled])
        raise_errors(problems, f"data set {name!r} was not imported")
        problems += class_balance_problems(clips, classes)
        events = sorted_events(events)
        _write_tables(folder, clips, events, kinds, params)
        info = {
            "name": name,
            "classes": list(classes),
            "splits": _balance(clips, classes),
            "sample_rate_hz": params.sample_rate_hz,
            "hop_s": params.hop_s,
            "clip_s": params.clip_s,
            "source": dict(source or {}),
            **_label_kinds(labels, clips),
            "fingerprint": fingerprint(classes, clips, events, [f.digest for f in filled]),
            "licence_note": licence_note,
            "problems": [p.to_json() for p in problems],
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        write_json(folder / "dataset.json", info)
    return open_dataset(root, name)


def _write_tables(
    folder: Path,
    clips: pd.DataFrame,
    events: pd.DataFrame | None,
    kinds: Sequence[str],
    params: FeatureParams,
) -> None:
    """Write clips, events where labels are strong, and what is to be known of each kind of features."""
    write_parquet(folder / "clips.parquet", clips)
    if events is not None:
        write_parquet(folder / "events.parquet", events)
    train = train_rows(clips)
    for kind in kinds:
        write_feature_info(folder / "features", kind, params, train)


def check_space(folder: Path, needed: int) -> None:
    """Raise before a memory-mapped file meets a full disk (which kills the process instead of raising)."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise SedcoreError(
            f"{folder.parent}: the features take {needed / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free; "
            "make room, or ask for fewer features"
        )


def with_rows(clips: pd.DataFrame, params: FeatureParams) -> pd.DataFrame:
    """Add first_row and rows to the clips and put the columns in order."""
    rows = np.array([window_count(duration, params) for duration in clips["duration_s"]], dtype=np.int64)
    clips = clips.assign(first_row=np.cumsum(rows) - rows, rows=rows).reset_index(drop=True)
    return clips[list(CLIP_COLUMNS)]


def sorted_events(events: pd.DataFrame | None) -> pd.DataFrame | None:
    """Put events in their stored order and columns."""
    if events is None:
        return None
    order = ["split", "clip_id", "onset_s", "offset_s", "label"]
    return events[list(EVENT_COLUMNS)].sort_values(order, kind="stable", ignore_index=True)


def train_rows(clips: pd.DataFrame) -> np.ndarray:
    """Row indices of the train split: what features are normalised by."""
    train = clips[clips["split"] == "train"]
    spans = zip(train["first_row"], train["rows"])
    return np.concatenate([np.arange(first, first + count) for first, count in spans] or [np.zeros(0, int)])


def _balance(clips: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """{split: {"clips": n, "positives": {class: n}}}, train first."""
    out = {}
    for split in split_order(clips["split"]):
        chosen = clips[clips["split"] == split]
        positives = multi_hot(chosen["labels"], tuple(classes)).sum(axis=0)
        out[split] = {"clips": len(chosen), "positives": dict(zip(classes, positives.tolist()))}
    return out


def _label_kinds(labels: str | Mapping[str, str], clips: pd.DataFrame) -> dict[str, Any]:
    """The label kind of the whole set (the weakest where splits differ) and of each split."""
    splits = split_order(clips["split"])
    by_split = {split: labels if isinstance(labels, str) else labels[split] for split in splits}
    distinct = set(by_split.values())
    whole = next(kind for kind in ("columns", "weak", "strong", "event rolls") if kind in distinct)
    return {"labels": whole, "labels_by_split": by_split}


def split_order(splits: Sequence[str]) -> list[str]:
    """The splits that occur, train, validation and test first."""
    there = list(dict.fromkeys(splits))
    return [s for s in _SPLIT_ORDER if s in there] + sorted(s for s in there if s not in _SPLIT_ORDER)


def fingerprint(
    classes: Sequence[str], clips: pd.DataFrame, events: pd.DataFrame | None, digests: Sequence[str]
) -> str:
    """Hash of classes, clip ids, splits, labels, events and content; the same on every machine."""
    lines = [json.dumps(["classes", *classes])]
    rows = zip(clips["split"], clips["clip_id"], clips["labels"], digests)
    lines += sorted(json.dumps([split, clip, sorted(names), digest]) for split, clip, names, digest in rows)
    for event in [] if events is None else events.itertuples(index=False):
        times = (round(float(event.onset_s), 6), round(float(event.offset_s), 6))
        lines.append(json.dumps([event.split, event.clip_id, *times, event.label]))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def write_feature_info(folder: Path, kind: str, params: FeatureParams, train: np.ndarray) -> None:
    """Write what is to be known of the features FOLDER/KIND.npy; `train` are the rows that they are normalised by."""
    array = np.load(folder / f"{kind}.npy", mmap_mode="r")
    mean, std = band_statistics(array, train)
    rows, frames, bands = array.shape
    write_json(
        folder / f"{kind}.json",
        {
            "kind": kind,
            "rows": rows,
            "frames": frames,
            "bands": bands,
            "hop_s": params.hop_s,
            "sample_rate_hz": params.sample_rate_hz,
            "dtype": str(array.dtype),
            "normalise": FEATURE_KINDS[kind].normalised,
            "mean": mean.tolist(),
            "std": std.tolist(),
            "params": params.to_json(),
        },
    )
