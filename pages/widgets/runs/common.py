"""Runs that do not compare, cut to what they share: clips that all know and label alike, and common classes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.widgets.runs.loading import Scores
from sedcore.artifacts.predictions import Predictions
from sedcore.evaluation.averages import samples_average
from sedcore.evaluation.counts import Counts, counts, decide
from sedcore.evaluation.evaluate import Evaluation, evaluation, summarise
from sedcore.evaluation.grid import OnGrid, count_on_grid


@dataclass(frozen=True, eq=False)
class CommonScores(Scores):
    """Scores of a run on some of its clips and classes, held in memory."""

    held: Predictions
    counted: Counts

    @property
    def stamp(self) -> tuple[str, str, int]:
        path, split, time = super().stamp
        return path, f"{split} {self.key}", time

    @property
    def whole(self) -> bool:
        return False

    @property
    def predictions(self) -> Predictions:
        return self.held

    @property
    def counts(self) -> Counts:
        return self.counted

    def on_grid(self, grid: np.ndarray) -> OnGrid:
        return count_on_grid(self.held.truth, self.held.scores, grid)

    def evaluation(self, thresholds: tuple[float, ...]) -> Evaluation:
        wanted = list(thresholds)
        samples = samples_average(self.held.truth, decide(self.held.scores, wanted))
        return evaluation(self.summary, wanted, self.counted.at(wanted), samples)


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


def in_common(scores: Sequence[Scores]) -> Common:
    """Return the clips and classes that all of these scores have, and where all say the same of them."""
    return _in_common(tuple(one.stamp for one in scores), scores)


def on_common(one: Scores, common: Common) -> CommonScores:
    """Return scores cut to what is common."""
    digest = hashlib.sha256("\n".join([*common.clips, "", *common.classes]).encode()).hexdigest()
    return _on_common(one.stamp, digest, one, common)


@st.cache_resource(max_entries=8, show_spinner=False)
def _in_common(stamps: tuple, _scores: Sequence[Scores]) -> Common:
    held = [one.predictions for one in _scores]
    first = held[0]
    classes = [name for name in first.classes if all(name in other.classes for other in held[1:])]
    clips = np.sort(first.clip_ids)
    for other in held[1:]:
        clips = np.intersect1d(clips, other.clip_ids)
    if not (len(clips) and classes):
        return Common((), (), 0)
    truths = [_rows(one, clips, classes).truth for one in held]
    same = np.all([truth == truths[0] for truth in truths], axis=(0, 2))
    return Common(tuple(clips[same].tolist()), tuple(classes), int((~same).sum()))


@st.cache_resource(max_entries=40, show_spinner=False)
def _on_common(stamp: tuple, digest: str, _one: Scores, _common: Common) -> CommonScores:
    held = _rows(_one.predictions, np.array(_common.clips), list(_common.classes))
    counted = counts(held.truth, held.scores)
    summary = summarise(held.truth, held.scores, held.classes, counted)
    return CommonScores(_one.run, _one.split, summary, held.comparison_key(), False, held, counted)


def _rows(found: Predictions, clips: np.ndarray, classes: list[str]) -> Predictions:
    order = np.argsort(found.clip_ids)
    rows = order[np.searchsorted(found.clip_ids[order], clips)]
    columns = [found.classes.index(name) for name in classes]
    return Predictions(
        found.split,
        clips,
        tuple(classes),
        found.truth[np.ix_(rows, columns)],
        found.scores[np.ix_(rows, columns)],
    )
