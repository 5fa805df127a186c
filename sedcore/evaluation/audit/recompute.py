"""Averages recomputed from printed matrices or rows of classes.

From matrices they are exact, given a convention for scores that divide by 0; from rows of classes they are
intervals, as the rows are rounded. Every convention in use is tried, so that none is called wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sedcore.evaluation.audit.attainable import attainable
from sedcore.evaluation.audit.tables import PARTS, ClassRow
from sedcore.evaluation.counts import Confusion

Ranges = dict[str, dict[str, tuple[float, float]]]  # average: part: (lowest, highest)

_FILLS = {"zero": (0.0, "counts 0"), "one": (1.0, "counts 1"), "nan": (np.nan, "is left out, score by score")}
_KEPT = {
    "": "",
    ", left out": "; classes without positives are left out of macro and weighted",
    ", no class": "; classes without positives are left out everywhere",
}
# How a class counts whose precision, recall or F1 divides by 0; the first is scikit-learn's default.
CONVENTIONS = {
    f"{fill}{kept}": f"what divides by nothing {does}{leaves}"
    for kept, leaves in _KEPT.items()
    for fill, (_, does) in _FILLS.items()
}


def from_counts(confusion: Confusion, convention: str = "zero") -> Ranges:
    """Return micro, macro and weighted averages of counts under a convention, without undefined ones."""
    tp, support, predicted = confusion.tp, confusion.tp + confusion.fn, confusion.tp + confusion.fp
    name, _, leaves = convention.partition(", ")
    fill = _FILLS[name][0]
    everything = np.ones(len(tp), bool)
    kept = support > 0 if leaves else everything
    pooled = kept if leaves == "no class" else everything
    pairs = {"precision": (tp, predicted), "recall": (tp, support), "f1": (2 * tp, support + predicted)}
    ranges: Ranges = {"micro": {}, "macro": {}, "weighted": {}}
    for part, (above, below) in pairs.items():
        each = np.where(below > 0, above / np.maximum(below, 1), fill)
        used = kept & ~np.isnan(each)
        total = below[pooled].sum()
        ranges["micro"][part] = _exact(above[pooled].sum() / total if total else fill)
        if used.any():
            ranges["macro"][part] = _exact(each[used].mean())
        if support[used].sum() > 0:
            ranges["weighted"][part] = _exact(np.average(each[used], weights=support[used]))
    return {
        average: {part: r for part, r in row.items() if not np.isnan(r[0])} for average, row in ranges.items()
    }


def orientations(confusion: Confusion) -> dict[str, Confusion]:
    """Return the counts as printed, and with truth and predictions exchanged."""
    turned = Confusion(tp=confusion.tp, fp=confusion.fn, fn=confusion.fp, tn=confusion.tn)
    return {"as printed": confusion, "arguments": turned}


def columns_exchanged(ranges: Ranges) -> Ranges:
    """Return the averages with the names of precision and recall exchanged."""
    other = {"precision": "recall", "recall": "precision", "f1": "f1"}
    return {
        average: {part: row[other[part]] for part in PARTS if other[part] in row}
        for average, row in ranges.items()
    }


def from_rows(rows: Mapping[str, ClassRow], clips: int | None, convention: str = "zero") -> Ranges:
    """Return the averages that printed rows of all classes allow. convention: "zero", "zero, left out" or "nan".

    Macro and weighted are averages of the rows' lower and upper edges. Weighted and micro need support; micro
    follows from the whole numbers of clips that can give each row.
    """
    chosen = list(rows.values())
    if convention == "zero, left out":
        chosen = [row for row in chosen if row.support != 0]
    ranges: Ranges = {"micro": {}, "macro": {}, "weighted": {}}
    known = bool(chosen) and all(row.support is not None for row in chosen)
    for part in PARTS:
        printed = [(row.scores.get(part), row.support) for row in chosen]
        if convention == "zero" or all(number is not None for number, _ in printed):
            bounds = [(n.low, n.high, s) if n is not None else (0.0, 0.0, s) for n, s in printed]
        elif convention == "nan":
            bounds = [(n.low, n.high, s) for n, s in printed if n is not None]
        else:
            continue
        if not any(number is not None for number, _ in printed):
            continue
        low, high, weights = (np.array(column, float) for column in zip(*bounds))
        ranges["macro"][part] = (float(low.mean()), float(high.mean()))
        if known and weights.sum() > 0:
            ranges["weighted"][part] = tuple(float(np.average(edge, weights=weights)) for edge in (low, high))
    if rows and all(row.support is not None for row in rows.values()):
        ranges["micro"] = _micro_of_rows(list(rows.values()), clips)
    return ranges


def _micro_of_rows(rows: list[ClassRow], clips: int | None) -> dict[str, tuple[float, float]]:
    total = sum(row.support for row in rows)
    held = [
        attainable(row.scores, row.support, None if clips is None else clips - row.support) for row in rows
    ]
    if total == 0 or any(counts is None for counts in held):
        return {}
    lowest, highest = sum(counts.tp[0] for counts in held), sum(counts.tp[1] for counts in held)
    fewest, most = sum(counts.predicted[0] for counts in held), sum(counts.predicted[1] for counts in held)
    ranges = {"recall": (lowest / total, highest / total)}
    if fewest > 0:
        ranges["precision"] = (lowest / most, min(1.0, highest / fewest))
    ranges["f1"] = (2 * lowest / (total + most), min(1.0, 2 * highest / (total + fewest)))
    return ranges


def _exact(value: float) -> tuple[float, float]:
    return float(value), float(value)
