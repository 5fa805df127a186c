"""Source folders: recognising their kind, and reading audio with its label tables.

A source is read into a `SourceSplit`: clips with labels, events, and all problems. Only headers are read here;
nothing is decoded. `npy_pairs` does the same for folders of .npy files.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sedcore.artifacts.files import user_path
from sedcore.data.audio import SUFFIXES, audio_info
from sedcore.data.checks import Problem
from sedcore.data.labels import Event, LabelTable, read_classes, table_kind
from sedcore.errors import SedcoreError
from sedcore.naming import nearest

_TABLE_RANK = ("strong", "weak", "columns")


@dataclasses.dataclass
class SourceClip:
    """One clip before its content is read. `item`, a path, is passed to the loading function."""

    clip_id: str
    source_file: str  # below the split's folder
    item: Any
    duration_s: float
    labels: list[str]


@dataclasses.dataclass
class SourceSplit:
    """Contents of one folder. Events are (clip_id, onset_s, offset_s, label)."""

    folder: Path
    labels: str  # strong, weak, columns or event rolls
    label_file: str  # the table or folder the labels came from
    clips: list[SourceClip]
    events: list[tuple[str, float, float, str]]
    problems: list[Problem]


def check_folder(folder: str | Path, what: str) -> Path:
    """Return `folder` as a path. Raises SedcoreError where it is not a folder."""
    path = user_path(folder)
    if not path.is_dir():
        raise SedcoreError(
            f"{what}: {path} {'is a file' if path.exists() else 'does not exist'}; give a folder"
        )
    return path


def source_kind(folder: Path, source: str | None, labels: str | Path | None) -> str:
    """Return "npy" or "audio" for a folder; X/ with Y/ takes precedence over audio unless `source` says otherwise.

    Raises
    ------
    SedcoreError
        The folder holds neither, or not what `source` says.
    """
    has_pairs = (folder / "X").is_dir() and (folder / "Y").is_dir()
    has_audio = (folder / "audio").is_dir() or any(_is_audio(path) for path in folder.iterdir())
    if source not in (None, "npy", "audio"):
        raise SedcoreError(f"source {source!r} is unknown; give npy or audio")
    if labels is not None and source == "npy":
        raise SedcoreError(
            "labels are a table for audio; .npy pairs take theirs from Y/: leave one of the two away"
        )
    if source is None:
        source = "npy" if has_pairs and (labels is None or not has_audio) else "audio"
    if source == "npy" and not has_pairs:
        raise SedcoreError(f"{folder}: wanted are X/ and Y/ with .npy files; it holds {_contents(folder)}")
    if source == "audio" and not has_audio:
        raise SedcoreError(
            f"{folder}: wanted are X/ and Y/ with .npy files, or audio/ (or audio files: "
            f"{', '.join(s[1:] for s in SUFFIXES)}) with a label table; it holds {_contents(folder)}"
        )
    return source


def find_table(folder: Path, labels: str | Path | None = None) -> Path:
    """Return the label table of an audio folder: `labels`, in the folder or as given, else the one found.

    Searched, in the folder and in its audio/, in this order: strong.tsv, any .tsv or .csv with a strong header,
    weak.tsv, any with a weak header, a .csv with a column per class.
    """
    if labels is not None:
        for path in (folder / labels, user_path(labels)):
            if path.is_file():
                return path
        raise SedcoreError(f"labels: {labels} is neither in {folder} nor here; give the path of a table")
    found: dict[str, list[Path]] = {kind: [] for kind in _TABLE_RANK}
    others = []
    for place in (folder, folder / "audio"):
        for path in sorted(place.iterdir()) if place.is_dir() else []:
            if path.suffix.lower() in (".tsv", ".csv", ".txt") and not path.name.startswith("."):
                kind = table_kind(path)
                (found[kind] if kind else others).append(path)
    for kind in _TABLE_RANK:
        named = [path for path in found[kind] if path.name == f"{kind}.tsv"]
        tables = named[:1] or found[kind]
        if len(tables) > 1:
            names = ", ".join(path.name for path in tables)
            raise SedcoreError(
                f"{folder}: holds several {kind} label tables ({names}); choose one with --labels"
            )
        if tables:
            return tables[0]
    if len(others) == 1:
        return others[0]  # reading it reports what is wrong
    raise SedcoreError(
        f"{folder}: holds no label table; wanted is a .tsv or .csv whose header is filename, onset, offset, "
        "event_label (strong), or filename, event_labels (weak), or filename and a column a class"
    )


def find_classes(folder: Path) -> tuple[str, ...] | None:
    """The class names of ``classes.json`` in a source folder, None where there is none."""
    path = folder / "classes.json"
    return read_classes(path) if path.is_file() else None


def read_audio_split(
    folder: Path, table: LabelTable, *, hop_s: float, elsewhere: Sequence[Path] = ()
) -> SourceSplit:
    """Join the audio files of a folder with a label table.

    Parameters
    ----------
    table
        Names files relative to audio/ or to the folder; clip ids are these names as written.
    hop_s
        Events that end less than this after their clip are cut without a warning.
    elsewhere
        Folders of other splits with the same table: its rows may name their files.
    """
    split = SourceSplit(folder, table.kind, _below(table.path, folder), [], [], list(table.problems))
    files = audio_files(folder)
    others = [audio_files(other) for other in elsewhere]
    used: dict[Path, str] = {}
    events, beyond, of = table.by_file(), 0, 0
    for name, labels in table.labels.items():
        path = _find(files, name)
        if path is None:
            if not any(_find(other, name) for other in others):
                split.problems.append(_missing_audio(table, name, files, folder))
            continue
        if path in used:
            text = f"line {table.lines[name]}: {name} is the same file as {used[path]}; keep one of the two names"
            split.problems.append(Problem("error", str(table.path), text))
            continue
        used[path] = name
        try:
            duration_s = audio_info(path).duration_s
        except SedcoreError as error:
            split.problems.append(Problem("error", str(path), str(error)))
            continue
        clip = SourceClip(name, _below(path, folder), str(path), duration_s, labels)
        split.clips.append(clip)
        if table.kind == "strong":
            beyond += _clip_events(split, clip, events.get(name, []), hop_s)
            of += len(events.get(name, []))
    if beyond > of / 2:
        text = f"{beyond} of {of} events begin after their clip's end; are the times in seconds?"
        split.problems.append(Problem("error", str(table.path), text))
    for path in sorted(set(files.values()) - set(used)):
        text = f"has no row in {table.path}; add one (with empty fields where nothing is heard) or remove the file"
        split.problems.append(Problem("error", str(path), text))
    return split


def audio_files(folder: Path) -> dict[str, Path]:
    """Audio files of a source folder by name (NFC) relative to audio/, or to the folder where that is missing."""
    base = folder / "audio" if (folder / "audio").is_dir() else folder
    files = sorted(path for path in base.rglob("*") if _is_audio(path))
    return {_key(path.relative_to(base).as_posix()): path for path in files}


def _find(files: dict[str, Path], name: str) -> Path | None:
    key = _key(name.replace("\\", "/").removeprefix("./"))
    return files.get(key) or files.get(key.removeprefix("audio/"))


def _clip_events(split: SourceSplit, clip: SourceClip, events: Sequence[Event], hop_s: float) -> int:
    """Add a clip's events, cut to its length; return how many lie wholly beyond it."""
    cut, beyond = [], []
    kept = set()
    for event in events:
        if event.onset_s >= clip.duration_s:
            beyond.append(event.label)
            continue
        if event.offset_s > clip.duration_s + hop_s:
            cut.append(event.label)
        kept.add((clip.clip_id, event.onset_s, min(event.offset_s, clip.duration_s), event.label))
    split.events.extend(sorted(kept))
    for labels, what in (
        (cut, "ends after that and was cut to it"),
        (beyond, "begins after that and was left out"),
    ):
        if labels:
            text = f"lasts {clip.duration_s:g} s; {', '.join(dict.fromkeys(labels))} {what}: check the times"
            split.problems.append(Problem("warning", clip.source_file, text))
    heard = {label for _, _, _, label in kept}
    clip.labels = [label for label in clip.labels if label in heard]
    return len(beyond)


def _missing_audio(table: LabelTable, name: str, files: dict[str, Path], folder: Path) -> Problem:
    key = _key(name)
    same = [
        k for k in files if k.lower() == key.lower() or Path(k).name == Path(key).name or Path(k).stem == key
    ]
    alike = same or [k for k in files if Path(k).stem == Path(key).stem]
    near = alike[0] if alike else nearest(key, files)
    hint = f"did you mean {near}?" if near else "add the file or remove the row"
    text = f"line {table.lines[name]}: {name} is not among the audio of {folder}; {hint}"
    return Problem("error", str(table.path), text)


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _key(name: str) -> str:
    """Return a name in the form for comparison: some systems store accents as separate characters."""
    return unicodedata.normalize("NFC", name)


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _contents(folder: Path) -> str:
    names = sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir())
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more if names else "nothing"
