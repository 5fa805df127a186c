"""Checks of printed averages and rows of classes against printed matrices or rows, as printed and exchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sedcore.evaluation.audit.recompute import (
    CONVENTIONS,
    Ranges,
    columns_exchanged,
    from_counts,
    from_rows,
    orientations,
)
from sedcore.evaluation.audit.tables import (
    PARTS,
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

BY_CALL = "as scikit-learn prints them when called with (y_pred, y_true)"


def check_against_matrices(result: Result) -> tuple[list[Finding], Ranges]:
    """Check printed averages and rows against printed matrices; return findings and the averages of the matrices."""
    candidates: dict[str, list[tuple[str, Ranges]]] = {}
    for way, confusion in orientations(result.confusion).items():
        candidates[way] = [(name, from_counts(confusion, name)) for name in CONVENTIONS]
    as_printed = candidates["as printed"]
    candidates["columns"] = [(name, columns_exchanged(ranges)) for name, ranges in as_printed]
    findings, best = _against(result, candidates, "matrices")
    return findings + _rows_against_matrices(result), best


def check_against_rows(result: Result, clips: int | None) -> tuple[list[Finding], Ranges]:
    """Check printed averages against printed rows of all classes; return findings and the averages the rows allow."""
    as_printed = [
        (name, from_rows(result.classes, clips, name)) for name in ("zero", "zero, left out", "nan")
    ]
    candidates = {
        "as printed": as_printed,
        "columns": [(name, columns_exchanged(ranges)) for name, ranges in as_printed],
    }
    return _against(result, candidates, "rows of classes")


def _against(
    result: Result, candidates: Mapping[str, list[tuple[str, Ranges]]], what: str
) -> tuple[list[Finding], Ranges]:
    """Compare averages with their recomputed ranges, for each orientation and convention."""
    best: dict[str, tuple[list[tuple[str, str]], str, Ranges]] = {}
    for way, tried in candidates.items():
        scored = [(_differing(result.averages, ranges), name, ranges) for name, ranges in tried]
        best[way] = min(scored, key=lambda entry: len(entry[0]))
    wrong, convention, ranges = best["as printed"]
    shared = [(a, part) for a, row in ranges.items() for part in row if part in result.averages.get(a, {})]
    if not shared:
        return [], ranges
    if not wrong:
        also = f" ({CONVENTIONS[convention]})" if convention != "zero" else ""
        sentence = f"All {len(shared)} averages that the {what} give are as printed{also}."
        fine = Finding(Verdict.CONSISTENT, sentence, average_cells(*shared))
        return [fine, *_other_definition(result, ranges, what)], ranges
    for way in ("arguments", "columns"):
        if way in best and not best[way][0]:
            exchanged = _exchanged(way, wrong, shared, ranges, what)
            rest = [cell for cell in average_cells(*shared) if cell not in exchanged.cells]
            return [exchanged, Finding(Verdict.CONSISTENT, "", tuple(rest))], ranges
    right = [place for place in shared if place not in wrong]
    said = listed(
        [
            f"{a} {PARTS[part]} {result.averages[a][part]} (they give {_range(ranges[a][part])})"
            for a, part in wrong
        ]
    )
    sentence = f"{len(wrong)} of {len(shared)} averages differ from the printed {what}: {said}."
    refuted = Finding(Verdict.CANNOT, sentence, average_cells(*wrong))
    return [refuted, Finding(Verdict.CONSISTENT, "", average_cells(*right))], ranges


def _exchanged(
    way: str, wrong: list[tuple[str, str]], shared: list[tuple[str, str]], ranges: Ranges, what: str
) -> Finding:
    average = "micro" if "precision" in ranges.get("micro", {}) else "macro"
    gives = ", ".join(
        f"{PARTS[part]} {_range(ranges[average][part])}"
        for part in ("precision", "recall")
        if part in ranges[average]
    )
    how = (
        f"every cell is {BY_CALL}"
        if way == "arguments"
        else "with the two columns exchanged, every cell is right"
    )
    sentence = f"Precision and recall are exchanged: the printed {what} give {average} {gives}; {how}."
    named = [place for place in shared if place in wrong or place[1] != "f1"]
    return Finding(Verdict.EXCHANGED, sentence, average_cells(*named))


def _differing(averages: Mapping[str, Scores], ranges: Ranges) -> list[tuple[str, str]]:
    """Return (average, part) of the printed cells that the ranges exclude."""
    wrong = []
    for average, row in ranges.items():
        for part, (low, high) in row.items():
            printed = averages.get(average, {}).get(part)
            if printed is not None and not printed.holds(low, high) and not _is_harmonic(printed, part, row):
                wrong.append((average, part))
    return wrong


def _is_harmonic(printed, part: str, row: Mapping[str, tuple[float, float]]) -> bool:
    """Whether a printed F1 is the harmonic mean of the averaged P and R, which some call macro F1."""
    if part != "f1" or not {"precision", "recall"} <= set(row):
        return False
    return printed.holds(*(harmonic(row["precision"][edge], row["recall"][edge]) for edge in (0, 1)))


def _other_definition(result: Result, ranges: Ranges, what: str) -> list[Finding]:
    """Find macro or weighted F1 that is the harmonic mean of the averages (Opitz and Burst, "Macro F1 and Macro F1",
    2019): right by that definition, but not comparable with the mean of the classes' F1.
    """
    findings = []
    for average in ("macro", "weighted"):
        printed, must = result.averages.get(average, {}).get("f1"), ranges.get(average, {}).get("f1")
        if printed is not None and must is not None and not printed.holds(*must):
            sentence = (
                f"{average.capitalize()} F1 {printed} is the harmonic mean of the averaged P and R; the mean of the "
                f"classes' F1, as scikit-learn's, is {_range(must)} by the {what}."
            )
            findings.append(Finding(Verdict.SUSPICIOUS, sentence, average_cells((average, "f1"))))
    return findings


def _rows_against_matrices(result: Result) -> list[Finding]:
    """Check rows of classes against the matrices of the same classes, as printed and exchanged."""
    shared = [name for name in result.classes if name in result.matrices]
    if not shared:
        return []
    ways: dict[str, Callable] = {
        "as printed": lambda tn, fp, fn, tp: (tp, tp + fp, tp + fn),
        "arguments": lambda tn, fp, fn, tp: (tp, tp + fn, tp + fp),
    }
    wrong = {
        way: [
            Cell("class", name, part)
            for name in shared
            for part in _row_differs(result.classes[name], *counted(*result.matrices[name]))
        ]
        for way, counted in ways.items()
    }
    every = [Cell("class", name, part) for name in shared for part in result.classes[name].scores]
    if not wrong["as printed"]:
        return [Finding(Verdict.CONSISTENT, "The rows of classes are those of the matrices.", tuple(every))]
    cells = tuple(wrong["as printed"])
    if not wrong["arguments"]:
        sentence = f"Precision, recall and support of the classes are exchanged: every row is {BY_CALL}."
        return [Finding(Verdict.EXCHANGED, sentence, cells)]
    named = listed([f"{cell.row} {PARTS.get(cell.part, cell.part)}" for cell in cells])
    sentence = f"{len(cells)} cells of the rows of classes differ from the printed matrices: {named}."
    return [Finding(Verdict.CANNOT, sentence, cells)]


def _row_differs(row: ClassRow, tp: int, predicted: int, support: int) -> list[str]:
    """Return the parts of a row that differ from the counts; a score that divides by 0 may be 0 or 1."""
    pairs = {"precision": (tp, predicted), "recall": (tp, support), "f1": (2 * tp, predicted + support)}
    wrong = [] if row.support in (None, support) else ["support"]
    for part, printed in row.scores.items():
        above, below = pairs[part]
        right = printed.holds(above / below) if below else printed.holds(0) or printed.holds(1)
        wrong += [] if right else [part]
    return wrong


def _range(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"{low:.3f}" if f"{low:.3f}" == f"{high:.3f}" else f"{low:.3f} to {high:.3f}"
