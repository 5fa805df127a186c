"""Checks of a single result: whether its averages, rows of classes and matrices are possible.

A number is called impossible only if no counts give it, up to rounding, under any of the conventions in
`recompute.CONVENTIONS`. No finding does not mean that a number is right.
"""

from __future__ import annotations

from sedcore.evaluation.audit.attainable import attainable, why_not
from sedcore.evaluation.audit.tables import (
    PARTS,
    SLACK,
    UNNAMED,
    Cell,
    ClassRow,
    Finding,
    Result,
    Scores,
    Verdict,
    average_cells,
    harmonic,
    listed,
)


def check_identities(result: Result) -> list[Finding]:
    """Check averages by themselves: F1 against P and R, weighted R against micro R."""
    findings = []
    for average in result.averages:
        findings += _check_f1(result.averages[average], average)
    return findings + _check_weighted(result)


def _check_f1(row: Scores, average: str) -> list[Finding]:
    """Check that micro F1 is the harmonic mean of its P and R, other averages at most that, as F1 is concave."""
    if not all(part in row for part in PARTS):
        return []
    p, r, f1 = (row[part] for part in PARTS)
    low, high = harmonic(p.low, r.low), harmonic(p.high, r.high)
    cells, beside = average_cells((average, "f1")), average_cells((average, "precision"), (average, "recall"))
    if f1.low <= high + SLACK and (average != "micro" or f1.high >= low - SLACK):
        if average != "micro":
            return []
        return [Finding(Verdict.CONSISTENT, "Micro F1 is the harmonic mean of micro P and R.", cells)]
    bound = f"{low:.3f} to {high:.3f}" if average == "micro" else f"at most {high:.3f}"
    name = "" if average == UNNAMED else f"{average.capitalize()} "
    sentence = f"{name}F1 {f1} cannot be: P {p} and R {r} allow {bound}."
    return [Finding(Verdict.CANNOT, sentence, cells, beside)]


def _check_weighted(result: Result) -> list[Finding]:
    """Check that weighted R equals micro R: both are the share of all labels that was found."""
    micro, weighted = result.averages.get("micro", {}), result.averages.get("weighted", {})
    if "recall" not in micro or "recall" not in weighted:
        return []
    printed, must = weighted["recall"], micro["recall"]
    cells, beside = average_cells(("weighted", "recall")), average_cells(("micro", "recall"))
    if printed.holds(must.low, must.high):
        return [Finding(Verdict.CONSISTENT, "Weighted R equals micro R, as it must.", cells)]
    sentence = f"Weighted R {printed} cannot be: it always equals micro R, here {must}."
    p, wp = micro.get("precision"), weighted.get("precision")
    if p is None or wp is None or not wp.holds(p.low, p.high):
        return [Finding(Verdict.CANNOT, sentence, cells, beside)]
    sentence = (
        f"The columns of precision and recall are exchanged: weighted R {printed} always equals micro R, here "
        f"{must}; it is weighted P {wp} that equals micro P {p}."
    )
    both = [(average, part) for average in result.averages for part in ("precision", "recall")]
    return [Finding(Verdict.EXCHANGED, sentence, average_cells(*both))]


def check_counts(result: Result, clips: int | None) -> list[Finding]:
    """Check whether whole numbers of clips can give rows with support, as printed or exchanged."""
    rows = {name: row for name, row in result.classes.items() if row.support is not None and row.scores}
    wrong = [name for name, row in rows.items() if not _possible(row, clips)]
    fine = [
        Finding(Verdict.CONSISTENT, "", tuple(Cell("class", name, part) for part in rows[name].scores))
        for name in rows
        if name not in wrong
    ]
    if not wrong:
        return fine
    cells = {name: tuple(Cell("class", name, part) for part in rows[name].scores) for name in wrong}
    whole = all({"precision", "recall"} <= set(row.scores) for row in rows.values())
    if whole and all(_possible(ClassRow(_turned(row.scores), row.support), clips) for row in rows.values()):
        name = wrong[0]
        sentence = (
            f"The columns of precision and recall are exchanged: {_why(name, rows[name], clips)}; with the two "
            f"exchanged, {'all rows are' if len(rows) > 1 else 'the row is'} possible."
        )
        columns = [Cell("class", row, part) for row in rows for part in ("precision", "recall")]
        return [Finding(Verdict.EXCHANGED, sentence, tuple(columns))]
    return fine + [
        Finding(Verdict.CANNOT, f"{_why(name, rows[name], clips)}.", cells[name]) for name in wrong
    ]


