"""Reading printed results: JSON here, text tables in `text`.

JSON may be the project's own shape ({"tables": {model: {split: table}}, "confusion_SPLIT": {model: matrices}}), a
run's reported.json ({"tables": {split: table}, "confusion": {split: matrices}}), scikit-learn's
classification_report(output_dict=True), one table of averages, or matrices [[tn, fp], [fn, tp]] as a list or
by class.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal

from sedcore.errors import SedcoreError
from sedcore.evaluation.audit.headers import average_of, part_of
from sedcore.evaluation.audit.numbers import Raw, as_printed
from sedcore.evaluation.audit.tables import ClassRow, Document, Result
from sedcore.evaluation.audit.text import from_text

MOST_CHARACTERS = 400_000
MOST_CLASSES, MOST_RESULTS = 2_000, 100
MOST_COUNT, MOST_DIGITS = 10**9, 30


def read_document(text: str, clips: int | None = None, classes: int | None = None) -> Document:
    """Parse pasted or uploaded text. clips, classes: their numbers in a split, if known.

    Raises SedcoreError with the line (or the place in JSON) that was not understood.
    """
    if len(text) > MOST_CHARACTERS:
        raise SedcoreError(f"The text has {len(text)} characters; an audit takes up to {MOST_CHARACTERS}.")
    text = text.lstrip("\ufeff").strip("\r\n")
    if not text.strip():
        raise SedcoreError("There is nothing to audit: the text is empty.")
    for given, what in ((clips, "clips"), (classes, "classes")):
        if given is not None and not 0 < given <= MOST_COUNT:
            raise SedcoreError(f"The number of {what} is {given}, wanted 1 to {MOST_COUNT}.")
    document = from_json(text) if _is_json(text) else from_text(text)
    if not document.results:
        raise SedcoreError(
            "No table was found: wanted rows of precision, recall and F1 under a header that names them, a matrix for "
            "each class, or JSON."
        )
    if len(document.results) > MOST_RESULTS:
        raise SedcoreError(f"There are {len(document.results)} tables; an audit takes up to {MOST_RESULTS}.")
    for result in document.results:
        if max(len(result.classes), len(result.matrices)) > MOST_CLASSES:
            raise SedcoreError(
                f"{result.name} has more than {MOST_CLASSES} classes, which an audit takes at most."
            )
    document.clips = clips if clips is not None else document.clips
    document.classes = classes if classes is not None else document.classes
    return document


def _is_json(text: str) -> bool:
    start = text.lstrip()
    if start.startswith("{"):
        return True
    if not start.startswith("["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False  # a printed array is read as text
    return True


def from_json(text: str) -> Document:
    """Parse JSON; numbers keep the digits they are written with. Raises SedcoreError where it is malformed."""
    try:
        data = json.loads(text, parse_float=Decimal, parse_constant=lambda name: None)
    except json.JSONDecodeError as error:
        line = text.splitlines()[error.lineno - 1][:80].strip()
        raise SedcoreError(f"This JSON cannot be read, line {error.lineno} ({line}): {error.msg}.") from None
    except (RecursionError, ValueError):
        raise SedcoreError(
            "This JSON cannot be read: it is nested too deeply or holds an endless number."
        ) from None
    document = Document([])
    if isinstance(data, list):
        document.results.append(Result(matrices=_matrices(data, (), "the list")))
    elif "tables" in data or any(key.startswith("confusion") for key in data):
        _project(data, document)
    elif data and all(_is_matrix(value) for value in data.values()):
        document.results.append(Result(matrices=_matrices(data, (), "the matrices")))
    else:
        document.results.append(_table(data, document, "the table"))
    return document


def _project(data: dict, document: Document) -> None:
    """Parse the project's own shapes: tables by model and split, or by split; matrices likewise."""
    names = data.get("classes") or ()
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise SedcoreError('"classes" is not a list of names.')
    document.classes = len(names) or None
    threshold = data.get("threshold")
    sensible = isinstance(threshold, int | Decimal) and abs(threshold) < MOST_COUNT
    threshold = float(threshold) if sensible else None
    chosen = data.get("threshold_chosen_on")
    document.threshold_chosen_on = chosen if isinstance(chosen, str) else None
    results: dict[tuple[str, str], Result] = {}

    def at(model: str, split: str) -> Result:
        return results.setdefault((model, split), Result(model, split, threshold=threshold))

    for first, value in _items(data.get("tables") or {}, "tables"):
        if _is_table(value):
            results["", first] = _table(value, document, f"tables, {first}", at("", first))
            continue
        for split, table in _items(value, f"tables, {first}"):
            results[first, split] = _table(table, document, f"tables, {first}, {split}", at(first, split))
    for key, value in data.items():
        if not key.startswith("confusion"):
            continue
        split = key.removeprefix("confusion").strip("_")
        for name, held in _items(value, key):
            if name == "layout":
                continue
            if split:
                at(name, split).matrices = _matrices(held, names, f"{key}, {name}")
            elif isinstance(held, dict) and not _is_matrix(held) and not all(map(_is_matrix, held.values())):
                for own, matrices in held.items():
                    at(name, own).matrices = _matrices(matrices, names, f"{key}, {name}, {own}")
            else:
                at("", name).matrices = _matrices(held, names, f"{key}, {name}")
    document.results += results.values()


