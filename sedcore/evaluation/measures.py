"""The table of all measures; tables, files, help texts, draws, verdicts and the threshold board follow from it.

A measure of decisions is a function of four counts of a class, arrays that broadcast: `tp`, `predicted` (true and
false positives), `positives` and `clips`. Counts pooled over the classes give its micro average, counts of one clip
over the classes its samples average. It is 0 where it divides by 0; `Measure.defined` sets undefined values to NaN.
A threshold-free measure is a function of the counts at all scores.

To add a measure: an entry in the table and its function. The board, which computes in the browser, shows a measure of
decisions if `board/numbers.js` has the same function. A threshold-free one is stored in the index of a root (raise
VERSION in `artifacts.counted`), and can be resampled if `bootstrap.weighted_ranking` computes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from sedcore.evaluation.counts import ratio
from sedcore.evaluation.ranking import (
    average_precision,
    constant_area,
    constant_average_precision,
    equal_error_rate,
    lwlrap,
    roc_auc,
)

AVERAGES = ("micro", "macro", "weighted", "samples")
AVERAGE_HELP = {
    "micro": "Counts of all classes pooled: frequent classes weigh most.",
    "macro": "Mean over classes: a rare class weighs as much as a frequent one.",
    "weighted": "Mean over classes by their number of positive clips.",
    "samples": "Mean over clips; a clip without truth and prediction counts 0.",
}
_AVERAGE_OF = {
    "micro": "{} of all classes pooled, {}.",
    "macro": "Mean of the {} of the classes, {}.",
    "weighted": "Mean of the {} of the classes by their positive clips, {}.",
    "samples": "Mean over clips of each clip's own {}, {}.",
}


class ByMeasure(dict):
    """Values by the name of their measure, as items and as attributes: `values.f1` is `values["f1"]`."""

    __slots__ = ()

    def __getattr__(self, name: str):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no {name} here, only {', '.join(self)}") from None


@dataclass(frozen=True)
class Measure:
    """One measure of runs.

    name : in JSON, CSV, addresses and draws; its averages are "macro_NAME", "micro_NAME" ...
    title, short : in tables; `short` beside or below the name of an average.
    help : one sentence.
    needs_threshold : whether it measures decisions; else it measures scores.
    function : for decisions, (tp, predicted, positives, clips) to values of their common shape; for scores, (Counts,)
        to (classes,), NaN where undefined; for a measure of runs only, (truth, scores) to a number.
    averages : its averages over classes, and over clips ("samples"); none for a measure of runs only.
    of_classes : whether each class has a value.
    ranks_runs : whether runs are compared by its averages, with each other and with the trivial baselines; a higher
        value must then be better.
    resampled : whether the bootstrap draws it.
    logit_interval, studentised : intervals on the logit scale, tests by Student's t (`verdicts.compare`); else both
        by percentiles.
    defined_if_predicted : whether a class without positives has a value if it was predicted.
    merit_of_all_positive : whether predicting a class for every clip is a baseline worth beating.
    constant : for scores, (positives, clips) to the value of scores that are the same for every clip.
    mean_key : for scores, the key of its mean over classes in the JSON of a run.
    """

    name: str
    title: str
    help: str
    function: Callable[..., np.ndarray | float] = field(repr=False)
    needs_threshold: bool = True
    averages: tuple[str, ...] = ("macro",)
    short: str = ""
    of_classes: bool = True
    higher_is_better: bool = True
    ranks_runs: bool = False
    resampled: bool = False
    logit_interval: bool = False
    studentised: bool = False
    defined_if_predicted: bool = False
    merit_of_all_positive: bool = True
    constant: Callable[..., np.ndarray] | None = field(default=None, repr=False)
    mean_key: str = ""

    def __post_init__(self) -> None:
        if self.ranks_runs and not (self.resampled and self.higher_is_better):
            raise ValueError(
                f"runs are ranked by what is resampled and of which more is better; {self.name}?"
            )
        object.__setattr__(self, "short", self.short or self.title)

    def defined(
        self, tp: np.ndarray, predicted: np.ndarray, positives: np.ndarray, clips: np.ndarray | int
    ) -> np.ndarray:
        """Return the values of a measure of decisions, NaN where a class is undefined for lack of positives."""
        undefined = positives == 0
        if self.defined_if_predicted:
            undefined = undefined & (predicted == 0)
        return np.where(undefined, np.nan, self.function(tp, predicted, positives, clips))

    def all_positive(self, positives: np.ndarray, clips: int) -> np.ndarray:
        """Return the values of predicting each class for every clip, (classes,)."""
        if self.needs_threshold:
            return self.function(positives, clips, positives, clips)
        return self.constant(positives, clips)


@dataclass(frozen=True)
class RunMeasure:
    """One average of a measure: a number of a run, by which runs are compared."""

    measure: Measure
    average: str

    @property
    def name(self) -> str:
        return f"{self.average}_{self.measure.name}"

    @property
    def words(self) -> str:
        """As in a sentence: "macro F1"."""
        return f"{self.average} {self.measure.title}"

    @property
    def title(self) -> str:
        return f"{self.average.title()} {self.measure.title}"

    @property
    def help(self) -> str:
        at = "at the thresholds in force" if self.measure.needs_threshold else "whatever the threshold"
        return _AVERAGE_OF[self.average].format(self.measure.title, at)


def precision(tp, predicted, positives, clips) -> np.ndarray:
    """Return TP / (TP + FP), 0 where nothing is predicted."""
    return ratio(tp, predicted)


def recall(tp, predicted, positives, clips) -> np.ndarray:
    """Return TP / (TP + FN), 0 where nothing is positive."""
    return ratio(tp, positives)


def f1(tp, predicted, positives, clips) -> np.ndarray:
    """Return 2 TP / (2 TP + FP + FN), 0 where nothing is positive or predicted."""
    return ratio(2 * tp, positives + predicted)


def matthews(tp, predicted, positives, clips) -> np.ndarray:
    """Return (TP TN - FP FN) / sqrt((TP + FP)(TP + FN)(TN + FP)(TN + FN)), 0 where that divides by 0.

    In float64: the product of four counts exceeds 64 bits at 60,000 clips. TP TN - FP FN is exactly 0 wherever a factor
    is, so that case needs no branch. Matthews, "Comparison of the predicted and observed secondary structure of T4
    phage lysozyme", 1975.
    """
    both = np.multiply(predicted, positives, dtype=np.float64)
    neither = np.multiply(clips - predicted, clips - positives, dtype=np.float64)
    return (np.multiply(tp, clips, dtype=np.float64) - both) / np.sqrt(np.maximum(both * neither, 1))


_TABLE = (
    Measure(
        "precision",
        "Precision",
        "Share of the clips predicted to hold the class that do.",
        precision,
        averages=("macro", "micro", "weighted", "samples"),
        short="P",
        resampled=True,
        defined_if_predicted=True,
    ),
    Measure(
        "recall",
        "Recall",
        "Share of the clips that hold the class that are predicted.",
        recall,
        averages=("macro", "micro", "weighted", "samples"),
        short="R",
        resampled=True,
        merit_of_all_positive=False,
    ),
    Measure(
        "f1",
        "F1",
        "Harmonic mean of precision and recall, at the thresholds in force.",
        f1,
        averages=("macro", "micro", "weighted", "samples"),
        ranks_runs=True,
        resampled=True,
    ),
    Measure(
        "mcc",
        "MCC",
        "Matthews correlation of decisions and truth, at the thresholds in force: 1 is perfect, 0 is chance.",
        matthews,
        averages=("macro", "micro"),
        ranks_runs=True,
        resampled=True,
    ),
    Measure(
        "ap",
        "AP",
        "Average precision: area under the precision-recall curve, without a threshold.",
        average_precision,
        needs_threshold=False,
        ranks_runs=True,
        resampled=True,
        logit_interval=True,
        constant=constant_average_precision,
        mean_key="mAP",
    ),
    Measure(
        "roc_auc",
        "ROC AUC",
        "How often a clip with the class scores higher than one without it; 0.5 is chance.",
        roc_auc,
        needs_threshold=False,
        ranks_runs=True,
        resampled=True,
        logit_interval=True,
        studentised=True,
        constant=constant_area,
        mean_key="macro_roc_auc",
    ),
    Measure(
        "eer",
        "Equal error rate",
        "The rate at which misses and false alarms are equally frequent.",
        equal_error_rate,
        needs_threshold=False,
        short="EER",
        higher_is_better=False,
        constant=constant_area,
        mean_key="eer",
    ),
    Measure(
        "lwlrap",
        "Label-weighted label-ranking AP",
        "Precision at each label in its clip's own ranking of the classes, averaged over all labels of all clips.",
        lwlrap,
        needs_threshold=False,
        averages=(),
        short="lwlrap",
        of_classes=False,
    ),
)
MEASURES = {measure.name: measure for measure in _TABLE}
OF_CLASSES = tuple(m for m in _TABLE if m.of_classes)
OF_RUNS = tuple(m for m in _TABLE if not m.of_classes)
OF_DECISIONS = tuple(m for m in OF_CLASSES if m.needs_threshold)
OF_SCORES = tuple(m for m in OF_CLASSES if not m.needs_threshold)
OF_SAMPLES = tuple(m for m in OF_DECISIONS if "samples" in m.averages)  # the columns of samples averages


def _f1_first(measures: Iterable[Measure]) -> dict[str, Measure]:
    return {m.name: m for m in sorted(measures, key=lambda m: m.name != "f1")}


# Choices for selection boxes, the most used measure first.
PICKED = _f1_first(m for m in OF_CLASSES if m.resampled)
PICKED_DECISIONS = _f1_first(OF_DECISIONS)
RUN_MEASURES = {
    one.name: one
    for one in sorted(
        (RunMeasure(m, average) for m in OF_CLASSES if m.ranks_runs for average in m.averages),
        key=lambda one: one.name != "macro_ap",
    )
}
# The measure of each name in `bootstrap.Draws`: "f1", "macro_f1", "micro_f1" ...
_BEHIND = {m.name: m for m in OF_CLASSES} | {
    f"{average}_{m.name}": m for m in OF_CLASSES for average in m.averages
}


def measure_behind(name: str) -> Measure:
    """Return the measure of "f1", "macro_f1" ...: here F1. Raises KeyError for an unknown name."""
    return _BEHIND[name]
