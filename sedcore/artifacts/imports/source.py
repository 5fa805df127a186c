"""Imported scores (`Source`) and labels (`Truth`) as they were read, before they are matched.

Scores are a column a class, unconverted: a column may hold text until it is known to be a class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sedcore.artifacts.frames import FrameScores
from sedcore.errors import SedcoreError


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels of clips: `labels` is (clips, classes) bool.

    `words` describes it ("strong labels of ground_truth.tsv"). `closed`: all classes are known, also those that no
    clip has (a data set, a column a class); a list of events or tags names only those that occur.
    """

    words: str
    clip_ids: np.ndarray
    classes: tuple[str, ...]
    labels: np.ndarray
    closed: bool
    dataset: str | None = None
    fingerprint: str | None = None

    def __post_init__(self) -> None:
        reject_twice(self.clip_ids, self.words)
        if not len(self.clip_ids) or not self.classes:
            raise SedcoreError(
                f"{self.words}: holds no {'class' if len(self.clip_ids) else 'clip'}; wanted are labels"
            )


@dataclass(frozen=True, eq=False)
class Source:
    """One file or folder as read.

    Attributes
    ----------
    name : of the file or folder, without its path.
    format : in words.
    clip_ids : (clips,) str, unique.
    columns : {class: (clips,) values as read}; numbers, or text where the file holds text.
    truth : that of the file itself, if it has one.
    frames : scores a frame, if it has them.
    events : a table (clip_id, threshold, onset_s, offset_s, label), if the scores are events at several thresholds.
    notes : sentences about what was read, and what was not.
    """

    name: str
    format: str
    clip_ids: np.ndarray
    columns: Mapping[str, np.ndarray]
    truth: Truth | None = None
    frames: FrameScores | None = None
    events: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        reject_twice(self.clip_ids, self.name)
        if not self.columns:
            raise SedcoreError(f"{self.name}: has no column of scores; wanted is a column a class")
        if not len(self.clip_ids) and self.events is None:
            raise SedcoreError(f"{self.name}: has a header and no row below it; wanted is a row a clip")

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        return tuple(self.columns)


def numbers(values: np.ndarray, source: str, column: str, clips: Sequence[str]) -> np.ndarray:
    """Return a column as finite floats, in the precision it came in.

    Raises
    ------
    SedcoreError
        A cell is missing, text, NaN or infinite; it names clip, class and cell.
    """
    values = np.asarray(values)
    if values.dtype.kind in "biu":
        return values.astype(np.float64)
    if values.dtype.kind != "f":
        converted = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(np.float64)
        text = np.flatnonzero(np.isnan(converted) & ~pd.isna(values))
        if len(text):
            given = str(values[text[0]])
            raise SedcoreError(
                f"{source}: clip {clips[text[0]]}, class {column} has {given[:60]!r}; wanted is {_number(given)}"
            )
        values = converted
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        value, clip = values[bad[0]], clips[bad[0]]
        more = f" (one of {len(bad)})" if len(bad) > 1 else ""
        if np.isnan(value):
            raise SedcoreError(
                f"{source}: clip {clip}, class {column} has no score (empty or NaN){more}; give each one"
            )
        raise SedcoreError(
            f"{source}: clip {clip}, class {column} has {value}{more}; wanted is a finite number: "
            "was a logarithm taken of 0?"
        )
    if values.dtype == np.float16:
        return values.astype(np.float32)
    return values.astype(np.float64) if values.dtype.itemsize > 8 else values


def labels_of(columns: Mapping[str, np.ndarray], source: str, clips: Sequence[str]) -> np.ndarray:
    """Return columns of 0 and 1 as (clips, columns) bool. Raises SedcoreError where one holds anything else."""
    out = np.empty((len(clips), len(columns)), bool)
    for i, (name, values) in enumerate(columns.items()):
        numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(np.float64)
        bad = np.flatnonzero(~np.isin(numbers, (0, 1)))
        if len(bad):
            given = str(values[bad[0]])[:60]
            raise SedcoreError(
                f"{source}: column {name} holds {given!r} for clip {clips[bad[0]]}; wanted is 0 or 1"
            )
        out[:, i] = numbers == 1
    return out


def reject_twice(ids: Sequence[str], where: str) -> None:
    """Raise SedcoreError where a clip id occurs twice."""
    twice = pd.Index(ids).duplicated()
    if twice.any():
        first = ids[int(np.argmax(twice))]
        more = f"; {int(twice.sum())} rows repeat one" if twice.sum() > 1 else ""
        raise SedcoreError(f"{where}: clip {first} is there twice; keep one row a clip{more}")


def _number(given: str) -> str:
    text = given.strip()
    if text.endswith("%"):
        return "a number without a % sign"
    if "," in text and text.replace(",", ".", 1).lstrip("+-").replace(".", "", 1).isdigit():
        return "a number with a decimal point, not a comma"
    return "a number"
