"""Printed results as data: numbers with their printed digits, tables of a model on a split, findings.

A printed number stands for the interval of half a unit of its last digit around it, edges included: numbers count
as rounded, by whatever rule for halves, never as truncated. All are shares from 0 to 1, also if printed in per
cent: 83.4 % has three decimals.
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
UNNAMED = "average"  # a row of P, R, F1 whose kind of average is not given
# Far above the rounding error of float64 (1e-16), far below any printed digit.
SLACK = 1e-9
MOST_DECIMALS = 6  # the precision of float32: later digits carry no information on counts


class Printed(NamedTuple):
    """A printed number: its value from 0 to 1, and its number of printed decimals."""

    value: float
    decimals: int

    @property
    def low(self) -> float:
        """Lower edge of the interval that the number stands for."""
        return max(0.0, self.value - 0.5 * 10**-self.decimals - SLACK)

    @property
    def high(self) -> float:
        """Upper edge of the interval that the number stands for."""
        return min(1.0, self.value + 0.5 * 10**-self.decimals + SLACK)

    def holds(self, low: float, high: float | None = None) -> bool:
        """Whether a number from `low` to `high` (or `low` itself) would be printed like this."""
        return self.low <= (low if high is None else high) + SLACK and low - SLACK <= self.high

    def __str__(self) -> str:
        return f"{self.value:.{self.decimals}f}"


class Cell(NamedTuple):
    """A cell of a result. kind "average": row is its name; "class" or "matrix": row is the class.

    part: precision, recall, f1, support; in a matrix tn, fp, fn, tp.
    """

    kind: str
    row: str
    part: str


class Verdict(StrEnum):
    """The verdict on a cell, a table or a result; worst first."""

    CANNOT = "cannot be right"
    EXCHANGED = "exchanged"
    SUSPICIOUS = "suspicious"
    CONSISTENT = "consistent"
    NOT_CHECKABLE = "not checkable"


IMPOSSIBLE = (Verdict.CANNOT, Verdict.EXCHANGED)


class Finding(NamedTuple):
    """A verdict with a sentence for the reader, the cells it is about, and further cells it rests on (`beside`)."""

    verdict: Verdict
    sentence: str
    cells: tuple[Cell, ...] = ()
    beside: tuple[Cell, ...] = ()


Scores = dict[str, Printed]  # by part, without parts that were not printed or are undefined


@dataclass
class ClassRow:
    """A printed row of a class: some of precision, recall and F1, and its support in clips."""

    scores: Scores
    support: int | None = None


@dataclass
class Result:
    """The printed numbers of a model on a split: averages, rows of classes, matrices; any may be missing."""

    model: str = ""
    split: str = ""
    averages: dict[str, Scores] = field(default_factory=dict)
    classes: dict[str, ClassRow] = field(default_factory=dict)
    matrices: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)  # class: tn, fp, fn, tp
    threshold: float | None = None
    total: int | None = None  # labels in all, as printed beside the averages

    @property
    def name(self) -> str:
        """Model and split, as named in sentences."""
        return " ".join(part for part in (self.model, self.split) if part) or "the table"

    @property
    def confusion(self) -> Confusion:
        """The matrices as counts, (classes,) each."""
        tn, fp, fn, tp = np.array(list(self.matrices.values()), np.int64).reshape(-1, 4).T
        return Confusion(tp=tp, fp=fp, fn=fn, tn=tn)

    @property
    def support(self) -> dict[str, int]:
        """Printed positive clips of each class: of the matrices, else of the rows if all have support."""
        if self.matrices:
            return {name: fn + tp for name, (_, _, fn, tp) in self.matrices.items()}
        if self.classes and all(row.support is not None for row in self.classes.values()):
            return {name: row.support for name, row in self.classes.items()}
        return {}


@dataclass
class Document:
    """Results that are audited together; those with the same split name are of the same clips.

    clips: of each split, if known. classes: how many, if known. threshold_chosen_on: the split that the threshold
    was chosen on, if the print names it. notes: how the input was understood.
    """

    results: list[Result]
    clips: int | None = None
    classes: int | None = None
    threshold_chosen_on: str | None = None
    notes: list[str] = field(default_factory=list)


def average_cells(*places: tuple[str, str]) -> tuple[Cell, ...]:
    """Return the cells at (average, part)."""
    return tuple(Cell("average", average, part) for average, part in places)


def harmonic(p: float, r: float) -> float:
    """Return the harmonic mean of precision and recall, 0 where both are 0."""
    return 2 * p * r / (p + r) if p + r > 0 else 0.0


def listed(words: Sequence[str], most: int = 6) -> str:
    """Return words as a phrase, "a, b and c"; past `most` the rest is counted."""
    words = list(words)
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    return " and ".join(part for part in (", ".join(words[:-1]), "".join(words[-1:])) if part)