def check_total(result: Result, clips: int | None, classes: int | None) -> list[Finding]:
    """Check micro averages against the number of all labels that is printed beside them."""
    micro, total = result.averages.get("micro", {}), result.total
    if total is None or not micro:
        return []
    others = clips * classes - total if clips and classes else None
    if (others is not None and others < 0) or attainable(micro, total, others) is not None:
        return []
    cells = average_cells(*(("micro", part) for part in micro))
    return [Finding(Verdict.CANNOT, f"Micro: {why_not(micro, total, others)}.", cells)]


def check_support_sum(result: Result) -> list[Finding]:
    """Check the sum of the classes' supports against the number of all labels printed beside the averages."""
    total, rows = result.total, [row.support for row in result.classes.values()]
    if total is None or not rows or None in rows or sum(rows) == total:
        return []
    sentence = f"The supports of the classes sum to {sum(rows)}, the averages are of {total}"
    cells = tuple(Cell("class", name, "support") for name in result.classes)
    if sum(rows) > total:
        return [Finding(Verdict.CANNOT, f"{sentence}: that cannot be.", cells)]
    return [Finding(Verdict.SUSPICIOUS, f"{sentence}: rows are missing, or a number is wrong.", cells)]


def check_class_f1(result: Result) -> list[Finding]:
    """Check that F1 is the harmonic mean of P and R in rows without support."""
    findings = []
    for name, row in result.classes.items():
        if row.support is not None or not all(part in row.scores for part in PARTS):
            continue
        p, r, f1 = (row.scores[part] for part in PARTS)
        low, high = harmonic(p.low, r.low), harmonic(p.high, r.high)
        cells = (Cell("class", name, "f1"),)
        if f1.holds(low, high):
            findings.append(Finding(Verdict.CONSISTENT, "", cells))
            continue
        sentence = f"{name}: F1 {f1} cannot be: P {p} and R {r} allow {low:.3f} to {high:.3f}."
        beside = (Cell("class", name, "precision"), Cell("class", name, "recall"))
        findings.append(Finding(Verdict.CANNOT, sentence, cells, beside))
    return findings


def _possible(row: ClassRow, clips: int | None) -> bool:
    others = None if clips is None else clips - row.support
    return (others is None or others >= 0) and attainable(row.scores, row.support, others) is not None


def _why(name: str, row: ClassRow, clips: int | None) -> str:
    if clips is not None and row.support > clips:
        return f"{name}: {row.support} positives are more than the {clips} clips"
    return f"{name}: {why_not(row.scores, row.support, None if clips is None else clips - row.support)}"


def _turned(scores: Scores) -> Scores:
    other = {"precision": "recall", "recall": "precision"}
    return {other.get(part, part): printed for part, printed in scores.items()}


def check_matrices(result: Result, clips: int | None) -> list[Finding]:
    """Check that the matrices of a split have the same number of clips."""
    totals = {name: sum(matrix) for name, matrix in result.matrices.items()}
    if not totals:
        return []
    usual = clips if clips is not None else max(totals.values(), key=list(totals.values()).count)
    off = [name for name, total in totals.items() if total != usual]
    if not off:
        sentence = f"All {len(totals)} matrices hold {usual} clips." if len(totals) > 1 else ""
        cells = tuple(Cell("matrix", name, part) for name in totals for part in ("tn", "fp", "fn", "tp"))
        return [Finding(Verdict.CONSISTENT, sentence, cells)]
    said = listed([f"{name} {totals[name]}" for name in off])
    given = "the number of clips is" if clips is not None else "the others hold"
    sentence = f"The matrices cannot be of the same clips: {given} {usual}, but {said}."
    cells = tuple(Cell("matrix", name, part) for name in off for part in ("tn", "fp", "fn", "tp"))
    return [Finding(Verdict.CANNOT, sentence, cells)]
