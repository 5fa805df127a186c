"""Label tables of audio: strong (events), weak (tags) and a column per class.

    strong    filename onset offset event_label   a row per event, in seconds; a clip without events has a row
                                                  with empty fields (the DESED format)
    weak      filename event_labels               labels separated by commas
    columns   filename Class_a Class_b ...        0 or 1

A file is recognised by its header, whatever its name; fields are separated by tabs, commas or semicolons, as
in the header. UTF-8 with or without a byte order mark, any line ends, quoted fields. Faulty rows are
collected as problems, so that all of a table are reported at once.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from sedcore.data.checks import Problem
from sedcore.errors import SedcoreError
from sedcore.naming import nearest

FILENAME = "filename"
STRONG = (FILENAME, "onset", "offset", "event_label")
WEAK = (FILENAME, "event_labels")
_ON = {"1", "true", "yes"}
_OFF = {"0", "false", "no", ""}


@dataclasses.dataclass(frozen=True)
class Event:
    """One event of a table, times in seconds from the clip's start."""

    filename: str
    onset_s: float
    offset_s: float
    label: str
    line: int


@dataclasses.dataclass
class LabelTable:
    """A table as read. `labels` has each of its files, in order, with its distinct labels."""

    path: Path
    kind: str  # strong, weak or columns
    labels: dict[str, list[str]]
    lines: dict[str, int]  # filename -> the line it first stands in
    events: list[Event]  # of a strong table
    names: tuple[str, ...]  # class names that the header of a columns table gives
    problems: list[Problem]

    def by_file(self) -> dict[str, list[Event]]:
        """{filename: its events} of a strong table."""
        found: dict[str, list[Event]] = {}
        for event in self.events:
            found.setdefault(event.filename, []).append(event)
        return found

    def first_lines(self) -> dict[str, int]:
        """{label: the line it first stands in}; line 1 for names that stand in the header."""
        lines = dict.fromkeys(self.names, 1)
        for event in self.events:
            lines.setdefault(event.label, event.line)
        for filename, labels in self.labels.items():
            for label in labels:
                lines.setdefault(label, self.lines[filename])
        return lines


def table_kind(path: str | Path) -> str | None:
    """Return "strong", "weak" or "columns" by the header of `path`, or None where it is no label table.

    A columns table must also hold 0 or 1 in its first row; otherwise any list of files would be taken for one.
    """
    try:
        rows = _rows(Path(path), _text(Path(path)))
        _, header = next(rows)
        kind = _kind_of(header)
        if kind == "columns":
            _, first = next(rows, (0, []))
            values = [value for name, value in zip(header, first) if name != FILENAME]
            return kind if all(_truth(value) is not None for value in values) else None
        return kind
    except (SedcoreError, StopIteration):
        return None


def read_table(path: str | Path) -> LabelTable:
    """Read a label table of any of the three kinds; faulty rows are listed in `.problems`.

    Raises
    ------
    SedcoreError
        The file cannot be read or its header is none of the three.
    """
    path = Path(path)
    rows = _rows(path, _text(path))
    _, header = next(rows, (1, []))
    kind = _kind_of(header)
    if kind is None:
        raise SedcoreError(
            f"{path}: its first line holds {', '.join(header) or 'nothing'}; wanted is a header: filename, "
            "onset, offset, event_label (strong), or filename, event_labels (weak), or filename and a column a class"
        )
    names = tuple(name for name in header if name != FILENAME) if kind == "columns" else ()
    table = LabelTable(path, kind, {}, {}, [], names, _header_problems(path, header))
    readers = {"strong": _read_strong_row, "weak": _read_weak_row, "columns": _read_columns_row}
    complained: set[str] = set()
    for line, cells in rows:
        if len(cells) > len(header) and any(cells[len(header) :]):
            _complain(
                table, line, f"has {len(cells)} fields and the header {len(header)}; quote or remove some"
            )
            continue
        row = dict(zip(header, cells + [""] * (len(header) - len(cells))))
        if not row[FILENAME]:
            _complain(table, line, "has no file name")
            continue
        table.lines.setdefault(row[FILENAME], line)
        readers[kind](table, line, row, complained)
    return table


