"""The choice of where a run is trained: on this machine, or on a Ray cluster with given cores and GPUs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import streamlit as st

from pages.widgets.base.format import escape_markdown
from pages.widgets.runs import cached
from sedcore.errors import SedcoreError
from sedcore.jobs.engine import ADDRESS, LOCAL, MOST_CORES, MOST_GPUS, RAY, engine_of, ray_job

_WORDS = {LOCAL: "this machine", RAY: "a Ray cluster"}


def engine_choice(before: dict[str, Any] | None = None, key: str = "engine") -> dict[str, Any] | None:
    """Ask where a run is to be trained; return its job, None for this machine.

    Raises SedcoreError where the answer is not possible, which is also shown. `before` is the job of the run that is
    edited or cloned.
    """
    before = before if engine_of(before) == RAY else None
    engine = st.selectbox(
        "Trains on",
        (LOCAL, RAY),
        index=1 if before else 0,
        format_func=_WORDS.get,
        key=f"{key}_engine",
        help="On a cluster the artifact root must be a path that all its nodes share; docs/cluster.md tells more.",
    )
    if engine == LOCAL:
        return None
    before = before or ray_job()
    address = st.text_input(
        "Address of the cluster's dashboard",
        before["address"] or os.environ.get(ADDRESS, ""),
        placeholder="http://HOST:8265",
        key=f"{key}_address",
    )
    left, right = st.columns(2)
    cores = left.number_input("Cores", 1, MOST_CORES, int(before["cores"]), key=f"{key}_cores")
    gpus = right.number_input(
        "GPUs", 0.0, float(MOST_GPUS), float(before["gpus"]), step=1.0, format="%g", key=f"{key}_gpus"
    )
    try:
        if not address.strip():
            raise SedcoreError("which cluster? Give the address of its dashboard")
        return ray_job(int(cores), gpus, address)
    except SedcoreError as error:
        st.caption(f":red[{escape_markdown(str(error))}]")
        raise


def cluster_notes(root: Path) -> None:
    """Update the states of runs on a cluster, every 3 s at most; warn where the cluster does not answer.

    Costs nothing where no run is on a cluster. Sessions share the answer.
    """
    for sentence in cached.cluster_silences(root):
        st.warning(escape_markdown(sentence), icon=":material/cloud_off:")
