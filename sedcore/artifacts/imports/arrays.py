"""Scores in an .npz: ``scores`` (clips, classes), ``clip_ids`` (clips,), ``classes`` (classes,), and optionally
``truth`` (clips, classes) of 0 and 1.

Ids and names are arrays of text (``np.array(ids, dtype=str)``); arrays of Python objects are pickles, which
can run code, and are never read.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from sedcore.artifacts.files import DAMAGED_ZIP, NO_ARRAY
from sedcore.artifacts.imports.source import Source, Truth, labels_of
from sedcore.errors import SedcoreError

KEYS = ("scores", "clip_ids", "classes")


def read_npz_source(path: Path) -> Source:
    """Read scores from an .npz. Raises SedcoreError where an array is missing or malformed."""
    name = path.name
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            missing = [key for key in KEYS if key not in members]
            if missing:
                raise SedcoreError(
                    f"{name}: lacks {', '.join(missing)}; wanted are scores (clips, classes), clip_ids and classes, "
                    f"it holds {', '.join(map(ascii, list(members)[:8])) or 'nothing'}"
                )
            wanted = [key for key in (*KEYS, "truth") if key in members]
            arrays = {key: _array(archive, members[key], name) for key in wanted}
    except DAMAGED_ZIP as error:
        words = " ".join(str(error).split())[:120]  # zipfile quotes whole headers
        raise SedcoreError(f"{name}: could not be read as .npz ({words})") from error
    ids, classes = (_texts(arrays[key], name, key) for key in ("clip_ids", "classes"))
    scores, shape = arrays["scores"], (len(ids), len(classes))
    for key in ("scores", "truth"):
        if key in arrays and arrays[key].shape != shape:
            raise SedcoreError(
                f"{name}: {key} has shape {arrays[key].shape}, and clip_ids and classes make it {shape}"
                + ("; is it transposed?" if arrays[key].shape == shape[::-1] else "")
            )
    if scores.dtype.kind not in "biuf":
        raise SedcoreError(f"{name}: scores has type {scores.dtype}; wanted are numbers")
    if len(set(classes)) != len(classes):
        raise SedcoreError(f"{name}: classes names one class twice; each stands there once")
    truth = None
    if "truth" in arrays:
        labels = labels_of(dict(zip(classes, arrays["truth"].T)), name, ids)
        truth = Truth(f"truth in {name}", ids, tuple(classes), labels, closed=True)
    return Source(name, "arrays in an .npz", ids, dict(zip(classes, scores.T)), truth=truth)


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> np.ndarray:
    """Read a member, unless its header promises more than the file holds: numpy would allocate all of it first."""
    with archive.open(info) as file:
        try:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = read[version](file)
        except (*NO_ARRAY, KeyError) as error:
            raise SedcoreError(f"{name}: {info.filename} is no array that numpy wrote ({error})") from error
    if dtype.hasobject:
        raise SedcoreError(
            f"{name}: {info.filename} holds Python objects, which are not read (they can run code); "
            "save text as np.array(..., dtype=str)"
        )
    if int(np.prod([1, *shape], dtype=object)) * dtype.itemsize > info.file_size:
        raise SedcoreError(
            f"{name}: {info.filename} says shape {shape} and is too short for it; is it cut off?"
        )
    with archive.open(info) as file:
        try:
            return np.lib.format.read_array(file, allow_pickle=False)
        except (*NO_ARRAY, MemoryError) as error:
            raise SedcoreError(f"{name}: {info.filename} could not be read ({error})") from error


def _texts(array: np.ndarray, name: str, key: str) -> np.ndarray:
    if array.ndim != 1 or array.dtype.kind not in "USiu":
        raise SedcoreError(
            f"{name}: {key} has shape {array.shape} and type {array.dtype}; wanted is a row of text"
        )
    try:
        return (np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array.astype(str)).astype(
            object
        )
    except UnicodeDecodeError as error:
        raise SedcoreError(f"{name}: {key} is not UTF-8 text ({error})") from error
