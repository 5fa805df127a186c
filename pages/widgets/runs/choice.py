"""The reader's choice of runs, split, baseline and thresholds: one state for all pages, kept in the URL.

The URL holds ``runs=ID,ID``, ``split=test``, ``baseline=ID``, ``t=0.5``, ``tc=Class:0.3,Class:0.7``,
``common=1``; a value that is the default is left out. The session keeps it too, because the menu empties
the URL. A URL that this session did not write (a link, a reload, typed by hand) wins over the session.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, unquote

import streamlit as st

from sedcore.artifacts.files import safe_name
from sedcore.comparison.selection import DEFAULT_THRESHOLD, Choice
from sedcore.errors import SedcoreError

KEYS = ("runs", "split", "baseline", "t", "tc", "common")
_STATE, _WRITTEN, _PROBLEMS = "choice", "choice-written", "choice-problems"
_REMEMBERED = 30  # the last URLs that this session wrote
_MAX_RUNS = 250


def url_of(choice: Choice) -> dict[str, str]:
    """Return a choice as URL parameters, defaults left out."""
    # In full: a threshold equal to a score must not lose a digit, or other clips are predicted.
    own = ",".join(f"{quote(name, safe='')}:{_exact(value)}" for name, value in choice.by_class)
    every = {
        "runs": ",".join(choice.runs),
        "split": choice.split,
        "baseline": choice.baseline,
        "t": "" if choice.threshold == DEFAULT_THRESHOLD else _exact(choice.threshold),
        "tc": own,
        "common": "1" if choice.common else "",
    }
    return {key: value for key, value in every.items() if value}


def parse(params: Mapping[str, str]) -> tuple[Choice, list[str]]:
    """Return the choice in URL parameters, and a sentence for each part that cannot be read.

    The parameters are untrusted: ids and splits must be safe names (they become paths), thresholds finite.
    """
    problems: list[str] = []
    ids = _safe_names(params.get("runs", ""), "run id", problems)
    if len(ids) > _MAX_RUNS:
        problems.append(f"The link names {len(ids)} runs; the first {_MAX_RUNS} are used.")
    split = _one_of(_safe_names(params.get("split", ""), "split", problems), "split", problems)
    baseline = _one_of(_safe_names(params.get("baseline", ""), "baseline", problems), "baseline", problems)
    threshold = _number(params.get("t", ""))
    if threshold is None and params.get("t"):
        problems.append(f"The link gives t={_shown(params['t'])}, which is not a threshold.")
    by_class = _class_thresholds(params.get("tc", ""), problems)
    if params.get("common", "") not in ("", "0", "1"):
        problems.append(f"The link gives common={_shown(params['common'])}; wanted is 1 or 0.")
    choice = Choice(
        runs=tuple(ids[:_MAX_RUNS]),
        split=split,
        baseline=baseline,
        threshold=DEFAULT_THRESHOLD if threshold is None else threshold,
        by_class=tuple(sorted(by_class.items())),
        common=params.get("common") == "1",
    )
    return choice, problems


def current() -> Choice:
    """Return the choice in force and write it to the URL. Call it once, at the top of a page."""
    found = {key: st.query_params[key] for key in KEYS if key in st.query_params}
    state, written = st.session_state, st.session_state.setdefault(_WRITTEN, [])
    # A URL that this session wrote may come back late (a click while the page was still running): only others
    # change the choice.
    if _STATE not in state or (found and found not in written):
        state[_STATE], state[_PROBLEMS] = parse(found)
    _write_url(state[_STATE])
    return state[_STATE]


def url_params() -> dict[str, str]:
    """Return the choice of this session as URL parameters, for links from page to page."""
    return url_of(st.session_state.get(_STATE, Choice()))


def problems() -> list[str]:
    """Return a sentence for each part of this visit's URL that could not be read."""
    return st.session_state.get(_PROBLEMS, [])


def take_over(params: Mapping[str, str]) -> None:
    """Take the choice from a link within the app; unlike an address, it applies on every click."""
    st.session_state[_STATE], st.session_state[_PROBLEMS] = parse(params)


def change(**changes: object) -> None:
    """Change parts of the choice (for callbacks of widgets); the URL follows with the next `current`."""
    state = st.session_state
    state[_STATE] = replace(state.get(_STATE, Choice()), **changes)
    state[_PROBLEMS] = []
    _write_url(state[_STATE])


def forget(run_id: str) -> None:
    """Remove a deleted run from the choice."""
    choice = st.session_state.get(_STATE, Choice())
    change(
        runs=tuple(i for i in choice.runs if i != run_id),
        baseline="" if choice.baseline == run_id else choice.baseline,
    )


def _exact(value: float) -> str:
    """Return the shortest text that parses to the same number."""
    return repr(float(value)).removesuffix(".0")


def _write_url(choice: Choice) -> None:
    wanted = url_of(choice)
    written = st.session_state.setdefault(_WRITTEN, [])
    if wanted not in written:
        written.append(wanted)
        del written[:-_REMEMBERED]
    # In one update: each one is an entry in the browser's history.
    new = {key: value for key, value in wanted.items() if st.query_params.get(key) != value}
    if new:
        st.query_params.update(new)
    for key in KEYS:
        if key not in wanted and key in st.query_params:
            del st.query_params[key]


def _safe_names(text: str, what: str, problems: list[str]) -> list[str]:
    names, wrong = {}, []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            names[safe_name(part, what)] = None
        except SedcoreError:
            wrong.append(part)
    if wrong:
        problems.append(f"The link names a {what} that cannot be one: {_shown(*wrong)}.")
    return list(names)


def _one_of(names: list[str], what: str, problems: list[str]) -> str:
    if len(names) > 1:
        problems.append(f"The link names {len(names)} values of {what}; the first is used.")
    return names[0] if names else ""


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _class_thresholds(text: str, problems: list[str]) -> dict[str, float]:
    own, wrong = {}, []
    for part in filter(None, text.split(",")):
        name, _, number = part.rpartition(":")
        value = _number(number)
        if value is None or not name:
            wrong.append(part)
        else:
            own[re.sub(r"\s+", " ", unquote(name))] = value
    if wrong:
        problems.append(f"The link gives tc={_shown(*wrong)}; wanted is Class:0.3.")
    return own


def _shown(*parts: str) -> str:
    """Return a link's values, shortened for a sentence."""
    more = f" and {len(parts) - 2} more" if len(parts) > 2 else ""
    return ", ".join(repr(part if len(part) <= 40 else f"{part[:40]}…") for part in parts[:2]) + more
