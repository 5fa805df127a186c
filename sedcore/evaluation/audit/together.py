"""Checks across results of several models on the same clips, and against trivial predictions.

The models share the positives of each class, hence the weights of the weighted average.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from sedcore.evaluation.audit.attainable import attainable
from sedcore.evaluation.audit.recompute import Ranges, from_counts
from sedcore.evaluation.audit.tables import (
    PARTS,
    SLACK,
    Cell,
    Finding,
    Result,
    Verdict,
    average_cells,
    harmonic,
    listed,
)
from sedcore.evaluation.counts import Confusion

Found = list[tuple[Result, Finding]]


def check_dominant(results: Sequence[Result], classes: int) -> Found:
    """Find weighted averages that contradict each other through the share of the largest class.

    A row with a small macro and a large weighted average forces one class to hold most labels; then the
    weighted F1 of every model follows from its weighted P and R. If precision and recall are exchanged, each model
    has its own weights and binds only itself: the sentence says if that removes the contradiction.
    """
    rows = [
        r for r in results if all(set(PARTS) <= set(r.averages.get(a, ())) for a in ("macro", "weighted"))
    ]
    if not rows:
        return []
    own = [dominant_share(result, classes) for result in rows]
    share, source = max(own), rows[own.index(max(own))]
    impossible = _impossible_f1(rows, [share] * len(rows))
    if not impossible:
        return []
    at_least = f"{math.floor(share * 1e4) / 100:.2f} %"
    findings = []
    for result, (low, high) in impossible:
        sentence = (
            f"Weighted F1 {result.averages['weighted']['f1']} is impossible beside the {source.model or 'other'} "
            f"row, by which one class holds at least {at_least} of all labels: that allows {low:.3f} to {high:.3f}."
        )
        weighted = average_cells(("weighted", "precision"), ("weighted", "recall"))
        findings.append(
            (result, Finding(Verdict.CANNOT, sentence, average_cells(("weighted", "f1")), weighted))
        )
    removed = "" if _impossible_f1(rows, own) else " Exchanging precision and recall removes this."
    named = listed([result.model or "a table" for result, _ in impossible])
    sentence = (
        f"This row forces one class to hold at least {at_least} of all labels; then the weighted F1 of {named} is "
        f"impossible.{removed}"
    )
    places = [
        (average, part)
        for average in ("macro", "weighted")
        for part in PARTS
        if _binds(source, part, classes)
    ]
    return [*findings, (source, Finding(Verdict.CANNOT, sentence, average_cells(*places)))]


def dominant_share(result: Result, classes: int) -> float:
    """Return the least share of all labels that the largest class must hold for these averages; 0 if at most half.

    Write x for the P (R, F1) of each class, each in 0..1, s for their sum, at most classes * macro, and w for
    the share of the largest class. The weighted average is largest with x = 1 there and the rest of s in the
    second largest, which holds at most 1 - w: weighted <= w + (s - 1) (1 - w), or w s where s < 1. Solved for
    w.
    """
    share = max(_share_by(result, part, classes) for part in PARTS)
    return share if share > 0.5 else 0.0


def _share_by(result: Result, part: str, classes: int) -> float:
    s = classes * result.averages["macro"][part].high
    weighted = result.averages["weighted"][part].low
    if s < 1:
        return min(1.0, weighted / s)
    return (weighted - (s - 1)) / (2 - s) if s < 2 else 0.0


def _binds(result: Result, part: str, classes: int) -> bool:
    return _share_by(result, part, classes) > 0.5


def _impossible_f1(
    results: Sequence[Result], shares: Sequence[float]
) -> list[tuple[Result, tuple[float, float]]]:
    """Return the results with an impossible weighted F1, and its possible range, given the largest class's share."""
    excluded = []
    for result, share in zip(results, shares):
        low, high = _weighted_f1(result, share)
        printed = result.averages["weighted"]["f1"]
        if printed.high < low - SLACK or printed.low > high + SLACK:
            excluded.append((result, (low, high)))
    return excluded


def _weighted_f1(result: Result, share: float) -> tuple[float, float]:
    """Return the range of weighted F1 if one class holds at least `share`: the others add 0 to 1 - share."""
    if share <= 0.5:
        return 0.0, 1.0
    rest = 1 - share
    pair = [result.averages["weighted"][part] for part in ("precision", "recall")]
    low = harmonic(*(max(0.0, printed.low - rest) / share for printed in pair))
    high = harmonic(*(min(1.0, printed.high / share) for printed in pair))
    return share * low, share * high + rest


def check_supports(results: Sequence[Result]) -> Found:
    """Check that results on the same clips have the same positives; with exchanged arguments they differ."""
    given = [result for result in results if result.support]
    differing = (_supports_differ(given[0], other) for other in given[1:])
    return [one for one in differing if one]


