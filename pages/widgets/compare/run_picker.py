"""The run picker: a dialog over the page, to search, filter and choose runs by their macro AP."""

from __future__ import annotations

from hashlib import blake2b

import pandas as pd
import streamlit as st

from pages.widgets.base import tables
from pages.widgets.base.format import moment, plural
from pages.widgets.runs import choice
from pages.widgets.runs.scene import Scene
from sedcore.artifacts.index import ListedRun
from sedcore.comparison.scores import macro_aps

_FILTERS = {"model": "Model", "features": "Features", "dataset": "Data set"}


def open_picker(scene: Scene) -> None:
    """Open the picker with the current choice ticked."""
    st.session_state["picker-ids"] = [run.run_id for run in (*scene.chosen, *scene.not_shown)]
    _dialog(scene)


@st.dialog("Choose runs", width="large")
def _dialog(scene: Scene) -> None:
    picked: list[str] = st.session_state["picker-ids"]
    shown = _filtered(scene.runs)
    ids = [run.run_id for run in shown]
    if not shown:
        st.caption("No run fits these filters.")
    else:
        # one key a filter, so that ticks belong to the rows shown
        key = f"picker-table-{blake2b('-'.join(ids).encode(), digest_size=8).hexdigest()}"
        event = st.dataframe(
            _table(scene, shown),
            key=key,
            hide_index=True,
            on_select="rerun",
            selection_mode="multi-row",
            selection_default={"selection": {"rows": [i for i, r in enumerate(ids) if r in picked]}},
            column_config={
                "Name": st.column_config.ButtonColumn(
                    type="tertiary", alignment="left", pinned=True, width="medium"
                ),
                "Macro AP": st.column_config.NumberColumn(
                    format="%.3f", help=f"Mean over classes of the average precision, on {scene.split}."
                ),
            },
            placeholder="–",
            height=tables.height_of(len(shown), 12),
        )
        ticked = [ids[row] for row in event["selection"]["rows"] if row < len(ids)]
        picked = [run_id for run_id in picked if run_id not in ids or run_id in ticked]
        picked += [run_id for run_id in ticked if run_id not in picked]
        st.session_state["picker-ids"] = picked
    with st.container(horizontal=True, gap="small"):
        label = f"Show {plural(len(picked), 'run')}"
        if st.button(label, type="primary", disabled=not picked, key="picker-apply"):
            choice.change(runs=tuple(picked))
            st.rerun()
        if st.button("Best of each model", key="picker-automatic", disabled=scene.automatic):
            choice.change(runs=(), baseline="")
            st.rerun()


def _filtered(runs: list[ListedRun]) -> list[ListedRun]:
    """Show search and filters; return the runs that pass, in the order given."""
    text = st.text_input(
        "Search", placeholder="Search names, ids, notes", key="picker-search", label_visibility="collapsed"
    )
    options = {key: sorted({str(run.info[key]) for run in runs if run.info[key]}) for key in _FILTERS}
    tags = sorted({tag for run in runs for tag in run.info["tags"]})
    wanted: dict[str, list[str]] = {}
    with st.container(horizontal=True, gap="small"):
        for key, label in _FILTERS.items():
            if len(options[key]) > 1:
                wanted[key] = st.multiselect(
                    label, options[key], key=f"picker-{key}", placeholder=label, label_visibility="collapsed"
                )
        some_tags = []
        if tags:
            some_tags = st.multiselect(
                "Tag", tags, key="picker-tag", placeholder="Tag", label_visibility="collapsed"
            )
    words = text.casefold().split() if text else []
    return [
        run
        for run in runs
        if all(not values or str(run.info[key]) in values for key, values in wanted.items())
        and (not some_tags or set(some_tags) & set(run.info["tags"]))
        and all(word in _searched(run) for word in words)
    ]


def _searched(run: ListedRun) -> str:
    info = run.info
    parts = (
        run.name,
        run.run_id,
        info["model"],
        info["features"],
        info["dataset"],
        info["note"],
        *info["tags"],
    )
    return " ".join(str(part) for part in parts if part).casefold()


def _table(scene: Scene, runs: list[ListedRun]) -> pd.DataFrame:
    infos = [run.info for run in runs]
    found = {
        "Name": [scene.labels[run.run_id] for run in runs],
        "Macro AP": macro_aps(scene.reader.index, runs, scene.split),
        "Model": [info["model"] for info in infos],
        "Features": [info["features"] for info in infos],
        "Data set": [info["dataset"] for info in infos],
        "State": [run.info["kind"] if run.info["kind"] == "reported" else run.seen.state for run in runs],
        "Tags": [", ".join(info["tags"]) or None for info in infos],
        "Created": [moment(info["created"]) for info in infos],
    }
    return pd.DataFrame(found).astype({"Macro AP": "float64"})
