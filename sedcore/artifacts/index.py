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
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sedcore.artifacts.cache import read_cache, write_cache
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import Status, status_of
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import Summary, summarise
from sedcore.evaluation.grid import OnGrid, count_on_grid, slider_range, threshold_grid

VERSION = 1
LARGE = 2_000_000  # scores (clips times classes) that are no longer kept in memory
_FILE = "index.sqlite"
_AT_ONCE = 64  # runs counted between two writes
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (run_id TEXT PRIMARY KEY, stamp TEXT, known TEXT);
CREATE TABLE IF NOT EXISTS scores (run_id TEXT, split TEXT, stamp TEXT, counted BLOB, PRIMARY KEY (run_id, split));
"""


class ListedRun(Run):
    """A run as the index lists it: `info` and `splits` are as they were at the last look and cost nothing.

    Attributes
    ----------
    seen : status at the last look; `status()` looks again.
    problem : why the run cannot be read, "" where it can.
    """

    def __init__(
        self,
        path: Path,
        stamp: str,
        info: dict[str, Any],
        seen: Status,
        splits: tuple[str, ...],
        problem: str = "",
    ):
        super().__init__(path)
        self.stamp, self.seen, self.problem = stamp, seen, problem
        self._info, self._splits = info, splits

    @property
    def info(self) -> dict[str, Any]:
        """Contents of run.json at the last look."""
        return self._info

    def splits(self) -> list[str]:
        """Return the splits that had predictions at the last look, in the usual order."""
        return list(self._splits)


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
        self._listed: dict[str, ListedRun] = {}
        self._counted: dict[tuple[str, str], tuple[str, Counted]] = {}  # (run id, split): file stamp, counts
        self._load()

    def refresh(self) -> list[ListedRun]:
        """Look at the root again and return its runs, newest first, then those that cannot be read."""
        with self._lock:
            found: dict[str, ListedRun] = {}
            for path in _run_folders(self.root):
                stamp = _stamp(path / "run.json", path / "status.json", path / "predictions")
                before = self._listed.get(path.name)
                # A run that trains may have been interrupted without a change of any file.
                same = before and before.stamp == stamp and before.seen.state not in ("running", "cancelling")
                found[path.name] = before if same else _list_one(path, stamp)
            changed = [one for name, one in found.items() if self._listed.get(name) is not one]
            gone = self._listed.keys() - found.keys()
            self._listed = found
            self._write_runs(changed, gone)
        return sorted(
            found.values(),
            key=lambda one: (not one.problem, one.info["created"], one.run_id),
            reverse=True,
        )

    def uncounted(self, split: str) -> list[ListedRun]:
        """Return the listed runs whose scores on a split have not been counted since they were written."""
        return [one for one in self._listed.values() if split in one.splits() and not self.known(one, split)]

    def count(
        self, runs: Iterable[Run], split: str, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Count the scores of runs on a split, on all cores; damaged ones are left out. Progress is (done, total)."""
        runs = list(runs)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(runs), _AT_ONCE):
                some = runs[start : start + _AT_ONCE]
                counted = list(pool.map(lambda run: self._count(run, split), some))
                self._write_scores(one for one in counted if one)
                if progress:
                    progress(min(start + _AT_ONCE, len(runs)), len(runs))

    def counted(self, run: Run, split: str) -> Counted:
        """Return what the scores of a run on a split give, counted now if need be. Raises SedcoreError without them."""
        known = self.known(run, split)
        if known is None:
            stamp, known = _file_stamp(run, split), count_scores(run, split, self._keep)
            self._write_scores([(run.run_id, split, stamp, known)])
        return known

    def known(self, run: Run, split: str) -> Counted | None:
        """Return what is known of the scores of a run on a split, None where they are not counted yet."""
        stamp, counted = self._counted.get((run.run_id, split), ("", None))
        return counted if stamp and stamp == _file_stamp(run, split) else None

    def _count(self, run: Run, split: str) -> tuple[str, str, str, Counted] | None:
        stamp = _file_stamp(run, split)
        try:
            return run.run_id, split, stamp, count_scores(run, split, self._keep)
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
                    path = self.root / "runs" / run_id
                    self._listed[run_id] = ListedRun(path, stamp, info, Status(*state), tuple(splits))
                for run_id, split, stamp, packed in base.execute("SELECT * FROM scores"):
                    self._counted[run_id, split] = (stamp, _unpack(packed))
        except (sqlite3.Error, ValueError, TypeError, KeyError, struct.error):
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

    def _write_runs(self, changed: list[ListedRun], gone: Iterable[str]) -> None:
        gone = list(gone)
        for name in gone:
            for known in [key for key in self._counted if key[0] == name]:
                del self._counted[known]
        # Runs that train change all the time, and a broken one is looked at again each time.
        kept = [one for one in changed if not one.problem and not one.seen.live]
        if not self._keep or not (kept or gone):
            return
        rows = [
            (
                one.run_id,
                one.stamp,
                json.dumps([one.info, [one.seen.state, one.seen.since, one.seen.reason], one.splits()]),
            )
            for one in kept
        ]
        with suppress(sqlite3.Error), closing(self._connect()) as base, base:
            base.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", rows)
            base.executemany("DELETE FROM runs WHERE run_id = ?", [(name,) for name in gone])
            base.executemany("DELETE FROM scores WHERE run_id = ?", [(name,) for name in gone])

    def _write_scores(self, rows: Iterable[tuple[str, str, str, Counted]]) -> None:
        rows = list(rows)
        with self._lock:
            for run_id, split, stamp, counted in rows:
                self._counted[run_id, split] = (stamp, counted)
            if not self._keep or not rows:
                return
            packed = [(*where, _pack(counted)) for *where, counted in rows]
            with suppress(sqlite3.Error), closing(self._connect()) as base, base:
                base.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?)", packed)


