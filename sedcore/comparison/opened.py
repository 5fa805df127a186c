"""`sedcore.open_runs`: the runs of an artifact root in a notebook, as a table, one by one, and compared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from sedcore.artifacts.index import ListedRun, RunIndex
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import Run, find_run
from sedcore.comparison.all_runs import all_runs
from sedcore.comparison.front import Comparison
from sedcore.comparison.selection import Choice, Reader, select
from sedcore.errors import SedcoreError
from sedcore.evaluation.given import thresholds_for

_ABOUT = ("name", "kind", "model", "dataset", "created")


def open_runs(root: str | os.PathLike | None = None) -> Runs:
    """Return the runs of an artifact root (``$SEDCORE_ARTIFACTS`` or ``./artifacts`` by default); nothing is written.

    Raises
    ------
    SedcoreError
        There is no such folder.
    """
    folder = artifact_root(root)
    if not folder.is_dir():
        raise SedcoreError(f"there is no artifact root {folder}; give the folder that holds runs/")
    return Runs(folder)


class Runs:
    """The runs of a root, newest first, read from disk again at each access."""

    def __init__(self, root: Path):
        self.root, self._reader = root, Reader(RunIndex(root, keep=False))

    def __getitem__(self, name: str) -> Run:
        """Return the run with this id or this unique name. Raises SedcoreError where there is none."""
        return find_run(self.root, name)

    def __iter__(self) -> Iterator[Run]:
        return (Run(run.path) for run in self._listed())

    def __len__(self) -> int:
        return len(self._listed())

    def frame(self, split: str = "test", thresholds: Any = 0.5) -> pd.DataFrame:
        """Return a row a run (index: its id): what it is, its state, and its averages on a split, NaN without scores.

        thresholds : one for all classes, or {class: threshold}, or the table of `sedcore.tune`.
        """
        runs, choice = self._listed(), _choice(thresholds)
        known, _ = self._reader.look_up(runs, split)
        columns_of_runs = all_runs(runs, split, choice, known)
        columns: dict[str, Any] = {key: [run.info[key] for run in runs] for key in _ABOUT}
        columns |= {
            "state": [run.status().state for run in runs],
            "clips": columns_of_runs.clips,
            "classes": columns_of_runs.classes,
        }
        columns |= columns_of_runs.values | {"collapsed": columns_of_runs.collapsed}
        return pd.DataFrame(columns, index=pd.Index([run.run_id for run in runs], name="run_id"))

    def compare(
        self,
        *names: str,
        split: str = "test",
        thresholds: Any = 0.5,
        common: bool = False,
        seeds: bool = True,
    ) -> Comparison:
        """Compare runs by id or name; without names the best of each model.

        Parameters
        ----------
        split, thresholds : as for `frame`.
        common : cut runs to the clips and classes that all have.
        seeds : treat runs that differ in their seed only as one.

        Raises
        ------
        SedcoreError
            A run does not exist or has no scores on the split, or the runs do not compare.
        """
        choice = _choice(
            thresholds, runs=tuple(self[name].run_id for name in names), split=split, common=common
        )
        selection = select(self._reader, choice)
        if selection.split != split or selection.unscored:
            run, why = next(iter(selection.unscored), (None, f"no run has scores on {split}"))
            raise SedcoreError(f"run {selection.labels[run.run_id]}: {why}" if run else f"{self.root}: {why}")
        if len(selection.scored) < 2:
            raise SedcoreError(
                f"two runs or more are compared; {self.root} gives {len(selection.scored)} on {split}"
            )
        return Comparison(selection.scored, average_seeds=seeds)

    def __repr__(self) -> str:
        return f"{len(self)} runs in {self.root}\n{self._short().to_string()}"

    def _repr_html_(self) -> str:
        return self._short().to_html(escape=True)

    def _short(self) -> pd.DataFrame:
        return self.frame()[["name", "state", "dataset", "macro_ap", "micro_f1"]].round(3)

    def _listed(self) -> list[ListedRun]:
        return [run for run in self._reader.index.refresh() if not run.problem]


def _choice(thresholds: Any, **asked: Any) -> Choice:
    """Return a choice with the given thresholds: a number, or by class."""
    if isinstance(thresholds, (int, float)):
        return Choice(threshold=float(thresholds), **asked)
    if isinstance(thresholds, pd.DataFrame):
        thresholds = dict(zip(thresholds.index, thresholds_for(thresholds, list(thresholds.index))))
    try:
        by_class = tuple((str(name), float(value)) for name, value in dict(thresholds).items())
    except (TypeError, ValueError) as error:
        raise SedcoreError("thresholds of runs are one number, or {class: threshold}") from error
    return Choice(by_class=by_class, **asked)
