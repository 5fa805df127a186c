"""What cannot be right in one result: its averages, its rows of classes and its matrices, beside each other.

Every claim follows from bounds: what is said to be impossible cannot come from any counts, given that numbers
were rounded, under any of the conventions in `recompute.CONVENTIONS`. Nothing found means only that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sedcore.evaluation.audit.attainable import attainable, why_not
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

BY_CALL = "as scikit-learn prints them when called with (y_pred, y_true)"


def check_identities(result: Result) -> list[Finding]:
    """What averages refute by themselves: F1 against P and R, weighted R against micro R."""
    found = []
    for average in result.averages:
        found += _check_f1(result.averages[average], average)
    return found + _check_weighted(result)


def _check_f1(row: Scores, average: str) -> list[Finding]:
    """Micro F1 is the harmonic mean of its P and R; other averages of F1 are at most that, F1 being concave."""
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
    """Weighted R always equals micro R: both are all that was found of all labels."""
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
    """Rows of classes with support: whether whole numbers of clips can give them, as printed or exchanged."""
    rows = {name: row for name, row in result.classes.items() if row.support is not None and row.scores}
    found = {name: _possible(row, clips) for name, row in rows.items()}
    wrong = [name for name, possible in found.items() if not possible]
    fine = [
        Finding(Verdict.CONSISTENT, "", tuple(Cell("class", name, part) for part in rows[name].scores))
        for name in rows
        if found[name]
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
    """The number of all labels printed beside the averages: micro from it, and whether the rows sum to it."""
    total, found = result.total, []
    if total is None:
        return []
    micro = result.averages.get("micro", {})
    others = clips * classes - total if clips and classes else None
    if micro and (others is None or others >= 0) and attainable(micro, total, others) is None:
        cells = average_cells(*(("micro", part) for part in micro))
        found.append(Finding(Verdict.CANNOT, f"Micro: {why_not(micro, total, others)}.", cells))
    rows = [row.support for row in result.classes.values()]
    if not rows or None in rows or sum(rows) == total:
        return found
    sentence = f"The supports of the classes sum to {sum(rows)}, the averages are of {total}"
    cells = tuple(Cell("class", name, "support") for name in result.classes)
    if sum(rows) > total:
        return [*found, Finding(Verdict.CANNOT, f"{sentence}: that cannot be.", cells)]
    return [
        *found,
        Finding(Verdict.SUSPICIOUS, f"{sentence}: rows are missing, or a number is wrong.", cells),
    ]


def check_class_f1(result: Result) -> list[Finding]:
    """Rows of classes without support: F1 is the harmonic mean of P and R."""
    found = []
    for name, row in result.classes.items():
        if row.support is not None or not all(part in row.scores for part in PARTS):
            continue
        p, r, f1 = (row.scores[part] for part in PARTS)
        low, high = harmonic(p.low, r.low), harmonic(p.high, r.high)
        cells = (Cell("class", name, "f1"),)
        if f1.holds(low, high):
            found.append(Finding(Verdict.CONSISTENT, "", cells))
            continue
        sentence = f"{name}: F1 {f1} cannot be: P {p} and R {r} allow {low:.3f} to {high:.3f}."
        beside = (Cell("class", name, "precision"), Cell("class", name, "recall"))
        found.append(Finding(Verdict.CANNOT, sentence, cells, beside))
    return found


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


def check_against_matrices(result: Result) -> tuple[list[Finding], Ranges]:
    """Printed averages and rows against printed matrices; also the averages that the matrices give."""
    candidates: dict[str, list[tuple[str, Ranges]]] = {}
    for way, confusion in orientations(result.confusion).items():
        candidates[way] = [(name, from_counts(confusion, name)) for name in CONVENTIONS]
    as_printed = candidates["as printed"]
    candidates["columns"] = [(name, columns_exchanged(ranges)) for name, ranges in as_printed]
    found, best = _against(result, candidates, "matrices")
    return found + _rows_against_matrices(result), best


def check_against_rows(result: Result, clips: int | None) -> tuple[list[Finding], Ranges]:
    """Printed averages against printed rows of all classes; also the averages that the rows allow."""
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
    """Compare averages with what they must be, in each orientation under each convention."""
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
        found = [Finding(Verdict.CONSISTENT, sentence, average_cells(*shared))]
        return found + _other_definition(result, ranges, what), ranges
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
    found = [Finding(Verdict.CANNOT, sentence, average_cells(*wrong))]
    return found + [Finding(Verdict.CONSISTENT, "", average_cells(*right))], ranges


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
    """(average, part) of the printed cells that the ranges exclude."""
    wrong = []
    for average, row in ranges.items():
        for part, (low, high) in row.items():
            printed = averages.get(average, {}).get(part)
            if printed is not None and not printed.holds(low, high) and not _is_harmonic(printed, part, row):
                wrong.append((average, part))
    return wrong


def _is_harmonic(printed, part: str, row: Mapping[str, tuple[float, float]]) -> bool:
    """Whether a printed F1 is that of the averaged P and R, which some call macro F1."""
    if part != "f1" or not {"precision", "recall"} <= set(row):
        return False
    return printed.holds(*(harmonic(row["precision"][edge], row["recall"][edge]) for edge in (0, 1)))


def _other_definition(result: Result, ranges: Ranges, what: str) -> list[Finding]:
    """Macro or weighted F1 that is the harmonic mean of the averages (Opitz and Burst, "Macro F1 and Macro F1",
    2019): right by that definition, but not comparable with the mean of the classes' F1."""
    found = []
    for average in ("macro", "weighted"):
        printed, must = result.averages.get(average, {}).get("f1"), ranges.get(average, {}).get("f1")
        if printed is not None and must is not None and not printed.holds(*must):
            sentence = (
                f"{average.capitalize()} F1 {printed} is the harmonic mean of the averaged P and R; the mean of the "
                f"classes' F1, as scikit-learn's, is {_range(must)} by the {what}."
            )
            found.append(Finding(Verdict.SUSPICIOUS, sentence, average_cells((average, "f1"))))
    return found


def _rows_against_matrices(result: Result) -> list[Finding]:
    """Rows of classes against the matrices of the same classes, as they are and exchanged."""
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
    """The parts of a row that counts do not give; what divides by nothing may be 0 or 1."""
    pairs = {"precision": (tp, predicted), "recall": (tp, support), "f1": (2 * tp, predicted + support)}
    wrong = [] if row.support in (None, support) else ["support"]
    for part, printed in row.scores.items():
        above, below = pairs[part]
        right = printed.holds(above / below) if below else printed.holds(0) or printed.holds(1)
        wrong += [] if right else [part]
    return wrong


def check_matrices(result: Result, clips: int | None) -> list[Finding]:
    """Matrices of one split share its number of clips."""
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


def _range(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"{low:.3f}" if f"{low:.3f}" == f"{high:.3f}" else f"{low:.3f} to {high:.3f}"
