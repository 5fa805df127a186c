"""The interval beside each number: marginal, 95 %, from the paired bootstrap over clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pages.widgets.base import format as fmt
from pages.widgets.runs.resampled import (
    RANKING,
    canonical_columns,
    decision_draws_of,
    ranking_draws_of,
    resamples_of,
)
from pages.widgets.runs.scene import Scene, Scored
from sedcore.evaluation.bootstrap import FEW_POSITIVES, Draws
from sedcore.evaluation.verdicts import FEW


def draws_for(scene: Scene, measure: str) -> dict[str, Draws]:
    """Return the draws that hold a measure, by run id, of all scored runs."""
    drawn = ranking_draws_of if measure.removeprefix("macro_") in RANKING else decision_draws_of
    return {run_id: found for group in scene.groups for run_id, found in drawn(group).items()}


def class_intervals(
    scored: Sequence[Scored], draws: Mapping[str, Draws], measure: str, classes: Sequence[str]
) -> np.ndarray:
    """Return (2, classes, runs) low and high of a measure, NaN where undefined or where a run lacks the class."""
    ends = np.full((2, len(classes), len(scored)), np.nan)
    for column, s in enumerate(scored):
        names = np.array(s.evaluation.classes)[canonical_columns(s)]  # the draws are in canonical order
        place = {name: i for i, name in enumerate(names)}
        low, high = draws[s.run.run_id].interval(measure)
        for row, name in enumerate(classes):
            if name in place:
                ends[:, row, column] = low[place[name]], high[place[name]]
    return ends


def caution(support: Sequence[int]) -> list[str]:
    """Return *few positives* for classes (by their positive clips) whose intervals hold less than they promise."""
    return [FEW if 0 < number < FEW_POSITIVES else "" for number in support]


def interval_note(scene: Scene, measure: str) -> str:
    """Say what the intervals beside a measure are."""
    ranked = measure.removeprefix("macro_") in RANKING
    number = fmt.count(resamples_of(scene.lead_group[0])[int(ranked)])
    return (
        f"95 %: marginal intervals, each of its own number alone, by a paired bootstrap over clips with {number} "
        "resamples; whether two runs differ stands on Verdicts."
    )
