"""Importing a data set: folders in, a checked and complete data set out, or a list of what is wrong.

The steps: see what the folders hold, read labels and headers, divide into splits where one folder was given,
then compute features clip by clip (which also checks every file's content) and write. All problems of an
import are listed together; nothing half-imported stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from sedcore.artifacts.files import safe_name
from sedcore.data.building import check_new
from sedcore.data.checks import Problem, raise_errors
from sedcore.data.features import bands_of, check_kinds
from sedcore.data.folders import FoldersRead, read_audio, read_npy
from sedcore.data.mel import FeatureParams
from sedcore.data.rows import Elsewhere, Progress, default_workers
from sedcore.data.sources import (
    SourceSplit,
    check_folder,
    source_kind,
)
from sedcore.data.splits import DEFAULT_FRACTIONS, check_fractions, stratify
from sedcore.data.store import EVENT_COLUMNS, DataSet, multi_hot
from sedcore.data.writing import write_dataset
from sedcore.errors import SedcoreError

DEFAULT_BANDS = 64


def import_dataset(
    root: str | Path,
    name: str,
    train: str | Path,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    fractions: Sequence[float] | None = None,
    features: Sequence[str] = ("logmel",),
    source: str | None = None,
    labels: str | Path | None = None,
    clip_s: float = 10.0,
    bands: int | None = None,
    sample_rate_hz: int = 16000,
    hop_s: float = 0.01,
    n_fft: int = 1024,
    n_mfcc: int = 20,
    seed: int = 0,
    workers: int | None = None,
    elsewhere: Elsewhere | None = None,
    progress: Progress | None = None,
    announce: Callable[[str], object] = print,
) -> DataSet:
    """Import folders of .npy pairs or of audio as the data set `name`.

    Parameters
    ----------
    train, validation, test
        Folders. With `train` alone it is divided by `fractions`.
    fractions
        Shares of train, validation and test, stratified by label with `seed`; 0.7, 0.15, 0.15 unless given. With
        a folder for test, two numbers divide `train` into train and validation.
    source, labels
        "npy" or "audio", and a label table (a path, or its name in each folder); None finds out.
    clip_s
        Seconds of a window; shorter clips are padded, longer ones become several windows. For .npy pairs the
        length of a clip, from which the hop follows.
    bands
        Mel bands: 64 for audio; .npy pairs keep theirs, or are folded to this divisor of them.
    sample_rate_hz, hop_s, n_fft, n_mfcc
        How audio becomes features. For .npy pairs, what they were made with.
    workers
        Processes; one a processor, at most 8, unless given.
    elsewhere
        What computes the clips on other machines, which find the folders under the same paths.
    progress, announce
        Called with (clips done, clips in all), and with the one line that says what was taken.

    Raises
    ------
    SedcoreError
        With one line a problem, each naming a file and what to do.
    """
    check_new(root, safe_name(name, "data set name"))
    kinds = check_kinds(features)
    folders = {"train": train, "validation": validation, "test": test}
    paths = {s: check_folder(folder, s) for s, folder in folders.items() if folder is not None}
    shares = _shares(list(paths), fractions)
    params = FeatureParams(
        sample_rate_hz=sample_rate_hz, n_fft=n_fft, hop_s=hop_s, bands=DEFAULT_BANDS if bands is None else bands,
        clip_s=clip_s, n_mfcc=n_mfcc,
    )  # fmt: skip
    if seed < 0:
        raise SedcoreError(f"seed = {seed}: give 0 or more")
    default_workers(workers, 1)  # raises where it is no number of processes, before anything is read
    kind = _one_kind(paths, source, labels)
    read = read_npy(paths, params, bands) if kind == "npy" else read_audio(paths, params, labels)
    for each in kinds:
        bands_of(each, read.params)
    if not any(split.clips for split in read.splits.values()):
        raise_errors(read.problems, f"data set {name!r} was not imported")
        raise SedcoreError(f"{paths['train']}: holds no clips; give a folder with labelled clips")
    clips, events, items = _tables(read.splits)
    if shares:
        if len(clips) < len(shares):  # perhaps only because of what is wrong with the others
            raise_errors(read.problems, f"data set {name!r} was not imported")
        clips, events, items = _divide(clips, events, items, read.classes, shares, seed)
    announce(_taken(kind, read, clips, shares))
    label_kinds = {s: read.splits.get(s, read.splits["train"]).labels for s in clips["split"].unique()}
    return write_dataset(
        root, name, classes=read.classes, clips=clips, load=read.load, items=items, params=read.params,
        features=kinds, events=events, labels=label_kinds, problems=read.problems + _split_problems(paths, shares),
        source={"kind": kind, "folders": {s: str(p.resolve()) for s, p in paths.items()},
                "labels": {s: split.label_file for s, split in read.splits.items()},
                "fractions": shares or None, "seed": seed if shares else None},
        from_audio=kind == "audio", workers=workers, elsewhere=elsewhere, progress=progress,
    )  # fmt: skip


def _one_kind(paths: dict[str, Path], source: str | None, labels: str | Path | None) -> str:
    """Return what all folders hold, "npy" or "audio"."""
    found = {split: source_kind(folder, source, labels) for split, folder in paths.items()}
    if len(set(found.values())) > 1:
        each = ", ".join(f"{paths[split]} holds {kind}" for split, kind in found.items())
        raise SedcoreError(f"all folders must be of one kind; {each}")
    return found["train"]


def _shares(folders: Sequence[str], fractions: Sequence[float] | None) -> dict[str, float]:
    """Return {split: share} by which the train folder is divided, empty where it is not."""
    if fractions is None:
        if len(folders) > 1:
            return {}
        fractions = DEFAULT_FRACTIONS
    elif "validation" in folders:
        raise SedcoreError(
            "fractions divide the train folder, and a validation folder was given: leave one away"
        )
    names = ["train", "validation"] if "test" in folders else ["train", "validation", "test"]
    if "test" not in folders and len(fractions) == 2:
        names = names[:2]
    return dict(zip(names, check_fractions(fractions, names)))


def _split_problems(paths: dict[str, Path], shares: dict[str, float]) -> list[Problem]:
    if "validation" in paths or "validation" in shares:
        return []
    text = "there is none, and training chooses its best epoch by it; give --validation, or --fractions 0.85,0.15"
    return [Problem("warning", "validation", text)]


def _tables(splits: dict[str, SourceSplit]) -> tuple[pd.DataFrame, pd.DataFrame | None, list]:
    """Clips, events (None where no split has strong labels) and items, split by split."""
    clips = [
        (clip.clip_id, split, clip.source_file, clip.duration_s, sorted(clip.labels), clip.item)
        for split, read in splits.items()
        for clip in read.clips
    ]
    columns = ["clip_id", "split", "source_file", "duration_s", "labels", "item"]
    frame = pd.DataFrame(clips, columns=columns)
    events = None
    if any(read.labels in ("strong", "event rolls") for read in splits.values()):
        rows = [(e[0], split, *e[1:]) for split, read in splits.items() for e in read.events]
        events = pd.DataFrame(rows, columns=list(EVENT_COLUMNS))
        events = events.astype({"onset_s": float, "offset_s": float})
    return frame.drop(columns="item"), events, frame["item"].tolist()


def _divide(clips, events, items, classes, shares, seed):
    """Divide the train clips by `shares`; clips and items are grouped by split again."""
    order = {name: i for i, name in enumerate(("train", "validation", "test"))}
    names = list(shares)
    train = clips["split"] == "train"
    known = [[label for label in labels if label in classes] for labels in clips.loc[train, "labels"]]
    parts = stratify(multi_hot(known, classes), list(shares.values()), seed)
    split = clips["split"].to_numpy(copy=True)
    split[train.to_numpy()] = [names[part] for part in parts]
    if events is not None:
        new = dict(zip(clips.loc[train, "clip_id"], split[train.to_numpy()]))
        moved = [new[e.clip_id] if e.split == "train" else e.split for e in events.itertuples()]
        events = events.assign(split=moved)
    clips = clips.assign(split=split)
    by_split = clips["split"].map(order).sort_values(kind="stable").index
    return clips.loc[by_split].reset_index(drop=True), events, [items[i] for i in by_split]


def _taken(kind: str, read: FoldersRead, clips: pd.DataFrame, shares: dict[str, float]) -> str:
    """The one line that says what was taken for what."""
    first = next(iter(read.splits.values()))
    sizes = ", ".join(f"{split} {count}" for split, count in clips["split"].value_counts(sort=False).items())
    tables = ", ".join(dict.fromkeys(split.label_file for split in read.splits.values()))
    what = {
        "npy": f".npy pairs X/ and Y/, {read.params.bands} bands x {read.params.frames} frames",
        "audio": f"audio with {first.labels} labels ({tables})",
    }[kind]
    how = f", divided by {':'.join(f'{share:g}' for share in shares.values())}" if shares else ""
    return f"taken: {what}; {len(read.classes)} classes from {read.classes_from}; clips: {sizes}{how}"
