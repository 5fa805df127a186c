"""The report's pairs: ``X/*.npy`` mel power and ``Y/*.npy`` event rolls, joined on the number in the file name.

X holds mel power (1, bands, frames) or (bands, frames); Y holds 0 and 1 (classes, frames), one row per class in the
order of ``classes.json`` beside X/, or else of the report's eleven. The row named Silence is left out: it marks frames
in which nothing else is on. A clip has a class that is on for at least one frame, as in the report.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import math
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np

from sedcore.artifacts.files import NO_ARRAY
from sedcore.data.checks import Problem
from sedcore.data.sources import SourceClip, SourceSplit
from sedcore.errors import SedcoreError

REPORT_CLASSES = (
    "Alarm_bell_ringing", "Blender", "Cat", "Dishes", "Dog", "Electric_shaver_toothbrush", "Frying",
    "Running_water", "Silence", "Speech", "Vacuum_cleaner",
)  # fmt: skip
SILENCE = "Silence"
_START = 10  # bytes of a .npy file before its header: magic, version 1.0 and the header's length

Shapes = dict[str, tuple[int, int]]  # X file -> (bands, frames)


def read_npy_split(folder: Path, classes: tuple[str, ...], clip_s: float) -> tuple[SourceSplit, Shapes]:
    """Join X/ and Y/ of a folder; read the rolls of Y and the headers of X.

    `classes` are the names of the roll's rows, Silence included.
    """
    split = SourceSplit(folder, "event rolls", "Y", [], [], [])
    xs, ys = _numbered(folder / "X", split.problems), _numbered(folder / "Y", split.problems)
    shapes: Shapes = {}
    for number in sorted(xs.keys() | ys.keys()):
        x, y = xs.get(number), ys.get(number)
        if x is None or y is None:
            there, lacking = (y, "X") if x is None else (x, "Y")
            text = f"has no partner number {number} in {folder / lacking}; add it or remove this file"
            split.problems.append(Problem("error", str(there), text))
            continue
        try:
            shapes[str(x)] = _mel_shape(x)
            roll = _read_roll(y, len(classes), shapes[str(x)][1])
        except SedcoreError as error:
            split.problems.append(Problem("error", "", str(error)))
            continue
        _add_clip(split, x, roll, classes, clip_s)
    return split, shapes


def common_shape(shapes: Shapes) -> tuple[tuple[int, int], list[Problem]]:
    """Return the (bands, frames) of most files and an error for each file of another shape."""
    (bands, frames), _ = Counter(shapes.values()).most_common(1)[0]
    problems = [
        Problem("error", file, f"has {b} bands x {f} frames, most have {bands} x {frames}; make them equal")
        for file, (b, f) in shapes.items()
        if (b, f) != (bands, frames)
    ]
    return (bands, frames), problems


def load_mel(path: str, bands: int | None = None) -> tuple[np.ndarray, str]:
    """Return mel power (frames, bands) float32 of an X file, folded to `bands`, and a hash of its values."""
    mel = _load(Path(path))
    with np.errstate(over="ignore"):  # values beyond float32 become infinite and are reported below
        mel = np.ascontiguousarray(mel.reshape(mel.shape[-2:]), dtype=np.float32)
    if not np.isfinite(mel.sum(dtype=np.float64)):  # a sum of finite float32 cannot pass the range of float64
        count = int((~np.isfinite(mel)).sum())
        raise SedcoreError(
            f"{path}: {count} values are NaN, infinite or beyond float32; compute the file again or remove it"
        )
    digest = hashlib.sha256(repr(mel.shape).encode())
    digest.update(mel.astype("<f4", copy=False))
    return (mel if bands is None else fold_bands(mel, bands)).T, digest.hexdigest()


def fold_bands(mel: np.ndarray, bands: int) -> np.ndarray:
    """Sum the power of neighbouring bands of (bands, frames) so that `bands` are left."""
    if len(mel) == bands:
        return mel
    check_fold(len(mel), bands)
    return mel.reshape(bands, len(mel) // bands, -1).sum(axis=1)


def check_fold(given: int, bands: int) -> None:
    """Raise SedcoreError unless `given` bands can be summed in equal groups to `bands`."""
    if bands < 1 or given % bands:
        fits = ", ".join(str(n) for n in range(1, given + 1) if given % n == 0)
        hint = f"; possible are {fits}"
        raise SedcoreError(f"{given} mel bands cannot be folded to {bands}: that is not a divisor{hint}")


def _numbered(folder: Path, problems: list[Problem]) -> dict[int, Path]:
    """.npy files of a folder by the last number in their name."""
    files: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() != ".npy" or path.name.startswith("."):
            continue
        numbers = re.findall(r"\d+", path.stem)
        if not numbers:
            text = "has no number in its name, by which X and Y are joined; name it like melspec_00001.npy"
            problems.append(Problem("error", str(path), text))
        elif int(numbers[-1]) in files:
            text = f"has the same number as {files[int(numbers[-1])].name}; each number stands for one clip"
            problems.append(Problem("error", str(path), text))
        else:
            files[int(numbers[-1])] = path
    return files


def _load(path: Path) -> np.ndarray:
    """Load one array of numbers without ever unpickling."""
    try:
        array = _load_plain(path)
        if array is None:
            array = np.load(path, allow_pickle=False)
    except NO_ARRAY as error:
        pickled = "pickle" in str(error) or "Python objects" in str(error)
        why = "it is no array of numbers, or holds Python objects" if pickled else str(error) or "it is empty"
        raise SedcoreError(
            f"{path}: unreadable or truncated ({why}); save it again with numpy.save"
        ) from error
    if not isinstance(array, np.ndarray):
        raise SedcoreError(f"{path}: is an archive of several arrays (.npz); save one array with numpy.save")
    if array.dtype.kind not in "fiub":
        raise SedcoreError(f"{path}: holds values of type {array.dtype}; wanted are real numbers")
    return array


def _load_plain(path: Path) -> np.ndarray | None:
    """Load an array of numbers in C order; None for anything else, which is left to numpy."""
    with open(path, "rb", buffering=0) as file:
        header = _header(file)
        if header is None:
            return None
        shape, dtype = header
        array = np.empty(shape, dtype)
        return array if file.readinto(array) == array.nbytes else None


def _header(file: io.FileIO) -> tuple[tuple[int, ...], np.dtype] | None:
    """Read shape and type from a version 1.0 header; None unless the file holds plain numbers in C order."""
    start = file.read(_START)
    if len(start) < _START or start[:8] != b"\x93NUMPY\x01\x00":
        return None
    shape, by_columns, dtype = _parsed(start + file.read(int.from_bytes(start[8:], "little")))
    rest = os.fstat(file.fileno()).st_size - file.tell()
    plain = not by_columns and dtype.kind in "fiub" and min(shape, default=0) >= 0
    return (shape, dtype) if plain and rest >= dtype.itemsize * math.prod(shape) else None


@functools.lru_cache(maxsize=64)
def _parsed(start: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Parse the start of a file; cached, because thousands share it and parsing takes longer than reading a roll."""
    file = io.BytesIO(start)
    np.lib.format.read_magic(file)
    return np.lib.format.read_array_header_1_0(file)


