"""The evaluation of one run on one split at one operating point, as tables, pages and the command line show it.

truth and scores are (clips, classes); the rules for undefined values are those of `averages` and `ranking`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sedcore.errors import SedcoreError
from sedcore.evaluation.averages import Measured, averages, class_scores, samples_average
from sedcore.evaluation.counts import Confusion, Counts, cast_thresholds, checked
from sedcore.evaluation.counts import counts as count
from sedcore.evaluation.measures import AVERAGES, OF_CLASSES, OF_DECISIONS, OF_RUNS, OF_SCORES, ByMeasure
from sedcore.evaluation.ranking import mean_defined

COUNTED = ("support", "tp", "fp", "fn", "tn")

CELLS_AT_ONCE = 1_000_000  # scores counted at a time: some 30 MB of counts

# Scores have collapsed if the standard deviation of each class is below this share of the largest that its mean
# allows, sqrt(mean * (1 - mean)). Calibrated scores would then explain under 0.04 % of the variance of the labels.
COLLAPSED_SPREAD = 0.02


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Measured):
    """Scores of one run on one split at one operating point. Arrays are (classes,), NaN where undefined.

    A measure of classes is an attribute too: `f1` is `by_class["f1"]`.
    """

    classes: tuple[str, ...]
    thresholds: np.ndarray  # in the type of the scores
    clips: int
    averages: dict[str, ByMeasure]  # by AVERAGES; macro includes the threshold-free measures
    by_class: ByMeasure
    by_run: ByMeasure  # measures of all clips and classes at once
    support: np.ndarray  # positive clips
    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    tn: np.ndarray
    empty_clips: int  # clips with neither truth nor prediction, which count 0 in the samples average
    undefined_classes: tuple[str, ...]  # no positives: left out of macro, weighted and mAP
    never_predicted_classes: tuple[str, ...]  # positives, but predicted for no clip
    collapsed: bool  # scores hardly differ between clips

    def __repr__(self) -> str:
        f1 = ", ".join(f"{name} F1 {self.averages[name].f1:.3f}" for name in AVERAGES)
        undefined = f", {len(self.undefined_classes)} undefined" if self.undefined_classes else ""
        return f"Evaluation({self.clips} clips, {len(self.classes)} classes{undefined}: macro AP {self.mAP:.3f}, {f1})"

    @property
    def mAP(self) -> float:
        """The mean of ap over classes with positives."""
        return self.averages["macro"]["ap"]

    @property
    def macro_roc_auc(self) -> float:
        """The mean of roc_auc over classes with positives and negatives."""
        return self.averages["macro"]["roc_auc"]

    @property
    def confusion(self) -> Confusion:
        """The counts at the thresholds."""
        return Confusion(tp=self.tp, fp=self.fp, fn=self.fn, tn=self.tn)

    def to_json(self, split: str, threshold: float | Sequence[float]) -> dict:
        """Return plain numbers for JSON, None where undefined; `threshold` as given, a list if one a class."""
        averaged = {
            name: {m.name: _plain(values[m.name]) for m in OF_DECISIONS if m.name in values}
            for name, values in self.averages.items()
        }
        return {
            "split": split,
            "threshold": np.asarray(threshold, np.float64).tolist(),
            **averaged,
            **{m.mean_key: _plain(self.averages["macro"][m.name]) for m in OF_SCORES},
            **{name: _plain(value) for name, value in self.by_run.items()},
            "classes": {
                name: {column: _plain(values[c]) for column, values in self._columns().items()}
                for c, name in enumerate(self.classes)
            },
            "clips": self.clips,
            "empty_clips": self.empty_clips,
            "undefined_classes": list(self.undefined_classes),
            "never_predicted_classes": list(self.never_predicted_classes),
            "collapsed": self.collapsed,
        }

    def averages_table(self) -> pd.DataFrame:
        """Return a row an average: columns average and the measures of decisions, NaN without such an average."""
        rows = [
            {"average": name} | {m.name: self.averages[name].get(m.name, math.nan) for m in OF_DECISIONS}
            for name in AVERAGES
        ]
        return pd.DataFrame(rows)

    def class_table(self) -> pd.DataFrame:
        """Return a row a class: class, threshold, every measure of classes, support, tp, fp, fn, tn."""
        table = {"class": list(self.classes), "threshold": self.thresholds}
        return pd.DataFrame(table | self._columns())

    def _columns(self) -> dict[str, np.ndarray]:
        measured = {m.name: self.by_class[m.name] for m in OF_CLASSES}
        return measured | {name: getattr(self, name) for name in COUNTED}


@dataclass(frozen=True, eq=False)
class Summary(Measured):
    """The threshold-free part of an evaluation: small, so that it can be cached. Arrays are (classes,)."""

    classes: tuple[str, ...]
    clips: int
    dtype: np.dtype  # of the scores; thresholds are compared in it
    lowest: float  # score
    highest: float
    positives: np.ndarray  # clips with the class
    by_class: ByMeasure  # threshold-free measures
    by_run: ByMeasure
    collapsed: bool

    @property
    def mAP(self) -> float:
        """The mean of ap over classes with positives."""
        return mean_defined(self.ap)

    @property
    def size(self) -> int:
        """The number of scores: clips times classes."""
        return self.clips * len(self.classes)


def summarise(
    truth: np.ndarray, scores: np.ndarray, classes: Sequence[str], counts: Counts | None = None
) -> Summary:
    """Return the threshold-free part of an evaluation; arguments and errors are those of `evaluate`.

    Without `counts` it counts a few classes at a time, so that memory does not grow with their number.
    """
    truth, scores = checked(truth, scores)
    if len(classes) != truth.shape[1]:
        raise SedcoreError(f"{len(classes)} class names for {truth.shape[1]} columns of scores: wrong list?")
    if counts is None:
        few = max(1, CELLS_AT_ONCE // len(truth))
        starts = range(0, len(classes), few)
        parts = (count(truth[:, start : start + few], scores[:, start : start + few]) for start in starts)
    else:
        parts = (_same(counts, truth, scores),)
    ranked = zip(*([m.function(part) for m in OF_SCORES] for part in parts))
    return Summary(
        classes=tuple(classes),
        clips=len(truth),
        dtype=scores.dtype,
        lowest=float(scores.min()),
        highest=float(scores.max()),
        positives=truth.sum(axis=0, dtype=np.int64),
        by_class=ByMeasure((m.name, np.concatenate(columns)) for m, columns in zip(OF_SCORES, ranked)),
        by_run=ByMeasure((m.name, m.function(truth, scores)) for m in OF_RUNS),
        collapsed=collapsed(scores),
    )


def evaluate(
    truth: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    thresholds: float | np.ndarray,
    counts: Counts | None = None,
) -> Evaluation:
    """Evaluate scores at thresholds, one for all classes or one a class.

    truth: (clips, classes) bool. scores: (clips, classes) float, finite. counts: those of the same truth and
    scores, if the caller keeps them (a page that moves a threshold), so that nothing is sorted again.
    Raises SedcoreError where shapes, types or values cannot be evaluated.
    """
    truth, scores = checked(truth, scores)
    counts = count(truth, scores) if counts is None else _same(counts, truth, scores)
    samples = samples_average(truth, scores >= cast_thresholds(thresholds, truth.shape[1], scores.dtype))
    return assemble(summarise(truth, scores, classes, counts), thresholds, counts.at(thresholds), samples)


def assemble(
    summary: Summary, thresholds: float | np.ndarray, confusion: Confusion, samples: tuple[ByMeasure, int]
) -> Evaluation:
    """Combine the threshold-free summary with the counts at thresholds into an evaluation.

    samples: the result of `samples_average`, the averages and the number of empty clips.
    """
    decided = class_scores(confusion)
    averaged = averages(confusion) | {"samples": samples[0]}
    averaged["macro"] |= {name: mean_defined(values) for name, values in summary.by_class.items()}
    return Evaluation(
        classes=summary.classes,
        thresholds=cast_thresholds(thresholds, len(summary.classes), summary.dtype),
        clips=summary.clips,
        averages=averaged,
        by_class=ByMeasure(decided.by_class | summary.by_class),
        by_run=summary.by_run,
        support=decided.support,
        tp=confusion.tp,
        fp=confusion.fp,
        fn=confusion.fn,
        tn=confusion.tn,
        empty_clips=samples[1],
        undefined_classes=_named(summary.classes, decided.undefined),
        never_predicted_classes=_named(summary.classes, decided.never_predicted),
        collapsed=summary.collapsed,
    )


def collapsed(scores: np.ndarray) -> bool:
    """Whether the scores of every class are nearly the same for all clips, so that the run ranks nothing.

    Scores within 0..1 are read as probabilities and compared with COLLAPSED_SPREAD, relative to what their mean
    allows, so that a detector of rare events, with scores mostly near 0, does not count as collapsed. Other scores
    have no natural scale and have collapsed only if constant up to rounding. False for a single clip.
    """
    scores = np.asarray(scores)
    if len(scores) < 2:
        return False
    probabilities = scores.min() >= 0 and scores.max() <= 1
    for c in range(scores.shape[1]):
        column = scores[:, c].astype(np.float64)
        if probabilities:
            widest = math.sqrt(column.mean() * (1 - column.mean()))
            hardly = column.std() <= COLLAPSED_SPREAD * widest or column.min() == column.max()
        else:
            with np.errstate(over="ignore"):  # a range beyond float64 is infinite, and wide
                hardly = np.ptp(column) <= 1e-5 * np.abs(column).max()
        if not hardly:
            return False
    return True


def _same(counts: Counts, truth: np.ndarray, scores: np.ndarray) -> Counts:
    if (counts.clips, counts.classes) != scores.shape or counts.dtype != scores.dtype:
        raise SedcoreError(
            f"the counts are of shape {counts.clips, counts.classes}, {counts.dtype}, the scores of "
            f"{scores.shape}, {scores.dtype}: do they belong to another run or split?"
        )
    if not np.array_equal(counts.positives, truth.sum(axis=0)):
        raise SedcoreError(
            "the counts hold other numbers of positives than truth: are they of another split?"
        )
    return counts


def _named(classes: Sequence[str], flags: np.ndarray) -> tuple[str, ...]:
    return tuple(name for name, flag in zip(classes, flags) if flag)


def _plain(value: float) -> float | int | None:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value
