"""What the paired bootstrap says about the scored runs, cached: drawn once for a run and an operating point.

What needs no threshold (AP, ROC-AUC) takes longest and is kept in the run's ``cache/`` too, where pages may write;
otherwise in memory alone. All draws use the same seed and clips in canonical order, so those of any two runs that
compare are paired, whenever they were made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.runs.scene import Scored
from sedcore.artifacts.cache import has_cache, read_cache, write_cache
from sedcore.artifacts.runs import Run
from sedcore.artifacts.seeds import group_label, seed_groups
from sedcore.data.store import open_dataset
from sedcore.data.summary import balance_table
from sedcore.errors import SedcoreError
from sedcore.evaluation.align import Aligned, aligned, in_order
from sedcore.evaluation.attribution import attribution
from sedcore.evaluation.baselines import baselines
from sedcore.evaluation.bootstrap import (
    SEED,
    Draws,
    bootstrap_decisions,
    bootstrap_ranking,
    merged,
    seed_mean,
)
from sedcore.evaluation.counts import Confusion, decide
from sedcore.evaluation.evaluate import Evaluation
from sedcore.evaluation.verdicts import McNemar, mcnemar
from sedcore.figures.palette import Ink
from sedcore.jobs.switch import training_enabled

RESAMPLES, RANKING_RESAMPLES = 10_000, 2_000
MODEST = 200_000  # clips x classes: above it fewer resamples
FEWER_RESAMPLES, FEWER_RANKING_RESAMPLES = 2_000, 500
LARGE_RANKING_RESAMPLES = (
    200  # of a split too large to keep in memory: AudioSet's takes some 20 s a run, once
)
RANKING = ("ap", "roc_auc")
DECISIONS_S, RANKING_S = 0.4, 0.7  # of a million scores, with the resamples of large runs, on two slow cores
ASKED = "resample-asked"


@dataclass(frozen=True, eq=False)
class Contender:
    """What is compared: a run, or several that differ in their seed only, averaged within each resample."""

    label: str  # plain text
    ink: Ink
    members: tuple[Scored, ...]
    draws: Draws
    classes: tuple[str, ...]  # in canonical order, as the columns of the draws

    def value(self, measure: str) -> float | np.ndarray:
        """The value of a measure on the full split."""
        return self.draws.full[measure]


def resamples_of(scored: Scored) -> tuple[int, int]:
    """Return how many resamples a run's decisions and its ranking get."""
    if scored.scores.large:
        return FEWER_RESAMPLES, LARGE_RANKING_RESAMPLES
    summary = scored.scores.summary
    if summary.clips * len(summary.classes) > MODEST:
        return FEWER_RESAMPLES, FEWER_RANKING_RESAMPLES
    return RESAMPLES, RANKING_RESAMPLES


class Unsampled(Exception):
    """Resampling large runs takes long and waits to be asked for; the page shows what needs none."""

    def __init__(self, group: Sequence[Scored]) -> None:
        super().__init__("resampling these runs takes long")
        self.group = list(group)


def may_resample(group: Sequence[Scored]) -> bool:
    """Whether to resample: at once, for large runs only after `ask_to_resample` at these thresholds."""
    return not any(s.scores.large for s in group) or _asked(group) in st.session_state.get(ASKED, ())


def ask_to_resample(group: Sequence[Scored]) -> None:
    """Note that the reader wants these runs resampled at the thresholds in force."""
    st.session_state[ASKED] = {*st.session_state.get(ASKED, ()), _asked(group)}


def _asked(group: Sequence[Scored]) -> tuple:
    return tuple((s.scores.stamp, tuple(s.evaluation.thresholds.tolist())) for s in group)


def seconds_to_resample(group: Sequence[Scored], *, decisions: bool = True, ranking: bool = True) -> float:
    """Return about how long resampling large runs takes here; what a run keeps of its ranking takes none."""
    seconds = 0.0
    for s in group:
        millions = s.scores.summary.clips * len(s.scores.summary.classes) / 1e6
        fresh = ranking and not _kept_ranking(s)
        seconds += millions * (decisions * DECISIONS_S + fresh * RANKING_S)
    return seconds


def contenders(group: Sequence[Scored], average_seeds: bool = True) -> list[Contender]:
    """Return the runs of a group that compares, with their draws; seeds of one configuration as one.

    Raises Unsampled where that takes minutes and nobody has asked for it.
    """
    if not may_resample(group):
        raise Unsampled(group)
    by_id = {s.run.run_id: s for s in group}
    draws = draws_of(group)
    sets = seed_groups([s.run for s in group]) if average_seeds else [[s.run] for s in group]
    found = []
    for runs in sets:
        members = tuple(by_id[run.run_id] for run in runs)
        label = group_label(runs, members[0].label)
        mean = draws[runs[0].run_id] if len(runs) == 1 else seed_mean([draws[run.run_id] for run in runs])
        classes = tuple(sorted(members[0].evaluation.classes))
        found.append(Contender(label, members[0].ink, members, mean, classes))
    return found


