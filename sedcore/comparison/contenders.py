"""Contenders, runs or groups of seeds that compare: their draws, intervals and tests of pairs.

All draws use the same seed and clips in canonical order (ids and classes sorted), so those of any two runs that compare
are paired, whenever they were made. AP and ROC AUC, which need no threshold, take longest; their draws may be kept in
the run's ``cache/``. Arrays of classes are in canonical order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sedcore.artifacts.cache import has_cache, read_cache, write_cache
from sedcore.artifacts.runs import Run
from sedcore.artifacts.seeds import group_label, seed_groups
from sedcore.comparison.selection import Scored
from sedcore.evaluation.align import Aligned, aligned, in_order
from sedcore.evaluation.attribution import AVERAGES as ATTRIBUTED
from sedcore.evaluation.attribution import attribution
from sedcore.evaluation.baselines import baselines
from sedcore.evaluation.bootstrap import (
    FEW_POSITIVES,
    SEED,
    Draws,
    bootstrap_decisions,
    bootstrap_ranking,
    merged,
    seed_mean,
)
from sedcore.evaluation.counts import Confusion, decide
from sedcore.evaluation.evaluate import Evaluation
from sedcore.evaluation.measures import OF_SCORES, RUN_MEASURES
from sedcore.evaluation.verdicts import FEW, McNemar, mcnemar

RESAMPLES, RANKING_RESAMPLES = 10_000, 2_000
MODEST = 200_000  # clips x classes: above it fewer resamples
FEWER_RESAMPLES, FEWER_RANKING_RESAMPLES = 2_000, 500
LARGE_RANKING_RESAMPLES = (
    200  # of a split too large to keep in memory: AudioSet's takes some 20 s a run, once
)
RANKING = tuple(m.name for m in OF_SCORES if m.resampled)
DECISIONS_S, RANKING_S = 0.4, 0.7  # of a million scores, with the resamples of large runs, on two slow cores


@dataclass(frozen=True, eq=False)
class Contender:
    """A run, or several that differ in their seed only, averaged within each resample."""

    label: str  # plain text
    members: tuple[Scored, ...]
    draws: Draws
    classes: tuple[str, ...]  # in canonical order, as the columns of the draws

    @property
    def run(self) -> Run:
        """The run whose colour stands for all members."""
        return self.members[0].run

    def value(self, measure: str) -> float | np.ndarray:
        """Return the value of a measure on the full split."""
        return self.draws.full[measure]


def resamples_of(scored: Scored) -> tuple[int, int]:
    """Return how many resamples a run's decisions and its ranking get."""
    if scored.scores.large:
        return FEWER_RESAMPLES, LARGE_RANKING_RESAMPLES
    summary = scored.scores.summary
    if summary.clips * len(summary.classes) > MODEST:
        return FEWER_RESAMPLES, FEWER_RANKING_RESAMPLES
    return RESAMPLES, RANKING_RESAMPLES


def seconds_to_resample(group: Sequence[Scored], *, decisions: bool = True, ranking: bool = True) -> float:
    """Return about how many seconds resampling large runs takes here; draws that a run keeps take none."""
    seconds = 0.0
    for s in group:
        millions = s.scores.summary.clips * len(s.scores.summary.classes) / 1e6
        fresh = ranking and not ranking_kept(s)
        seconds += millions * (decisions * DECISIONS_S + fresh * RANKING_S)
    return seconds


def contenders(
    group: Sequence[Scored], draws: Mapping[str, Draws] | None = None, average_seeds: bool = True
) -> list[Contender]:
    """Return the runs of a group that compares, with their draws; seeds of one configuration as one.

    draws : the result of `draws_of` for these runs, if it is already there.
    """
    draws = draws_of(group) if draws is None else draws
    by_id = {s.run.run_id: s for s in group}
    sets = seed_groups([s.run for s in group]) if average_seeds else [[s.run] for s in group]
    rivals = []
    for runs in sets:
        members = tuple(by_id[run.run_id] for run in runs)
        label = group_label(runs, members[0].label)
        mean = draws[runs[0].run_id] if len(runs) == 1 else seed_mean([draws[run.run_id] for run in runs])
        classes = tuple(sorted(members[0].evaluation.classes))
        rivals.append(Contender(label, members, mean, classes))
    return rivals


def has_seeds(group: Sequence[Scored]) -> bool:
    """Whether some of the runs differ in their seed only."""
    return any(len(runs) > 1 for runs in seed_groups([s.run for s in group]))


def draws_of(group: Sequence[Scored], keep: bool = False) -> dict[str, Draws]:
    """Return the draws of runs that compare, by run id, at the thresholds in force."""
    return join_draws(decision_draws(group), {s.run.run_id: ranking_draws(s, keep) for s in group})


def join_draws(decisions: Mapping[str, Draws], ranking: Mapping[str, Draws]) -> dict[str, Draws]:
    """Return draws of decisions and of ranking, by run id, as one."""
    return {run_id: merged(drawn, ranking[run_id]) for run_id, drawn in decisions.items()}


def decision_draws(group: Sequence[Scored]) -> dict[str, Draws]:
    """Return draws, by run id, of the measures that depend on thresholds: by class and averaged."""
    # One after another: the scores of only one large run are in memory at a time.
    decisions = [decisions_of(s) for s in group]
    drawn = bootstrap_decisions(truth_of(group[0]), decisions, resamples=resamples_of(group[0])[0])
    return {s.run.run_id: one for s, one in zip(group, drawn)}


