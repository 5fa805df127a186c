"""What has been trained on a data set: models by features, the best run of each pair. Light: pages read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sedcore.artifacts.index import ListedRun
from sedcore.artifacts.runs import Run
from sedcore.data.store import DataSet
from sedcore.errors import SedcoreError
from sedcore.models.catalog import MODELS


@dataclass(frozen=True)
class Cell:
    """What a pair of model and features has: the best run and its macro AP, one under way, or why it cannot be."""

    best: Run | None = None
    value: float | None = None
    live: Run | None = None
    misfit: str = ""


def grid_cells(
    dataset: DataSet, runs: Sequence[ListedRun], score: Callable[[Run], float | None]
) -> dict[tuple[str, str], Cell]:
    """Return the cell of each pair of model and built features; `score` returns a run's validation macro AP."""
    kinds = dataset.feature_names()
    best: dict[tuple[str, str], tuple[float, Run]] = {}
    live: dict[tuple[str, str], Run] = {}
    for run in runs:
        pair = run.info["model"], run.info["features"]
        if run.info["dataset"] != dataset.name:
            continue
        status = run.seen
        if status.live:
            live.setdefault(pair, run)
        try:
            value = score(run) if status.state != "failed" else None
        except SedcoreError:
            continue  # its history is damaged: the run's own page says how
        if value is not None and (pair not in best or value > best[pair][0]):
            best[pair] = value, run
    cells = {}
    for kind in kinds:
        info = dataset.feature_info(kind)
        for name, card in MODELS.items():
            value, run = best.get((name, kind), (None, None))
            misfit = card.misfit(info["bands"], info["frames"]) or ""
            cells[name, kind] = Cell(run, value, live.get((name, kind)), misfit)
    return cells
