"""Problems of a source, listed together.

An error stops an import; a warning is kept in dataset.json and shown. A problem names a file, and says what is wrong
and what to do.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from sedcore.errors import SedcoreError

LISTED = 50  # problems of an import listed one by one; the rest are counted
_NAMED = 3  # classes, clips or files named in one sentence


@dataclasses.dataclass(frozen=True)
class Problem:
    """One problem: level "error" or "warning", the file (or split) that has it, a message."""

    level: str
    file: str
    message: str

    def to_json(self) -> dict[str, str]:
        return dataclasses.asdict(self)

    def line(self) -> str:
        """The problem as one line, which begins with the file unless the message names it."""
        text = " ".join(self.message.split())
        return text if not self.file or self.file in text else f"{self.file}: {text}"


def raise_errors(problems: Sequence[Problem], opening: str) -> None:
    """Raise one SedcoreError that lists the errors among `problems`, up to `LISTED` with the count of all."""
    errors = list(dict.fromkeys(p.line() for p in problems if p.level == "error"))
    if not errors:
        return
    count = f"{len(errors)} problem{'s' if len(errors) != 1 else ''}"
    first = f", the first {LISTED} are" if len(errors) > LISTED else ""
    raise SedcoreError("\n".join([f"{opening}: {count}{first}:", *(f"  {line}" for line in errors[:LISTED])]))


class Checked(Protocol):
    """Result of reading the clip at a position: an error, a warning, or neither."""

    position: int
    error: str
    warning: str


def content_problems(clips: pd.DataFrame, checked: Sequence[Checked]) -> list[Problem]:
    """Problems of clip contents; a warning that many clips share is listed once, with their number."""
    files, splits = clips["source_file"].tolist(), clips["split"].tolist()
    problems = [Problem("error", files[c.position], c.error) for c in checked if c.error]
    sharing: dict[str, list[int]] = defaultdict(list)
    for c in checked:
        if c.warning:
            sharing[c.warning].append(c.position)
    for warning, positions in sharing.items():
        for position in positions if len(positions) <= LISTED else positions[:1]:
            more = f" (and {len(positions) - 1} more clips)" if len(positions) > LISTED else ""
            problems.append(Problem("warning", files[position], f"({splits[position]}) {warning}{more}"))
    return problems


def duplicate_problems(clips: pd.DataFrame, digests: Sequence[str]) -> list[Problem]:
    """Return a warning for each content that lies in more than one split."""
    places = defaultdict(list)
    for split, file, digest in zip(clips["split"], clips["source_file"], digests):
        if digest:
            places[digest].append((split, file))
    problems = []
    for copies in places.values():
        if len({split for split, _ in copies}) > 1:
            where = ", ".join(f"{file} ({split})" for split, file in copies[1 : 1 + _NAMED])
            more = f" and {len(copies) - 1 - _NAMED} more" if len(copies) > 1 + _NAMED else ""
            split, file = copies[0]
            message = f"({split}) has the same content as {where}{more}; keep it in one split only"
            problems.append(Problem("warning", file, message))
    return problems


def class_balance_problems(clips: pd.DataFrame, classes: Sequence[str]) -> list[Problem]:
    """Return a warning for each class without positives in a split, where recall and AP are undefined."""
    problems = []
    for split in dict.fromkeys(clips["split"]):
        there = set().union(*clips.loc[clips["split"] == split, "labels"])
        for name in classes:
            if name not in there:
                message = f"no clip of {split} has the class {name}; add some: its scores are undefined"
                problems.append(Problem("warning", split, message))
    return problems
