"""Whether a threshold looks as if it was chosen on the split it is reported on: a suspicion, never a proof.

A threshold printed with two decimals is one of a grid of 99. If it is the best of them on the reported split and
not on validation, it was likely chosen on the reported split. If it is the best on both splits, or on neither,
nothing follows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sedcore.evaluation.audit.tables import Document, Finding, Verdict
from sedcore.evaluation.counts import Counts

MOST_GRID_DECIMALS = 3


def check_chosen_split(document: Document) -> list[Finding]:
    """Check whether the split that the print names as the threshold's is among those reported."""
    chosen = document.threshold_chosen_on
    if chosen is None:
        return []
    reported = list(dict.fromkeys(result.split for result in document.results))
    if chosen in reported:
        sentence = (
            f"The threshold was chosen on {chosen}, which is reported: there the numbers are optimistic, by how much "
            "cannot be seen from them."
        )
        return [Finding(Verdict.SUSPICIOUS, sentence)]
    return [Finding(Verdict.CONSISTENT, f"The threshold was chosen on {chosen}, which is not reported.")]


def check_threshold(
    counts: Mapping[str, Counts], threshold: float, decimals: int, reported: str, honest: str = "validation"
) -> Finding:
    """Compare a printed threshold with the best ones on the reported split and on `honest`.

    counts: of one model, by split. The best thresholds are those of highest micro or macro F1, ties included, among
    all from 0 to 1 with `decimals` decimals (three at most).
    """
    if reported not in counts or honest not in counts or reported == honest:
        needs = (
            f"scores on {reported} and on {honest}" if reported != honest else f"a split other than {honest}"
        )
        return Finding(Verdict.NOT_CHECKABLE, f"Where threshold {threshold:g} was chosen needs {needs}.")
    steps = 10 ** min(max(decimals, 1), MOST_GRID_DECIMALS)
    grid = np.arange(1, steps) / steps
    place = int(np.argmin(np.abs(grid - threshold)))
    if abs(grid[place] - threshold) > 1e-9:
        return Finding(Verdict.NOT_CHECKABLE, f"Threshold {threshold:g} is not on a grid of {steps} steps.")
    for name in ("micro", "macro"):
        here, there = (_f1_on_grid(counts[split], grid)[name] for split in (reported, honest))
        if here[place] < here.max() - 1e-12 or there[place] >= there.max() - 1e-12:
            continue
        ties = int(np.count_nonzero(here >= here.max() - 1e-12))
        share = (
            f"{ties} of the {len(grid)} thresholds are"
            if ties > 1
            else f"of {len(grid)} thresholds it alone is"
        )
        sentence = (
            f"Threshold {threshold:g} is the best for {name} F1 on {reported} ({here[place]:.3f}; {share}), but not on "
            f"{honest}, where {grid[there.argmax()]:g} gives {there.max():.3f} and this one {there[place]:.3f}: it "
            f"looks chosen on {reported}. That is no proof."
        )
        return Finding(Verdict.SUSPICIOUS, sentence)
    return Finding(
        Verdict.CONSISTENT,
        f"Nothing shows that threshold {threshold:g} was chosen on {reported}: it is not the best there alone, neither "
        "by micro nor by macro F1.",
    )


def _f1_on_grid(held: Counts, grid: np.ndarray) -> dict[str, np.ndarray]:
    """Return micro and macro F1 at each threshold, (thresholds,); macro over the classes with positives."""
    tp, fp = held.on_grid(grid)
    positives = held.positives
    pooled = tp.sum(axis=1) + fp.sum(axis=1) + positives.sum()
    each = 2 * tp / np.maximum(tp + fp + positives, 1)
    defined = positives > 0
    macro = each[:, defined].mean(axis=1) if defined.any() else np.zeros(len(grid))
    return {"micro": 2 * tp.sum(axis=1) / np.maximum(pooled, 1), "macro": macro}