def has_seeds(group: Sequence[Scored]) -> bool:
    """Whether some of the runs differ in their seed only."""
    return any(len(runs) > 1 for runs in seed_groups([s.run for s in group]))


def draws_of(group: Sequence[Scored]) -> dict[str, Draws]:
    """Return the draws of runs that compare, by run id, at the thresholds in force."""
    ranked = ranking_draws_of(group)
    return {run_id: merged(found, ranked[run_id]) for run_id, found in decision_draws_of(group).items()}


def decision_draws_of(group: Sequence[Scored]) -> dict[str, Draws]:
    """Return what hangs on the thresholds in force: precision, recall and F1 of classes and averages."""
    where = tuple(s.scores.stamp for s in group)
    thresholds = tuple(tuple(s.evaluation.thresholds.tolist()) for s in group)
    counted = _decision_draws(where, thresholds, resamples_of(group[0])[0], _decided=group)
    return {s.run.run_id: found for s, found in zip(group, counted)}


def ranking_draws_of(group: Sequence[Scored]) -> dict[str, Draws]:
    """Return what needs no threshold: AP and ROC AUC of classes and their means."""
    return {
        s.run.run_id: _ranking_draws(*s.scores.stamp, resamples_of(s)[1], training_enabled(), _scored=s)
        for s in group
    }


def macro_ap_interval(scored: Scored) -> str:
    """Return [0.841, 0.866] of macro AP, "" where resampling would hold the page up (large splits, not drawn yet)."""
    if scored.scores.large and _kept_ranking(scored) is None:
        return ""
    found = _ranking_draws(
        *scored.scores.stamp,
        resamples_of(scored)[1],
        training_enabled(),
        _scored=scored,
    )
    return fmt.interval(*found.interval("macro_ap"))


def has_ranking(scored: Scored) -> bool:
    """Whether the draws of AP and ROC AUC are at hand: drawn in this process, or kept by the run."""
    if _drawing(scored) in _drawn():
        return True
    run, split, depends = scored.run, scored.scores.split, _depends(scored)
    return scored.scores.whole and has_cache(run, f"{split}-bootstrap", run.predictions_file(split), depends)


def _drawing(scored: Scored) -> tuple:
    return (*scored.scores.stamp, resamples_of(scored)[1])


def _depends(scored: Scored) -> dict[str, int]:
    return {"resamples": resamples_of(scored)[1], "seed": SEED}


@st.cache_resource(show_spinner=False)
def _drawn() -> set[tuple]:
    """Return what has been drawn in this process; that it may have been dropped since costs a moment, no more."""
    return set()


@st.cache_resource(max_entries=2, show_spinner=False)
def _decision_draws(
    where: tuple, thresholds: tuple, resamples: int, _decided: Sequence[Scored]
) -> list[Draws]:
    # One after another: of large runs no two are in memory at a time, only their decisions.
    decisions = [decisions_of(s) for s in _decided]
    return bootstrap_decisions(_truth_of(_decided[0]), decisions, resamples=resamples)


@st.cache_resource(max_entries=120, show_spinner=False)
def _ranking_draws(
    run_path: str, split_key: str, file_time: int, resamples: int, write: bool, _scored: Scored
) -> Draws:
    run, split, whole = _scored.run, _scored.scores.split, _scored.scores.whole
    file, depends = run.predictions_file(split), {"resamples": resamples, "seed": SEED}
    kept = _kept_ranking(_scored)
    _drawn().add(_drawing(_scored))
    e, order = _scored.evaluation, canonical_columns(_scored)
    full = {measure: getattr(e, measure)[order] for measure in (*RANKING, "support")}
    full |= {"macro_ap": e.mAP, "macro_roc_auc": e.macro_roc_auc}
    if kept is not None:
        return Draws(full, kept)
    held = _aligned_of(_scored)
    drawn = bootstrap_ranking(held.truth, [held.scores], resamples=resamples)[0]
    if write and whole:
        write_cache(run, f"{split}-bootstrap", file, depends, drawn.draws)
    return drawn


def _kept_ranking(scored: Scored) -> dict[str, np.ndarray] | None:
    """Return the draws of AP and ROC AUC that the run keeps, None where it keeps none of these scores."""
    run, split, depends = scored.run, scored.scores.split, _depends(scored)
    if not scored.scores.whole:
        return None
    return read_cache(run, f"{split}-bootstrap", run.predictions_file(split), depends)


