"""An index of all runs of a root: what each is, and a summary of its scores.

Thousands of runs cannot be read again for every page. The index holds run.json and status.json of each run and,
for each split, a summary of the scores, counts on the sliders' grid and the comparison key. It is a cache: an entry
records a stamp of its files and is rebuilt when that changes. ``index.sqlite`` in the root keeps it between
processes; it is safe to delete, and a root that cannot be written does without.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sedcore.artifacts.counted import (
    VERSION,
    PackedSummary,
    ScoreSummary,
    count_scores,
    layout_of,
    pack,
    try_to_count,
    unpack,
)
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import TRAINING_STATES, Status, status_of
from sedcore.errors import SedcoreError

_FILE = "index.sqlite"
_AT_ONCE = 64  # runs counted between two writes
_MOST_DERIVED = 64  # entries of `Listing.derived`
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (run_id TEXT PRIMARY KEY, stamp TEXT, known TEXT);
CREATE TABLE IF NOT EXISTS layouts (layout INTEGER PRIMARY KEY, text TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS scores
    (run_id TEXT, split TEXT, stamp TEXT, layout INTEGER, record BLOB, PRIMARY KEY (run_id, split));
"""


class ListedRun(Run):
    """A run as the index lists it: `info` and `splits` are those of the last `refresh`, without reading files.

    Attributes
    ----------
    seen : status at the last refresh; `status()` reads it again.
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
        self.seen_splits = splits
        self.derived_cache: dict[str, Any] = {}  # values that callers derive from `info`, which is fixed
        self._info = info

    @property
    def info(self) -> dict[str, Any]:
        """Contents of run.json at the last refresh."""
        return self._info

    @property
    def status_stamp(self) -> tuple[int, int]:
        """Time (ns) and inode of status.json at the last refresh."""
        time, _, inode = self.stamp.split(" ")[1].split(".")
        return int(time, 16), int(inode, 16)

    def splits(self) -> list[str]:
        """Return the splits that had predictions at the last refresh, in the usual order."""
        return list(self.seen_splits)


class Listing(tuple[ListedRun, ...]):
    """The runs of a root at one refresh, newest first, then those that cannot be read.

    A later refresh makes another listing, so that values derived from this one are all of the same runs.
    """

    def __init__(self, _runs: Iterable[ListedRun] = ()):
        self._derived: dict[object, Any] = {}
        # by split: results of `RunIndex.look_up`
        self.looked_up: dict[str, tuple[int, dict[str, PackedSummary], str]] = {}

    def derived(self, key: object, make: Callable[[], Any]) -> Any:
        """Return the value cached under `key`, made by `make` at first; it depends on these runs and the key only."""
        if (value := self._derived.get(key)) is None:
            if len(self._derived) > _MOST_DERIVED:
                self._derived.clear()
            value = self._derived[key] = make()
        return value


class RunIndex:
    """The index of one root, shared by all readers of a process.

    Parameters
    ----------
    root : artifact root.
    keep : whether to write ``index.sqlite``; else the index lives as long as this object.
    """

    def __init__(self, root: Path, keep: bool):
        self.root, self._keep = Path(root), keep
        self._lock = threading.Lock()
        self._listed: dict[str, ListedRun] = {}
        # (run id, split): file stamp, counts
        self._counted: dict[tuple[str, str], tuple[str, PackedSummary]] = {}
        self._listing = Listing()
        self._changes = 0  # refreshes and writes of counts so far
        self._load()

    def refresh(self) -> Listing:
        """Read what has changed in the root and return its runs, newest first, then those that cannot be read."""
        with self._lock:
            current: dict[str, ListedRun] = {}
            for name, path in _run_folders(self.root):
                before = self._listed.get(name)
                stamp = _stamp(*_files_of(path, before is not None and before.info.get("kind") == "reported"))
                # A training run may be interrupted without a change of any file.
                same = before and before.stamp == stamp and before.seen.state not in TRAINING_STATES
                current[name] = before if same else _list_one(Path(path))
            changed = [one for name, one in current.items() if self._listed.get(name) is not one]
            gone = self._listed.keys() - current.keys()
            self._listed = current
            self._changes += 1
            self._write_runs(changed, gone)
            if changed or gone or len(self._listing) != len(current):
                order = ((not one.problem, one.info["created"], one.run_id) for one in current.values())
                ordered = sorted(zip(order, current.values()), key=lambda pair: pair[0], reverse=True)
                self._listing = Listing(one for _, one in ordered)
            return self._listing

    def listed(self) -> list[ListedRun]:
        """Return the runs as of the last refresh, which another process may have made."""
        return list(self._listed.values())

    def uncounted(self, split: str) -> list[ListedRun]:
        """Return the listed runs whose scores on a split have not been counted since they were written."""
        return [one for one in self._listed.values() if split in one.splits() and not self.known(one, split)]

    def count(
        self, runs: Iterable[Run], split: str, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Count the scores of runs on a split, on all cores, without damaged ones; `progress` gets (done, total)."""
        runs = list(runs)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(runs), _AT_ONCE):
                batch = runs[start : start + _AT_ONCE]
                stamps = [_file_stamp(run, split) for run in batch]
                summaries = pool.map(lambda run: try_to_count(run, split, self._keep), batch)
                self._write_scores(
                    (run.run_id, split, stamp, pack(summary))
                    for run, stamp, summary in zip(batch, stamps, summaries)
                    if summary  # `counted` raises for a run that is left out
                )
                if progress:
                    progress(min(start + _AT_ONCE, len(runs)), len(runs))

    def counted(self, run: Run, split: str) -> ScoreSummary:
        """Return the summary of a run's scores on a split, counted now if need be.

        Raises SedcoreError where scores are missing or damaged.
        """
        packed = self.packed(run, split)
        if packed is not None:
            return unpack(packed)
        stamp, counted = _file_stamp(run, split), count_scores(run, split, self._keep)
        self._write_scores([(run.run_id, split, stamp, pack(counted))])
        return counted

    def known(self, run: Run, split: str) -> bool:
        """Whether the scores of a run on a split have been counted since they were written."""
        return self.packed(run, split) is not None

    def packed(self, run: Run, split: str) -> PackedSummary | None:
        """Return the packed summary of a run's scores on a split, None where they are not counted yet."""
        stamp, packed = self._counted.get((run.run_id, split), ("", None))
        return packed if stamp and stamp == _file_stamp(run, split) else None

    def look_up(self, split: str, listing: Listing | None = None) -> tuple[dict[str, PackedSummary], str]:
        """Return the summaries of listed runs on a split, by run id, and a key for caches.

        The key changes with any run or its scores. Files are checked once after each `refresh`.
        listing : runs of an earlier refresh; those of the last one by default.
        """
        listing = self._listing if listing is None else listing
        changes, known, digest = listing.looked_up.get(split, (-1, {}, ""))
        if changes != self._changes:
            changes, known, stamps = self._changes, {}, []
            for run in listing:
                seen = _file_stamp(run, split) if split in run.seen_splits else ""
                stamp, packed = self._counted.get((run.run_id, split), ("", None))
                if seen and stamp == seen:
                    known[run.run_id] = packed
                stamps.append(f"{run.run_id} {run.stamp} {run.seen.state} {seen} {run.run_id in known}")
            digest = blake2b("\n".join(stamps).encode(), digest_size=16).hexdigest()
            listing.looked_up[split] = changes, known, digest
        return known, digest

    # ---- kept on disk ------------------------------------------------------------------------------------------

    def _load(self) -> None:
        file = self.root / _FILE
        if not file.exists():
            return
        try:
            with closing(sqlite3.connect(file, timeout=5)) as base:
                if base.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                    return
                rows = base.execute("SELECT run_id, stamp, known FROM runs").fetchall()
                # parsed in one call: twice as fast
                texts = json.loads(f"[{','.join(known for _, _, known in rows)}]")
                for (run_id, stamp, _), (info, state, splits) in zip(rows, texts, strict=True):
                    path = self.root / "runs" / run_id
                    self._listed[run_id] = ListedRun(path, stamp, info, Status(*state), tuple(splits))
                layouts = {number: layout_of(text) for number, text in base.execute("SELECT * FROM layouts")}
                for run_id, split, stamp, number, record in base.execute("SELECT * FROM scores"):
                    layout = layouts[number]
                    if len(record) != layout.record.itemsize:
                        raise ValueError("a record is cut")
                    self._counted[run_id, split] = (stamp, PackedSummary(layout.text, record))
        except (sqlite3.Error, ValueError, TypeError, KeyError):
            self._listed, self._counted = {}, {}
            if self._keep:  # damaged: rebuilt from the runs
                with suppress(OSError):
                    file.unlink()

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.root / _FILE, timeout=5)
        if base.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            base.executescript(
                "".join(f"DROP TABLE IF EXISTS {name};" for name in ("runs", "layouts", "scores"))
            )
        base.executescript(_TABLES + f"PRAGMA user_version = {VERSION}; PRAGMA synchronous = OFF;")
        return base

    def _write_runs(self, changed: list[ListedRun], gone: Iterable[str]) -> None:
        gone = list(gone)
        for name in gone:
            for key in [key for key in self._counted if key[0] == name]:
                del self._counted[key]
        # Training runs change all the time, and a broken one is read again at each refresh.
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

    def _write_scores(self, rows: Iterable[tuple[str, str, str, PackedSummary]]) -> None:
        rows = list(rows)
        with self._lock:
            self._changes += 1
            for run_id, split, stamp, packed in rows:
                self._counted[run_id, split] = (stamp, packed)
            if not self._keep or not rows:
                return
            texts = {packed.layout for *_, packed in rows}
            with suppress(sqlite3.Error), closing(self._connect()) as base, base:
                base.executemany("INSERT OR IGNORE INTO layouts (text) VALUES (?)", [(t,) for t in texts])
                numbers = {text: number for number, text in base.execute("SELECT * FROM layouts")}
                kept = [(*where, numbers[packed.layout], packed.record) for *where, packed in rows]
                base.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?)", kept)


