"""Objectives of thresholds: best F-beta, a least precision or recall, or the least cost of errors.

An objective is a function of true and false positives and the number of positives, arrays that broadcast, so that
all thresholds are rated at once. `measure` is optimised (maximised, a cost minimised), `bound` must be at least `at`
(None without a bound). A measure that divides by 0 is 0, as in `averages`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.evaluation.counts import ratio

MOST_COST = 1e12
NAMES = ("f1", "fbeta", "precision", "recall", "cost")


@dataclass(frozen=True)
class FBeta:
    """The highest F-beta: recall weighs beta times as much as precision (van Rijsbergen, 1979)."""

    beta: float = 1.0
    at = None
    lower_is_better = False
    unit = 1.0  # `tuning.EQUAL`, the tolerance for ties, is relative to it

    def __post_init__(self) -> None:
        wanted = "a number from 0.001 to 1000; 1 is F1, 2 weighs recall twice"
        _check(0.001 <= self.beta <= 1000, "beta", self.beta, wanted)

    @property
    def words(self) -> str:
        return f"best {self.measured}"

    @property
    def measured(self) -> str:
        return f"F{self.beta:g}"

    bounded = ""

    def measure(self, tp: np.ndarray, fp: np.ndarray, positives: np.ndarray) -> np.ndarray:
        weight = self.beta**2
        below = weight * positives + tp + fp
        return np.divide((1 + weight) * tp, below, out=np.zeros_like(below, float), where=below > 0)

    def bound(self, tp: np.ndarray, fp: np.ndarray, positives: np.ndarray) -> None:
        return None

    def to_json(self) -> dict:
        return {"kind": "f1"} if self.beta == 1 else {"kind": "fbeta", "beta": self.beta}


@dataclass(frozen=True)
class PrecisionAtLeast:
    """The highest recall with a precision of at least `at`."""

    at: float
    lower_is_better = False
    unit = 1.0
    measured, bounded = "recall", "precision"

    def __post_init__(self) -> None:
        _check(0 < self.at <= 1, "the least precision", self.at, "a number above 0 and up to 1")

    @property
    def words(self) -> str:
        return f"best recall with precision of at least {self.at:g}"

    def measure(self, tp: np.ndarray, fp: np.ndarray, positives: np.ndarray) -> np.ndarray:
        return ratio(tp, positives)

    def bound(self, tp: np.ndarray, fp: np.ndarray, positives: np.ndarray) -> np.ndarray:
        return ratio(tp, tp + fp)

    def to_json(self) -> dict:
        return {"kind": "precision", "at": self.at}


@dataclass(frozen=True)
class RecallAtLeast:
    """The highest precision with a recall of at least `at`."""

    at: float
    lower_is_better = False
    unit = 1.0
    measured, bounded = "precision", "recall"

    def __post_init__(self) -> None:
        _check(0 < self.at <= 1, "the least recall", self.at, "a number above 0 and up to 1")

    @property
    def words(self) -> str:
        return f"best precision with recall of at least {self.at:g}"

    def measure(self, tp: np.ndarray, fp: np.ndarray, positives: np.ndarray) -> np.ndarray:
        return ratio(tp, tp + fp)

    def bound(self, tp: np.ndarray, fp: np.ndarray, positives: np.ndarray) -> np.ndarray:
        return ratio(tp, positives)

    def to_json(self) -> dict:
        return {"kind": "recall", "at": self.at}


@dataclass(frozen=True)
class Cost:
    """The least cost of all errors: `miss` for each clip missed, `false_alarm` for each false alarm."""

    miss: float = 1.0
    false_alarm: float = 1.0
    at = None
    lower_is_better = True
    measured, bounded = "cost", ""

    def __post_init__(self) -> None:
        wanted = f"a number from 0 to {MOST_COST:g}; one of the two costs above 0"
        positive = self.miss + self.false_alarm > 0
        _check(0 <= self.miss <= MOST_COST and positive, "the cost of a miss", self.miss, wanted)
        _check(0 <= self.false_alarm <= MOST_COST, "the cost of a false alarm", self.false_alarm, wanted)

    @property
    def words(self) -> str:
        return f"least cost, {self.miss:g} a miss and {self.false_alarm:g} a false alarm"

    @property
    def unit(self) -> float:
        return min(cost for cost in (self.miss, self.false_alarm) if cost > 0)

    def measure(self, tp: np.ndarray, fp: np.ndarray, positives: np.ndarray) -> np.ndarray:
        return self.miss * (positives - tp) + self.false_alarm * np.asarray(fp, float)

    def bound(self, tp: np.ndarray, fp: np.ndarray, positives: np.ndarray) -> None:
        return None

    def to_json(self) -> dict:
        return {"kind": "cost", "miss_cost": self.miss, "false_alarm_cost": self.false_alarm}


Objective = FBeta | PrecisionAtLeast | RecallAtLeast | Cost


def objective(
    kind: str,
    *,
    beta: float | None = None,
    at: float | None = None,
    miss_cost: float | None = None,
    false_alarm_cost: float | None = None,
) -> Objective:
    """Return the objective of a name (one of NAMES) with its parameters, named as in its `to_json`.

    Raises SedcoreError where a parameter is missing, out of range, or belongs to another objective.

    >>> objective("precision", at=0.9).words
    'best recall with precision of at least 0.9'
    """
    given = {"beta": beta, "at": at, "miss cost": miss_cost, "false alarm cost": false_alarm_cost}
    takes = {
        "f1": (),
        "fbeta": ("beta",),
        "precision": ("at",),
        "recall": ("at",),
        "cost": ("miss cost", "false alarm cost"),
    }
    if kind not in takes:
        raise SedcoreError(f"no objective {kind!r}; there are {', '.join(NAMES)}")
    strange = [name for name, value in given.items() if value is not None and name not in takes[kind]]
    if strange:
        raise SedcoreError(f"objective {kind} takes no {' and no '.join(strange)}: another objective meant?")
    missing = [name for name in takes[kind] if given[name] is None and kind != "cost"]
    if missing:
        raise SedcoreError(f"objective {kind} needs {missing[0]}: fbeta takes beta, precision and recall at")
    if kind == "cost":
        return Cost(
            1.0 if miss_cost is None else miss_cost, 1.0 if false_alarm_cost is None else false_alarm_cost
        )
    return {"f1": FBeta, "fbeta": FBeta, "precision": PrecisionAtLeast, "recall": RecallAtLeast}[kind](
        *(given[name] for name in takes[kind])
    )


def _check(holds: bool, what: str, value: float, wanted: str) -> None:
    if not holds or not math.isfinite(value):
        raise SedcoreError(f"{what} is {value}; wanted is {wanted}.")
