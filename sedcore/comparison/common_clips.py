"""Runs that do not compare: what differs, and the same runs cut to what they share.

They share the clips that all have with the same labels, and the classes that all have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sedcore.artifacts.predictions import Predictions
from sedcore.comparison.scores import HeldScores, Scores


@dataclass(frozen=True)
class Common:
    """What runs have in common."""

    clips: tuple[str, ...]
    classes: tuple[str, ...]
    relabelled: int  # common clips that are left out, because their labels differ

    @property
    def enough(self) -> bool:
        """Whether there is anything to compare on."""
        return bool(self.clips and self.classes)

    @property
    def digest(self) -> str:
        """A digest of the clips and classes."""
        return hashlib.sha256("\n".join([*self.clips, "", *self.classes]).encode()).hexdigest()


@dataclass(frozen=True)
class Mismatch:
    """What keeps two runs from comparing.

    Attributes
    ----------
    classes : names that only one of the two has, sorted.
    clips : numbers of clips of the first and the second.
    shared : clips that both have.
    relabelled : shared clips that the two label differently, in the classes that both have.
    """

    classes: tuple[str, ...]
    clips: tuple[int, int]
    shared: int
    relabelled: int


def mismatch(first: Predictions, second: Predictions) -> Mismatch:
    """Return what keeps two runs from comparing."""
    other_classes = sorted(set(first.classes) ^ set(second.classes))
    shared = np.intersect1d(first.clip_ids, second.clip_ids)
    classes = [name for name in first.classes if name in second.classes]
    relabelled = 0
    if len(shared) and classes:
        truths = [cut(one, shared, classes).truth for one in (first, second)]
        relabelled = int((truths[0] != truths[1]).any(axis=1).sum())
    return Mismatch(
        tuple(other_classes), (len(first.clip_ids), len(second.clip_ids)), len(shared), relabelled
    )


def in_common(scores: Sequence[Scores]) -> Common:
    """Return the classes that all of these scores have, and the clips that all have with the same labels."""
    held = [one.predictions for one in scores]
    first = held[0]
    classes = [name for name in first.classes if all(name in other.classes for other in held[1:])]
    clips = np.sort(first.clip_ids)
    for other in held[1:]:
        clips = np.intersect1d(clips, other.clip_ids)
    if not (len(clips) and classes):
        return Common((), (), 0)
    truths = [cut(one, clips, classes).truth for one in held]
    same = np.all([truth == truths[0] for truth in truths], axis=(0, 2))
    return Common(tuple(clips[same].tolist()), tuple(classes), int((~same).sum()))


def on_common(one: Scores, common: Common) -> HeldScores:
    """Return scores cut to the common clips and classes."""
    path, split, time = one.stamp
    held = cut(one.predictions, np.array(common.clips), list(common.classes))
    return HeldScores(one.run, held, (path, f"{split} {common.digest}", time))


def cut(held: Predictions, clips: np.ndarray, classes: Sequence[str]) -> Predictions:
    """Return predictions for the given clips and classes only, in the given order."""
    order = np.argsort(held.clip_ids)
    rows = order[np.searchsorted(held.clip_ids[order], clips)]
    columns = [held.classes.index(name) for name in classes]
    return Predictions(
        held.split,
        clips,
        tuple(classes),
        held.truth[np.ix_(rows, columns)],
        held.scores[np.ix_(rows, columns)],
    )
