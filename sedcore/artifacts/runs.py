"""The run folder: the only code that reads or writes it, besides `recording`, which writes during a training.

A run is a folder ``runs/RUN_ID``: ``run.json`` (what it is), ``status.json`` (its state), ``history.jsonl`` (a line
an epoch), ``predictions/SPLIT.parquet`` (scores), ``reported.json`` (printed tables, for results that exist on paper
only), ``weights.keras``, ``log.txt``, and ``progress.json``, which is rewritten during a training.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sedcore.artifacts.files import read_json, safe_name, write_json
from sedcore.artifacts.history import CLASS_MEASURES as CLASS_MEASURES
from sedcore.artifacts.history import read_class_history, read_history
from sedcore.artifacts.locks import folder_guard
from sedcore.artifacts.predictions import (
    BESIDE_SCORES,
    Predictions,
    predictions_shape,
    read_classes,
    read_predictions,
    read_truth,
    write_predictions,
)
from sedcore.artifacts.status import Status, now, status_of, write_status
from sedcore.errors import SedcoreError

KINDS = ("trained", "imported", "reported")
SPLIT_ORDER = ("test", "validation", "train")


class Run:
    """A run folder, read lazily. Only `info` is cached, until the modification time of its file changes."""

    def __init__(self, path: Path):
        self.path = Path(path)
        self.run_id = self.path.name
        self._info: dict[str, Any] = {}
        self._info_time = -1

    def __repr__(self) -> str:
        return f"Run({self.run_id!r})"

    @property
    def info(self) -> dict[str, Any]:
        """Contents of run.json; its keys are those of `default_info`."""
        file = self.path / "run.json"
        try:
            time = file.stat().st_mtime_ns
        except FileNotFoundError:
            raise SedcoreError(f"run {self.run_id}: {file} does not exist") from None
        except OSError as error:
            raise SedcoreError(
                f"run {self.run_id}: {file} cannot be read: {error.strerror or error}"
            ) from error
        if time != self._info_time:
            info = default_info() | read_json(file, f"run {self.run_id}")
            for key, usual in default_info().items():
                if usual is not None and not isinstance(info[key], type(usual)):
                    kind = type(usual).__name__
                    raise SedcoreError(
                        f"run {self.run_id}: {key} in {file} is {info[key]!r}; wanted is a {kind}"
                    )
            self._info, self._info_time = info, time
        return self._info

    @property
    def name(self) -> str:
        """Display name; the run id where none was given."""
        return self.info["name"] or self.run_id

    def status(self) -> Status:
        """Return the current state: `running` with a free lock is `interrupted`."""
        return status_of(self.path)

    def history(self) -> pd.DataFrame:
        """Return a row an epoch, nested keys as ``train.loss``; an empty frame before the first epoch."""
        return read_history(self.path / "history.jsonl", f"run {self.run_id}")

    def class_history(self, measure: str = "ap", split: str = "validation") -> pd.DataFrame:
        """Return a measure of CLASS_MEASURES, a row an epoch (index) and a column a class.

        Average precision, or counts at the run's own threshold; empty for runs that did not record it.
        """
        file, classes = self.path / "history.jsonl", self.info["classes"]
        return read_class_history(file, f"run {self.run_id}", classes, measure, split)

    def progress(self) -> dict[str, Any] | None:
        """Return the last progress record of a training run, None where there is none."""
        try:
            return read_json(self.path / "progress.json", f"run {self.run_id}")
        except SedcoreError:
            return None  # not there yet, or gone since the run ended

    def splits(self) -> list[str]:
        """Return the splits that have predictions: test, validation, train, then others by name."""
        files = (self.path / "predictions").glob("[!.]*.parquet")
        return sorted_splits(file.stem for file in files if not file.stem.endswith(BESIDE_SCORES))

    def predictions_file(self, split: str) -> Path:
        """Return the path of the scores of a split, whether or not it exists."""
        return self.path / "predictions" / f"{safe_name(split, 'split')}.parquet"

    def predictions(self, split: str) -> Predictions:
        """Read truth and scores of a split."""
        self._need_predictions(split)
        return read_predictions(self.predictions_file(split), split)

    def predictions_shape(self, split: str) -> tuple[int, tuple[str, ...]]:
        """Return the number of clips and the classes that a split has scores for, without reading them."""
        self._need_predictions(split)
        return predictions_shape(self.predictions_file(split))

    def class_predictions(self, split: str, classes: Sequence[str]) -> Predictions:
        """Read truth and scores of some classes of a split; the others are not read."""
        self._need_predictions(split)
        return read_classes(self.predictions_file(split), split, classes)

    def truth(self, split: str) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
        """Read clip ids, classes and truth (clips, classes) of a split; its scores are not read."""
        self._need_predictions(split)
        return read_truth(self.predictions_file(split), split)

    def _need_predictions(self, split: str) -> None:
        if not self.predictions_file(split).exists():
            has = ", ".join(self.splits()) or "none"
            raise SedcoreError(f"run {self.name} has no predictions for split {split!r}; it has {has}")

    def reported(self) -> dict[str, Any] | None:
        """Return printed tables and matrices of a run without scores, else None.

        Raises SedcoreError where they are damaged.
        """
        file = self.path / "reported.json"
        if not file.exists():
            return None
        printed = read_json(file, f"run {self.run_id}")
        for part, kind in (("tables", dict), ("notes", list)):
            by_split = printed.get(part, {})
            if not isinstance(by_split, dict) or not all(isinstance(one, kind) for one in by_split.values()):
                raise SedcoreError(f"run {self.run_id}: {file} has no {part} by split under {part!r}")
        return printed

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of log.txt."""
        try:
            with open(self.path / "log.txt", "rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - 200 * lines, 0))
                return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    @property
    def weights_file(self) -> Path:
        """Path of the weights, whether or not it exists."""
        return self.path / "weights.keras"

    @property
    def has_weights(self) -> bool:
        """Whether the run can score new audio."""
        return self.weights_file.exists()


def default_info() -> dict[str, Any]:
    """Return the keys of run.json with their default values."""
    return {
        "run_id": "",
        "name": "",
        "kind": "trained",
        "created": "",
        "model": None,
        "features": None,
        "dataset": None,
        "classes": [],
        "config": {},
        "seed": None,
        "versions": {},
        "data_fingerprint": None,
        "parameters": None,
        "wall_s": None,
        "best_epoch": None,
        "epochs_run": None,
        "ms_per_clip": None,
        "peak_memory_mb": None,
        "collapsed": False,
        "git_revision": None,
        "input": None,
        "tags": [],
        "note": "",
        "job": None,  # engine and resources that a queued run asks for
        "sweep": None,  # name of its sweep and number of its trial
    }


def sorted_splits(splits: Iterable[str]) -> list[str]:
    """Return splits in display order: test, validation, train, then others by name."""
    return sorted(splits, key=lambda s: (SPLIT_ORDER.index(s) if s in SPLIT_ORDER else len(SPLIT_ORDER), s))


def new_run_id(model: str) -> str:
    """Return a new id, ``YYYYMMDD-HHMMSS-model-xxxx`` (UTC), safe in file names and URLs."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return safe_name(f"{stamp}-{model.replace('_', '-')}-{secrets.token_hex(2)}", "run id")


def create_run(
    root: Path,
    info: dict[str, Any],
    state: str = "queued",
    reason: str = "",
    fill: Callable[[Run], None] | None = None,
    place: int | None = None,
) -> Run:
    """Create a run folder and return the run. `info` needs `kind`; `run_id` and `created` are filled in.

    `fill` writes further files before the run becomes visible. `place` is its place in the queue.

    Raises
    ------
    SedcoreError
        The run id is taken or unsafe, or a key of `info` is unknown.
    """
    unknown = set(info) - set(default_info())
    if unknown or info.get("kind") not in KINDS:
        raise SedcoreError(
            f"a run needs kind ({', '.join(KINDS)}) and knows no {', '.join(sorted(unknown)) or 'other kind'}"
        )
    run_id = safe_name(info.get("run_id") or new_run_id(info.get("model") or info["kind"]), "run id")
    folder = Path(root) / "runs" / run_id
    # Filled under a hidden name, so that a listing never meets a folder without run.json.
    filling = folder.with_name(f".new-{run_id}-{secrets.token_hex(2)}")
    try:
        filling.mkdir(parents=True)
        write_json(
            filling / "run.json",
            default_info() | info | {"run_id": run_id, "created": info.get("created") or now()},
        )
        write_status(filling, state, reason, place)
        if fill is not None:
            fill(Run(filling))
        if folder.exists():  # rename would replace an empty folder
            raise SedcoreError(f"run id {run_id!r} is taken; give another --run-id")
        os.rename(filling, folder)
    except OSError as error:
        raise SedcoreError(f"the run folder {folder} could not be made: {error.strerror or error}") from error
    finally:
        shutil.rmtree(filling, ignore_errors=True)
    return Run(folder)


def update_info(run: Run, **changes: Any) -> None:
    """Change keys of run.json; changes that other processes make to other keys are kept."""
    unknown = set(changes) - set(default_info())
    if unknown:
        raise SedcoreError(f"run.json has no key {', '.join(sorted(unknown))}")
    with folder_guard(run.path):
        # A new Run: `run.info` may miss a second change within one tick of the file system's clock.
        write_json(run.path / "run.json", Run(run.path).info | changes)


def save_predictions(run: Run, predictions: Predictions) -> None:
    """Write the scores of a split into the run."""
    file = run.predictions_file(predictions.split)
    file.parent.mkdir(exist_ok=True)
    write_predictions(file, predictions)


def save_reported(run: Run, tables: dict[str, Any]) -> None:
    """Write printed tables (keys source, threshold, classes, tables, confusion, notes) into the run."""
    write_json(run.path / "reported.json", tables)


def list_runs(root: Path) -> list[Run]:
    """Return the readable runs, newest first."""
    readable = [(run, info) for run, info, problem in _scan(root) if not problem]
    return [run for run, info in sorted(readable, key=lambda f: (f[1]["created"], f[0].run_id), reverse=True)]


def broken_runs(root: Path) -> list[tuple[Path, str]]:
    """Return the folders that cannot be read as runs, each with the reason."""
    return [(run.path, problem) for run, _, problem in _scan(root) if problem]


def _scan(root: Path) -> list[tuple[Run, dict[str, Any], str]]:
    """Return run, info and problem ("": none) of every run folder, without those deleted in the meantime."""
    scanned = []
    folder = Path(root) / "runs"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(".") or not path.is_dir():
            continue
        run, info, problem = Run(path), {}, ""
        try:
            info, _ = run.info, run.status()
        except SedcoreError as error:
            if not path.exists():
                continue
            problem = str(error)
        scanned.append((run, info, problem))
    return scanned


def find_run(root: Path, text: str) -> Run:
    """Return the run with this id, or with this name if it is unique.

    Raises
    ------
    SedcoreError
        No run, or more than one, has this id or name.
    """
    runs = list_runs(root)
    for run in runs:
        if run.run_id == text:
            return run
    named = [run for run in runs if run.name == text]
    if len(named) == 1:
        return named[0]
    if named:
        raise SedcoreError(
            f"{len(named)} runs are named {text!r}; give one of the ids {', '.join(r.run_id for r in named)}"
        )
    for path, problem in broken_runs(root):
        if path.name == text:
            raise SedcoreError(f"{problem}; mend the file or remove the folder {path}")
    raise SedcoreError(
        f"no run {text!r} in {Path(root) / 'runs'}; `runs` lists the {len(runs)} that are there"
    )
