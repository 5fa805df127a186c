"""The grid of models by features on a data set: a cell shows the best run, or starts one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.navigation import go_to
from pages.widgets.runs import cached
from sedcore.artifacts.runs import Run
from sedcore.data.features import feature_title
from sedcore.data.store import DataSet
from sedcore.errors import SedcoreError
from sedcore.jobs.launch import start_training
from sedcore.models.catalog import MODELS, ModelCard
from sedcore.training.config import TrainConfig
from sedcore.training.estimates import estimates
from sedcore.training.grid import Cell, grid_cells

GRID_CSS = """<style>
.st-key-model-grid .stHorizontalBlock {flex-wrap: nowrap}
.st-key-model-grid .stColumn {min-width: 7.2rem}
.st-key-model-grid {overflow-x: auto}
.st-key-model-grid button {min-height: 2rem; padding-top: 0; padding-bottom: 0}
</style>"""
_PROBLEM = "model-grid-problem"


def model_grid(root: Path, dataset: DataSet, runs: list[Run]) -> None:
    """Show the grid, a row a model."""
    cells, kinds = grid_cells(dataset, runs, cached.best_validation), dataset.feature_names()
    known = [cell.value for cell in cells.values() if cell.value is not None]
    st.html(GRID_CSS)
    with st.container(key="model-grid", gap="xxsmall", width=170 + 150 * len(kinds)):
        head = st.columns([1.3, *[1] * len(kinds)], gap="small")
        for column, kind in zip(head[1:], kinds):
            column.markdown(f":small[:gray[{fmt.escape_markdown(feature_title(kind))}]]")
        for name, card in MODELS.items():
            row = st.columns([1.3, *[1] * len(kinds)], gap="small", vertical_alignment="center")
            row[0].markdown(fmt.escape_markdown(card.title))
            for column, kind in zip(row[1:], kinds):
                with column:
                    cell = cells[name, kind]
                    lead = cell.value is not None and round(cell.value, 3) == round(max(known), 3)
                    _cell(root, dataset, card, kind, cell, lead, runs)
    problem = st.session_state.pop(_PROBLEM, None)
    if problem:
        st.error(fmt.escape_markdown(problem), icon=":material/error:")


def _cell(
    root: Path, dataset: DataSet, card: ModelCard, kind: str, cell: Cell, lead: bool, runs: list[Run]
) -> None:
    key = f"grid-{card.name}-{kind}"
    if cell.misfit:
        st.markdown(":small[:gray[does not fit]]", help=fmt.escape_markdown(cell.misfit))
    elif cell.best is not None:
        more = ", another trains" if cell.live and cell.live.run_id != cell.best.run_id else ""
        more = ", still trains" if cell.live and not more else more
        st.button(
            f"**{fmt.score(cell.value)}**" if lead else fmt.score(cell.value),
            key=key,
            width="stretch",
            help=f"{fmt.escape_markdown(cell.best.name)}: open it{more}.",
            on_click=go_to,
            args=("run",),
            kwargs={"run": cell.best.run_id},
        )
    elif cell.live is not None:
        state = "waits" if cell.live.status().state == "queued" else "trains"
        st.button(
            state,
            key=key,
            width="stretch",
            type="tertiary",
            icon=":material/hourglass_empty:",
            on_click=go_to,
            args=("run",),
            kwargs={"run": cell.live.run_id},
        )
    else:
        st.button(
            "Train",
            key=key,
            width="stretch",
            type="tertiary",
            icon=":material/play_arrow:",
            help=f"{_about(root, dataset, card, kind, runs)} with the model's own settings.",
            on_click=_start,
            args=(root, dataset.name, card.name, kind),
        )


def _about(root: Path, dataset: DataSet, card: ModelCard, kind: str, runs: list[Run]) -> str:
    known = estimates(dataset, kind, cached.training_speeds(root, runs))[card.name]
    return f"At most {fmt.plural(card.epochs, 'epoch')}, about {fmt.duration(known.total_s(card.epochs))}"


def _start(root: Path, dataset: str, model: str, features: str) -> None:
    try:
        run = start_training(root, TrainConfig(dataset, model, features))
    except SedcoreError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    st.toast(f"Queued {fmt.escape_markdown(run.name)}", icon=":material/play_arrow:")
