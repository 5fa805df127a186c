"""How far a training has come: a record in the run folder for pages, and a bar on a terminal."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
from datetime import timedelta
from typing import Any

from sedcore.artifacts import recording
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError

_WRITE_EVERY_S = 0.5


class Progress:
    """Writes progress.json at most twice a second and removes it at the end. Use it as a context manager.

    The record: phase ("training", "validating" or "scoring"), epoch and epochs, batch and batches, clips_per_s
    in this epoch's training, seconds_left if all epochs are trained (early stopping may end sooner), memory_mb
    (resident now).
    """

    def __init__(self, run: Run, bar: bool):
        self._run, self._bar = run, _terminal_bar() if bar else None
        self._record: dict = {}
        self._written = self._epoch_began = self._epoch_s = 0.0
        self._clips = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Take the record away."""
        with contextlib.suppress(OSError):  # a disk that became read-only
            recording.write_progress(self._run, None)
        if self._bar is not None:
            self._bar.stop()

    def begin(self, epoch: int, epochs: int, batches: int) -> None:
        """Start an epoch; the time since the last start tells how long one takes with its validation."""
        now = time.monotonic()
        if self._epoch_began:
            self._epoch_s = now - self._epoch_began
        self._epoch_began, self._clips = now, 0
        self._record = {"phase": "training", "epoch": epoch, "epochs": epochs, "batch": 0, "batches": batches}
        self._write()

    def step(self, batch: int, clips: int) -> None:
        """Note a trained batch."""
        self._clips += clips
        self._record["batch"] = batch
        if batch == self._record["batches"]:
            self._record["phase"] = "validating"
        elif time.monotonic() - self._written < _WRITE_EVERY_S:
            return
        spent = time.monotonic() - self._epoch_began
        share = batch / self._record["batches"]
        epoch_s = self._epoch_s or spent / share
        left = epoch_s * (self._record["epochs"] - self._record["epoch"]) + max(epoch_s - spent, 0)
        self._record |= {"clips_per_s": round(self._clips / spent, 2), "seconds_left": round(left, 1)}
        self._write()

    def phase(self, name: str) -> None:
        """Note that something other than training goes on."""
        self._record |= {"phase": name, "seconds_left": None}
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        with contextlib.suppress(SedcoreError):  # a disk that is full for a moment need not end the training
            recording.write_progress(self._run, self._record | {"memory_mb": memory_mb()})
        if self._bar is not None:
            self._draw()

    def _draw(self) -> None:
        r, left = self._record, self._record.get("seconds_left")
        words = f"{r.get('clips_per_s', 0):.0f} clips/s, {r['phase']}"
        words += f", {timedelta(seconds=round(left))} left at most" if left is not None else ""
        shown = {"description": f"epoch {r['epoch']}/{r['epochs']}", "words": words, "total": r["batches"]}
        if not self._bar.tasks:
            self._bar.add_task(**shown)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=r["batch"], refresh=True, **shown)


def _terminal_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress

    columns = ("{task.description}", BarColumn(), "{task.fields[words]}")
    # Drawn when the record is written and by no thread of its own, which would take turns from the training.
    return Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True)


def memory_mb() -> float:
    """Return the memory that this process has resident, in MB; the most it has had where the system tells no more."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return round(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    except OSError:  # not Linux
        return peak_memory_mb()


def peak_memory_mb() -> float:
    """Return the most memory this process has had resident, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB on Linux, bytes on macOS
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)