def _items(value: object, place: str) -> Iterable[tuple[str, object]]:
    if not isinstance(value, dict):
        raise SedcoreError(f'"{place}" is not an object of named parts.')
    return value.items()


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and any(part_of(key) or average_of(key) for key in value)


def _table(value: object, document: Document, place: str, result: Result | None = None) -> Result:
    """Parse a table by part and average, by average and part, or by class and part (scikit-learn's output_dict)."""
    result = result or Result()
    cells: dict[tuple[str, str], Raw] = {}
    rows: dict[str, int | None] = {}
    for key, inner in _items(value, place):
        if not isinstance(inner, Mapping):
            if key == "accuracy" and isinstance(inner, int | Decimal):
                cells |= {("micro", part): Raw(str(inner)) for part in ("precision", "recall", "f1")}
                continue
            raise SedcoreError(f"{place}, {key} is {str(inner)[:40]}, wanted an object of numbers.")
        for name, number in inner.items():
            if part_of(key) and average_of(name):
                row, part = average_of(name), part_of(key)
            else:
                row, part = average_of(key) or f"class:{key}", part_of(name)
            if part == "support":
                rows[row] = _count(number, f"{place}, {key}, {name}")
            elif part and number is not None:
                cells[row, part] = Raw(_number(number, f"{place}, {key}, {name}"))
    if not cells:
        raise SedcoreError(f"{place} names no precision, recall or F1.")
    for (row, part), printed in as_printed(cells, place, document.notes).items():
        if row.startswith("class:"):
            result.classes.setdefault(row[6:], ClassRow({}, rows.get(row))).scores[part] = printed
        else:
            result.averages.setdefault(row, {})[part] = printed
    totals = {count for row, count in rows.items() if not row.startswith("class:")}
    result.total = totals.pop() if len(totals) == 1 else None
    return result


def _number(value: object, place: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise SedcoreError(f"{place} is {str(value)[:40]}, wanted a number.")
    if isinstance(value, str):
        return value
    if abs(Decimal(value).adjusted()) > MOST_DIGITS:  # its digits would fill the memory
        raise SedcoreError(f"{place} is {str(value)[:40]}, wanted a number from 0 to 1, or in per cent.")
    return f"{value:f}"


def _count(value: object, place: str) -> int:
    try:
        number = None if isinstance(value, bool) else Decimal(value)
    except (TypeError, ValueError, ArithmeticError):
        number = None
    # the size is checked first: int() of 1e1000000 takes minutes
    if number is None or not number.is_finite() or not 0 <= number <= MOST_COUNT or number != int(number):
        raise SedcoreError(
            f"{place} is {str(value)[:40]}, wanted a whole number of clips: were counts normalised to rates?"
        )
    return int(number)


def _is_matrix(value: object) -> bool:
    if isinstance(value, dict):
        return {"tp", "fp", "fn"} <= {str(key).lower() for key in value}
    rows = value if isinstance(value, list) and len(value) == 2 else []
    flat = all(isinstance(row, list) and len(row) == 2 for row in rows)
    return bool(rows) and flat and not any(isinstance(count, list) for row in rows for count in row)


def _matrices(value: object, names: Iterable[str], place: str) -> dict[str, tuple[int, int, int, int]]:
    """Return {class: (tn, fp, fn, tp)} of a list of 2x2 matrices or of an object by class."""
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        names = list(names)
        if len(names) != len(value):
            if names:
                raise SedcoreError(f"{place} has {len(value)} matrices for {len(names)} classes.")
            names = [f"class {number}" for number in range(1, len(value) + 1)]
        entries = list(zip(names, value))
    else:
        raise SedcoreError(f"{place} is not a list of matrices.")
    matrices = {}
    for name, entry in entries:
        if not _is_matrix(entry):
            raise SedcoreError(f"{place}, {name} is not [[tn, fp], [fn, tp]]: a class is a 2x2 of counts.")
        if isinstance(entry, dict):
            lower = {str(key).lower(): number for key, number in entry.items()}
            if "tn" not in lower:
                raise SedcoreError(f"{place}, {name} has no tn: write tn, fp, fn and tp.")
            counts = [lower[key] for key in ("tn", "fp", "fn", "tp")]
        else:
            counts = [*entry[0], *entry[1]]
        matrices[str(name)] = tuple(_count(number, f"{place}, {name}") for number in counts)
    if not matrices:
        raise SedcoreError(f"{place} holds no matrix.")
    return matrices
