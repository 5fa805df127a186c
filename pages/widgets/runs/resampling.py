"""Resampling of large runs, which takes minutes and waits until the reader asks for it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.widgets.runs import cached
from sedcore.comparison.contenders import Contender, contenders
from sedcore.comparison.selection import Scored

_ASKED = "resample-asked"


class Unsampled(Exception):
    """Raised where large runs need resampling that was not asked for; the page shows what needs none."""

    def __init__(self, group: Sequence[Scored]) -> None:
        super().__init__("resampling these runs takes long")
        self.group = list(group)


def may_resample(group: Sequence[Scored]) -> bool:
    """Whether to resample: at once, for large runs only after `ask_to_resample` at these thresholds."""
    if not any(s.scores.large for s in group):
        return True
    return cached.at_thresholds(group) in st.session_state.get(_ASKED, ())


def ask_to_resample(group: Sequence[Scored]) -> None:
    """Record that the reader wants these runs resampled at the thresholds in force."""
    st.session_state[_ASKED] = {*st.session_state.get(_ASKED, ()), cached.at_thresholds(group)}


def resampled(group: Sequence[Scored], average_seeds: bool = True) -> list[Contender]:
    """Return the runs of a group that compares, with their draws; seeds of one configuration as one.

    Raises Unsampled where that takes minutes and was not asked for.
    """
    if not may_resample(group):
        raise Unsampled(group)
    return contenders(group, cached.draws_of(group), average_seeds)
