"""What a training setting is, beside its name and default: options, forms, sweeps and figures follow from it.

The settings themselves are the fields of `sedcore.training.config.TrainConfig`. Both modules are plain data, so that
the command line, jobs, figures and pages may read them.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field
from typing import Any

from sedcore.errors import SedcoreError
from sedcore.models.catalog import ModelCard

# Where a form has a setting: chosen with the data, at first sight, folded away, among what the recipe says.
DATA, MAIN, MORE, RECIPE = "data", "main", "more", "recipe"
_WORDS = {str: "text", float: "a number", int: "a whole number", bool: "true or false"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting of a training.

    Attributes
    ----------
    name, type, default : of the field, whose type is bool, int, float or str. Where the default is None, the model's
        card brings one.
    title : its name in forms, figures and tables.
    help : what it does, a phrase.
    part : where a form shows it: DATA, MAIN, MORE or RECIPE.
    short : its name where room is scarce.
    choices : the words it may be.
    low, high : its bounds, None without; `above`, `below`: the bound itself is out of range.
    step : of a form's field.
    metavar : of the option.
    plain : value for the models whose cards say nothing of it.
    searched : whether a sweep may vary it, a number over a list or a range, all else over a list.
    unfit : returns why a model cannot use it, None where it can.
    """

    title: str
    help: str
    part: str = RECIPE
    short: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    above: bool = False
    below: bool = False
    step: float = 1
    metavar: str | None = None
    plain: Any = None
    searched: bool = True
    unfit: Callable[[ModelCard], str | None] | None = None
    name: str = ""
    type: type = str
    default: Any = None

    @property
    def label(self) -> str:
        """The shortest name."""
        return self.short or self.name

    @property
    def words(self) -> str:
        """The title within a sentence."""
        return self.title[0].lower() + self.title[1:]

    @property
    def option(self) -> str:
        """The option of the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def required(self) -> bool:
        """Whether a configuration must say it."""
        return self.default is MISSING

    @property
    def numeric(self) -> bool:
        """Whether it is a number."""
        return self.type in (int, float)

    def checked(self, value: Any) -> Any:
        """Return a value in the setting's type.

        Raises
        ------
        SedcoreError
            It is of another type or out of range.
        """
        self._raise_unless(self._has_type(value) and self._is_allowed(value), self._range_words(), value)
        return self.type(value)

    def typed(self, value: Any) -> Any:
        """Return a value in the setting's type, whatever its range. SedcoreError where it is of another type."""
        self._raise_unless(self._has_type(value), _WORDS[self.type], value)
        return self.type(value)

    def _raise_unless(self, fine: bool, words: str, value: Any) -> None:
        if not fine:
            raise SedcoreError(f"{self.name} is {words}; given {value!r}")

    def _has_type(self, value: Any) -> bool:
        if isinstance(value, bool) or self.type is bool:
            return type(value) is self.type
        return isinstance(value, (int, float) if self.type is float else self.type)

    def _is_allowed(self, value: Any) -> bool:
        if not self.numeric:
            return not self.choices or value in self.choices
        if not abs(value) <= sys.float_info.max:  # nor is what is not a number
            return False
        high_enough = self.low is None or value > self.low or (value == self.low and not self.above)
        return high_enough and (
            self.high is None or value < self.high or (value == self.high and not self.below)
        )

    def _range_words(self) -> str:
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        words = _WORDS[self.type]
        if self.low is None:
            return "a finite number" if self.type is float else words
        if self.above:
            return f"{words} above {self.low} and {'below' if self.below else 'at most'} {self.high}"
        return f"{words} from {self.low} to {'below ' if self.below else ''}{self.high}"


def setting(title: str, help: str, *, default: Any = None, **known: Any) -> Any:
    """Return the field of a setting; `known` are attributes of `Setting`. Default MISSING: it must be given."""
    return field(default=default, metadata={"setting": Setting(title=title, help=help, **known)})


def settings_of(config: type) -> dict[str, Setting]:
    """Return the settings of a dataclass by name, in order, each with what its field says."""
    hints = typing.get_type_hints(config)
    return {
        known.name: dataclasses.replace(
            known.metadata["setting"],
            name=known.name,
            type=(typing.get_args(hints[known.name]) or (hints[known.name],))[0],  # int of int | None
            default=known.default,
        )
        for known in dataclasses.fields(config)
    }
