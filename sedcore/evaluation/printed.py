"""What printed tables can and cannot mean: checks by the bounds that rounding leaves.

A printed table is {"precision" | "recall" | "f1": {"micro" | "macro" | "weighted" | "samples": number}}; a
number printed with two decimals stands for the interval half a unit around it. Matrices are (classes, 2, 2),
[[tn, fp], [fn, tp]] a class. Each finding is a sentence for a reader of the table; no sentence means that
nothing was found, not that the table is right.

The tables here are those of scikit-learn's classification_report. Called as (y_pred, y_true) it prints
precision as recall and recall as precision, and weights classes by how often they were predicted: what
`exchanged` means below.
"""

import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import PRF, averages
from sedcore.evaluation.counts import Confusion

Table = Mapping[str, Mapping[str, float]]
Interval = tuple[float, float]

PARTS = {"precision": "P", "recall": "R", "f1": "F1"}
# Binary fractions miss the edges of the intervals by about 1e-16; no printed digit is near this.
SLACK = 1e-9


def report_numbers() -> dict:
    """The figures of the report that this project grew from: its averaged tables and the matrices it prints.

    Keys: source, threshold, classes, tables {model: {split: table}}, confusion_validation {model: matrices}.
    """
    return json.loads(resources.files(__package__).joinpath("report_numbers.json").read_text("utf-8"))


def report_notes() -> dict[str, dict[str, list[str]]]:
    """{model: {split: sentences}}: where the report's tables cannot be right, found by the checks below."""
    numbers = report_numbers()
    tables, matrices = numbers["tables"], numbers["confusion_validation"]
    notes = {
        model: {
            split: check_table(table, matrices.get(model) if split == "validation" else None)
            for split, table in splits.items()
        }
        for model, splits in tables.items()
    }
    for split in ("validation", "test"):
        rows = {model.upper(): splits[split] for model, splits in tables.items()}
        together = check_tables_together(rows, len(numbers["classes"]))
        for model in tables:
            notes[model][split] += together[model.upper()]
    return notes


def matrix_averages(matrices: Sequence | np.ndarray, exchanged: bool = False) -> dict[str, PRF]:
    """Micro, macro and weighted from matrices; `exchanged`: as if truth and predictions had changed
    places."""
    held = Confusion.from_matrices(matrices)
    return averages(Confusion(tp=held.tp, fp=held.fn, fn=held.fp, tn=held.tn) if exchanged else held)


def baseline_averages(support: Sequence[int], clips: int, predicted: Sequence[bool]) -> dict[str, PRF]:
    """Averages of predicting the same classes for every clip. support: (classes,) clips; predicted:
    (classes,)."""
    support, predicted = np.asarray(support, np.int64), np.asarray(predicted, bool)
    tp, fp = support * predicted, (clips - support) * predicted
    return averages(Confusion(tp=tp, fp=fp, fn=support - tp, tn=clips - support - fp))


def check_table(table: Table, matrices: Sequence | np.ndarray | None = None, decimals: int = 2) -> list[str]:
    """What cannot be right in one printed table, alone or beside the matrices printed with it."""
    _refuse_broken(table)
    found = []
    for average in table["f1"]:
        found += _check_f1(table, average, decimals)
    micro, weighted = table["recall"]["micro"], table["recall"]["weighted"]
    if abs(micro - weighted) > 10**-decimals + SLACK:
        found.append(
            f"Weighted R {weighted:.{decimals}f} cannot be: it always equals micro R, here {micro:.{decimals}f}."
        )
    return found + ([] if matrices is None else _check_matrices(table, matrices, decimals))


def _check_f1(table: Table, average: str, decimals: int) -> list[str]:
    """Micro F1 is the harmonic mean of its P and R; the other F1 are at most that, as it is a concave
    function."""
    p, r, f1 = (_interval(table[part][average], decimals) for part in PARTS)
    low, high = _harmonic(p[0], r[0]), _harmonic(p[1], r[1])
    if f1[0] <= high + SLACK and (average != "micro" or f1[1] >= low - SLACK):
        return []
    bound = f"{low:.3f} to {high:.3f}" if average == "micro" else f"at most {high:.3f}"
    printed = {part: f"{name} {table[part][average]:.{decimals}f}" for part, name in PARTS.items()}
    name = f"{average.capitalize()} {printed['f1']}"
    return [f"{name} cannot be: {printed['precision']} and {printed['recall']} allow {bound}."]


def _check_matrices(table: Table, matrices: Sequence | np.ndarray, decimals: int) -> list[str]:
    truth = matrix_averages(matrices)
    wrong = _cells_that_differ(table, truth, decimals)
    if not wrong:
        return []
    if not _cells_that_differ(table, matrix_averages(matrices, exchanged=True), decimals):
        micro = truth["micro"]
        return [
            "Precision and recall are exchanged: the printed matrices give "
            f"micro P {micro.precision:.3f}, R {micro.recall:.3f}."
        ]
    part, average = wrong[0]
    return [
        f"{len(wrong)} of 9 cells differ from the printed matrices, such as {average} {PARTS[part]}: printed "
        f"{table[part][average]:.{decimals}f}, computed {getattr(truth[average], part):.3f}."
    ]