def canonical_columns(scored: Scored) -> np.ndarray:
    """Return (classes,) the place of each class of the canonical order in the run's own."""
    return np.argsort(np.array(scored.evaluation.classes))


def _truth_of(scored: Scored) -> np.ndarray:
    """Return truth (clips, classes) in canonical order, without the scores of large runs."""
    return in_order(*scored.scores.labels) if scored.scores.large else _aligned_of(scored).truth


def _aligned_of(scored: Scored) -> Aligned:
    if scored.scores.large:  # not kept
        return _put_in_order(scored)
    return _aligned(*scored.scores.stamp, _scored=scored)


@st.cache_resource(max_entries=96, show_spinner=False)
def _aligned(run_path: str, split: str, file_time: int, _scored: Scored) -> Aligned:
    return _put_in_order(_scored)


def _put_in_order(scored: Scored) -> Aligned:
    found = scored.scores.predictions
    return aligned(found.clip_ids, found.classes, found.truth, found.scores)


def confusions(contender: Contender) -> list[Confusion]:
    """Return the counts of each member at the thresholds in force, classes in canonical order."""
    found = []
    for s in contender.members:
        order = canonical_columns(s)
        found.append(Confusion(*(getattr(s.evaluation, name)[order] for name in ("tp", "fp", "fn", "tn"))))
    return found


def support_of(contender: Contender) -> np.ndarray:
    """Return (classes,) positive clips in canonical order."""
    return contender.members[0].evaluation.support[canonical_columns(contender.members[0])]


def mcnemar_of(first: Contender, second: Contender) -> McNemar | None:
    """Return McNemar's test of two single runs at the thresholds in force, None where a side has several seeds."""
    if len(first.members) + len(second.members) > 2:
        return None
    one, other = first.members[0], second.members[0]
    where = tuple(s.scores.stamp for s in (one, other))
    thresholds = tuple(tuple(s.evaluation.thresholds.tolist()) for s in (one, other))
    return _mcnemar(where, thresholds, (one, other))


@st.cache_resource(max_entries=40, show_spinner=False)
def _mcnemar(where: tuple, thresholds: tuple, _pair: tuple[Scored, Scored]) -> McNemar:
    return mcnemar(_truth_of(_pair[0]), decisions_of(_pair[0]), decisions_of(_pair[1]))


def decisions_of(scored: Scored) -> np.ndarray:
    """Return (clips, classes) decisions at the thresholds in force in canonical order."""
    found = scored.scores.predictions
    return in_order(found.clip_ids, found.classes, decide(found.scores, scored.evaluation.thresholds))


def contributions(first: Contender, second: Contender, measure: str) -> np.ndarray | None:
    """Return what each class adds to first minus second in an average; None for samples, which has no classes.

    With several seeds a side it is the mean over the pairs of seeds, which adds up to the difference of means.
    """
    if measure == "samples_f1":
        return None
    if measure.removeprefix("macro_") in RANKING:
        change = first.value(measure.removeprefix("macro_")) - second.value(measure.removeprefix("macro_"))
        return np.where(np.isnan(change), 0.0, change) / max(np.count_nonzero(~np.isnan(change)), 1)
    parts = [attribution(a, b) for a in confusions(first) for b in confusions(second)]
    return np.mean([part[measure.removesuffix("_f1")] for part in parts], axis=0)


def trivial_baselines(scored: Scored, priors: Mapping[str, float] | None) -> dict[str, Evaluation]:
    """Return the trivial baselines on the clips of a run; `priors` by class, of the split it learnt from."""
    known = tuple(sorted(priors.items())) if priors else ()
    return _trivial(*scored.scores.stamp, known, scored)


@st.cache_resource(max_entries=24, show_spinner=False)
def _trivial(
    run_path: str, split: str, file_time: int, priors: tuple, _scored: Scored
) -> dict[str, Evaluation]:
    classes, known = sorted(_scored.evaluation.classes), dict(priors)
    given = np.array([known[name] for name in classes]) if set(classes) <= set(known) else None
    return baselines(_truth_of(_scored), classes, given)


def split_shares(root: Path, run: Run) -> pd.DataFrame | None:
    """Return label, split, positives, clips and share of the data set a run learnt from, None where unknown."""
    try:
        dataset = open_dataset(root, run.info["dataset"] or "")
    except SedcoreError:
        return None
    return balance_table(dataset) if dataset.fingerprint == run.info["data_fingerprint"] else None


def train_priors(root: Path, run: Run) -> dict[str, float] | None:
    """Return the share of the training clips that hold each class, None where the data set is not here."""
    shares = split_shares(root, run)
    if shares is None:
        return None
    train = shares[shares["split"] == "train"]
    return dict(zip(train["label"], train["share"])) if len(train) else None
