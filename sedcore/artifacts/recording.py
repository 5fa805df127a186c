"""What a training writes into its run folder: history, log, progress, and a reserve of disk space."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from sedcore.artifacts.files import atomic_path, without_nan, write_json
from sedcore.artifacts.runs import CLASS_MEASURES, Run
from sedcore.artifacts.status import now
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import evaluate

_RESERVE, _RESERVE_BYTES = "reserve", 32_768


def keep_history(run: Run, epochs: int) -> None:
    """Cut the history to its first `epochs` lines, from where a resumed training continues."""
    file = run.path / "history.jsonl"
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return
    if len(lines) > epochs:
        with atomic_path(file) as temporary:
            temporary.write_bytes(b"".join(lines[:epochs]))


def remove_leftovers(run: Run) -> None:
    """Remove temporary files and progress of a killed trainer. The caller holds the run's lock."""
    write_progress(run, None)
    for file in (*run.path.glob(".*.tmp-*"), *run.path.glob("*/.*.tmp-*")):
        file.unlink(missing_ok=True)


def keep_reserve(run: Run) -> None:
    """Reserve disk space in the run folder, so that the final status can be written even on a full disk."""
    file = run.path / _RESERVE
    try:
        if not file.exists():
            file.write_bytes(os.urandom(_RESERVE_BYTES))  # random: some file systems store zeros in no space
    except OSError as error:
        drop_reserve(run)
        raise SedcoreError(f"{file} could not be written: {error.strerror or error}") from error


def drop_reserve(run: Run) -> None:
    """Release the space of `keep_reserve`."""
    with contextlib.suppress(OSError):  # a disk that became read-only
        (run.path / _RESERVE).unlink(missing_ok=True)


def append_log(run: Run, line: str) -> None:
    """Append a line with its time to log.txt; a line that cannot be written is dropped."""
    with contextlib.suppress(OSError), open(run.path / "log.txt", "a", encoding="utf-8") as log:
        log.write(f"{now()} {line}\n")


def append_history(run: Run, record: dict[str, Any]) -> None:
    """Append one epoch's record as a line; it is synced to disk before a checkpoint can name the epoch."""
    try:
        with open(run.path / "history.jsonl", "ab") as file:
            file.write(_line(record))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SedcoreError(
            f"{run.path / 'history.jsonl'} could not be written: {error.strerror or error}"
        ) from error


def replace_last(run: Run, record: dict[str, Any]) -> None:
    """Replace the last epoch's record; a reader sees the old one or the new one."""
    file = run.path / "history.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    with atomic_path(file) as temporary:
        temporary.write_bytes(b"".join([*lines[:-1], _line(record)]))


def scores_record(
    truth: np.ndarray, scores: np.ndarray, classes: Sequence[str], threshold: float
) -> dict[str, Any]:
    """Return the history record of a split's scores (clips, classes): macro AP, micro and macro F1, number of clips.

    CLASS_MEASURES are lists in the order of the classes: average precision, and counts at the threshold.
    """
    result = evaluate(truth, scores, classes, threshold)
    return {
        "mAP": result.mAP,
        "micro_f1": result.averages["micro"].f1,
        "macro_f1": result.averages["macro"].f1,
        "clips": result.clips,
        **{measure: getattr(result, measure).tolist() for measure in CLASS_MEASURES},
    }


def write_progress(run: Run, record: dict[str, Any] | None) -> None:
    """Replace the progress record; None removes it."""
    if record is None:
        (run.path / "progress.json").unlink(missing_ok=True)
    else:
        write_json(run.path / "progress.json", record, durable=False)


def _line(record: dict[str, Any]) -> bytes:
    return (json.dumps(without_nan(record)) + "\n").encode()
