"""What the pages keep in memory: the only functions of pages that are cached."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from sedcore.artifacts.runs import Run
from sedcore.data.store import DataSet, datasets_folder, list_datasets
from sedcore.training.estimates import Speed, speed_of, speeds_by_model

# ---- data sets -------------------------------------------------------------------------------------------------


def opened(root: Path, name: str) -> DataSet:
    """Return a data set, read once for each state of its folder."""
    path = datasets_folder(root) / name
    return _opened(str(path), _time(path / "dataset.json"), _time(path / "features"))


@st.cache_resource(max_entries=24, show_spinner=False)
def _opened(path: str, time: int, features_time: int) -> DataSet:
    return DataSet(Path(path))


# ---- trainings -------------------------------------------------------------------------------------------------


def training_speeds(root: Path, runs: Sequence[Run]) -> dict[str, list[Speed]]:
    """Return the speeds of the newest trainings of each model; `runs` are newest first."""
    datasets = {dataset.name: opened(root, dataset.name) for dataset in list_datasets(root)}
    return speeds_by_model(runs, datasets, _speed_of)


def _speed_of(run: Run, clips: int) -> Speed | None:
    return _speed(str(run.path), _time(run.path / "history.jsonl"), clips)


@st.cache_data(max_entries=200, show_spinner=False)
def _speed(path: str, history_time: int, clips: int) -> Speed | None:
    return speed_of(Run(Path(path)), clips)


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
