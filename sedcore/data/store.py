"""Stored data sets: the files under ``datasets/NAME`` and how to read them. Light: numpy, pandas, no librosa.

    dataset.json      classes in order, splits with their balance, rates, source, fingerprint, problems
    clips.parquet     a row per clip: clip_id, split, source_file, duration_s, labels, first_row, rows
    events.parquet    a row per event, where labels are strong: clip_id, split, onset_s, offset_s, label
    features/KIND.npy (rows, frames, bands), opened memory-mapped; KIND.json beside it

A *row* is a window of `clip_s` seconds. A longer clip has several consecutive rows, the last padded with zeros.
Rows are in the order of clips.parquet; a clip's are ``first_row`` to ``first_row + rows - 1``. A clip is identified
by (split, clip_id).
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sedcore.artifacts.files import NO_ARRAY, read_json, read_parquet
from sedcore.errors import SedcoreError

FOLDER = "datasets"
STRONG_LABELS = ("strong", "event rolls")
CLIP_COLUMNS = ("clip_id", "split", "source_file", "duration_s", "labels", "first_row", "rows")
EVENT_COLUMNS = ("clip_id", "split", "onset_s", "offset_s", "label")


def datasets_folder(root: str | Path) -> Path:
    """The folder under an artifact root that holds the data sets."""
    return Path(root) / FOLDER


def list_datasets(root: str | Path) -> list[DataSet]:
    """Return the data sets under `root` by name; a folder without a readable dataset.json is left out."""
    return [dataset for _, dataset, _ in _scan(root) if dataset]


def broken_datasets(root: str | Path) -> list[tuple[Path, str]]:
    """Return the folders that cannot be read as data sets, each with the reason."""
    return [(path, problem) for path, _, problem in _scan(root) if problem]


def _scan(root: str | Path) -> list[tuple[Path, DataSet | None, str]]:
    folders = []
    folder = datasets_folder(root)
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(".") or not (path / "dataset.json").is_file():
            continue
        try:
            folders.append((path, DataSet(path), ""))
        except SedcoreError as error:
            folders.append((path, None, str(error)))
    return folders


def open_dataset(root: str | Path, name: str) -> DataSet:
    """Open the data set `name`. Raises SedcoreError, with the names that exist, where it does not."""
    folder = datasets_folder(root)
    path = folder / str(name)
    if Path(str(name)).name == str(name) and (path / "dataset.json").is_file():
        return DataSet(path)
    names = [dataset.name for dataset in list_datasets(root)]
    there = f"there are: {', '.join(names)}" if names else "there is none yet; import one or make the demo"
    raise SedcoreError(f"no data set {name!r} in {folder}; {there}")


class DataSet:
    """A stored data set, read when first used. Attributes are cached; open it again to see later changes."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.name = self.path.name
        self.info: dict[str, Any] = read_json(self.path / "dataset.json", "data set")
        missing = [key for key in ("classes", "splits", "fingerprint", "clip_s") if key not in self.info]
        if missing:
            lacks = f"lacks {', '.join(missing)}; import it again"
            raise SedcoreError(f"data set: {self.path / 'dataset.json'} {lacks}")
        if not isinstance(self.info["classes"], list) or not isinstance(self.info["splits"], dict):
            wants = "wants a list of classes and an object of splits; import it again"
            raise SedcoreError(f"data set: {self.path / 'dataset.json'} {wants}")

    def __repr__(self) -> str:
        return f"DataSet({str(self.path)!r})"

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.info["classes"])

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that have clips, train first."""
        return tuple(self.info["splits"])

    @property
    def fingerprint(self) -> str:
        """Hash of clip ids, splits, labels and source contents; the same on every machine."""
        return self.info["fingerprint"]

    @property
    def problems(self) -> list[dict[str, str]]:
        """Warnings kept from the import: {"level", "file", "message"}."""
        return list(self.info.get("problems", []))

    @functools.cached_property
    def clips(self) -> pd.DataFrame:
        """One row per clip with `CLIP_COLUMNS`; `labels` are lists of str."""
        clips = read_parquet(self.path / "clips.parquet", "data set")
        clips["labels"] = [list(labels) for labels in clips["labels"]]
        return clips

    @functools.cached_property
    def events(self) -> pd.DataFrame | None:
        """One row per event with `EVENT_COLUMNS`, times in s from the clip's start; None for weak labels."""
        path = self.path / "events.parquet"
        return read_parquet(path, "data set") if path.exists() else None

    def labels_of(self, split: str) -> str:
        """Kind of a split's labels: strong, weak, columns or event rolls."""
        return self.info.get("labels_by_split", {}).get(split, self.info.get("labels", "weak"))

    def clips_of(self, split: str) -> pd.DataFrame:
        """The clips of one split, in stored order, numbered from 0."""
        if split not in self.splits:
            there = ", ".join(self.splits)
            raise SedcoreError(f"data set {self.name!r} has no split {split!r}; it has {there}")
        return self.clips[self.clips["split"] == split].reset_index(drop=True)

    def truth(self, split: str) -> np.ndarray:
        """Multi-hot labels (clips, classes) bool, in the order of `clips_of(split)`."""
        clips = self.clips_of(split)
        return multi_hot(clips["labels"], self.classes)

    def rows_of(self, split: str) -> np.ndarray:
        """Indices (rows,) into the feature arrays of a split's windows, in order of its clips."""
        clips = self.clips_of(split)
        return _row_indices(clips["first_row"].to_numpy(), clips["rows"].to_numpy())

    def row_clips(self, split: str) -> np.ndarray:
        """Position (rows,) in `clips_of(split)` of the clip of each of `rows_of(split)`."""
        clips = self.clips_of(split)
        return np.repeat(np.arange(len(clips)), clips["rows"].to_numpy())

    def row_truth(self, split: str) -> np.ndarray:
        """Multi-hot labels of windows (rows, classes) bool, in the order of `rows_of(split)`.

        Where labels are strong, a window has the labels of the events that touch it; else its clip's labels.
        """
        clips = self.clips_of(split)
        whole = multi_hot(clips["labels"], self.classes)
        counts = clips["rows"].to_numpy()
        out = np.repeat(whole, counts, axis=0)
        long = counts > 1
        if self.events is None or not long.any() or self.labels_of(split) not in STRONG_LABELS:
            return out
        starts = np.cumsum(counts) - counts
        for position in np.flatnonzero(long):
            out[starts[position] : starts[position] + counts[position]] = False
        place = pd.Series(np.arange(len(clips))[long], index=clips["clip_id"][long])
        events = self.events[(self.events["split"] == split) & self.events["clip_id"].isin(place.index)]
        column, clip_s = {name: i for i, name in enumerate(self.classes)}, float(self.info["clip_s"])
        for event in events.itertuples(index=False):
            position = place[event.clip_id]
            last = counts[position] - 1  # also covers the milliseconds after it, too short for a window
            begin = min(int(round(event.onset_s / clip_s, 9)), last)  # 0.3 / 0.1 is 2.9999999999999996
            end = min(max(int(np.ceil(round(event.offset_s / clip_s, 9))) - 1, begin), last)
            out[starts[position] + begin : starts[position] + end + 1, column[event.label]] = True
        return out

    def feature_names(self) -> list[str]:
        """Kinds of features built on disk."""
        folder = self.path / "features"
        return sorted(p.stem for p in folder.glob("*.json") if p.with_suffix(".npy").exists())

    def feature_info(self, kind: str) -> dict[str, Any]:
        """kind, rows, frames, bands, hop_s, sample_rate_hz, dtype, normalise, params, mean, std.

        `mean` and `std` (bands,) float64 are over train. The array is stored as computed; normalise it with them where
        `normalise` is true.
        """
        if kind not in self.feature_names():
            built = ", ".join(self.feature_names()) or "none"
            raise SedcoreError(f"data set {self.name!r} has no features {kind!r}; built are: {built}")
        info = read_json(self.path / "features" / f"{kind}.json", "features")
        for key in ("mean", "std"):
            info[key] = np.asarray(info[key], dtype=np.float64)
        return info

    def open_features(self, kind: str) -> np.memmap:
        """Open (rows, frames, bands) memory-mapped, read only."""
        info = self.feature_info(kind)
        path = self.path / "features" / f"{kind}.npy"
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except NO_ARRAY as error:
            raise SedcoreError(f"features: {path} could not be opened ({error}); build them again") from error
        wanted = (info["rows"], info["frames"], info["bands"])
        if array.shape != wanted:
            raise SedcoreError(
                f"features: {path} has shape {array.shape}, {kind}.json says {wanted}; build them again"
            )
        return array


def multi_hot(labels: Any, classes: tuple[str, ...]) -> np.ndarray:
    """Return lists of labels as (clips, classes) bool; every label is one of `classes`."""
    column = {name: i for i, name in enumerate(classes)}
    out = np.zeros((len(labels), len(classes)), dtype=bool)
    for row, names in enumerate(labels):
        for name in names:
            out[row, column[name]] = True
    return out


def _row_indices(first_rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Concatenated ranges first_rows[i] .. first_rows[i] + counts[i] - 1, without a loop."""
    ends = np.cumsum(counts)
    return np.arange(int(counts.sum())) + np.repeat(first_rows - (ends - counts), counts)
