"""Captions on what a page's address asks for in vain, for all pages.

An address is untrusted: what is shown of it is cut and escaped, and a bad one never stops a page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st

from pages.widgets.base.format import escape_markdown, listing
from pages.widgets.base.messages import show_note
from pages.widgets.runs import cached, choice
from sedcore.artifacts.root import artifact_root
from sedcore.comparison.selection import splits_of

BY_PAGE = (
    None  # in place of a parameter's values: they depend on what is on disk, so the page says what it lacks
)
_ASKED, _SHOWN = "address-asked", "address-shown"
_MOST_SHOWN = 40  # characters shown of a link's value


def quoted(text: str, most: int = _MOST_SHOWN) -> str:
    """Return a value of an address as one line of Markdown: cut, escaped, printable."""
    cut = text[:most] + "…" * (len(text) > most)
    return escape_markdown("".join(letter if letter.isprintable() else "�" for letter in cut))


def say_address(page: str, reads: Mapping[str, Collection[str] | None]) -> None:
    """Say which parts of the address are unknown or do not exist.

    page : its name; what was asked of another page is forgotten.
    reads : the page's own parameters, each with its valid values, or `BY_PAGE`.
    """
    chosen, asked = choice.current(), _asked(page)
    sentences = [escape_markdown(problem) for problem in choice.problems()]
    sentences += _not_there(chosen) if chosen.runs or chosen.baseline or chosen.split else []
    unknown = [f"{quoted(name)}={quoted(values[-1])}" for name, values in asked.items() if name not in reads]
    if unknown:
        sentences.append(f"The link has {listing(unknown, 4)}, which this page does not know.")
    sentences += filter(
        None, (unreadable(name, known) for name, known in reads.items() if known is not BY_PAGE)
    )
    if sentences:
        say_link("  \n".join(sentences))


def unreadable(name: str, known: Collection[str]) -> str:
    """Return a sentence on values of a parameter that are not known, "" where all are."""
    _, asked = st.session_state.get(_ASKED, ("", {}))
    wrong = [quoted(value) for value in asked.get(name, []) if value and value not in known]
    if not wrong:
        return ""
    values = listing([escape_markdown(value) for value in known])
    return f"The link has {name}={listing(wrong, 3)}, which this page cannot read; it knows {values}."


def say_link(text: str) -> None:
    """Say that part of a link cannot be followed; `text` is Markdown."""
    show_note(text, ":material/link_off:")


def _asked(page: str) -> dict[str, list[str]]:
    """Return the values of the parameters that the page was opened with, without those of the choice.

    They are kept while the reader is on the page, or until the parameter's control is used: Streamlit silently removes
    from the address what a bound widget cannot read.
    """
    before, asked = st.session_state.get(_ASKED, ("", {}))
    shown = st.session_state.get(_SHOWN, {})
    turned = [name for name in asked if name in shown and st.session_state.get(name) != shown[name]]
    kept = {name: values for name, values in asked.items() if before == page and name not in turned}
    now = {name: st.query_params.get_all(name) for name in st.query_params if name not in choice.KEYS}
    st.session_state[_ASKED] = page, kept | now
    st.session_state.pop(_SHOWN, None)
    return kept | now


def page_was_drawn() -> None:
    """Record, at the end of a page, what the controls of the asked parameters show."""
    _, asked = st.session_state.get(_ASKED, ("", {}))
    st.session_state[_SHOWN] = {name: st.session_state.get(name) for name in asked}


def _not_there(chosen: choice.Choice) -> list[str]:
    """Return a sentence on chosen runs, and one on a chosen split, that do not exist."""
    index, wanted = cached.index_of(artifact_root()), dict.fromkeys((*chosen.runs, chosen.baseline))
    wanted.pop("", None)
    runs = {run.run_id: run for run in index.listed() if not run.problem}
    if not runs or wanted.keys() - runs.keys():  # not seen yet
        runs = {run.run_id: run for run in index.refresh() if not run.problem}
    missing = [escape_markdown(run_id) for run_id in wanted if run_id not in runs]
    sentences = []
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        sentences.append(f"The link names {listing(missing)}, which {verb} not in this artifact root.")
    shown = [runs[run_id] for run_id in chosen.runs if run_id in runs] or list(runs.values())
    if chosen.split and shown and chosen.split not in splits_of(shown):
        sentences.append(f"No chosen run has a split named {escape_markdown(chosen.split)}.")
    return sentences
