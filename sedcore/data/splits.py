"""Dividing the clips of one folder into splits, stratified by label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sedcore.errors import SedcoreError

DEFAULT_FRACTIONS = (0.7, 0.15, 0.15)


def check_fractions(fractions: Sequence[float], names: Sequence[str]) -> tuple[float, ...]:
    """Return `fractions` as floats. Raises SedcoreError unless there is one above 0 per name and they sum to 1."""
    given = ", ".join(str(fraction) for fraction in fractions)
    wanted = f"give {len(names)} numbers above 0 that sum to 1, for {', '.join(names)}"
    try:
        values = tuple(float(fraction) for fraction in fractions)
    except (TypeError, ValueError):
        raise SedcoreError(f"fractions {given}: {wanted}") from None
    if len(values) != len(names) or not all(value > 0 for value in values) or abs(sum(values) - 1) > 1e-6:
        raise SedcoreError(f"fractions {given}: {wanted}")
    return values


def stratify(truth: np.ndarray, fractions: Sequence[float], seed: int = 0) -> np.ndarray:
    """Divide clips so that each label keeps its share in every part.

    Iterative stratification: Sechidis, Tsoumakas and Vlahavas (2011), On the stratification of multi-label
    data. The rarest remaining label is dealt out first, each of its clips to the part that lacks it most. Unlike in
    the paper, a full part takes no more: otherwise many rare labels would all go to the largest part.

    Parameters
    ----------
    truth
        Multi-hot labels (clips, classes) bool.
    fractions
        Shares of the parts, summing to 1.
    seed
        Decides ties and the order; the same seed gives the same parts.

    Returns
    -------
    The part (clips,) int that each clip goes to. Every part has at least one clip.

    Raises
    ------
    SedcoreError
        There are fewer clips than parts.
    """
    truth, shares = np.asarray(truth, dtype=bool), np.asarray(fractions, dtype=float)
    clips, parts = len(truth), len(shares)
    if clips < parts:
        raise SedcoreError(f"{clips} clips cannot be divided into {parts} splits; give more clips or folders")
    rng = np.random.default_rng(seed)
    order = rng.permutation(clips)
    wanted = _sizes(shares, clips)  # clips that each part still lacks
    lacking = truth.sum(axis=0)[:, None] * shares  # (classes, parts): positives that each part still lacks
    part = np.full(clips, -1)
    remaining = truth.copy()
    while True:
        left = remaining.sum(axis=0)
        label = _rarest(left, rng)
        chosen = order[remaining[order, label]] if label is not None else order[part[order] < 0]
        for clip in chosen:
            to = _neediest(lacking[label] if label is not None else wanted, wanted, rng)
            part[clip] = to
            wanted[to] -= 1
            lacking[truth[clip], to] -= 1
        remaining[chosen] = False
        if label is None:
            return _no_part_empty(part, parts, order)


def _sizes(shares: np.ndarray, clips: int) -> np.ndarray:
    """Whole numbers (parts,) that sum to `clips`, each within 1 of its share; the largest remainders round up."""
    exact = shares * clips
    sizes = np.floor(exact + 1e-9).astype(int)
    up = np.argsort(sizes - exact, kind="stable")[: clips - sizes.sum()]
    sizes[up] += 1
    return sizes


def _rarest(left: np.ndarray, rng: np.random.Generator) -> int | None:
    """The label with the fewest clips left (ties at random), or None where no label has any."""
    there = np.flatnonzero(left)
    return int(rng.choice(there[left[there] == left[there].min()])) if len(there) else None


def _neediest(lacking: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> int:
    """The part, of those not full, that lacks most of a label, then most clips, then any."""
    open_parts = np.flatnonzero(wanted > 0)
    best = open_parts[np.isclose(lacking[open_parts], lacking[open_parts].max())]
    best = best[np.isclose(wanted[best], wanted[best].max())]
    return int(best[0] if len(best) == 1 else rng.choice(best))


def _no_part_empty(part: np.ndarray, parts: int, order: np.ndarray) -> np.ndarray:
    """Move one clip of the largest part to each empty one (few clips with many labels can leave a part empty)."""
    for empty in range(parts):
        counts = np.bincount(part, minlength=parts)
        if counts[empty] == 0:
            part[order[part[order] == counts.argmax()][0]] = empty
    return part