def _mel_shape(path: Path) -> tuple[int, int]:
    shape = _shape(path)
    if len(shape) == 3 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 2 or 0 in shape:
        raise SedcoreError(f"{path}: has shape {shape}; wanted is mel power (1, bands, frames)")
    return shape[0], shape[1]


def _shape(path: Path) -> tuple[int, ...]:
    """Read the shape of an array, from its header alone where it holds plain numbers."""
    with contextlib.suppress(*NO_ARRAY), open(path, "rb", buffering=0) as file:
        if header := _header(file):
            return header[0]
    return _load(path).shape


def _read_roll(path: Path, classes: int, frames: int) -> np.ndarray:
    """Read an event roll (classes, frames) as numbers, checked."""
    roll = _load(path)
    roll = roll[0] if roll.ndim == 3 and roll.shape[0] == 1 else roll
    if roll.shape != (classes, frames):
        hint = "its axes are exchanged" if roll.shape == (frames, classes) else "write it again"
        if roll.ndim == 2 and roll.shape[1] == frames and roll.shape[0] != classes:
            hint = f"name the {roll.shape[0]} rows in a classes.json beside X/"
        raise SedcoreError(
            f"{path}: has shape {roll.shape}; wanted is an event roll {(classes, frames)}: {hint}"
        )
    roll = roll.astype(np.float64)
    if not np.isfinite(roll).all():
        raise SedcoreError(f"{path}: holds NaN or infinite values; wanted are 0 and 1")
    if roll.min() < 0 or roll.max() > 1:
        raise SedcoreError(f"{path}: holds values from {roll.min():g} to {roll.max():g}; wanted are 0 and 1")
    between = (roll != 0) & (roll != 1)
    if between.any():
        raise SedcoreError(f"{path}: holds {roll[between][0]:g}; wanted are 0 and 1")
    return roll


def _add_clip(split: SourceSplit, x: Path, roll: np.ndarray, classes: tuple[str, ...], clip_s: float) -> None:
    on = roll.any(axis=1)
    names = [name for name, active in zip(classes, on) if active and name.lower() != SILENCE.lower()]
    split.clips.append(SourceClip(x.name, f"X/{x.name}", str(x), clip_s, names))
    frame_s = clip_s / roll.shape[1]
    for name, row in zip(classes, roll):
        if name in names:
            edges = np.flatnonzero(np.diff(row > 0, prepend=False, append=False))
            for start, end in edges.reshape(-1, 2):
                split.events.append((x.name, round(start * frame_s, 6), round(end * frame_s, 6), name))
