"""All runs of a root at a glance: what each is, and what its scores give without a look at every clip.

Thousands of runs cannot be read again for every page. The index keeps of each run what run.json and status.json
say, and of each split's scores a summary, counts on the grid of the sliders and the comparison key. It is derived
and never the truth: an entry knows the files that it was made from, and is made again when they have changed.
``index.sqlite`` in the root keeps it from one process to the next; it is safe to delete, and a root that cannot be
written does without.
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import Status, status_of
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import Summary, summarise
from sedcore.evaluation.grid import OnGrid, count_on_grid, slider_range, threshold_grid

VERSION = 1
_FILE = "index.sqlite"
_AT_ONCE = 64  # runs counted between two writes
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (run_id TEXT PRIMARY KEY, stamp TEXT, known TEXT);
CREATE TABLE IF NOT EXISTS scores (run_id TEXT, split TEXT, stamp TEXT, counted BLOB, PRIMARY KEY (run_id, split));
"""


@dataclass(frozen=True, eq=False)
class Listed:
    """A run as the index lists it; `problem` says why it cannot be read ("" where it can)."""

    run: Run
    stamp: str
    info: Mapping[str, Any]
    status: Status
    splits: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Counted:
    """What scores give: `key` (runs compare only where it is equal), a summary, and counts on the sliders' grid."""

    key: str
    summary: Summary
    on_grid: OnGrid


