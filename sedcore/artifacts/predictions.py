"""Scores of one run on one split, and their two file formats, Parquet and CSV.

Arrays are ``truth (clips, classes) bool`` and ``scores (clips, classes)`` float32 or float64, in the
precision they came in. Clips are matched by id, never by row. On disk a table holds ``clip_id``, then a column
``y_<class>`` (0 or 1) and a column ``p_<class>`` (the score) for each class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sedcore.artifacts.files import EXACT_FLOATS, atomic_path, open_parquet, write_parquet
from sedcore.errors import SedcoreError

_COLUMNS_AT_ONCE = 64  # read from a .parquet table, so that AudioSet's 1 054 columns are never held twice
BESIDE_SCORES = "_events"  # SPLIT_events.parquet lies beside SPLIT.parquet: no split may end so


@dataclass(frozen=True, eq=False)
class Predictions:
    """Truth and scores of the clips of one split.

    Attributes
    ----------
    split : name of the split ("test").
    clip_ids : (clips,) array of str, unique.
    classes : names, in the order of the columns.
    truth : (clips, classes) bool.
    scores : (clips, classes) float; any range, higher means more likely.
    """

    split: str
    clip_ids: np.ndarray
    classes: tuple[str, ...]
    truth: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        if self.split.endswith(BESIDE_SCORES):
            raise SedcoreError(
                f"split {self.split!r} ends like the files beside scores; give it another name"
            )
        wanted = (len(self.clip_ids), len(self.classes))
        for name, array in (("truth", self.truth), ("scores", self.scores)):
            if array.shape != wanted:
                raise SedcoreError(f"{name} of split {self.split!r} has shape {array.shape}, wanted {wanted}")
        if len(set(self.clip_ids)) != len(self.clip_ids):
            raise SedcoreError(f"split {self.split!r} holds a clip id twice")

    def comparison_key(self) -> str:
        """Return a hash of clip ids, classes and truth, whatever their order; runs compare only where it is equal."""
        # stable sorts are fast where the ids are in order, as they mostly are
        rows, columns = np.argsort(self.clip_ids, kind="stable"), np.argsort(np.array(self.classes))
        digest = hashlib.sha256()
        digest.update("\n".join(map(str, self.clip_ids[rows].tolist())).encode())
        digest.update(b"\0")
        digest.update("\n".join(self.classes[i] for i in columns).encode())
        digest.update(np.packbits(self.truth[np.ix_(rows, columns)]).tobytes())
        return digest.hexdigest()[:16]

    def frame(self) -> pd.DataFrame:
        """Return the table form: clip_id, y_<class> ..., p_<class> ..."""
        columns: dict[str, np.ndarray] = {"clip_id": self.clip_ids.astype(str)}
        columns |= {f"y_{name}": self.truth[:, i].astype(np.int8) for i, name in enumerate(self.classes)}
        columns |= {f"p_{name}": self.scores[:, i] for i, name in enumerate(self.classes)}
        return pd.DataFrame(columns)


def predictions_shape(path: Path) -> tuple[int, tuple[str, ...]]:
    """Return the number of clips and the classes of a .parquet table, without reading its scores."""
    try:
        meta = pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        raise SedcoreError(f"{path} is not a readable Parquet file ({error})") from error
    names = meta.schema.to_arrow_schema().names
    return meta.num_rows, tuple(name[2:] for name in names if name.startswith("p_"))


def read_classes(path: Path, split: str, classes: Sequence[str]) -> Predictions:
    """Read truth and scores of some classes of a .parquet table, without the other columns."""
    return _read_parquet(path, split, tuple(classes))


def read_truth(path: Path, split: str) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """Read clip ids, classes and truth (clips, classes) bool of a .parquet table; its scores are not read."""
    with open_parquet(path, f"labels of split {split!r}") as file:
        classes = _classes_of(file.schema_arrow.names, path)
        return _ids(file), classes, _as_truth(_matrix(file, [f"y_{name}" for name in classes]), path)


def _read_parquet(path: Path, split: str, classes: tuple[str, ...] | None = None) -> Predictions:
    with open_parquet(path, f"predictions of split {split!r}") as file:
        known = _classes_of(file.schema_arrow.names, path)
        classes = known if classes is None else classes
        if unknown := set(classes).difference(known):
            raise SedcoreError(f"{path} has no scores of {', '.join(sorted(unknown))}")
        scores = _as_scores(_matrix(file, [f"p_{name}" for name in classes]), path)
        truth = _as_truth(_matrix(file, [f"y_{name}" for name in classes]), path)
        return Predictions(split, _ids(file), classes, truth, scores)


def _ids(file: pq.ParquetFile) -> np.ndarray:
    ids = file.read(["clip_id"]).column(0)
    if pa.types.is_string(ids.type) and not ids.null_count:
        return ids.to_numpy()
    return ids.to_pandas().astype(str).to_numpy()


def _matrix(file: pq.ParquetFile, columns: Sequence[str]) -> np.ndarray:
    """Read columns into one matrix, a few at a time, so that little memory is used beside it."""
    matrix = None
    for start in range(0, len(columns), _COLUMNS_AT_ONCE):
        # filled column by column: through a DataFrame a small table takes twice as long
        part = [c.to_numpy() for c in file.read(list(columns[start : start + _COLUMNS_AT_ONCE])).columns]
        wanted = np.result_type(*part) if matrix is None else np.result_type(matrix, *part)
        if matrix is None:
            matrix = np.empty((len(part[0]), len(columns)), wanted)
        elif matrix.dtype != wanted:
            matrix = matrix.astype(wanted)
        for place, values in enumerate(part, start):
            matrix[:, place] = values
    pa.default_memory_pool().release_unused()  # else reading many runs keeps the memory of each
    return matrix


def _classes_of(columns: Sequence[str], source: str | Path) -> tuple[str, ...]:
    """Return the classes that a table has scores of. Raises SedcoreError where clip_id or their truth is missing."""
    classes = tuple(column[2:] for column in columns if column.startswith("p_"))
    there = set(columns)
    missing = [c for c in ["clip_id", *(f"y_{name}" for name in classes)] if c not in there]
    if not classes or missing:
        lacks = ", ".join(missing) or "p_<class>"
        raise SedcoreError(
            f"{source}: predictions need the columns clip_id, y_<class> and p_<class>; it lacks {lacks}"
        )
    return classes


def from_frame(frame: pd.DataFrame, split: str, source: str | Path) -> Predictions:
    """Return the predictions of a table (clip_id, y_<class>, p_<class>); `source` names it in errors."""
    classes = _classes_of(frame.columns, source)
    scores = _as_scores(frame[[f"p_{name}" for name in classes]].to_numpy(), source)
    truth = _as_truth(frame[[f"y_{name}" for name in classes]].to_numpy(), source)
    return Predictions(split, frame["clip_id"].astype(str).to_numpy(), classes, truth, scores)


def _as_scores(scores: np.ndarray, source: str | Path) -> np.ndarray:
    if scores.dtype.kind != "f":
        raise SedcoreError(f"{source}: the columns p_<class> hold {scores.dtype}, wanted numbers")
    return scores


def _as_truth(truth: np.ndarray, source: str | Path) -> np.ndarray:
    if not ((truth == 0) | (truth == 1)).all():  # np.isin needs eight bytes a label
        raise SedcoreError(f"{source}: the columns y_<class> must hold 0 or 1")
    return truth.astype(bool)


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions as .parquet or .csv, by the ending of `path`."""
    path = Path(path)
    if path.suffix == ".parquet":
        write_parquet(path, predictions.frame())
    elif path.suffix == ".csv":
        # repr of a float is the shortest text that reads back as the same number
        with atomic_path(path) as temporary:
            predictions.frame().to_csv(temporary, index=False, lineterminator="\n")
    else:
        raise SedcoreError(
            f"{path}: predictions are written as .csv or .parquet; give a file with one of these endings"
        )


def read_predictions(path: Path, split: str) -> Predictions:
    """Read predictions written by `write_predictions` (.parquet or .csv)."""
    path = Path(path)
    if path.suffix != ".csv":
        return _read_parquet(path, split)
    try:
        frame = pd.read_csv(path, dtype={"clip_id": str}, na_filter=False, **EXACT_FLOATS)
    except (OSError, ValueError) as error:
        raise SedcoreError(f"{path} could not be read as CSV ({error})") from error
    return from_frame(frame, split, path)