def _supports_differ(first: Result, second: Result) -> tuple[Result, Finding] | None:
    """Return the finding on two results with different positives, None where they agree."""
    shared = [name for name in second.support if name in first.support]
    off = [name for name in shared if second.support[name] != first.support[name]]
    if not off:
        return None
    said = listed([f"{name} {second.support[name]} and {first.support[name]}" for name in off], 4)
    turned = [one for one, other in ((second, first), (first, second)) if _predicts(one, other, shared)]
    if turned:
        one, other = turned[0], first if turned[0] is second else second
        also = ", or the reverse" if len(turned) > 1 else ""
        sentence = (
            f"Truth and predictions are exchanged in {one.name}: its positives differ from those of {other.name} "
            f"({said}), and what would be its predictions are those positives{also}."
        )
        return one, Finding(Verdict.EXCHANGED, sentence, _support_cells(one, shared, ("fp", "fn"), PARTS))
    sentence = f"{second.name} and {first.name} cannot be of the same clips: their positives differ ({said})."
    return second, Finding(Verdict.CANNOT, sentence, _support_cells(second, off, ("fn", "tp"), ()))


def _support_cells(result: Result, names: Sequence[str], counts: Sequence[str], parts: Iterable[str]):
    if result.matrices:
        return tuple(Cell("matrix", name, part) for name in names for part in counts)
    return tuple(
        Cell("class", name, part) for name in names for part in ("support", *(p for p in parts if p != "f1"))
    )


def _predicts(one: Result, other: Result, names: Sequence[str]) -> bool:
    """Whether the clips that `one` predicts can be the positives of `other`, in every class."""
    for name in names:
        if one.matrices:
            _, fp, _, tp = one.matrices[name]
            low, high = fp + tp, fp + tp
        else:
            held = attainable(one.classes[name].scores, one.support[name])
            if held is None or held.predicted[1] == np.inf:
                return False  # unbounded predictions decide nothing
            low, high = held.predicted
        if not low <= other.support[name] <= high:
            return False
    return True


def check_weights(result: Result, support: Sequence[int], source: str) -> list[Finding]:
    """Check weighted averages against macro ones, with the positives of each class from another table.

    The classes' scores sum to classes * macro; weighted is largest with that sum in the classes that weigh
    most, smallest in those that weigh least. Macro may or may not include classes without positives.
    """
    weights = np.sort(np.asarray(support, float))[::-1] / max(sum(support), 1)
    findings = []
    for part, name in PARTS.items():
        macro, weighted = (result.averages.get(average, {}).get(part) for average in ("macro", "weighted"))
        if macro is None or weighted is None:
            continue
        counts = {len(weights), int((weights > 0).sum())}
        low = _greedy(weights[::-1], macro.low * min(counts))
        high = _greedy(weights, macro.high * max(counts))
        if not weighted.holds(low, high):
            sentence = (
                f"Weighted {name} {weighted} cannot be with macro {name} {macro} on the positives of {source}, which "
                f"allow {low:.3f} to {high:.3f}."
            )
            cells = average_cells(("weighted", part))
            findings.append(Finding(Verdict.CANNOT, sentence, cells, average_cells(("macro", part))))
    return findings


def _greedy(weights: np.ndarray, total: float) -> float:
    """Return the weighted sum of scores in 0..1 that sum to `total`, filled in the given order."""
    filled = np.clip(total - np.arange(len(weights)), 0, 1)
    return float((weights * filled).sum())


def baseline_ranges(support: Sequence[int], clips: int) -> dict[str, Ranges]:
    """Return the averages of predicting, for every clip, all classes, or only the most frequent one.

    A class without positives counts 0, so that a table without it does not face a higher bar.
    """
    support = np.asarray(support, np.int64)
    frequent = np.arange(len(support)) == int(support.argmax())
    baselines = {}
    for name, predicted in (
        ("every class", np.ones(len(support), bool)),
        ("the most frequent class", frequent),
    ):
        tp, fp = support * predicted, (clips - support) * predicted
        baselines[name] = from_counts(Confusion.from_counts(tp, fp, support, clips))
    return baselines


def check_baseline(result: Result, baselines: dict[str, Ranges]) -> list[Finding]:
    """Find F1 below that of predicting the same for every clip: possible, but the model is then of no use."""
    findings = []
    for name, ranges in baselines.items():
        below = []
        for average in ("micro", "macro", "weighted"):
            printed, trivial = (
                result.averages.get(average, {}).get("f1"),
                ranges[average].get("f1", (0, 0))[0],
            )
            if printed is not None and printed.high < trivial - SLACK:
                below.append((average, printed, trivial))
        if below:
            said = listed(
                [f"{average} {printed} against {trivial:.3f}" for average, printed, trivial in below]
            )
            cells = average_cells(*((average, "f1") for average, _, _ in below))
            sentence = f"F1 is below that of predicting {name} for every clip: {said}."
            findings.append(Finding(Verdict.SUSPICIOUS, sentence, cells))
    return findings
