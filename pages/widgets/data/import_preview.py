"""The preview of an import of scores: what was understood, kept for the session and shown before writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.base.messages import show_error, show_note
from sedcore.artifacts.imports.source import Source, Truth
from sedcore.artifacts.imports.understand import LISTED, Understood, understand
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import Evaluation, evaluate

_ROUND, _KEPT = "import-round", "import-kept-"


def import_round() -> int:
    """Return how many imports this session has written."""
    return st.session_state.get(_ROUND, 0)


def begin_anew() -> None:
    """Forget the scores, after an import; the truth stays for the next system."""
    st.session_state[_ROUND] = import_round() + 1
    for key in [key for key in st.session_state if str(key).startswith(_KEPT) and key != _KEPT + "truth"]:
        del st.session_state[key]


def field_key(what: str, found: Understood, name: str) -> str:
    """Return a widget key that belongs to this import alone."""
    return f"import-{what}-{import_round()}-{found.source}-{name}"


def matched(source: Source, truth: Truth, split: str, answers: tuple[tuple[str, str], ...]) -> Understood:
    """Match scores and truth, once for each state of the answers."""
    key = (source, truth, split, answers)
    return kept(
        "matched" if answers else "open",
        key,
        lambda: understand(source, truth, split=split, class_map=answers),
    )


def first_glance(understood: Understood) -> Evaluation:
    """Return the evaluation of the scores that would be written."""
    p = understood.predictions
    return kept("glance", p, lambda: evaluate(p.truth, p.scores, p.classes, 0.5))


def kept(what: str, key: Any, make: Callable[[], Any]) -> Any:
    """Return the result of `make` for `key`; the session keeps the last one of each `what`."""
    name = _KEPT + what
    if name not in st.session_state or st.session_state[name][0] != key:
        st.session_state[name] = (key, make())
    return st.session_state[name][1]


def attempt(what: str, key: Any, make: Callable[[], Any]) -> Any:
    """Return the result of `make`, or None with its error shown."""
    try:
        with st.spinner("Reading"):
            return kept(what, key, make)
    except SedcoreError as error:
        st.session_state.pop(_KEPT + what, None)
        show_error(error)
        return None


def what_was_understood(understood: Understood) -> None:
    """Show what would be written, and what is left out."""
    st.subheader("What was understood", anchor=False)
    left_out = len(understood.without_truth) + len(understood.without_scores)
    facts = {
        "Format": understood.format,
        "Truth": understood.truth,
        "Clips": f"{fmt.count(understood.clips)} matched"
        + (f", {fmt.count(left_out)} left out" if left_out else ""),
        "Classes": ", ".join(fmt.class_title(name) for name in list(understood.sources)[:40]),
        "Classes left out": ", ".join(understood.left_out[:40]),
    }
    if understood.predictions is not None:
        glance = first_glance(understood)
        facts["Scores"] = f"from {fmt.threshold(understood.lowest)} to {fmt.threshold(understood.highest)}"
        if not 0 <= understood.lowest <= understood.highest <= 1:
            facts["Scores"] += "; they are not probabilities, so thresholds are on their own scale"
        facts["First glance"] = f"macro AP {fmt.score(glance.mAP)}, lwlrap {fmt.score(glance.lwlrap)}"
    frame = pd.DataFrame([(name, value) for name, value in facts.items() if value], columns=["name", "value"])
    st.table(frame.map(fmt.escape_markdown), border="horizontal", hide_index=True, hide_header=True)
    for note in understood.notes:
        show_note(fmt.escape_markdown(note))
    for clips, what in ((understood.without_truth, "truth"), (understood.without_scores, "scores")):
        if clips:
            with st.expander(
                f"{fmt.plural(len(clips), 'clip')} without {what}, left out", icon=":material/warning:"
            ):
                st.caption(
                    fmt.escape_markdown(", ".join(clips[:LISTED]) + (" ..." if len(clips) > LISTED else ""))
                )
    if understood.predictions is not None:
        with st.expander("Class by class"):
            class_table(understood)


def class_table(understood: Understood) -> None:
    """Show a row a class: its column in the file, its positive clips, its average precision."""
    glance = first_glance(understood)
    columns = [source or "never fires" for source in understood.sources.values()]
    frame = pd.DataFrame(
        {
            "Class": list(understood.sources),
            "In the file": columns,
            "Positive clips": glance.support,
            "AP": glance.ap,
        }
    )
    st.dataframe(
        tables.styled(frame, {"Positive clips": fmt.count, "AP": fmt.score}),
        hide_index=True,
        placeholder=fmt.DASH,
        key="import-classes",
        height=tables.height_of(len(frame), 12),
        column_config={"Positive clips": tables.number_column(), "AP": tables.number_column()},
    )
