"""Building the demo set: scripts and sounds of `demo` through the feature store, whole or not at all.

The repository carries the set's tables without its features; `build_demo_features` makes these again on a fresh
clone, from the seed kept in dataset.json.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sedcore.data import demo
from sedcore.data.adding import add_features_from
from sedcore.data.mel import FeatureParams
from sedcore.data.rows import Progress
from sedcore.data.store import EVENT_COLUMNS, DataSet, open_dataset
from sedcore.data.writing import fingerprint, sorted_events, with_rows, write_dataset
from sedcore.errors import SedcoreError

# Raise it with every change of scripts or sounds: features of another version do not belong to the stored tables.
GENERATOR = 1
SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
_LEAST_CLIPS = 10


def build_demo(
    root: str | Path,
    name: str = "demo",
    clips: int = 1000,
    seed: int = 0,
    features: Sequence[str] = ("logmel",),
    workers: int | None = None,
    progress: Progress | None = None,
) -> DataSet:
    """Write the demo set: `clips` soundscapes of 10 s at 16 kHz, 60 % to train on, 20 % each to validate and test.

    The same clips and seed give the same set, whatever the number of workers.

    Raises
    ------
    SedcoreError
        There is a data set of that name, or fewer than 10 clips are asked for.
    """
    if clips < _LEAST_CLIPS or seed < 0:
        raise SedcoreError(
            f"the demo set needs at least {_LEAST_CLIPS} clips and a seed of 0 or more; "
            f"given {clips} clips and seed {seed}"
        )
    table, events = _tables(clips, seed)
    return write_dataset(
        root,
        name,
        classes=demo.CLASSES,
        clips=table,
        load=functools.partial(_load, seed=seed),
        items=range(1, clips + 1),
        params=FeatureParams(),
        features=features,
        events=events,
        labels="strong",
        source={"kind": "demo", "clips": clips, "seed": seed, "generator": GENERATOR},
        licence_note="Synthesised by sedcore from code alone; free to use without conditions.",
        workers=workers,
        progress=progress,
    )


def build_demo_features(
    root: str | Path,
    name: str = "demo",
    features: Sequence[str] = ("logmel",),
    workers: int | None = None,
    progress: Progress | None = None,
) -> DataSet:
    """Make the features of a demo set whose tables are there, as on a fresh clone.

    Raises
    ------
    SedcoreError
        The set is not a demo set, or was written by another version of the generator.
    """
    dataset = open_dataset(root, name)
    source = dataset.info["source"]
    if source.get("kind") != "demo":
        raise SedcoreError(f"data set {name!r} is not a demo set, so its features cannot be made from code")
    clips, seed = len(dataset.clips), int(source.get("seed", 0))
    table, events = _tables(clips, seed)
    digests = [_digest(index, seed) for index in range(1, clips + 1)]
    same = (
        fingerprint(demo.CLASSES, with_rows(table, FeatureParams()), sorted_events(events), digests)
        == dataset.fingerprint
    )
    if not same:
        raise SedcoreError(
            f"the demo set {name!r} in {dataset.path} was made by another version of sedcore; delete that folder and "
            "build it anew"
        )
    return add_features_from(
        dataset,
        features,
        load=functools.partial(_load, seed=seed),
        items=range(1, clips + 1),
        workers=workers,
        progress=progress,
    )


def _load(index: int, seed: int) -> tuple[np.ndarray, str]:
    return demo.clip_audio(index, seed), _digest(index, seed)


def _digest(index: int, seed: int) -> str:
    # The recipe stands for the content: the last bits of the samples may differ between platforms.
    return f"demo {GENERATOR} {seed} {index}"


def _tables(clips: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return clips and events of the set, in order of the clips."""
    ends = np.round(np.cumsum(list(SHARES.values())) * clips).astype(int)
    rows, events = [], []
    for index in range(1, clips + 1):
        split, clip = list(SHARES)[int(np.searchsorted(ends, index))], demo.clip_id(index)
        script = demo.script(index, seed)
        labels = sorted({event.label for event in script})
        rows.append(
            {
                "clip_id": clip,
                "split": split,
                "source_file": clip,
                "duration_s": demo.CLIP_S,
                "labels": labels,
            }
        )
        events += [(clip, split, event.onset_s, event.offset_s, event.label) for event in script]
    return pd.DataFrame(rows), pd.DataFrame(events, columns=list(EVENT_COLUMNS))
