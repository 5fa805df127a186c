"""Folders of tables, or a .zip of one: a score table a clip, or events at several thresholds.

    score tables   CLIP.tsv: onset offset Dog Speech ..., a row a frame, as sed_scores_eval writes them
    events         predictions_th_0.31.tsv: event_label onset offset filename, the events at that threshold

Frame scores become clip scores by their maximum. With events a clip's score is the highest threshold at which
the class fires, and 0 where it never does; few thresholds thus mean many ties.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from sedcore.artifacts.files import DAMAGED_ZIP
from sedcore.artifacts.frames import FrameScores
from sedcore.artifacts.imports.source import Source, numbers
from sedcore.artifacts.imports.tables import header_of, read_text
from sedcore.errors import SedcoreError

_TABLES = (".tsv", ".csv", ".txt")
_THRESHOLD = re.compile(r"predictions_th_(\d+(?:\.\d+)?|\.\d+)\.(?:tsv|csv|txt)")
_EVENT = ("event_label", "onset", "offset", "filename")
MOST_FILES = 100_000
MOST_BYTES = 4 * 10**9  # unpacked
_GAP_S = 1e-4  # rounding error allowed between the end of a frame and the start of the next


def read_folder_source(folder: Path) -> Source:
    """Read a folder of score tables or of events, whichever it holds."""
    files = [f for f in sorted(folder.iterdir()) if f.is_file() and not f.name.startswith(".")]
    by_threshold = [f for f in files if _THRESHOLD.fullmatch(f.name)]
    if by_threshold:
        return _with_others(_events(folder.name, by_threshold), files, by_threshold)
    tables = [f for f in files if f.suffix.lower() in _TABLES]
    if not tables:
        inside = [f.name for f in sorted(folder.iterdir()) if f.is_dir() and not f.name.startswith(".")]
        hint = f"; is it one of its folders, {', '.join(inside[:5])}?" if inside else ""
        raise SedcoreError(
            f"{folder.name}: holds neither predictions_th_X.tsv (events) nor a score table a clip (.tsv){hint}"
        )
    return _with_others(_score_tables(folder.name, tables), files, tables)


def unpack(archive: Path, into: Path) -> Path:
    """Unpack the tables of a .zip into the folder `into` and return it.

    Folders in names are dropped, so that no member can choose where it is written; the size is checked while
    unpacking, since a header can lie.

    Raises
    ------
    SedcoreError
        The archive is damaged or too large, holds no table, or the same file name twice.
    """
    total = 0
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [info for info in opened.infolist() if _is_table(info)]
            if len(members) > MOST_FILES:
                raise SedcoreError(
                    f"{archive.name}: holds {len(members)} tables, at most {MOST_FILES} are read"
                )
            for info in members:
                target = into / PurePosixPath(info.filename.replace("\\", "/")).name
                if target.exists():
                    raise SedcoreError(f"{archive.name}: holds {target.name} in two folders; zip one of them")
                with opened.open(info) as packed, open(target, "wb") as file:
                    while block := packed.read(1 << 20):
                        total += len(block)
                        if total > MOST_BYTES:
                            raise SedcoreError(
                                f"{archive.name}: is more than {MOST_BYTES // 10**9} GB unpacked"
                            )
                        file.write(block)
    except DAMAGED_ZIP as error:
        raise SedcoreError(f"{archive.name}: could not be unpacked ({error})") from error
    if not members:
        raise SedcoreError(
            f"{archive.name}: holds no table (.tsv, .csv, .txt); wanted is a .zip of a folder of them"
        )
    return into


def copy_into(folder: Path, name: str, data: bytes) -> Path:
    """Write an uploaded file into `folder` under the last part of its name. Raises SedcoreError for an unsafe name."""
    last = PurePosixPath(name.replace("\\", "/")).name
    if not last or last.startswith(".") or "\0" in last or len(last.encode()) > 250:
        raise SedcoreError(f"a file named {name[:80]!r} cannot be taken; rename it")
    target = folder / last
    if target.exists():
        raise SedcoreError(f"two files are named {last}; give each once")
    target.write_bytes(data)
    return target


def free(folder: Path) -> None:
    """Remove a folder of unpacked files."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_table(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in path.parts)
    return not info.is_dir() and not hidden and path.suffix.lower() in _TABLES


def _with_others(source: Source, files: Sequence[Path], read: Sequence[Path]) -> Source:
    others = sorted(set(files) - set(read))
    if not others:
        return source
    named = ", ".join(f.name for f in others[:5]) + (" ..." if len(others) > 5 else "")
    note = f"Not read: {len(others)} other file{'s' if len(others) > 1 else ''} ({named})."
    return Source(**{**source.__dict__, "notes": (*source.notes, note)})


