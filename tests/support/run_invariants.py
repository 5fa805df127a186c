"""What must be true of the run folders whatever was killed when: read from the files alone.

Nothing of sedcore is imported here. A reader that shared code with what it checks would share its mistakes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

STATES = {"queued", "running", "cancelling", "cancelled", "interrupted", "failed", "finished"}
SMALL = "tiny"  # data set of the runs whose trainer is the small one


class Broken(AssertionError):
    """Something is not as it must be."""


def need(true: object, *words: object) -> None:
    """Raise Broken with these words unless `true`."""
    if not true:
        raise Broken(" ".join(map(str, words)))


def read_json(file: Path) -> dict:
    """Return a JSON object; Broken where a reader would meet half of one."""
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise Broken(f"{file}: {error}: {file.read_bytes()[:200]!r}") from error
    need(isinstance(found, dict) and found.get("schema") == 1, file, "is no object of schema 1")
    return found


def state_of(folder: Path) -> str:
    """Return the state as it is stored."""
    return read_json(folder / "status.json")["state"]


def lock_is_free(folder: Path) -> bool:
    """Say whether no process holds the lock of a run folder."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def history(folder: Path) -> list[dict]:
    """Return the complete lines of the history."""
    file = folder / "history.jsonl"
    text = file.read_bytes() if file.exists() else b""
    try:
        return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]
    except ValueError as error:
        raise Broken(f"{file}: {error}") from error


def digests(seed: int, epochs: int) -> list[bytes]:
    """Return what a small training knows after each epoch."""
    found = [hashlib.sha256(b"seed %d" % seed).digest()]
    for epoch in range(1, epochs + 1):
        found.append(hashlib.sha256(found[-1] + epoch.to_bytes(4, "big")).digest())
    return found


def look(root: Path, expected: Iterable[str], known: set | None = None) -> dict[str, str]:
    """Check what must be true at every moment; return the stored states by run id.

    No run is lost or doubled, every state can be read, and what calls itself finished is whole. What was found whole
    is remembered in `known`.
    """
    known = set() if known is None else known
    expected = set(expected)
    there = {entry.name for entry in (root / "runs").iterdir() if not entry.name.startswith(".")}
    need(there == expected, "lost:", expected - there, "not asked for:", there - expected)
    states = {}
    for name in sorted(there):
        folder = root / "runs" / name
        need(read_json(folder / "run.json")["run_id"] == name, name, "says it is another run")
        states[name] = state_of(folder)
        need(states[name] in STATES, name, "has the state", states[name])
        stamp = (name, os.stat(folder / "status.json").st_mtime_ns)
        if states[name] == "finished" and stamp not in known:
            whole(root, folder)
            known.add(stamp)
    places = [
        read_json(root / "runs" / n / "status.json").get("place") for n, s in states.items() if s == "queued"
    ]
    need(all(isinstance(place, int) for place in places if place is not None), "places", places)
    return states


def whole(root: Path, folder: Path) -> None:
    """Check a run that calls itself finished: every epoch once and in order, scores of every clip, weights."""
    info = read_json(folder / "run.json")
    epochs = info["config"]["epochs"]
    lines = history(folder)
    need(
        [line["epoch"] for line in lines] == list(range(1, epochs + 1)),
        folder,
        "epochs",
        [x["epoch"] for x in lines],
    )
    need(info["epochs_run"] == epochs, folder, "says it ran", info["epochs_run"], "epochs")
    if info["dataset"] == SMALL:
        known = digests(info["seed"], epochs)
        for line in lines:
            need(
                line["chain"] == known[line["epoch"]].hex(),
                folder,
                "epoch",
                line["epoch"],
                "follows from another",
            )
        need((folder / "weights.keras").read_bytes() == known[-1], folder, "has weights of another epoch")
    else:
        with zipfile.ZipFile(folder / "weights.keras") as weights:
            need(weights.testzip() is None, folder, "has damaged weights")
            need({"config.json", "model.weights.h5"} <= set(weights.namelist()), folder, weights.namelist())
        for line in lines:
            need(np.isfinite(line["train"]["loss"]) and np.isfinite(line["validation"]["loss"]), folder, line)
    for split in ("validation", "test"):
        scores(root, folder, info, split)


def scores(root: Path, folder: Path, info: dict, split: str) -> None:
    """Check the scores of a split: a finite one for every clip of the data set and every class."""
    table = pq.read_table(folder / "predictions" / f"{split}.parquet").to_pandas()
    clips = pq.read_table(root / "datasets" / info["dataset"] / "clips.parquet").to_pandas()
    wanted = list(clips.loc[clips["split"] == split, "clip_id"])
    need(list(table["clip_id"]) == wanted, folder, split, "has other clips than its data set")
    for name in info["classes"]:
        need(np.isfinite(table[f"p_{name}"]).all(), folder, split, "has a score that is no number")
        need(table[f"y_{name}"].isin((0, 1)).all(), folder, split, "has a truth that is neither")


def witnessed(root: Path) -> None:
    """Check what the small trainers saw: never two at one run, and each goes on where a checkpoint lay."""
    folder = root / "witness"
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        lines = [json.loads(line) for line in file.read_bytes().splitlines()]
        done: list[tuple] = []  # trainers that another has followed
        before = None
        for line in lines:
            who = (line["pid"], line["began"])
            if before is None or who != before[0]:
                need(who not in done, file.name, "was trained by two processes at once")
                done.append(who)
                need(before is None or line["epoch"] <= before[1], file.name, "lost an epoch")
            else:
                need(
                    line["epoch"] == before[1] + 1, file.name, "skipped or repeated an epoch in one training"
                )
            before = (who, line["epoch"])


def ended_well(root: Path, expected: Iterable[str]) -> None:
    """Check the end of all: everything finished and whole, nobody holds a lock, nothing is left lying about."""
    states = look(root, expected)
    need(set(states.values()) == {"finished"}, {n: s for n, s in states.items() if s != "finished"})
    witnessed(root)
    for name in states:
        folder = root / "runs" / name
        need(lock_is_free(folder), name, "is still locked")
        left = [
            f.name
            for f in folder.rglob("*")
            if f.name.startswith(".") or f.name in ("progress.json", "reserve")
        ]
        need(not left and not (folder / "checkpoint").exists(), name, "still has", left or "its checkpoint")
