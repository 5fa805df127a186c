"""Audited results as tables of text with marks on doubtful cells, for page and terminal alike."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sedcore.evaluation.audit.tables import AVERAGES, PARTS, UNNAMED, Cell, Verdict
from sedcore.evaluation.audit.verdicts import Audited

Marks = Mapping[Verdict, str]
COUNTS = ("tn", "fp", "fn", "tp")


def averages_table(one: Audited, marks: Marks) -> pd.DataFrame:
    """Return a row a part: each average as printed and, where possible, as recomputed from the classes."""
    cells, result = one.cells(), one.result
    averages = [a for a in (*AVERAGES, UNNAMED) if a in result.averages or a in one.recomputed]
    rows = []
    for part, short in PARTS.items():
        row = {"": short}
        for average in averages:
            printed = result.averages.get(average, {}).get(part)
            if average in result.averages:
                row[average] = _marked(printed, cells.get(Cell("average", average, part)), marks)
            if average in one.recomputed:
                row[f"{average} computed"] = _bounds(one.recomputed[average].get(part))
        rows.append(row)
    return pd.DataFrame(rows if averages else [])


def classes_table(one: Audited, marks: Marks) -> pd.DataFrame:
    """Return a row a class: its printed P, R, F1 and support."""
    cells, rows = one.cells(), []
    for name, printed in one.result.classes.items():
        row = {"class": name}
        for part, short in PARTS.items():
            row[short] = _marked(printed.scores.get(part), cells.get(Cell("class", name, part)), marks)
        if printed.support is not None:
            row["support"] = _marked(printed.support, cells.get(Cell("class", name, "support")), marks)
        rows.append(row)
    return pd.DataFrame(rows)


def matrices_table(one: Audited, marks: Marks) -> pd.DataFrame:
    """Return a row a class: tn, fp, fn, tp, and the precision, recall and F1 they give."""
    cells, rows = one.cells(), []
    for name, matrix in one.result.matrices.items():
        row = {"class": name}
        for part, count in zip(COUNTS, matrix):
            row[part] = _marked(count, cells.get(Cell("matrix", name, part)), marks)
        _, fp, fn, tp = matrix
        for short, below, above in (("P", tp + fp, tp), ("R", tp + fn, tp), ("F1", 2 * tp + fp + fn, 2 * tp)):
            row[f"{short} computed"] = f"{above / below:.3f}" if below else "-"
        rows.append(row)
    return pd.DataFrame(rows)


def _marked(printed: object, verdict: Verdict | None, marks: Marks) -> str:
    if printed is None:
        return "-"
    mark = marks.get(verdict, "") if verdict is not None else ""
    return f"{printed} {mark}".strip()


def _bounds(bounds: tuple[float, float] | None) -> str:
    if bounds is None:
        return "-"
    low, high = (f"{edge:.3f}" for edge in bounds)
    return low if low == high else f"{low} to {high}"
