"""Colours and line forms of runs, and the few colours that mean something.

Hues are those of Okabe and Ito (2008), "Color Universal Design", distinguishable with a colour vision deficiency.
Their black and yellow are left out: neither is legible on both a white and a dark page. After six runs the hues
repeat with another dash and marker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
VERMILLION, PURPLE, SKY = "#D55E00", "#CC79A7", "#56B4E9"
HUES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
DASHES = ("solid", "dash", "dot", "dashdot")
SYMBOLS = ("circle", "diamond", "square", "triangle-up")
GLYPHS = ("●", "◆", "■", "▲")

NEUTRAL = "#8792A2"  # legible on white and on dark: rules, runs that are not chosen, truth
RIGHT, WRONG = "#2E86C1", "#E08A1E"  # blue and orange, never red and green alone


@dataclass(frozen=True)
class Ink:
    """How one run is drawn: colour, line dash, marker symbol, and the glyph that stands for it in text."""

    color: str
    dash: str = "solid"
    symbol: str = "circle"
    glyph: str = "●"


UNCHOSEN = Ink(NEUTRAL, "solid", "circle-open", "○")


def ink(slot: int) -> Ink:
    """Return the ink of a slot: six hues, then the same hues in other forms (24 in all, then again)."""
    form = slot // len(HUES) % len(DASHES)
    return Ink(HUES[slot % len(HUES)], DASHES[form], SYMBOLS[form], GLYPHS[form])


def assign_inks(chosen: Sequence[str], all_ids: Sequence[str]) -> dict[str, Ink]:
    """Return the ink of each chosen run.

    A run's hue follows from its place among all runs of the root (`all_ids`, oldest first), whatever else is chosen.
    Only where an earlier chosen run has that hue does it take the next free one; beyond six runs the hues repeat,
    dashed.
    """
    inks: dict[str, Ink] = {}
    taken: set[int] = set()
    place = {run_id: index for index, run_id in enumerate(all_ids)}
    for run_id in chosen:
        own, form = place.get(run_id, 0) % len(HUES), len(inks) // len(HUES)
        slots = [form * len(HUES) + (own + step) % len(HUES) for step in range(len(HUES))]
        slot = next((s for s in slots if s not in taken), slots[0])
        taken.add(slot)
        inks[run_id] = ink(slot)
    return inks


def faint(color: str, opacity: float = 0.25) -> str:
    """Return a hex colour as rgba with the given opacity."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