class RunIndex:
    """The index of one root, shared by all readers of a process.

    Parameters
    ----------
    root : artifact root.
    keep : write what is found to ``index.sqlite``; else it lives as long as this object.
    """

    def __init__(self, root: Path, keep: bool):
        self.root, self._keep = Path(root), keep
        self._lock = threading.Lock()
        self._listed: dict[str, Listed] = {}
        self._counted: dict[tuple[str, str], tuple[str, bytes]] = {}  # (run id, split): file stamp, packed
        self._load()

    def refresh(self) -> list[Listed]:
        """Look at the root again and return its runs, newest first, then those that cannot be read."""
        with self._lock:
            found: dict[str, Listed] = {}
            for path in _run_folders(self.root):
                stamp = _stamp(path / "run.json", path / "status.json", path / "predictions")
                before = self._listed.get(path.name)
                # A run that trains may have been interrupted without a change of any file.
                same = (
                    before and before.stamp == stamp and before.status.state not in ("running", "cancelling")
                )
                found[path.name] = before if same else _list_one(path, stamp)
            changed = [one for name, one in found.items() if self._listed.get(name) is not one]
            gone = self._listed.keys() - found.keys()
            self._listed = found
            self._write_runs(changed, gone)
        return sorted(
            found.values(),
            key=lambda one: (not one.problem, one.info["created"], one.run.run_id),
            reverse=True,
        )

    def uncounted(self, split: str) -> list[Run]:
        """Return the listed runs whose scores on a split have not been counted since they were written."""
        return [
            one.run
            for one in self._listed.values()
            if split in one.splits and self._known(one.run, split) is None
        ]

    def count(
        self, runs: Iterable[Run], split: str, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Count the scores of runs on a split, on all cores; damaged ones are left out. Progress is (done, total)."""
        runs = list(runs)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(runs), _AT_ONCE):
                some = runs[start : start + _AT_ONCE]
                packed = list(pool.map(lambda run: self._count(run, split), some))
                self._write_scores(run_split for run_split in packed if run_split)
                if progress:
                    progress(min(start + _AT_ONCE, len(runs)), len(runs))

    def counted(self, run: Run, split: str) -> Counted:
        """Return what the scores of a run on a split give, counted now if need be. Raises SedcoreError without them."""
        known = self._known(run, split)
        if known is None:
            known = _pack_counted(count_scores(run, split))
            self._write_scores([(run.run_id, split, _file_stamp(run, split), known)])
        return _unpack_counted(known)

    def _known(self, run: Run, split: str) -> bytes | None:
        stamp, packed = self._counted.get((run.run_id, split), ("", b""))
        return packed if stamp and stamp == _file_stamp(run, split) else None

    def _count(self, run: Run, split: str) -> tuple[str, str, str, bytes] | None:
        stamp = _file_stamp(run, split)
        try:
            return run.run_id, split, stamp, _pack_counted(count_scores(run, split))
        except SedcoreError:
            return None  # whoever asks for this run is told

    # ---- kept on disk ------------------------------------------------------------------------------------------

    def _load(self) -> None:
        file = self.root / _FILE
        if not file.exists():
            return
        try:
            with closing(sqlite3.connect(file, timeout=5)) as base:
                if base.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                    return
                for run_id, stamp, known in base.execute("SELECT run_id, stamp, known FROM runs"):
                    info, state, splits = json.loads(known)
                    run = Run(self.root / "runs" / run_id)
                    self._listed[run_id] = Listed(run, stamp, info, Status(*state), tuple(splits))
                for run_id, split, stamp, packed in base.execute("SELECT * FROM scores"):
                    self._counted[run_id, split] = (stamp, packed)
        except (sqlite3.Error, ValueError, TypeError):
            self._listed, self._counted = {}, {}
            if self._keep:  # damaged: made again from the runs
                with suppress(OSError):
                    file.unlink()

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.root / _FILE, timeout=5)
        if base.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            base.executescript("DROP TABLE IF EXISTS runs; DROP TABLE IF EXISTS scores;")
        base.executescript(_TABLES + f"PRAGMA user_version = {VERSION}; PRAGMA synchronous = OFF;")
        return base

    def _write_runs(self, changed: list[Listed], gone: Iterable[str]) -> None:
        gone = list(gone)
        for name in gone:
            for known in [key for key in self._counted if key[0] == name]:
                del self._counted[known]
        # Runs that train change all the time, and a broken one is looked at again each time.
        kept = [one for one in changed if not one.problem and not one.status.live]
        if not self._keep or not (kept or gone):
            return
        rows = [
            (
                one.run.run_id,
                one.stamp,
                json.dumps(
                    [dict(one.info), [one.status.state, one.status.since, one.status.reason], one.splits]
                ),
            )
            for one in kept
        ]
        with suppress(sqlite3.Error), closing(self._connect()) as base, base:
            base.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", rows)
            base.executemany("DELETE FROM runs WHERE run_id = ?", [(name,) for name in gone])
            base.executemany("DELETE FROM scores WHERE run_id = ?", [(name,) for name in gone])

    def _write_scores(self, rows: Iterable[tuple[str, str, str, bytes]]) -> None:
        rows = list(rows)
        with self._lock:
            for run_id, split, stamp, packed in rows:
                self._counted[run_id, split] = (stamp, packed)
            if not self._keep or not rows:
                return
            with suppress(sqlite3.Error), closing(self._connect()) as base, base:
                base.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?)", rows)


def count_scores(run: Run, split: str) -> Counted:
    """Read the scores of a run on a split and count them. Raises SedcoreError where there are none, or damaged ones."""
    found = run.predictions(split)
    summary = summarise(found.truth, found.scores, found.classes)
    grid = threshold_grid(*slider_range(summary.lowest, summary.highest))
    return Counted(found.comparison_key(), summary, count_on_grid(found.truth, found.scores, grid))


def _run_folders(root: Path) -> list[Path]:
    try:
        with os.scandir(root / "runs") as entries:
            return [
                Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_dir()
            ]
    except FileNotFoundError:
        return []


def _list_one(path: Path, stamp: str) -> Listed:
    run = Run(path)
    try:
        return Listed(run, stamp, dict(run.info), status_of(path), tuple(run.splits()))
    except SedcoreError as error:
        return Listed(run, stamp, {"created": ""}, Status("", ""), (), str(error))


def _stamp(*paths: Path) -> str:
    """Return what changes when one of the paths does: a file by time and size, a folder by what is in it."""
    parts = []
    for path in paths:
        try:
            found = os.stat(path)
            parts.append(f"{found.st_mtime_ns:x}.{found.st_size:x}.{found.st_ino:x}")
        except OSError:
            parts.append("")
    return " ".join(parts)


def _file_stamp(run: Run, split: str) -> str:
    return _stamp(run.predictions_file(split))


# ---- packing -------------------------------------------------------------------------------------------------


def _pack_counted(counted: Counted) -> bytes:
    s, g = counted.summary, counted.on_grid
    note = {
        "key": counted.key,
        "classes": list(s.classes),
        "dtype": str(s.dtype),
        **{name: getattr(s, name) for name in ("clips", "lowest", "highest", "lwlrap", "collapsed")},
    }
    small = np.int32 if s.clips < 2**31 else np.int64
    arrays = {
        **{name: getattr(s, name) for name in ("positives", "ap", "roc_auc", "eer")},
        **{"grid": g.grid, "samples": g.samples, "empty": g.empty},
        **{"tp": g.tp.astype(small), "fp": g.fp.astype(small)},
    }
    note["arrays"] = {name: [str(array.dtype), list(array.shape)] for name, array in arrays.items()}
    head = json.dumps(note).encode()
    return b"".join(
        [struct.pack("<I", len(head)), head, *(np.ascontiguousarray(a).tobytes() for a in arrays.values())]
    )


def _unpack_counted(packed: bytes) -> Counted:
    (length,) = struct.unpack_from("<I", packed)
    note, start, found = json.loads(packed[4 : 4 + length]), 4 + length, {}
    for name, (dtype, shape) in note.pop("arrays").items():
        found[name] = np.frombuffer(packed, dtype, int(np.prod(shape)), start).reshape(shape)
        start += found[name].nbytes
    on_grid = OnGrid(**{name: found.pop(name) for name in ("grid", "tp", "fp", "samples", "empty")})
    key = note.pop("key")
    note |= {"classes": tuple(note["classes"]), "dtype": np.dtype(note["dtype"])}
    return Counted(key, Summary(**note, **found), on_grid)
