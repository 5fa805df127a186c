"""The paired bootstrap over clips: how every number varies with the choice of clips.

A resample draws as many clips as there are, with replacement; here it is a row of *weights*, how often each
clip was drawn. All runs get the same rows, which makes their differences paired. Counts of all runs and
classes under all resamples are then one matrix product, weights @ (clips, columns of 0 and 1), exact in
float32 because every sum is a whole number below 2 ** 24.

Rules:
- Clips are resampled, not clips within a class: the number of positives varies, as it would on other clips.
- Macro and weighted average over the classes defined on the full split. In a resample without a positive of some
  class, that class keeps its value of the full split. In a difference of two runs it then contributes as on the full
  split, so its absence biases the difference neither way.
- Percentile intervals do not reach their nominal coverage for a class with fewer than FEW_POSITIVES positives;
  verdicts leave it out.
- Clips must be in canonical order (`evaluation.align`), so that draws of different runs are paired.

Memory: a block of weights takes at most 4 * BLOCK bytes (32 MB), twice that for the ranking; the decisions of a run
as numbers take 4 bytes a clip and class; the result takes 4 bytes a resample, class and measure.

Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapters 13 (percentile interval) and 16.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse, special  # not scipy.stats, which takes a second to import

from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import averages, class_scores, samples_average
from sedcore.evaluation.counts import Confusion, counts
from sedcore.evaluation.measures import OF_DECISIONS, OF_SAMPLES, measure_behind
from sedcore.evaluation.ranking import average_precision, mean_defined, roc_auc

LEVEL = 0.95
FEW_POSITIVES = 20
SEED = 20_000  # any number; the same one for all runs, so that their draws are paired
BLOCK = 1 << 23  # weights held at a time
ROWS = 128  # resamples whose weights are held as float64 at a time
DRAW = 1 << 20  # clip numbers drawn at a time
STEPS_AT_ONCE = 1 << 17  # steps times resamples of the ranking held at a time
SPARSE = 0.01  # share of True entries below which a mask is summed as a sparse matrix
NEAR = 1e-4  # values nearer to 0 or 1 are clipped for the logit scale
EXACT = 1 << 24  # whole numbers up to here are exact in float32


@dataclass(frozen=True, eq=False)
class Draws:
    """Values of one run on the full split and under every resample, by the name of the measure.

    Averages ("micro_f1", "macro_ap") have a float in `full` and (resamples,) float64 in `draws`; measures of
    classes ("f1", "ap") have (classes,) float64 and (resamples, classes) float32. NaN where undefined. `full`
    also has "support", the positive clips of each class.
    """

    full: Mapping[str, float | np.ndarray]
    draws: Mapping[str, np.ndarray]

    def interval(self, name: str, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
        """Return the marginal interval of a measure: low and high, floats or (classes,).

        Percentiles, or `logit_interval` for average precision and ROC-AUC (`Measure.logit_interval`). Percentiles
        cover too little there with few positives (ROC-AUC with 50 positives: 91 % for 95 %), because both are skewed
        near 1; benchmarks/coverage.py measures the coverage of these intervals.
        """
        measure = measure_behind(name)
        if measure.logit_interval:
            positives = self.full["support"] if name == measure.name else None
            return logit_interval(np.asarray(self.full[name]), self.draws[name], level, positives)
        return percentile_interval(self.draws[name], level)


def resample_weights(clips: int, resamples: int, seed: int = SEED) -> Iterator[np.ndarray]:
    """Yield blocks of (rows, clips) float32: how often each clip is in each resample; `resamples` rows in all.

    Rows depend on `clips` and `seed` alone: more resamples begin with the same rows. Raises SedcoreError without
    clips or resamples, or with more clips than float32 can count.
    """
    if clips < 1 or resamples < 1:
        raise SedcoreError(f"a bootstrap of {clips} clips and {resamples} resamples has nothing to draw.")
    if clips > EXACT:
        raise SedcoreError(f"{clips} clips are more than counts in float32 can hold ({EXACT}).")
    generator = np.random.default_rng(seed)
    at_once, a_block = max(DRAW // clips, 1), max(BLOCK // clips, 1)
    for start in range(0, resamples, a_block):
        weights = np.empty((min(a_block, resamples - start), clips), np.float32)
        for row in range(0, len(weights), at_once):
            part = weights[row : row + at_once]
            drawn = generator.integers(0, clips, size=part.shape)
            drawn += np.arange(len(part))[:, None] * clips
            part[:] = np.bincount(drawn.ravel(), minlength=part.size).reshape(part.shape)
        yield weights


def bootstrap_decisions(
    truth: np.ndarray, decisions: Sequence[np.ndarray], *, resamples: int = 10_000, seed: int = SEED
) -> list[Draws]:
    """Resample the measures of decisions, for several runs at once.

    truth: (clips, classes) bool. decisions: of each run, (clips, classes) bool. Returns the draws of each run, by
    measure for the classes and as "AVERAGE_MEASURE". Raises SedcoreError where shapes differ.
    """
    truth, decisions = _of_one_shape(truth, decisions, bool)
    full = [_full_decisions(truth, made) for made in decisions]
    by_clip = np.concatenate([_clip_scores(truth, made) for made in decisions], axis=1)
    blocks: list[list[dict]] = [[] for _ in decisions]
    for weights in resample_weights(len(truth), resamples, seed):
        positives = _drawn(weights, truth)
        parts = np.array_split(weights, -(-len(weights) // ROWS))  # float64 doubles their size
        sums = np.concatenate([rows.astype(np.float64) @ by_clip for rows in parts])
        samples = sums.reshape(len(weights), -1, len(OF_SAMPLES)) / len(truth)
        for run, (values, made) in enumerate(zip(full, decisions)):
            tp, predicted = _drawn(weights, truth & made), _drawn(weights, made)
            drawn = _decision_measures(tp, predicted, positives, len(truth), values)
            drawn |= {f"samples_{m.name}": samples[:, run, i] for i, m in enumerate(OF_SAMPLES)}
            blocks[run].append(drawn)
    return [Draws(values, _joined(of_run)) for values, of_run in zip(full, blocks)]


def bootstrap_ranking(
    truth: np.ndarray, scores: Sequence[np.ndarray], *, resamples: int = 2_000, seed: int = SEED
) -> list[Draws]:
    """Resample the threshold-free measures of several runs: "ap", "roc_auc", "macro_ap", "macro_roc_auc".

    truth: (clips, classes) bool. scores: of each run, (clips, classes). A clip drawn twice counts as two clips
    with the same score, so ties are those of `evaluation.ranking`. Raises SedcoreError where shapes differ.
    """
    truth, scores = _of_one_shape(truth, scores, None)
    full = [_full_ranking(truth, of_run) for of_run in scores]
    blocks: list[list[dict]] = [[] for _ in scores]
    for weights in resample_weights(len(truth), resamples, seed):
        by_clip = np.ascontiguousarray(weights.T)
        for of_run, values, block in zip(scores, full, blocks):
            block.append(_ranking_measures(by_clip, truth, of_run, values))
    return [Draws(values, _joined(of_run)) for values, of_run in zip(full, blocks)]


def percentile_interval(draws: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Return low and high over the first axis: the quantiles (1 - level) / 2 from either end, linear in between."""
    tail = (1 - level) / 2
    low, high = np.quantile(np.asarray(draws, np.float64), [tail, 1 - tail], axis=0)
    return low, high


