"""The checkpoint of a training: ``checkpoint/`` in the run folder, the latest only, removed when training finishes.

``state.npz`` holds arrays by name (weights, optimizer, random state) and, as JSON text, the trainer's other values.
``best-EPOCH.npz`` holds the weights of the best epoch, which the state names. The state is written last, so that
state and weights belong together even if the writer is killed.
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

VERSION = 2  # since 2 the ANN's first weights are in the order (frames, bands)
_NOTE = "note"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after a complete epoch.

    Attributes
    ----------
    arrays : name to array; the names are the trainer's own.
    note : plain values; always with `epoch`, the number of complete epochs, and `best_epoch` (0: none yet).
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
        It could not be written; an earlier checkpoint stays intact.
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
    except Exception as error:  # readers of zip files and arrays raise many types for a damaged file
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
    """Whether a resumed training continues from a checkpoint rather than from the first epoch."""
    return (run.path / "checkpoint" / "state.npz").exists()


def drop_unfinished(run: Run) -> None:
    """Remove best weights that no state names: their writer was killed before it wrote the state.

    The epoch is trained again, and its weights may differ in the last digits. The caller holds the run's lock.
    """
    folder = run.path / "checkpoint"
    named = ""
    if has_checkpoint(run):
        try:
            with np.load(folder / "state.npz", allow_pickle=False) as stored:
                named = f"best-{json.loads(str(stored[_NOTE]))['best_epoch']}.npz"
        except Exception:
            return  # damaged: `read_checkpoint` reports it
    for file in folder.glob("best-*.npz"):
        if file.name != named:
            file.unlink(missing_ok=True)


def remove_checkpoint(run: Run) -> None:
    """Remove the checkpoint of a run that has finished or that starts again."""
    shutil.rmtree(run.path / "checkpoint", ignore_errors=True)
