"""Small data sets for tests, written as every data set is; all but the demo one from mel power alone, without audio.

`python tests/support/small_sets.py FOLDER [CLIPS]` writes one there.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from sedcore.data import demo_build
from sedcore.data.checks import Problem
from sedcore.data.mel import FeatureParams
from sedcore.data.store import DataSet
from sedcore.data.writing import write_dataset

CLASSES = ("Alarm_bell_ringing", "Cat", "Dishes", "Frying", "Speech")
SHARES = (0.2, 0.25, 0.3, 0.2, 0.5)
LENGTHS_S = (1.2, 0.6, 0.3, 9.0, 1.5)


def plan(clips: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return clips and events: 60 % train, 20 % validation, 20 % test."""
    rng = np.random.default_rng(seed)
    rows, events = [], []
    for i in range(clips):
        split = "train" if i < 0.6 * clips else "validation" if i < 0.8 * clips else "test"
        here = [c for c, share in enumerate(SHARES) if rng.random() < share]
        name = f"{split}_{i:04d}.wav"
        for c in here:
            for _ in range(1 if LENGTHS_S[c] > 2 else rng.integers(1, 4)):
                length = float(np.clip(LENGTHS_S[c] * np.exp(rng.normal(0, 0.4)), 0.1, 9.9))
                onset = float(rng.uniform(0, 10 - length))
                events.append((name, split, round(onset, 3), round(onset + length, 3), CLASSES[c]))
        labels = [CLASSES[c] for c in here]
        rows.append((name, split, f"audio/{name}", 10.0, labels))
    return (
        pd.DataFrame(rows, columns=["clip_id", "split", "source_file", "duration_s", "labels"]),
        pd.DataFrame(events, columns=["clip_id", "split", "onset_s", "offset_s", "label"]),
    )


def load(item: tuple[int, list], params: FeatureParams) -> tuple[np.ndarray, str]:
    """Return a clip's mel power (frames, bands): noise, and a band a class where it sounds."""
    index, events = item
    rng = np.random.default_rng(index)
    mel = rng.exponential(1e-3, (params.frames, params.bands)).astype(np.float32)
    for onset, offset, label in events:
        c = CLASSES.index(label)
        low = 4 + c * (params.bands - 8) // len(CLASSES)
        mel[int(onset / params.hop_s) : int(offset / params.hop_s), low : low + 5] += 0.3
    return mel, f"clip {index}"


def small_set(
    root: Path,
    name: str = "small",
    *,
    clips: int = 50,
    features: tuple[str, ...] = ("logmel",),
    strong: bool = True,
    problems: tuple[Problem, ...] = (),
    hop_s: float = 0.05,
) -> DataSet:
    """Write a data set of five classes; a hop of 50 ms (200 frames) keeps it quick to train on."""
    table, events = plan(clips)
    params = FeatureParams(hop_s=hop_s)
    of_clip = {
        clip: list(zip(e["onset_s"], e["offset_s"], e["label"])) for clip, e in events.groupby("clip_id")
    }
    return write_dataset(
        root,
        name,
        classes=CLASSES,
        clips=table,
        load=functools.partial(load, params=params),
        items=[(i, of_clip.get(clip, [])) for i, clip in enumerate(table["clip_id"])],
        params=params,
        features=features,
        events=events if strong else None,
        labels="strong" if strong else "weak",
        source={"kind": "audio", "train": "audio/"},
        licence_note="Made from numbers; free of rights.",
        problems=problems,
        from_audio=False,
        workers=1,
    )


def small_demo(root: Path, name: str, clips: int) -> DataSet:
    """Write a demo set in frames of 0.1 s: a tenth of the usual to train on and to store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_build, "FeatureParams", functools.partial(FeatureParams, hop_s=0.1))
        return demo_build.build_demo(root, name, clips=clips, workers=1)


if __name__ == "__main__":
    small_set(Path(sys.argv[1]), clips=int(sys.argv[2]) if len(sys.argv) > 2 else 50)