def logit_interval(
    full: np.ndarray, draws: np.ndarray, level: float = LEVEL, positives: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return low and high of a value in 0..1, symmetric on the scale of log(value / (1 - value)).

    Half the width is the draws' standard deviation there times the normal quantile. With `positives` (classes,) it
    is that of a mean of so few: the t quantile, and a factor sqrt(n / (n - 1)) against the deviation's bias. Values
    are clipped to NEAR from 0 and 1, where the scale is infinite. The interval always holds the value of the full
    split, and is that value alone where all draws agree.
    """
    wide = np.asarray(draws, np.float64)
    spread = special.logit(np.clip(wide, NEAR, 1 - NEAR)).std(axis=0, ddof=1 if len(wide) > 1 else 0)
    centre = special.logit(np.clip(full, NEAR, 1 - NEAR))
    if positives is None:
        reach = special.ndtri((1 + level) / 2) * spread
    else:
        n = np.maximum(positives, 2)
        reach = special.stdtrit(n - 1, (1 + level) / 2) * np.sqrt(n / (n - 1)) * spread
    low, high = special.expit(centre - reach), special.expit(centre + reach)
    agreed = spread == 0
    return np.where(agreed, full, np.minimum(low, full)), np.where(agreed, full, np.maximum(high, full))


def seed_mean(runs: Sequence[Draws]) -> Draws:
    """Return the mean over runs that differ in their seed only, within each resample and on the full split."""
    full = {name: np.mean([run.full[name] for run in runs], axis=0) for name in runs[0].full}
    draws = {
        name: np.mean([run.draws[name] for run in runs], axis=0, dtype=np.float64) for name in runs[0].draws
    }
    return Draws(full, draws)


def merged(*parts: Draws) -> Draws:
    """Return one run's measures from several bootstraps as one; their numbers of resamples may differ."""
    full, draws = {}, {}
    for part in parts:
        full |= part.full
        draws |= part.draws
    return Draws(full, draws)


def _drawn(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return (resamples, classes) float64: how many clips of a mask (clips, classes) each resample drew."""
    if np.count_nonzero(mask) < SPARSE * mask.size:
        return (sparse.csr_array(mask.T, dtype=np.float32) @ weights.T).T.astype(np.float64)
    return (weights @ mask.astype(np.float32)).astype(np.float64)


def _full_decisions(truth: np.ndarray, decisions: np.ndarray) -> dict[str, float | np.ndarray]:
    confusion = Confusion.from_decisions(truth, decisions)
    scored = class_scores(confusion)
    averaged = averages(confusion) | {"samples": samples_average(truth, decisions)[0]}
    values = {"support": scored.support, **scored.by_class}
    return values | {f"{name}_{m}": value for name, of in averaged.items() for m, value in of.items()}


def _full_ranking(truth: np.ndarray, scores: np.ndarray) -> dict[str, float | np.ndarray]:
    values: dict[str, float | np.ndarray] = {
        "ap": np.empty(truth.shape[1]),
        "roc_auc": np.empty(truth.shape[1]),
    }
    for c in range(truth.shape[1]):  # the counts of all classes at once would take more than the scores
        held = counts(truth[:, [c]], scores[:, [c]])
        values["ap"][c], values["roc_auc"][c] = average_precision(held)[0], roc_auc(held)[0]
    values |= {f"macro_{name}": mean_defined(values[name]) for name in ("ap", "roc_auc")}
    return values | {"support": truth.sum(axis=0)}


def _clip_scores(truth: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Return (clips, measures): each clip's own value of each measure of OF_SAMPLES, 0 where it divides by 0."""
    hits, predicted, positives = (mask.sum(axis=1) for mask in (truth & decisions, decisions, truth))
    return np.stack([m.function(hits, predicted, positives, truth.shape[1]) for m in OF_SAMPLES], axis=1)


def _decision_measures(
    tp: np.ndarray,
    predicted: np.ndarray,
    positives: np.ndarray,
    clips: int,
    full: dict[str, float | np.ndarray],
) -> dict[str, np.ndarray]:
    """Return the measures of one run from its counts, each (resamples, classes); names as in `Draws`."""
    defined = full["support"] > 0
    every, many = defined.all(), max(np.count_nonzero(defined), 1)
    lacking = positives == 0  # resamples without a positive of the class
    pooled = [of_classes.sum(axis=1) for of_classes in (tp, predicted, positives)]
    silent, total = pooled[2] == 0, np.maximum(pooled[2], 1)
    shares = positives if every else positives[:, defined]
    drawn: dict[str, np.ndarray] = {}
    for m in OF_DECISIONS:
        values = m.function(tp, predicted, positives, clips)
        np.copyto(values, full[m.name], where=lacking)
        drawn[m.name] = values.astype(np.float32)
        values = values if every else values[:, defined]
        averaged = {}
        if "micro" in m.averages:
            averaged["micro"] = m.function(*pooled, clips * len(defined))
        if "macro" in m.averages:
            averaged["macro"] = values.sum(axis=1) / many
        if "weighted" in m.averages:
            averaged["weighted"] = np.einsum("rc,rc->r", values, shares) / total
        for average, mean in averaged.items():
            name = f"{average}_{m.name}"
            drawn[name] = np.where(silent, full[name], mean)
    return drawn


def _ranking_measures(
    weights: np.ndarray, truth: np.ndarray, scores: np.ndarray, full: dict[str, float | np.ndarray]
) -> dict[str, np.ndarray]:
    drawn = {name: np.empty((weights.shape[1], truth.shape[1])) for name in ("ap", "roc_auc")}
    for c in range(truth.shape[1]):
        ap, auc = weighted_ranking(weights, truth[:, c], scores[:, c])
        for name, values in (("ap", ap), ("roc_auc", auc)):
            drawn[name][:, c] = np.where(np.isnan(values), full[name][c], values)
    for name in ("ap", "roc_auc"):
        defined = ~np.isnan(full[name])
        means = drawn[name][:, defined].mean(axis=1) if defined.any() else np.full(weights.shape[1], np.nan)
        drawn[f"macro_{name}"], drawn[name] = means, drawn[name].astype(np.float32)
    return drawn


def weighted_ranking(
    weights: np.ndarray, truth: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return average precision and ROC-AUC of one class, each (resamples,), with clip i weights[i, r] times.

    weights: (clips, resamples) float32 whole numbers that add up to the number of clips, rows contiguous. truth,
    scores: (clips,). NaN where a resample has no positive (or, for the area, no negative).

    Going down the scores, both measures change only at positives: the negatives between one and the next are added
    up for all resamples at once, by a sparse product, STEPS_AT_ONCE // resamples positives at a time. Every sum is a
    whole number that float32 holds exactly.
    """
    resamples = weights.shape[1]
    values, of_hit = np.unique(scores[truth], return_inverse=True)
    if len(values) == 0:
        return np.full(resamples, np.nan), np.full(resamples, np.nan)
    misses = np.flatnonzero(~truth & (scores >= values[0]))  # lower ones never count against a positive
    of_miss = np.searchsorted(values, scores[misses], side="right") - 1
    tied = scores[misses] == values[of_miss]
    last = len(values) - 1  # steps go from the highest score down
    hits = _by_step(np.flatnonzero(truth), last - of_hit, len(values), len(weights))
    above = _by_step(misses[~tied], last - of_miss[~tied], len(values), len(weights))
    level = _by_step(misses[tied], last - of_miss[tied], len(values), len(weights))
    tp, fp, ap, lost = (np.zeros(resamples) for _ in range(4))  # lost: pairs that the negative wins
    at_once = max(STEPS_AT_ONCE // resamples, 1)
    for start in range(0, len(values), at_once):
        steps = slice(start, start + at_once)
        here, over, ties = (np.asarray(m[steps] @ weights, np.float64) for m in (hits, above, level))
        false = fp + np.cumsum(over + ties, axis=0)
        true = tp + np.cumsum(here, axis=0)
        lost += (here * (false - ties * 0.5)).sum(axis=0)
        ap += (here * (true / np.maximum(true + false, 1))).sum(axis=0)
        tp, fp = true[-1], false[-1]
    negatives = len(weights) - tp
    with np.errstate(invalid="ignore", divide="ignore"):
        return ap / tp, 1 - lost / (tp * negatives)


def _by_step(clips: np.ndarray, steps: np.ndarray, many: int, of: int) -> sparse.csr_array:
    """Return (steps, clips) float32: 1 where a clip belongs to a step 0..many - 1."""
    order = np.argsort(steps, kind="stable")
    starts = np.searchsorted(steps[order], np.arange(many + 1))
    return sparse.csr_array((np.ones(len(clips), np.float32), clips[order], starts), shape=(many, of))


def _of_one_shape(
    truth: np.ndarray, of_runs: Sequence[np.ndarray], dtype: type | None
) -> tuple[np.ndarray, list[np.ndarray]]:
    truth = np.asarray(truth, bool)
    arrays = [np.asarray(values, dtype) for values in of_runs]
    if truth.ndim != 2 or truth.size == 0 or not arrays or any(a.shape != truth.shape for a in arrays):
        shapes = ", ".join(str(a.shape) for a in arrays) or "none"
        raise SedcoreError(f"truth has shape {truth.shape}, the runs {shapes}: wanted is (clips, classes).")
    return truth, arrays


def _joined(blocks: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the rows of all blocks by name; blocks are emptied on the way, so that few rows are held twice."""
    return {name: np.concatenate([block.pop(name) for block in blocks]) for name in list(blocks[0])}
