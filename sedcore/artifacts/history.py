"""Reading ``history.jsonl``: the numbers of each epoch as one table, those of its classes as one table a measure.

Arrow's reader takes milliseconds for a thousand epochs. A file that it does not read as it stands is read line by
line, with an error where it is damaged.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import json as arrow_json

from sedcore.errors import SedcoreError

# Keys of a history record that hold a list, one number a class.
CLASS_MEASURES = ("ap", "tp", "fp", "fn")
_CLASS_ENDS = tuple(f".{measure}" for measure in CLASS_MEASURES)


def read_history(file: Path, what: str) -> pd.DataFrame:
    """Return a row an epoch, nested keys as ``train.loss``; an empty frame before the first epoch.

    `what` names the run in errors. Raises SedcoreError where the file is damaged.
    """
    text = _lines(file)
    table = _flat(_parsed(text))
    if table is not None:
        return table
    records = _records(text, file, what)
    for record in records:
        for part in record.values():
            if isinstance(part, dict):
                for measure in CLASS_MEASURES:
                    part.pop(measure, None)
    return pd.json_normalize(records).apply(pd.to_numeric, errors="coerce")  # null is NaN


def read_class_history(
    file: Path, what: str, classes: Sequence[str], measure: str, split: str
) -> pd.DataFrame:
    """Return a measure of CLASS_MEASURES, a row an epoch (index) and a column a class; empty where none is recorded."""
    values = {
        record["epoch"]: record[split][measure]
        for record in _records(_lines(file), file, what)
        if "epoch" in record and measure in record.get(split, {})
    }
    frame = pd.DataFrame.from_dict(values, orient="index", columns=list(classes))
    return frame.rename_axis("epoch").apply(pd.to_numeric, errors="coerce")


def _lines(file: Path) -> bytes:
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return b""
    return text[: text.rfind(b"\n") + 1]  # a line without its line end is still being written


def _records(text: bytes, file: Path, what: str) -> list[dict[str, Any]]:
    try:
        records = [json.loads(line) for line in text.splitlines()]
        problem = "" if all(isinstance(record, dict) for record in records) else "a line is no object"
    except ValueError as error:  # not JSON, or not UTF-8
        problem = str(error)
    if problem:
        raise SedcoreError(
            f"{what}: {file} is not one JSON object a line ({problem}); did the power fail while it was "
            "written? Resume the run, or remove what is damaged from that file"
        )
    return records


def _parsed(text: bytes) -> pa.Table | None:
    """Return the records as Arrow reads them, None where it fails or may misread them."""
    if not text or b"\0" in text or b"\n\n" in text:
        return None
    # one block: the type of a column is that of all its values
    reading = arrow_json.ReadOptions(use_threads=False, block_size=len(text) + 1)
    try:
        table = arrow_json.read_json(pa.BufferReader(text), reading)
    except pa.ArrowException:
        return None
    return table if table.num_rows == text.count(b"\n") else None


def _flat(table: pa.Table | None) -> pd.DataFrame | None:
    """Return the numbers of a table as a frame, None where it holds more than numbers and lists a class."""
    if table is None:
        return None
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    columns = {}
    for name, column in zip(table.column_names, table.columns):
        kind = column.type
        if pa.types.is_list(kind) and name.count(".") == 1 and name.endswith(_CLASS_ENDS):
            continue
        if pa.types.is_null(kind):
            column = column.cast(pa.float64())
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            return None
        columns[name] = column.to_numpy()
    return pd.DataFrame(columns)
