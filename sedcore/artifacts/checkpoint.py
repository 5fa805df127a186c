"""Where a training can go on from: ``checkpoint/`` in the run folder, one generation, removed at the finish.

``state.npz`` holds arrays by name (weights, optimizer, random state) and a JSON text of what else the training
must remember. ``best-EPOCH.npz`` holds the weights of the best epoch; the state says which epoch that is. The
state is written last, so that whatever ends the writer, the state and the weights that it names belong together.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import Any

import numpy as np

from sedcore.artifacts.files import SCHEMA, atomic_path
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError

VERSION = 2  # of what weights mean: since 2 the ANN's first ones lie in the order of (frames, bands)
_NOTE = "note"


@dataclass(frozen=True)
class Checkpoint:
    """A point of a training.

    Attributes
    ----------
    arrays : name to array; the names are the trainer's own.
    note : plain values; `epoch`, the epochs complete, and `best_epoch` (0: none yet) are always there.
    best : weights of the best epoch, None where there is none yet.
    """

    arrays: dict[str, np.ndarray]
    note: dict[str, Any]
    best: list[np.ndarray] | None = None


def write_checkpoint(run: Run, checkpoint: Checkpoint) -> None:
    """Replace the run's checkpoint.

    Raises
    ------
    SedcoreError
        It could not be written; an earlier one is still whole.
    """
    folder = run.path / "checkpoint"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SedcoreError(f"{folder} could not be made: {error.strerror or error}") from error
    best = folder / f"best-{checkpoint.note['best_epoch']}.npz"
    if checkpoint.best is not None and not best.exists():
        with atomic_path(best) as temporary:
            np.savez(temporary, *checkpoint.best)
    note = json.dumps({"schema": SCHEMA, "version": VERSION, **checkpoint.note})
    with atomic_path(folder / "state.npz") as temporary:
        np.savez(temporary, **checkpoint.arrays, **{_NOTE: np.array(note)})
    for old in folder.iterdir():
        if old.name not in (best.name, "state.npz"):
            old.unlink()


def read_checkpoint(run: Run) -> Checkpoint | None:
    """Return the run's checkpoint, None where it has none.

    Raises
    ------
    SedcoreError
        It is damaged, or of another version.
    """
    file = run.path / "checkpoint" / "state.npz"
    if not file.exists():
        return None
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        note = json.loads(str(arrays.pop(_NOTE)))
        best = None
        if note["best_epoch"]:
            with np.load(file.with_name(f"best-{note['best_epoch']}.npz"), allow_pickle=False) as stored:
                best = [stored[name] for name in stored.files]
    except (
        Exception
    ) as error:  # readers of zip files and arrays raise many unrelated types for a damaged file
        raise SedcoreError(
            f"run {run.run_id}: the checkpoint {file.parent} is damaged ({error}); remove that folder and resume "
            "to begin again from the first epoch"
        ) from error
    if (note.pop("schema", None), note.pop("version", None)) != (SCHEMA, VERSION):
        raise SedcoreError(
            f"run {run.run_id}: the checkpoint {file.parent} was written by another version of sedcore; "
            "remove that folder and resume to begin again from the first epoch"
        )
    return Checkpoint(arrays, note, best)


def has_checkpoint(run: Run) -> bool:
    """Say whether a resumed training would go on rather than begin again."""
    return (run.path / "checkpoint" / "state.npz").exists()


def drop_unfinished(run: Run) -> None:
    """Remove best weights that no state names: their writer was killed before it wrote the state.

    The epoch will be trained again, and its weights need not be the same to the last digit. The caller holds the
    run's lock.
    """
    folder = run.path / "checkpoint"
    named = ""
    if has_checkpoint(run):
        try:
            with np.load(folder / "state.npz", allow_pickle=False) as stored:
                named = f"best-{json.loads(str(stored[_NOTE]))['best_epoch']}.npz"
        except Exception:
            return  # damaged: who reads it says so
    for file in folder.glob("best-*.npz"):
        if file.name != named:
            file.unlink(missing_ok=True)


def remove_checkpoint(run: Run) -> None:
    """Remove the checkpoint of a run that has finished, or whose training begins again."""
    shutil.rmtree(run.path / "checkpoint", ignore_errors=True)
