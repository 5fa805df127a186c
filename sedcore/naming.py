"""The known names that are nearest to one that is not known: what an error suggests."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the nearest known name, None where none is near; another case alone is nearest of all.

    `cutoff`: the least likeness, from 0 to 1, as `difflib.get_close_matches` counts it.
    """
    return next(iter(nearest_names(name, known, 1, cutoff)), None)


def nearest_names(name: str, known: Iterable[str], most: int = 3, cutoff: float = 0.6) -> list[str]:
    """Return up to `most` known names, the nearest first."""
    known = list(known)
    same = [other for other in known if other.lower() == name.lower()]
    return list(dict.fromkeys([*same, *difflib.get_close_matches(name, known, most, cutoff)]))[:most]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of an error's sentence: the nearest known name, or all of them."""
    known = list(known)
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else f"there are {', '.join(known)}"
