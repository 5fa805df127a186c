"""A tiny data set that a model can learn in seconds."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

CLASSES = ("Alarm", "Dog", "Speech")
FRAMES, BANDS = 40, 8


def mel_of(item: tuple[int, tuple[int, ...], int]) -> tuple[np.ndarray, str]:
    """Make mel power (frames, bands): noise, and a loud pair of bands for each class that sounds."""
    seed, sounding, frames = item
    mel = np.random.default_rng(seed).uniform(0.5, 1.5, (frames, BANDS)).astype(np.float32)
    for column in sounding:
        mel[5:30, 2 * column : 2 * column + 2] *= 100
    return mel, hashlib.sha256(mel.tobytes()).hexdigest()


def make_dataset(root: Path, name: str = "tiny", clips: dict[str, int] | None = None, features=("logmel",)):
    """Write a data set of random labels whose classes are easy to hear; seeds differ by split."""
    from sedcore.data.mel import FeatureParams
    from sedcore.data.writing import write_dataset

    rows, items = [], []
    for split, number in (clips or {"train": 48, "validation": 24, "test": 24}).items():
        for i in range(number):
            seed = 1000 * len(split) + i
            sounding = tuple(np.flatnonzero(np.random.default_rng(seed + 7).random(len(CLASSES)) < 0.4))
            labels = [CLASSES[c] for c in sounding]
            rows.append(
                {
                    "clip_id": f"{split}_{i:03d}.npy",
                    "split": split,
                    "source_file": f"{split}_{i:03d}.npy",
                    "duration_s": FRAMES * 0.01,
                    "labels": labels,
                }
            )
            items.append((seed, sounding, FRAMES))
    return write_dataset(
        root,
        name,
        classes=CLASSES,
        clips=pd.DataFrame(rows),
        load=mel_of,
        items=items,
        params=FeatureParams(clip_s=FRAMES * 0.01, bands=BANDS),
        features=features,
        labels="weak",
        from_audio=False,
        workers=1,  # processes to read 96 tiny arrays would cost more than they save
    )