def _run_folders(root: Path) -> list[tuple[str, str]]:
    """Return name and path of the run folders; as text, since thousands of Path objects are slow."""
    try:
        with os.scandir(root / "runs") as entries:
            return [
                (entry.name, entry.path)
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir()
            ]
    except FileNotFoundError:
        return []


def _files_of(path: Path | str, printed: bool) -> list[str]:
    """Return the files that a listed run is made of; printed results have one more."""
    names = ["run.json", "status.json", "predictions"] + ["reported.json"] * printed
    return [f"{path}/{name}" for name in names]


def _list_one(path: Path) -> ListedRun:
    stamp, kind, run = _stamp(*_files_of(path, False)), "", Run(path)
    try:
        info = dict(run.info)
        kind = info["kind"]
        if kind == "reported":
            stamp = _stamp(*_files_of(path, True))
            run.reported()  # raises where it is damaged, which pages must know before they read it
        return ListedRun(path, stamp, info, status_of(path), tuple(run.splits()))
    except SedcoreError as error:
        return ListedRun(path, stamp, {"created": "", "kind": kind}, Status("", ""), (), str(error))


def _stamp(*paths: str) -> str:
    """Return times, sizes and inodes of the paths; a folder's time changes with the names in it."""
    parts = []
    for path in paths:
        try:
            stat = os.stat(path)
            parts.append(f"{stat.st_mtime_ns:x}.{stat.st_size:x}.{stat.st_ino:x}")
        except OSError:
            parts.append("")
    return " ".join(parts)


def _file_stamp(run: Run, split: str) -> str:
    return _stamp(f"{run.path}/predictions/{split}.parquet")