def read_classes(path: str | Path) -> tuple[str, ...]:
    """Read ``classes.json``: a list of distinct names, in order."""
    path = Path(path)
    try:
        names = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise SedcoreError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(names, list) or not names or not all(isinstance(n, str) and n.strip() for n in names):
        raise SedcoreError(f'{path}: wanted a list of class names, for example ["Cat", "Dog"]')
    names = [name.strip() for name in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SedcoreError(f"{path}: names {', '.join(twice)} more than once; each class stands there once")
    return tuple(names)


def unknown_labels(table: LabelTable, classes: Sequence[str]) -> list[Problem]:
    """Return an error for each label of `table` that is not among `classes`, with the nearest class."""
    problems = []
    for label, line in table.first_lines().items():
        if label not in classes:
            near = nearest(label, classes)
            hint = f"did you mean {near!r}?" if near else f"known are {', '.join(classes)}"
            message = f"line {line}: unknown label {label!r}; {hint}"
            problems.append(Problem("error", str(table.path), message))
    return problems


def _text(path: Path) -> str:
    """Return the file's text without a byte order mark; line ends are left to the row reader."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise SedcoreError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise SedcoreError(f"{path}: cannot be read ({error.strerror or error})") from error


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, stripped cells) of rows that are not blank; known column names in lower case."""
    first = text.lstrip("\r\n").splitlines()[0] if text.strip() else ""
    separator = max("\t;,", key=lambda mark: (first.count(mark) > 0, -"\t;,".index(mark)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    at_header = True
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if at_header:
                columns = {*STRONG, *WEAK}
                cells, at_header = [c.lower() if c.lower() in columns else c for c in cells], False
            yield reader.line_num, cells
    except csv.Error as error:
        raise SedcoreError(
            f"{path}: line {reader.line_num}: not a table ({error}), check its quotes"
        ) from error


def _kind_of(header: Sequence[str]) -> str | None:
    there = set(header)
    if there >= set(STRONG):
        return "strong"
    if there >= set(WEAK) or there == {FILENAME, "event_label"}:
        return "weak"
    if FILENAME in there and len(header) > 1 and not there & {*STRONG[1:], *WEAK[1:]}:
        return "columns"
    return None


def _header_problems(path: Path, header: Sequence[str]) -> list[Problem]:
    problems = []
    if "" in header:
        message = f"line 1: column {list(header).index('') + 1} has no name; name it or remove it"
        problems.append(Problem("error", str(path), message))
    for name in sorted({name for name in header if name and list(header).count(name) > 1}):
        problems.append(Problem("error", str(path), f"line 1: the column {name!r} is there twice; keep one"))
    return problems


def _complain(table: LabelTable, line: int, what: str) -> None:
    table.problems.append(Problem("error", str(table.path), f"line {line}: {what}"))


def _read_strong_row(table: LabelTable, line: int, row: dict[str, str], _: set[str]) -> None:
    filename, onset, offset, label = (row[name] for name in STRONG)
    labels = table.labels.setdefault(filename, [])
    if not (onset or offset or label):
        return  # a clip without events
    if not label:
        return _complain(table, line, f"{filename} has an event without a label; give one or empty the row")
    start, end = _seconds(onset), _seconds(offset)
    if start is None or end is None:
        given = f"onset {onset!r} and offset {offset!r}"
        return _complain(table, line, f"{filename} has {given}; wanted are seconds like 0.302")
    if start < 0 or start >= end:
        return _complain(
            table, line, f"{filename} has an event from {start:g} to {end:g} s; wanted 0 <= onset < offset"
        )
    table.events.append(Event(filename, start, end, label, line))
    if label not in labels:
        labels.append(label)


def _read_weak_row(table: LabelTable, line: int, row: dict[str, str], _: set[str]) -> None:
    if _is_new(table, line, row[FILENAME]):
        text = row["event_labels"] if "event_labels" in row else row["event_label"]
        table.labels[row[FILENAME]] = list(dict.fromkeys(t.strip() for t in text.split(",") if t.strip()))


def _read_columns_row(table: LabelTable, line: int, row: dict[str, str], complained: set[str]) -> None:
    if not _is_new(table, line, row[FILENAME]):
        return
    labels = table.labels[row[FILENAME]] = []
    for name in table.names:
        value = _truth(row[name])
        if value is None and name not in complained:
            complained.add(name)  # once per column: a column of ages would fill the list
            _complain(table, line, f"column {name!r} holds {row[name]!r}, wanted is 0 or 1; fix or remove it")
        elif value:
            labels.append(name)


def _is_new(table: LabelTable, line: int, filename: str) -> bool:
    if filename not in table.labels:
        return True
    _complain(table, line, f"{filename} stands in line {table.lines[filename]} already; keep one row a file")
    return False


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _truth(text: str) -> bool | None:
    """Return 0 or 1, in any usual spelling, as a bool; None for anything else."""
    text = text.strip().lower()
    if text in _ON or text in _OFF:
        return text in _ON
    number = _seconds(text)
    return bool(number) if number in (0.0, 1.0) else None
