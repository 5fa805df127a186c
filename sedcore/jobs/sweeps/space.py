"""The search space: which settings of a training vary, over lists of choices or ranges. No Optuna here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sedcore.errors import SedcoreError
from sedcore.naming import suggestion
from sedcore.training.config import SETTINGS as ALL_SETTINGS
from sedcore.training.config import TrainConfig

# settings that may vary or be fixed
SETTINGS = {name: known for name, known in ALL_SETTINGS.items() if known.searched}
MOST_POINTS = 10_000  # of a grid
_RANGE_KEYS = ("low", "high", "log", "step")


@dataclass(frozen=True)
class Choices:
    """A setting takes one of these values."""

    values: tuple[Any, ...]

    def to_json(self) -> list[Any]:
        return list(self.values)


@dataclass(frozen=True)
class Range:
    """A setting lies in [low, high]: on a logarithmic scale with `log`, at low + k * step with `step`."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def to_json(self) -> dict[str, Any]:
        known = {"low": self.low, "high": self.high}
        return known | ({"log": True} if self.log else {}) | ({"step": self.step} if self.step else {})

    @property
    def values(self) -> tuple[float, ...] | None:
        """Return all values of a range in steps, None where there is no end of them."""
        if self.step is None:
            return None
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(self.low + k * self.step for k in range(count))


Space = Mapping[str, Choices | Range]


def parse_space(given: Any) -> dict[str, Choices | Range]:
    """Return the search space that a table of TOML or JSON describes.

    Raises
    ------
    SedcoreError
        It names no setting or an unknown one, or a list or a range makes no sense; the sentence says which.
    """
    if not isinstance(given, Mapping) or not given:
        raise SedcoreError(
            f"[space] is a table of settings that vary (of {', '.join(SETTINGS)}); given {given!r}"
        )
    return {key: _dimension(key, value) for key, value in given.items()}


def _dimension(key: str, given: Any) -> Choices | Range:
    if key in ("seed", "seeds"):
        raise SedcoreError("seeds are not searched over: give `seeds = 3` or a list, outside of [space]")
    check_setting(key, "[space]")
    if isinstance(given, Mapping):
        return _range(key, given)
    if not isinstance(given, (list, tuple)) or not given:
        raise SedcoreError(
            f"space.{key} is a list of choices, or a range as {{low = 1, high = 9}}; given {given!r}"
        )
    values = tuple(typed(key, value) for value in given)
    if len(set(values)) < len(values):
        raise SedcoreError(f"space.{key} names a value twice: {', '.join(map(str, values))}")
    return Choices(values)


def _range(key: str, given: Mapping[str, Any]) -> Range:
    kind = SETTINGS[key].type
    if not SETTINGS[key].numeric:
        raise SedcoreError(f"space.{key} cannot be a range; give a list of choices")
    for name in given:
        if name not in _RANGE_KEYS:
            raise SedcoreError(f"space.{key} knows no {name!r}; {suggestion(name, _RANGE_KEYS)}")
    if not {"low", "high"} <= set(given):
        raise SedcoreError(f"space.{key} needs low and high; given {', '.join(given) or 'nothing'}")
    low, high, log = typed(key, given["low"]), typed(key, given["high"]), given.get("log", False)
    if low >= high:
        raise SedcoreError(f"space.{key} goes from {low} to {high}; low must be below high")
    if not isinstance(log, bool):
        raise SedcoreError(f"space.{key}.log is true or false; given {log!r}")
    step = given.get("step")
    if step is not None:
        if log:
            raise SedcoreError(
                f"space.{key} has log and step, and takes one of them; list the values instead"
            )
        if isinstance(step, bool) or not isinstance(step, (int, kind)) or not 0 < step <= high - low:
            raise SedcoreError(f"space.{key}.step is above 0 and at most {high - low:g}; given {step!r}")
    if log and low <= 0:
        raise SedcoreError(f"space.{key} is logarithmic, so low must be above 0; given {low}")
    if step is not None:
        high = kind(Range(low, high, step=step).values[-1])  # what the steps reach
    return Range(low, high, log, None if step is None else kind(step))


def parse_values(text: str, kind: Callable[[str], float]) -> list[float] | dict[str, object]:
    """Return the numbers of "1, 2, 3" as a list, of "1 to 9" as a logarithmic range.

    Raises
    ------
    ValueError
        It is neither.
    """
    ends = text.split(" to ")
    if len(ends) == 2:
        return {"low": kind(ends[0].strip()), "high": kind(ends[1].strip()), "log": True}
    return [kind(part.strip()) for part in text.split(",") if part.strip()]


def typed(key: str, value: Any) -> Any:
    """Return a value of a setting in its type. SedcoreError where it is of another, or out of range."""
    value = SETTINGS[key].typed(value)
    # the training's own words for a model that does not exist or a value out of range
    TrainConfig("any", **({"model": "compact"} | {key: value})).resolved()
    return value


def check_setting(key: str, where: str) -> None:
    """SedcoreError, naming the nearest, where training has no such setting that a sweep could use."""
    if key not in SETTINGS:
        raise SedcoreError(f"{where} knows no setting {key!r}; {suggestion(key, SETTINGS)}")


def size(space: Space) -> int | None:
    """Return the number of points of a space, None where there is no end of them."""
    counts = [None if d.values is None else len(d.values) for d in space.values()]
    return None if None in counts else math.prod(counts)


def grid(space: Space) -> list[dict[str, Any]]:
    """Return every point of a space, the last setting varying fastest.

    Raises
    ------
    SedcoreError
        A range has no steps, or there are more than MOST_POINTS points.
    """
    for key, dimension in space.items():
        if dimension.values is None:
            raise SedcoreError(
                f"a grid needs all values of {key}: give a list, or a step"
                + (" (for a logarithmic range, list the values)" if dimension.log else "")
            )
    points = size(space)
    if points > MOST_POINTS:
        raise SedcoreError(
            f"the grid has {points:,} points and takes at most {MOST_POINTS:,}; sample it at random instead"
        )
    kept = [[SETTINGS[key].type(value) for value in dimension.values] for key, dimension in space.items()]
    return [dict(zip(space, values)) for values in itertools.product(*kept)]


def config_of(dataset: str, fixed: Mapping[str, Any], point: Mapping[str, Any], seed: int) -> TrainConfig:
    """Return the training at a point of the space with a seed, defaults of its model filled in."""
    return TrainConfig(dataset, **(dict(fixed) | dict(point)), seed=seed).resolved()


def combinations(fixed: Mapping[str, Any], space: Space) -> list[tuple[str, str]]:
    """Return the pairs of model and features that a sweep can meet."""
    options = [
        space[key].values if key in space else (fixed.get(key, SETTINGS[key].default),)
        for key in ("model", "features")
    ]
    return list(itertools.product(*options))