def ranking_draws(scored: Scored, keep: bool = False) -> Draws:
    """Return draws of AP and ROC AUC, which need no threshold: by class and averaged.

    keep : write the draws to the run's cache.
    """
    drawing = _drawing(scored)
    drawn = scored.scores.derived(drawing, lambda: _draw_ranking(scored))
    if keep and scored.scores.whole:
        scored.scores.derived((drawing, "kept"), lambda: _keep_ranking(scored, drawn))
    return drawn


def ranking_kept(scored: Scored) -> bool:
    """Whether the draws of AP and ROC AUC are there already, in memory or in the run's cache."""
    if scored.scores.has_derived(_drawing(scored)):
        return True
    return scored.scores.whole and has_cache(*_cache_of(scored))


def _drawing(scored: Scored) -> tuple[str, int]:
    return "ranking", resamples_of(scored)[1]


def _cache_of(scored: Scored) -> tuple[Run, str, Path, dict[str, int]]:
    run, split = scored.run, scored.scores.split
    depends = {"resamples": resamples_of(scored)[1], "seed": SEED}
    return run, f"{split}-bootstrap", run.predictions_file(split), depends


def _draw_ranking(scored: Scored) -> Draws:
    e, order = scored.evaluation, canonical_columns(scored)
    full = {"support": e.support[order]}
    for name in RANKING:
        full |= {name: e.by_class[name][order], f"macro_{name}": e.averages["macro"][name]}
    kept = read_cache(*_cache_of(scored)) if scored.scores.whole else None
    if kept is not None:
        return Draws(full, kept)
    held = _aligned_of(scored)
    return bootstrap_ranking(held.truth, [held.scores], resamples=resamples_of(scored)[1])[0]


def _keep_ranking(scored: Scored, drawn: Draws) -> bool:
    if not has_cache(*_cache_of(scored)):
        write_cache(*_cache_of(scored), drawn.draws)
    return True


def canonical_columns(scored: Scored) -> np.ndarray:
    """Return (classes,) the place of each class of the canonical order in the run's own."""
    return np.argsort(np.array(scored.evaluation.classes))


def truth_of(scored: Scored) -> np.ndarray:
    """Return truth (clips, classes) in canonical order, without the scores of large runs."""
    return in_order(*scored.scores.labels) if scored.scores.large else _aligned_of(scored).truth


def decisions_of(scored: Scored) -> np.ndarray:
    """Return (clips, classes) decisions at the thresholds in force in canonical order."""
    held = scored.scores.predictions
    return in_order(held.clip_ids, held.classes, decide(held.scores, scored.evaluation.thresholds))


def _aligned_of(scored: Scored) -> Aligned:
    if scored.scores.large:  # not kept
        return _align(scored)
    return scored.scores.derived("aligned", lambda: _align(scored))


def _align(scored: Scored) -> Aligned:
    held = scored.scores.predictions
    return aligned(held.clip_ids, held.classes, held.truth, held.scores)


def confusions(contender: Contender) -> list[Confusion]:
    """Return the counts of each member at the thresholds in force, classes in canonical order."""
    return [s.evaluation.confusion.take(canonical_columns(s)) for s in contender.members]


def support_of(contender: Contender) -> np.ndarray:
    """Return (classes,) positive clips in canonical order."""
    return contender.members[0].evaluation.support[canonical_columns(contender.members[0])]


def mcnemar_of(first: Contender, second: Contender) -> McNemar | None:
    """Return McNemar's test of two single runs at the thresholds in force, None where a side has several seeds."""
    if len(first.members) + len(second.members) > 2:
        return None
    one, other = first.members[0], second.members[0]
    thresholds = tuple(tuple(s.evaluation.thresholds.tolist()) for s in (one, other))
    return one.scores.derived(
        ("mcnemar", other.scores.stamp, thresholds),
        lambda: mcnemar(truth_of(one), decisions_of(one), decisions_of(other)),
    )


def contributions(first: Contender, second: Contender, measure: str) -> np.ndarray | None:
    """Return (classes,) contributions to first minus second in an average; None where it is no sum over classes.

    Sums are F1 however averaged over classes, and the mean over classes of any measure. With several seeds a side it
    is the mean over the pairs of seeds, which adds up to the difference of means.
    """
    average, name = RUN_MEASURES[measure].average, RUN_MEASURES[measure].measure.name
    if name == "f1" and average in ATTRIBUTED:
        parts = [attribution(a, b)[average] for a in confusions(first) for b in confusions(second)]
        return np.mean(parts, axis=0)
    if average == "macro":
        change = first.value(name) - second.value(name)
        return np.where(np.isnan(change), 0.0, change) / max(np.count_nonzero(~np.isnan(change)), 1)
    return None


def trivial_baselines(scored: Scored, priors: Mapping[str, float] | None) -> dict[str, Evaluation]:
    """Return the trivial baselines on the clips of a run; `priors` by class, of its training split."""
    known = dict(priors or {})
    classes = sorted(scored.evaluation.classes)
    given = np.array([known[name] for name in classes]) if set(classes) <= set(known) else None
    return scored.scores.derived(
        ("baselines", tuple(sorted(known.items()))), lambda: baselines(truth_of(scored), classes, given)
    )


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
    """Return "few positives" for classes with too few positive clips for a 95 % interval to hold, else ""."""
    return [FEW if 0 < number < FEW_POSITIVES else "" for number in support]