def count_scores(run: Run, split: str, keep: bool = False) -> Counted:
    """Read the scores of a run on a split and count them.

    Those of large runs take seconds; with `keep` their counts are kept in the run's own cache too, so that they
    travel with it. Raises SedcoreError where there are no scores, or damaged ones.
    """
    file, name, depends = run.predictions_file(split), f"{split}-counted", {"version": VERSION}
    large = is_large(run, split)
    kept = read_cache(run, name, file, depends) if large else None
    if kept is not None:
        return _unpack(kept["packed"].tobytes())
    found = run.predictions(split)
    summary = summarise(found.truth, found.scores, found.classes)
    grid = threshold_grid(*slider_range(summary.lowest, summary.highest))
    counted = Counted(found.comparison_key(), summary, count_on_grid(found.truth, found.scores, grid))
    if large and keep:
        write_cache(run, name, file, depends, {"packed": np.frombuffer(_pack(counted), np.uint8)})
    return counted


def is_large(run: Run, split: str) -> bool:
    """Whether the scores of a split are too many to be kept in memory."""
    clips, classes = run.predictions_shape(split)
    return clips * len(classes) > LARGE


def _run_folders(root: Path) -> list[Path]:
    try:
        with os.scandir(root / "runs") as entries:
            return [
                Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_dir()
            ]
    except FileNotFoundError:
        return []


def _list_one(path: Path, stamp: str) -> ListedRun:
    run = Run(path)
    try:
        return ListedRun(path, stamp, dict(run.info), status_of(path), tuple(run.splits()))
    except SedcoreError as error:
        return ListedRun(path, stamp, {"created": ""}, Status("", ""), (), str(error))


def _stamp(*paths: Path | str) -> str:
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
    return _stamp(f"{run.path}/predictions/{split}.parquet")


# ---- packing -------------------------------------------------------------------------------------------------


def _pack(counted: Counted) -> bytes:
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


def _unpack(packed: bytes) -> Counted:
    (length,) = struct.unpack_from("<I", packed)
    note, start, found = json.loads(packed[4 : 4 + length]), 4 + length, {}
    for name, (dtype, shape) in note.pop("arrays").items():
        found[name] = np.frombuffer(packed, dtype, int(np.prod(shape)), start).reshape(shape)
        start += found[name].nbytes
    on_grid = OnGrid(**{name: found.pop(name) for name in ("grid", "tp", "fp", "samples", "empty")})
    key = note.pop("key")
    note |= {"classes": tuple(note["classes"]), "dtype": np.dtype(note["dtype"])}
    return Counted(key, Summary(**note, **found), on_grid)
