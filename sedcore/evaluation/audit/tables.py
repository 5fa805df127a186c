"""What was printed, as data: numbers with the digits they were printed with, tables of a model on a split.

A number printed with two decimals stands for the interval half a unit around it, edges included: numbers are
taken as rounded, by whatever rule for halves, never as cut off. All numbers are shares from 0 to 1, also
where the print was in per cent; 83.4 % has three decimals then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from sedcore.evaluation.counts import Confusion

PARTS = {"precision": "P", "recall": "R", "f1": "F1"}
AVERAGES = ("micro", "macro", "weighted", "samples")
UNNAMED = "average"  # a row of P, R, F1 whose average is not said
# Binary fractions miss the edges of intervals by about 1e-16; no printed digit is near this.
SLACK = 1e-9
MOST_DECIMALS = 6  # what float32 holds: digits past these are the computer's, not the count's


class Printed(NamedTuple):
    """A printed number: its value from 0 to 1, and how many decimals of it were printed."""

    value: float
    decimals: int

    @property
    def low(self) -> float:
        return max(0.0, self.value - 0.5 * 10**-self.decimals - SLACK)

    @property
    def high(self) -> float:
        return min(1.0, self.value + 0.5 * 10**-self.decimals + SLACK)

    def holds(self, low: float, high: float | None = None) -> bool:
        """Whether a number from `low` to `high` (or `low` itself) would be printed like this."""
        return self.low <= (low if high is None else high) + SLACK and low - SLACK <= self.high

    def __str__(self) -> str:
        return f"{self.value:.{self.decimals}f}"


class Cell(NamedTuple):
    """A place in a result. kind "average": row is its name; "class" or "matrix": row is the class.

    part: precision, recall, f1, support; in a matrix tn, fp, fn, tp.
    """

    kind: str
    row: str
    part: str


class Verdict(StrEnum):
    """What can be said of a cell, a table, a result; worst first."""

    CANNOT = "cannot be right"
    EXCHANGED = "exchanged"
    SUSPICIOUS = "suspicious"
    CONSISTENT = "consistent"
    NOT_CHECKABLE = "not checkable"


IMPOSSIBLE = (Verdict.CANNOT, Verdict.EXCHANGED)


class Finding(NamedTuple):
    """A sentence for a reader of the table, the cells it is about, and those it rests on beside them."""

    verdict: Verdict
    sentence: str
    cells: tuple[Cell, ...] = ()
    beside: tuple[Cell, ...] = ()


Scores = dict[str, Printed]  # by part; a part that was not printed, or printed as undefined, is missing


@dataclass
class ClassRow:
    """What is printed of a class: some of precision, recall and F1, and its support in clips."""

    scores: Scores
    support: int | None = None


@dataclass
class Result:
    """All that is printed of a model on a split: averages, rows of classes, matrices; any may be missing."""

    model: str = ""
    split: str = ""
    averages: dict[str, Scores] = field(default_factory=dict)
    classes: dict[str, ClassRow] = field(default_factory=dict)
    matrices: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)  # class: tn, fp, fn, tp
    threshold: float | None = None
    total: int | None = None  # labels in all, as printed beside the averages

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.model, self.split) if part) or "the table"

    @property
    def confusion(self) -> Confusion:
        tn, fp, fn, tp = np.array(list(self.matrices.values()), np.int64).reshape(-1, 4).T
        return Confusion(tp=tp, fp=fp, fn=fn, tn=tn)

    @property
    def support(self) -> dict[str, int]:
        """Positive clips of each class as printed: by the matrices, else by the rows where all have it."""
        if self.matrices:
            return {name: fn + tp for name, (_, _, fn, tp) in self.matrices.items()}
        if self.classes and all(row.support is not None for row in self.classes.values()):
            return {name: row.support for name, row in self.classes.items()}
        return {}


@dataclass
class Document:
    """Everything that is audited together: results on the same clips wherever their split has the same name.

    clips: of each split, where known. classes: how many, where known. threshold_chosen_on: the split whose
    results the threshold was chosen by, where the print says so. notes: how the input was understood.
    """

    results: list[Result]
    clips: int | None = None
    classes: int | None = None
    threshold_chosen_on: str | None = None
    notes: list[str] = field(default_factory=list)


def average_cells(*places: tuple[str, str]) -> tuple[Cell, ...]:
    """The cells at (average, part)."""
    return tuple(Cell("average", average, part) for average, part in places)


def harmonic(p: float, r: float) -> float:
    """The harmonic mean of precision and recall, 0 where both are 0."""
    return 2 * p * r / (p + r) if p + r > 0 else 0.0


def listed(words: Sequence[str], most: int = 6) -> str:
    """Words as a phrase: a, b and c; past `most` the rest is a number."""
    words = list(words)
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    return " and ".join(part for part in (", ".join(words[:-1]), "".join(words[-1:])) if part)
