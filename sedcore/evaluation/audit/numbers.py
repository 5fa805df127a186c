"""Parsing printed numbers: their decimals, per cent, and marks for undefined values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from sedcore.errors import SedcoreError
from sedcore.evaluation.audit.tables import MOST_DECIMALS, PARTS, Printed

NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e-?\d{1,3})?\s*%?", re.IGNORECASE)
UNDEFINED = {"-", "–", "—", "nan", "n/a", "na", "null", "none", "undefined", "--", "---"}


class Raw(NamedTuple):
    """A number as text, and its line (0: not from lines)."""

    text: str
    line: int = 0


def is_number(token: str) -> bool:
    """Whether a cell is a printed number."""
    return NUMBER.fullmatch(token.strip()) is not None


def is_undefined(token: str) -> bool:
    """Whether a cell marks a missing number: a dash, nan and the like."""
    return token.strip().lower() in UNDEFINED


def as_printed(
    cells: Mapping[tuple[str, str], Raw], place: str, notes: list[str]
) -> dict[tuple[str, str], Printed]:
    """Return the numbers of one table, {(row, part): Printed}.

    All cells have the decimals of the cell with most: 0.8 beside 0.83 is 0.80. A part whose cells (three or more)
    all have fewer was printed with fewer. A table with numbers over 1 is in per cent.

    Raises
    ------
    SedcoreError
        A number is over 100, below 0, or over 1 among shares.
    """
    text = {
        place_: raw.text.strip().replace(",", ".")
        for place_, raw in cells.items()
        if not is_undefined(raw.text)
    }
    value, decimals = {}, {}
    for key, number in text.items():
        if not is_number(number):
            raise SedcoreError(f"{_where(cells[key], place)} is {number[:40]}, wanted a number.")
        plain = number.rstrip("% ")
        value[key] = float(plain)
        mantissa, _, power = plain.lower().partition("e")
        decimals[key] = max(0, len(mantissa.partition(".")[2]) - int(power or 0))
    per_cent = any("%" in number for number in text.values()) or any(v > 1 for v in value.values())
    if per_cent:
        _refuse_mixed(cells, text, value, place)
        note = "Numbers are read as per cent."
        notes += [] if note in notes else [note]
    digits = _digits(decimals)
    printed = {}
    for key, number in value.items():
        share = number / 100 if per_cent else number
        if not 0 <= share <= 1:
            top = "100 %" if per_cent else "1"
            raise SedcoreError(
                f"{_where(cells[key], place)} is {text[key][:40]}, wanted a number from 0 to {top}."
            )
        kept = min(digits[key] + (2 if per_cent else 0), MOST_DECIMALS)
        # Removes binary noise only: rounding to fewer digits than were printed would move the interval.
        printed[key] = Printed(round(share, 12), kept)
    return printed


def _digits(decimals: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Return the decimals that each cell was printed with."""
    most = max(decimals.values(), default=0)
    own = {
        part: [places for (_, p), places in decimals.items() if p == part and p in PARTS] for part in PARTS
    }
    fewer = {part: max(held) for part, held in own.items() if len(held) >= 3 and max(held) < most}
    return {key: fewer.get(key[1], most) for key in decimals}


def _refuse_mixed(cells, text, value, place: str) -> None:
    """Reject a number over 1 among shares: a typing or scanning error, not per cent."""
    if any("%" in number for number in text.values()):
        return
    over = [key for key, v in value.items() if v > 1]
    kinds = Counter("share" for v in value.values() if 0 < v < 1)
    if kinds["share"] > len(over):
        key = over[0]
        name = f"{key[0].removeprefix('class:')} {key[1]}"
        raise SedcoreError(
            f"{_where(cells[key], place)}: {name} is {text[key][:40]} among numbers from 0 to 1: is it in per cent, or "
            "is a point missing?"
        )


def _where(raw: Raw, place: str) -> str:
    return f"line {raw.line}" if raw.line else place
