"""Tables of scores: CSV (also with tabs or semicolons) and Parquet, a column a class or a row a clip and tag.

    columns   clip_id Dog Speech ...           the id column may have any of the names in ID_NAMES
    export    clip_id y_Dog ... p_Dog ...      as `predictions export` writes it: truth and scores
    long      file,tag,score                   sed_eval's tagging format, with or without a header

UTF-8 with or without a byte order mark, any line ends. Numbers are read to the last digit.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet

from sedcore.artifacts.files import EXACT_FLOATS
from sedcore.artifacts.imports.source import Source, Truth, labels_of, numbers
from sedcore.errors import SedcoreError

# In order of preference; case, spaces and hyphens do not matter.
ID_NAMES = (
    "clip_id",
    "filename",
    "file_name",
    "file",
    "fname",
    "clip",
    "audio_filename",
    "audio_file",
    "path",
    "filepath",
    "file_path",
    "id",
    "ytid",
    "video_id",
)
# Missing values in a column of numbers; in a column of text they are words, such as a class None.
NO_NUMBER = ("", "-", "nan", "NaN", "-nan", "NA", "N/A", "n/a", "<NA>", "#N/A", "null", "NULL", "None")
TAG_NAMES = ("tag", "label", "event_label", "class", "class_name")
SCORE_NAMES = ("score", "probability", "prob", "confidence")
_PARQUET = (".parquet", ".pq")


def read_table_source(path: Path) -> Source:
    """Read a table of scores, unmatched. Raises SedcoreError where it is not one."""
    frame = read_frame(path) if path.suffix.lower() in _PARQUET else None
    header = [_folded(name) for name in (header_of(path)[0] if frame is None else frame.columns)]
    if "onset" in header:
        single = "events" if "event_label" in header else "the frame scores of one clip"
        raise SedcoreError(
            f"{path.name}: holds {single} (onset, offset); wanted is a table of clip scores, or a folder: of "
            "predictions_th_X.tsv with events, or of score tables, a file a clip"
        )
    frame = read_frame(path) if frame is None else frame
    header = [_folded(name) for name in frame.columns]
    if len(header) >= 3 and _first(header, TAG_NAMES) is not None and _first(header, SCORE_NAMES) is not None:
        return _long(path.name, frame, header)
    return _columns(path.name, frame)


def read_frame(path: Path, text: Sequence[str] = TAG_NAMES) -> pd.DataFrame:
    """Read a CSV or Parquet table with its id column as text, placed first and named clip_id.

    text : names of a CSV's other text columns.
    """
    frame = _parquet(path) if path.suffix.lower() in _PARQUET else _csv(path, text)
    ids = _id_column(path.name, list(frame.columns))
    values = frame.pop(ids)
    if values.dtype.kind == "f":
        raise SedcoreError(
            f"{path.name}: the id column {ids or 1} holds numbers with fractions; wanted are ids"
        )
    missing = np.flatnonzero(values.isna().to_numpy() | (values.astype(str).str.strip() == "").to_numpy())
    if len(missing):
        raise SedcoreError(f"{path.name}: row {missing[0] + 1} below the header has no clip id; give it one")
    frame.insert(0, "clip_id", values.astype(str).str.strip().to_numpy(object))
    return frame


def header_of(path: Path) -> tuple[list[str], str]:
    """Return the cells of a text table's first line, and its separator: tab, semicolon or comma."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            line = next((line for line in file if line.strip()), "")
    except UnicodeDecodeError as error:
        raise SedcoreError(
            f"{path.name}: is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from error
    except OSError as error:
        raise SedcoreError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not line:
        raise SedcoreError(f"{path.name}: is empty; wanted is a header and a row a clip")
    marks = [mark for mark in "\t;," if mark in line] or [","]
    try:
        cells = {mark: [cell.strip() for cell in next(csv.reader([line], delimiter=mark))] for mark in marks}
    except csv.Error as error:
        raise SedcoreError(f"{path.name}: its first line is no header of a table ({error})") from error
    # Class names may hold a mark: prefer the separator that yields an id column.
    separator = next((mark for mark in marks if _id_place(cells[mark]) is not None), marks[0])
    return cells[separator], separator


def read_text(
    path: Path, header: Sequence[str], separator: str, *, named: bool = True, text=()
) -> pd.DataFrame:
    """Read a text table with the columns `header`; `text` columns stay text. `named`: the first line is the header."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with more fields than the header
            frame = pd.read_csv(
                path,
                sep=separator,
                header=0 if named else None,
                names=range(len(header)),
                index_col=False,
                encoding="utf-8-sig",
                low_memory=False,
                dtype={i: str for i, name in enumerate(header) if name in text},
                keep_default_na=False,
                na_values={i: [""] if name in text else list(NO_NUMBER) for i, name in enumerate(header)},
                **EXACT_FLOATS,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        words = " ".join(str(error).replace("Error tokenizing data. C error:", "").split())
        raise SedcoreError(
            f"{path.name}: its rows do not fit its header of {len(header)} columns ({words}); check commas and quotes"
        ) from error
    except (ValueError, OSError, MemoryError) as error:  # UnicodeDecodeError is a ValueError
        raise SedcoreError(f"{path.name}: could not be read as a table ({error})") from error
    frame.columns = pd.Index(header, dtype=object)
    return frame


def _csv(path: Path, text: Sequence[str]) -> pd.DataFrame:
    header, separator = header_of(path)
    if len(header) == 3 and _id_place(header) is None and _is_number(header[2]) and not _is_number(header[1]):
        long = ["clip_id", "tag", "score"]
        return read_text(path, long, separator, named=False, text=long[:2])
    _check_header(path.name, header)
    place = _id_place(header)
    ids = header[place or 0]
    # Called for its error: without an id column the first line may be data.
    _id_column(path.name, header)
    words = [name for name in header if _folded(name) in text]
    return read_text(path, header, separator, text=(ids, *words))


def _parquet(path: Path) -> pd.DataFrame:
    try:
        table = pyarrow.parquet.ParquetFile(path).read()
        _check_header(path.name, table.schema.names)
        frame = table.to_pandas()
    except SedcoreError:
        raise
    except Exception as error:  # pyarrow raises several unrelated types for a damaged file
        words = " ".join(str(error).split())[:200]
        raise SedcoreError(f"{path.name}: could not be read as Parquet ({words})") from error
    named = [name for name in frame.index.names if name is not None]
    frame = frame.reset_index() if named else frame
    frame.columns = pd.Index([str(name) for name in frame.columns], dtype=object)
    return frame


def _columns(name: str, frame: pd.DataFrame) -> Source:
    """Return the scores of a table with a column a class, and its truth if it has y_ columns."""
    header, notes = list(frame.columns[1:]), []
    ids = frame["clip_id"].to_numpy()
    truth_of = {column[2:]: column for column in header if column.startswith("y_") and len(column) > 2}
    scores_of = {column[2:]: column for column in header if column.startswith("p_") and len(column) > 2}
    rest = [column for column in header if column[:2] not in ("y_", "p_")]
    if not scores_of or (rest and not set(truth_of) & set(scores_of)):  # p_ and y_ are parts of class names
        truth_of = {c: column for c, column in truth_of.items() if c in header}
        scores_of = {column: column for column in header if column not in truth_of.values()}
        rest = []
    unused = [  # a class of such a name would have the prefix p_
        name
        for name, column in scores_of.items()
        if name == column and (name == "" or _folded(name) in ID_NAMES or _unnamed(name))
    ]
    rest += [scores_of.pop(column) for column in unused]
    if rest:
        notes.append(
            f"Not used: {'column' if len(rest) == 1 else 'columns'} {', '.join(c or '(no name)' for c in rest)}."
        )
    truth = None
    if truth_of:
        labels = labels_of({column: frame[column].to_numpy() for column in truth_of.values()}, name, ids)
        truth = Truth(f"the y_ columns of {name}", ids, tuple(truth_of), labels, closed=True)
    values = {c: frame[column].to_numpy() for c, column in scores_of.items()}
    words = "a column a class" + (", truth in y_ columns" if truth_of else "")
    return Source(name, words, ids, values, truth=truth, notes=tuple(notes))


def _long(name: str, frame: pd.DataFrame, header: Sequence[str]) -> Source:
    """Return the scores of a table with a row a clip and tag; each clip needs a score for each tag."""
    tag, score = _first(header, TAG_NAMES), _first(header, SCORE_NAMES)
    clips = frame.iloc[:, 0].to_numpy()
    if frame.iloc[:, tag].isna().any():
        raise SedcoreError(
            f"{name}: clip {clips[int(frame.iloc[:, tag].isna().argmax())]} has a row without a tag"
        )
    tags = frame.iloc[:, tag].astype(str).str.strip().to_numpy()
    rows, ids = pd.factorize(clips)
    columns, classes = pd.factorize(tags)
    pairs = pd.MultiIndex.from_arrays([rows, columns])
    if pairs.has_duplicates:
        at = int(np.argmax(pairs.duplicated()))
        raise SedcoreError(f"{name}: clip {clips[at]}, class {tags[at]} has two scores; keep one")
    if len(pairs) != len(ids) * len(classes):
        few = int(np.argmax(np.bincount(rows) < len(classes)))
        lacks = np.setdiff1d(np.arange(len(classes)), columns[rows == few])[0]
        raise SedcoreError(
            f"{name}: clip {ids[few]}, class {classes[lacks]} has no score; give each clip all of them"
        )
    values = frame.iloc[:, score].to_numpy()
    if values.dtype.kind not in "biuf":
        for column in range(len(classes)):  # called for its error, which names clip and class
            numbers(values[columns == column], name, classes[column], clips[columns == column])
        values = values.astype(np.float64)
    table = np.empty((len(ids), len(classes)), values.dtype)
    table[rows, columns] = values
    return Source(name, "a row a clip and tag", np.asarray(ids, object), dict(zip(classes, table.T)))


def _id_place(header: Sequence[str]) -> int | None:
    place = _first([_folded(name) for name in header], ID_NAMES)
    if place is None and header and (header[0] == "" or _unnamed(header[0])):
        return 0  # the nameless first column of a table that was written with its index
    return place


def _id_column(name: str, header: Sequence[str]) -> str:
    place = _id_place(header)
    if place is None:
        given = ", ".join(header[:6]) + (" ..." if len(header) > 6 else "")
        raise SedcoreError(
            f"{name}: none of its columns ({given[:200]}) is an id column; name the one with the clip ids "
            f"{', '.join(ID_NAMES[:5])} or id, in the first line"
        )
    return header[place]


def _check_header(name: str, header: Sequence[str]) -> None:
    twice = [column for column in dict.fromkeys(header) if list(header).count(column) > 1]
    if twice:
        raise SedcoreError(f"{name}: the column {twice[0]!r} is there twice; keep one")


def _first(folded: Sequence[str], names: Sequence[str]) -> int | None:
    return next((folded.index(name) for name in names if name in folded), None)


def _folded(name: str) -> str:
    return str(name).strip().lower().replace(" ", "_").replace("-", "_")


def _unnamed(name: str) -> bool:
    return name.startswith("Unnamed: ") or name in ("__index_level_0__", "index")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
