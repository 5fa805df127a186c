"""Trivial baselines: predictions without listening. A model below one has learnt nothing of use by that measure.

- *all positive*: every class for every clip. Recall 1, precision the share of positives.
- *most frequent class*: the one class with the highest prior, for every clip.
- *drawn from the priors*: each class for each clip with the class's prior as probability. Decisions are one draw
  with the fixed seed SEED, the same for the same clips and priors. Threshold-free measures are not drawn: scores
  that depend on the priors alone are the same for every clip, so average precision is the share of positives, macro
  AP the mean of these, and ROC-AUC 0.5.

Priors are those of the training split, if known, else of the split itself. Baselines ignore the thresholds in force.

They need only the labels, and as memory one byte a clip and class. Within a single class none of the three beats
*all positive* in expectation: guessing has a precision of the share of positives, and *all positive* a recall of 1.
`below_by_class` compares a model with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import samples_average
from sedcore.evaluation.counts import Confusion
from sedcore.evaluation.evaluate import Evaluation, Summary, assemble
from sedcore.evaluation.measures import MEASURES, OF_RUNS, OF_SCORES, RUN_MEASURES, ByMeasure

ALL_POSITIVE, MOST_FREQUENT, FROM_PRIORS = "all positive", "most frequent class", "drawn from the priors"
SEED = 0
_AT_ONCE = 1 << 20  # random numbers held at a time


def baselines(
    truth: np.ndarray, classes: Sequence[str], priors: np.ndarray | None = None, seed: int = SEED
) -> dict[str, Evaluation]:
    """Return the evaluations of the three baselines, by name.

    truth: (clips, classes) bool. priors: (classes,) share of clips with each class, 0..1; by default those of
    `truth`. Raises SedcoreError where shapes or values do not fit.
    """
    truth = np.asarray(truth, bool)
    priors = truth.mean(axis=0) if priors is None else np.asarray(priors, np.float64)
    if priors.shape != truth.shape[1:] or not ((priors >= 0) & (priors <= 1)).all():
        raise SedcoreError(
            f"priors of shape {priors.shape} for {truth.shape[1:]} classes, wanted a share from 0 to 1 a class."
        )
    frequent = np.arange(len(priors)) == priors.argmax()
    everything = np.ones(len(priors), bool)
    drawn = np.random.default_rng(seed)
    decided = {
        ALL_POSITIVE: (np.broadcast_to(everything, truth.shape), everything),
        MOST_FREQUENT: (np.broadcast_to(frequent, truth.shape), frequent),
        FROM_PRIORS: (_drawn(drawn, truth.shape, priors), priors),
    }
    return {
        name: assemble(
            _summary(truth, classes, np.asarray(known, np.float64)),
            0.5,
            Confusion.from_decisions(truth, decisions),
            samples_average(truth, decisions),
        )
        for name, (decisions, known) in decided.items()
    }


def _drawn(generator: np.random.Generator, shape: tuple[int, int], priors: np.ndarray) -> np.ndarray:
    """Return (clips, classes) bool, drawn in blocks of clips; the size of the blocks does not change the draw."""
    decisions, rows = np.empty(shape, bool), max(_AT_ONCE // shape[1], 1)
    for start in range(0, shape[0], rows):
        part = decisions[start : start + rows]
        part[:] = generator.random(part.shape) < priors
    return decisions


def _summary(truth: np.ndarray, classes: Sequence[str], known: np.ndarray) -> Summary:
    """Return the summary of scores that are the same for every clip, `known` (classes,)."""
    positives, clips = truth.sum(axis=0, dtype=np.int64), len(truth)
    same = np.broadcast_to(known, truth.shape)
    return Summary(
        classes=tuple(classes),
        clips=clips,
        dtype=known.dtype,
        lowest=float(known.min()),
        highest=float(known.max()),
        positives=positives,
        by_class=ByMeasure((m.name, m.constant(positives, clips)) for m in OF_SCORES),
        by_run=ByMeasure((m.name, m.function(truth, same)) for m in OF_RUNS),
        collapsed=False,  # constant on purpose
    )


def measure_value(evaluation: Evaluation, measure: str) -> float:
    """Return the value of one of RUN_MEASURES: "macro_ap", "macro_roc_auc", "micro_f1", "macro_f1", ..."""
    wanted = RUN_MEASURES[measure]
    return evaluation.averages[wanted.average][wanted.measure.name]


def beaten_by_baselines(evaluation: Evaluation, trivial: dict[str, Evaluation]) -> dict[str, list[str]]:
    """Return the names of the baselines that beat a model, by measure; measures without any are left out."""
    beaten = {
        measure: [
            name
            for name, e in trivial.items()
            if measure_value(e, measure) > measure_value(evaluation, measure)
        ]
        for measure in RUN_MEASURES
    }
    return {measure: names for measure, names in beaten.items() if names}


def all_positive_scores(evaluation: Evaluation, measure: str) -> np.ndarray:
    """Return the scores of *all positive* in each class, (classes,): the best expectation without listening.

    measure: one of classes, "f1", "ap" ... NaN where it is undefined.
    """
    support = evaluation.support
    undefined = np.isnan(evaluation.by_class[measure]) | (support == 0)
    return np.where(undefined, np.nan, MEASURES[measure].all_positive(support, evaluation.clips))


def below_by_class(evaluation: Evaluation, measure: str) -> np.ndarray:
    """Return whether a model is below `all_positive_scores`, (classes,) bool.

    Always False for recall: *all positive* has 1, which is no merit.
    """
    if not MEASURES[measure].merit_of_all_positive:
        return np.zeros(len(evaluation.classes), bool)
    return evaluation.by_class[measure] < all_positive_scores(evaluation, measure)
