"""Threshold vectors: one threshold a class, saved in a run as ``thresholds/NAME.json`` or as a file of its own.

A saved vector records its origin: the split it was tuned on (None where set by hand) and the objective. A
hand-written file may be plain, ``{"Dog": 0.4, "Speech": 0.6}``. Every class needs a finite threshold; nothing is
guessed for a class that is missing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sedcore.artifacts.files import read_json, safe_name, write_json
from sedcore.artifacts.runs import Run, now
from sedcore.errors import SedcoreError
from sedcore.naming import nearest

MOST_BYTES = 1_000_000  # of a file that is read: 527 classes need 20 000
_FACTS = {"run_id": str, "split": (str, type(None)), "objective": (dict, type(None)), "created": str}


@dataclass(frozen=True)
class ThresholdVector:
    """A threshold for each class of a run, and their origin.

    Attributes
    ----------
    name : safe as a file name.
    thresholds : class to threshold, in class order.
    run_id : the run they were made for, "" where unknown.
    split : the split they were tuned on, None where they were set by hand.
    objective : what they were tuned for ({"kind": "f1", ...}), None where set by hand.
    created : ISO 8601 UTC.
    """

    name: str
    thresholds: dict[str, float]
    run_id: str = ""
    split: str | None = None
    objective: dict[str, Any] | None = None
    created: str = field(default_factory=now)

    def values(self, classes: Sequence[str]) -> list[float]:
        """Return the thresholds in the order of `classes`."""
        return [self.thresholds[name] for name in classes]

    def to_json(self) -> dict[str, Any]:
        """Return the contents of its file, without the schema number."""
        return asdict(self)


def thresholds_file(run: Run, name: str) -> Path:
    """Return the path of a saved vector, whether or not it exists."""
    return run.path / "thresholds" / f"{safe_name(name, 'name of thresholds')}.json"


def save_thresholds(run: Run, vector: ThresholdVector, classes: Sequence[str]) -> None:
    """Write a vector into the run, replacing one of the same name.

    Raises SedcoreError where the vector does not fit `classes`, the run's.
    """
    file = thresholds_file(run, vector.name)
    checked_thresholds(vector.thresholds, classes, f"thresholds {vector.name!r}")
    try:
        file.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise SedcoreError(f"{file.parent} cannot be written: {error.strerror or error}") from error
    write_json(file, vector.to_json() | {"run_id": run.run_id})


def list_thresholds(run: Run) -> list[str]:
    """Return the names of the saved vectors, in alphabetical order."""
    return sorted(file.stem for file in (run.path / "thresholds").glob("[!.]*.json"))


def read_thresholds(run: Run, name: str, classes: Sequence[str]) -> ThresholdVector:
    """Read a saved vector. Raises SedcoreError where there is none, or it does not fit `classes`."""
    file = thresholds_file(run, name)
    if not file.exists():
        saved = ", ".join(list_thresholds(run)) or "none"
        raise SedcoreError(f"run {run.name} has no thresholds {name!r}; saved are {saved}")
    obj = read_json(file, f"thresholds {name!r}") | {"name": name}
    return from_object(obj, classes, str(file), name)


def delete_thresholds(run: Run, name: str) -> None:
    """Remove a saved vector; does nothing where there is none."""
    thresholds_file(run, name).unlink(missing_ok=True)


def write_thresholds(path: Path, vector: ThresholdVector) -> None:
    """Write a vector as a file of its own, which `read_file` reads."""
    write_json(Path(path), vector.to_json())


def read_file(path: Path, classes: Sequence[str]) -> ThresholdVector:
    """Read a vector from any JSON file: one that was saved, or a plain {class: threshold}."""
    path = Path(path)
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SedcoreError(f"thresholds {path} could not be read: {error.strerror or error}") from error
    return from_bytes(content, classes, str(path))


def from_bytes(content: bytes, classes: Sequence[str], source: str) -> ThresholdVector:
    """Read a vector from the bytes of a JSON file; `source` names it in errors."""
    if len(content) > MOST_BYTES:
        raise SedcoreError(
            f"{source} is larger than {MOST_BYTES // 1_000_000} MB: is it a file of thresholds?"
        )
    try:
        obj = json.loads(content.decode("utf-8-sig"), object_pairs_hook=lambda p: _without_twins(p, source))
    except (ValueError, RecursionError) as error:  # no text, no JSON, or a number of thousands of digits
        raise SedcoreError(f'{source} is not valid JSON; wanted is {{"Dog": 0.4, ...}} ({error})') from error
    return from_object(obj, classes, source, Path(source).stem)


def from_object(obj: object, classes: Sequence[str], source: str, name: str) -> ThresholdVector:
    """Return the vector of a JSON object, saved or plain, in the order of `classes`."""
    if not isinstance(obj, dict):
        raise SedcoreError(f"{source} holds a {type(obj).__name__}; wanted is an object, a number a class")
    saved = obj.get("schema") == 1 and isinstance(obj.get("thresholds"), dict)
    if "schema" not in obj or ("schema" in classes and not saved):
        return ThresholdVector(name, checked_thresholds(obj, classes, source))
    if not saved:
        raise SedcoreError(f"{source} is not a file of thresholds that this version reads (schema 1)")
    facts = {key: obj[key] for key in _FACTS if key in obj}
    for key, value in facts.items():
        if not isinstance(value, _FACTS[key]):
            raise SedcoreError(f"{source}: {key} is {value!r}; was the file changed by hand?")
    return ThresholdVector(name, checked_thresholds(obj["thresholds"], classes, source), **facts)


def checked_thresholds(given: dict[str, Any], classes: Sequence[str], source: str) -> dict[str, float]:
    """Return {class: threshold} in the order of `classes`.

    Raises
    ------
    SedcoreError
        A class is unknown (the nearest known one is named) or missing, or a threshold is no finite number.
    """
    for name in given:
        if name not in classes:
            near = nearest(str(name), classes, 0.5)
            hint = f"did you mean {near!r}?" if near else f"the run's classes are {_some(classes)}"
            raise SedcoreError(f"{source}: no class {name!r}; {hint}")
    missing = [name for name in classes if name not in given]
    if missing:
        raise SedcoreError(f"{source}: no threshold for {_some(missing)}; give one for each class")
    for name, value in given.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or abs(value) > 1e308 or not math.isfinite(value):
            raise SedcoreError(f"{source}: the threshold of {name!r} is {value!r}; wanted is a finite number")
    return {name: float(given[name]) for name in classes}


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _without_twins(pairs: list[tuple[str, Any]], source: str) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twin = next(name for name in names if names.count(name) > 1)
        raise SedcoreError(f"{source} names {twin!r} twice")
    return dict(pairs)
