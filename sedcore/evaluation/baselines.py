"""Trivial baselines: what one gets without listening. A model below one has learnt nothing of use there.

- *all positive*: every class for every clip. Recall 1, precision the share of positives.
- *most frequent class*: the one class with the highest prior, for every clip.
- *drawn from the priors*: each clip is given each class with the class's prior as probability. Decisions are
  one draw with the fixed seed SEED, the same for the same clips and priors. What needs no threshold is not
  drawn: scores that know the priors alone are the same for every clip, so average precision is the share of
  positives and macro AP their mean, ROC-AUC is 0.5.

Priors are those of the split that the models learnt from, where it is known; else of the split itself.
Baselines decide by themselves: they do not move with the thresholds in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import AVERAGES, Evaluation, evaluate

ALL_POSITIVE, MOST_FREQUENT, FROM_PRIORS = "all positive", "most frequent class", "drawn from the priors"
SEED = 0
_RANKED = ("ap", "roc_auc", "eer", "mAP", "macro_roc_auc", "mean_eer", "lwlrap")  # need no threshold
MEASURES = ("macro_ap", "macro_roc_auc", *(f"{name}_f1" for name in AVERAGES))


def baselines(
    truth: np.ndarray, classes: Sequence[str], priors: np.ndarray | None = None, seed: int = SEED
) -> dict[str, Evaluation]:
    """Evaluations of the three baselines, by name.

    truth: (clips, classes) bool. priors: (classes,) share of clips that hold each class, 0..1; those of `truth`
    where not given. Raises SedcoreError where shapes or values do not fit.
    """
    truth = np.asarray(truth, bool)
    priors = truth.mean(axis=0) if priors is None else np.asarray(priors, np.float64)
    if priors.shape != truth.shape[1:] or not ((priors >= 0) & (priors <= 1)).all():
        raise SedcoreError(
            f"priors of shape {priors.shape} for {truth.shape[1:]} classes, wanted a share from 0 to 1 a class."
        )
    drawn = np.random.default_rng(seed).random(truth.shape) < priors
    frequent = np.arange(len(priors)) == priors.argmax()
    decided = {ALL_POSITIVE: np.ones(len(priors)), MOST_FREQUENT: frequent, FROM_PRIORS: drawn}
    found = {}
    for name, decisions in decided.items():
        scores = np.broadcast_to(np.asarray(decisions, np.float64), truth.shape)
        found[name] = replace(evaluate(truth, scores, classes, 0.5), collapsed=False)
    known = evaluate(truth, np.broadcast_to(priors, truth.shape), classes, 0.5)
    found[FROM_PRIORS] = replace(found[FROM_PRIORS], **{name: getattr(known, name) for name in _RANKED})
    return found


def value_of(evaluation: Evaluation, measure: str) -> float:
    """The value of one of MEASURES: "macro_ap", "macro_roc_auc", "micro_f1", "macro_f1", ..."""
    if measure == "macro_ap":
        return evaluation.mAP
    if measure == "macro_roc_auc":
        return evaluation.macro_roc_auc
    return evaluation.averages[measure.removesuffix("_f1")].f1


def below(evaluation: Evaluation, trivial: dict[str, Evaluation]) -> dict[str, list[str]]:
    """Which baselines beat a model, by measure; measures that none beats are left out."""
    found = {
        measure: [name for name, e in trivial.items() if value_of(e, measure) > value_of(evaluation, measure)]
        for measure in MEASURES
    }
    return {measure: names for measure, names in found.items() if names}