def _cells_that_differ(table: Table, computed: Mapping[str, PRF], decimals: int) -> list[tuple[str, str]]:
    """(part, average) of the cells whose interval does not hold the computed number."""
    half = 0.5 * 10**-decimals + SLACK
    return [
        (part, average)
        for average in computed
        for part in PARTS
        if not abs(table[part][average] - getattr(computed[average], part)) <= half
    ]


def check_tables_together(
    tables: Mapping[str, Table], classes: int, decimals: int = 2
) -> dict[str, list[str]]:
    """{model: sentences}: what cannot be right in tables of several models on the same clips and classes.

    The models share the number of positives of each class, so they share the weights of the weighted
    averages. A row with a small macro and a large weighted average forces one class to hold most labels; then
    the weighted F1 of every model follows from its weighted P and R. If the tables are exchanged, each model
    has weights of its own and binds only itself: the sentences say where that removes the contradiction.
    """
    for model, table in tables.items():
        _refuse_broken(table, f" of {model}")
    own = {model: dominant_share(table, classes, decimals) for model, table in tables.items()}
    found: dict[str, list[str]] = {model: [] for model in tables}
    if not tables:
        return found
    source = max(own, key=own.__getitem__)
    share = own[source]
    impossible = _impossible_f1(tables, dict.fromkeys(tables, share), decimals)
    if not impossible:
        return found
    at_least = f"{math.floor(share * 1e4) / 100:.2f} %"
    for model, (low, high) in impossible.items():
        printed = tables[model]["f1"]["weighted"]
        found[model].append(
            f"Weighted F1 {printed:.{decimals}f} is impossible beside the {source} row, by which one class holds at "
            f"least {at_least} of all labels: that allows {low:.3f} to {high:.3f}."
        )
    removed = (
        "" if _impossible_f1(tables, own, decimals) else " Exchanging precision and recall removes this."
    )
    found[source].append(
        f"This row forces one class to hold at least {at_least} of all labels; then the weighted F1 of "
        f"{_listed(list(impossible))} is impossible.{removed}"
    )
    return found


def dominant_share(table: Table, classes: int, decimals: int = 2) -> float:
    """The least share of all labels that the largest class must hold for this table, 0 if no more than half.

    Write x for the P (R, F1) of each class, each in 0..1, s for their sum, at most classes * macro, and w for
    the share of the largest class. The weighted average is largest with x = 1 there and the rest of s in the
    second largest, which holds at most 1 - w: weighted <= w + (s - 1) (1 - w), or w s where s < 1. Solved for
    w.
    """
    shares = [0.0]
    for part in PARTS:
        s = classes * _interval(table[part]["macro"], decimals)[1]
        weighted = _interval(table[part]["weighted"], decimals)[0]
        if s < 1:
            shares.append(min(1.0, weighted / s))
        elif s < 2:
            shares.append((weighted - (s - 1)) / (2 - s))
    return max(share if share > 0.5 else 0.0 for share in shares)


def _impossible_f1(
    tables: Mapping[str, Table], shares: Mapping[str, float], decimals: int
) -> dict[str, Interval]:
    """{model: the weighted F1 that is possible} of those whose printed one is not, given the share of a
    class."""
    found = {}
    for model, table in tables.items():
        low, high = _weighted_f1(table, shares[model], decimals)
        printed = _interval(table["f1"]["weighted"], decimals)
        if printed[1] < low - SLACK or printed[0] > high + SLACK:
            found[model] = (low, high)
    return found


def _weighted_f1(table: Table, share: float, decimals: int) -> Interval:
    """What weighted F1 can be where one class holds at least `share` of the labels: all else adds 0 to 1 -
    share."""
    if share <= 0.5:
        return 0.0, 1.0
    rest = 1 - share
    intervals = [_interval(table[part]["weighted"], decimals) for part in ("precision", "recall")]
    low = _harmonic(*(max(0.0, lowest - rest) / share for lowest, _ in intervals))
    high = _harmonic(*(min(1.0, highest / share) for _, highest in intervals))
    return share * low, share * high + rest


def _refuse_broken(table: Table, of: str = "") -> None:
    """Raise SedcoreError where a cell is missing (the samples average may be) or is no number in 0..1."""
    for part in PARTS:
        for average in ("micro", "macro", "weighted", *table.get("f1", ())):
            number = table.get(part, {}).get(average)
            if not isinstance(number, int | float) or not 0 <= number <= 1:
                raise SedcoreError(
                    f"the printed table{of} has {part} {average} = {number}, wanted a number from 0 to 1: "
                    + ("is the cell missing?" if number is None else "is it in per cent?")
                )


def _interval(printed: float, decimals: int) -> Interval:
    half = 0.5 * 10**-decimals
    return max(0.0, printed - half), min(1.0, printed + half)


def _harmonic(p: float, r: float) -> float:
    return 2 * p * r / (p + r) if p + r > 0 else 0.0


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