def _score_tables(name: str, tables: Sequence[Path]) -> Source:
    classes: list[str] = []
    parts, edges = [], []
    for path in tables:
        header, separator = header_of(path)
        columns = [column for column in header if column not in ("onset", "offset")]
        twice = len(set(header)) != len(header)
        if (
            len(columns) != len(header) - 2
            or not columns
            or twice
            or {"event_label", "filename"} & set(columns)
        ):
            raise SedcoreError(
                f"{path.name}: its first line holds {', '.join(header)[:120]}; wanted is onset, offset and a column a "
                "class (a score table), or files named predictions_th_X.tsv with events"
            )
        classes = classes or columns
        if set(columns) != set(classes):
            odd = sorted(set(columns) ^ set(classes))[0]
            raise SedcoreError(
                f"{path.name}: its classes are not those of {tables[0].name} ({odd} is in one only)"
            )
        frame = read_text(path, header, separator)
        if frame.empty:
            raise SedcoreError(f"{path.name}: has no frame; wanted is a row a frame")
        where = [f"{path.stem}, frame {i + 1}" for i in range(len(frame))]
        edges.append(
            _edges(
                path.name, *(numbers(frame[c].to_numpy(), path.name, c, where) for c in ("onset", "offset"))
            )
        )
        parts.append(np.column_stack([numbers(frame[c].to_numpy(), path.name, c, where) for c in classes]))
    frames = FrameScores(
        tuple(path.stem for path in tables),
        tuple(classes),
        np.concatenate(parts),
        np.cumsum([0, *map(len, parts)])[:-1],
        tuple(edges),
    )
    clip_scores = np.stack([part.max(axis=0) for part in parts])
    return Source(
        name,
        "frame scores, a table a clip",
        np.array(frames.clip_ids, object),
        dict(zip(classes, clip_scores.T)),
        frames=frames,
        notes=("A clip's score is the highest of its frames.",),
    )


def _edges(name: str, onsets: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    late = np.flatnonzero(np.abs(onsets[1:] - offsets[:-1]) > _GAP_S)
    if len(late) or (offsets <= onsets).any():
        at = int(late[0] + 1) if len(late) else int(np.argmax(offsets <= onsets))
        raise SedcoreError(
            f"{name}: frame {at + 1} is from {onsets[at]:g} to {offsets[at]:g} s; "
            "wanted are frames that follow each other"
        )
    return np.append(onsets, offsets[-1])


def _events(name: str, files: Sequence[Path]) -> Source:
    tables: dict[float, pd.DataFrame] = {}
    for path in files:
        threshold = float(_THRESHOLD.fullmatch(path.name).group(1))
        if threshold in tables:
            raise SedcoreError(f"{path.name}: there are two files for the threshold {threshold:g}; keep one")
        if path.stat().st_size:
            tables[threshold] = _event_table(path).assign(threshold=threshold)
        else:
            tables[threshold] = pd.DataFrame()
    events = pd.concat(list(tables.values()), ignore_index=True)
    if events.empty:
        raise SedcoreError(f"{name}: none of its {len(files)} files holds an event")
    highest = events.groupby(["clip_id", "label"])["threshold"].max().unstack(fill_value=0.0)
    ordered = ["clip_id", "threshold", "onset_s", "offset_s", "label"]
    return Source(
        name,
        f"events at {len(files)} threshold{'s' if len(files) > 1 else ''}",
        highest.index.to_numpy(object),
        {label: highest[label].to_numpy() for label in highest.columns},
        events=events[ordered].sort_values(["clip_id", "threshold", "onset_s"], ignore_index=True),
        notes=("A clip's score is the highest threshold at which the class fires, 0 where it never does.",),
    )


def _event_table(path: Path) -> pd.DataFrame:
    header, separator = header_of(path)
    missing = [column for column in _EVENT if column not in header]
    if missing:
        raise SedcoreError(f"{path.name}: lacks the column {missing[0]}; wanted are {', '.join(_EVENT)}")
    frame = read_text(path, header, separator, text=("event_label", "filename"))
    frame = frame[frame["event_label"].notna()]  # a clip without events is a row with empty fields
    if frame["filename"].isna().any():
        raise SedcoreError(f"{path.name}: holds an event without a file name")
    clips = frame["filename"].str.strip().to_numpy(object)
    onsets, offsets = (numbers(frame[c].to_numpy(), path.name, c, clips) for c in ("onset", "offset"))
    if (offsets < onsets).any():
        at = int(np.argmax(offsets < onsets))
        raise SedcoreError(f"{path.name}: {clips[at]} has an event from {onsets[at]:g} to {offsets[at]:g} s")
    labels = frame["event_label"].str.strip().to_numpy(object)
    return pd.DataFrame({"clip_id": clips, "onset_s": onsets, "offset_s": offsets, "label": labels})
