"""The known names nearest to an unknown one, as errors suggest them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the nearest known name, None where none is near; a name that differs in case only is nearest.

    `cutoff`: the lowest similarity, from 0 to 1, as in `difflib.get_close_matches`.
    """
    return next(iter(nearest_names(name, known, 1, cutoff)), None)


def nearest_names(name: str, known: Iterable[str], most: int = 3, cutoff: float = 0.6) -> list[str]:
    """Return up to `most` known names, the nearest first."""
    known = list(known)
    same = [other for other in known if other.lower() == name.lower()]
    return list(dict.fromkeys([*same, *difflib.get_close_matches(name, known, most, cutoff)]))[:most]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the last part of an error message: the nearest known name, or all of them."""
    known = list(known)
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else f"there are {', '.join(known)}"
