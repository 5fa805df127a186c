"""What a training batch goes through before it is learned: mixing, masks, filters. NumPy alone, repeatable by its seed.

All of it works on normalised features (batch, frames, bands), where 0 is a band's mean over the training split.
"""

from __future__ import annotations

import numpy as np

MASKS = 2  # of time, and as many of frequency, a clip
WIDEST_TIME, WIDEST_BANDS = 0.1, 0.125  # of a mask, as a share of the clip's frames and bands
MOST_DB = 6.0  # by which a filter raises or lowers a band
FEWEST_EDGES, MOST_EDGES = 3, 6  # of a filter


def mixed(
    x: np.ndarray, targets: list[np.ndarray], alpha: float, rng: np.random.Generator
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Mix each clip with another of its batch, features and labels by the same share.

    alpha : of the Beta distribution of the shares; small values leave most clips nearly as they are.
    targets : arrays (batch, ...) of labels in 0..1.

    Zhang et al. 2018, "mixup: Beyond empirical risk minimization" (arXiv:1710.09412).
    """
    share = rng.beta(alpha, alpha, len(x)).astype(np.float32)
    share, others = np.maximum(share, 1 - share), rng.permutation(len(x))

    def mix(values: np.ndarray) -> np.ndarray:
        made = np.empty_like(values)
        for place, (other, part) in enumerate(zip(others, share)):  # in the processor's cache, one by one
            np.multiply(values[place], part, out=made[place])
            made[place] += values[other] * (1 - part)
        return made

    return mix(x), [mix(values) for values in targets]


def smoothed(labels: np.ndarray, share: float) -> np.ndarray:
    """Return labels in 0..1 moved towards one half: y * (1 - share) + share / 2.

    Szegedy et al. 2016 (10.1109/CVPR.2016.308); for labels that do not exclude each other as Keras' BinaryCrossentropy.
    """
    return labels * np.float32(1 - share) + np.float32(share / 2)


def mask(x: np.ndarray, rng: np.random.Generator) -> None:
    """Put out some stretches of time and of frequency of each clip, in place.

    Park et al. 2019, "SpecAugment" (10.21437/Interspeech.2019-2680), without its warping of time.
    """
    _, frames, bands = x.shape
    for clip in x:
        for _ in range(MASKS):
            clip[_stretch(frames, WIDEST_TIME, rng)] = 0
            clip[:, _stretch(bands, WIDEST_BANDS, rng)] = 0


def _stretch(length: int, widest: float, rng: np.random.Generator) -> slice:
    width = int(rng.integers(0, int(widest * length) + 1))
    start = int(rng.integers(0, length - width + 1))
    return slice(start, start + width)


def shift(x: np.ndarray, most: int, rng: np.random.Generator) -> None:
    """Move each clip up or down by some bands, at most so many, in place: another voice, another machine.

    What moves in at the edge is the edge's own band. Nearly what a change of pitch does to mel bands, which Salamon and
    Bello 2017 (10.1109/LSP.2017.2657381) found to help most of what they tried; theirs works on audio.
    """
    for clip, bands in zip(x, rng.integers(-most, most + 1, len(x))):
        if bands > 0:
            clip[:, bands:] = clip[:, :-bands].copy()
            clip[:, :bands] = clip[:, bands : bands + 1]
        elif bands < 0:
            clip[:, :bands] = clip[:, -bands:].copy()
            clip[:, bands:] = clip[:, bands - 1 : bands]


def filtered(x: np.ndarray, db: np.ndarray, rng: np.random.Generator) -> None:
    """Raise and lower the bands of each clip along a random line, in place: another microphone, another room.

    db : (bands,) what one decibel is in each normalised band (1 / its deviation in dB).

    Nam, Kim, Park 2022, "FilterAugment" (10.1109/ICASSP43922.2022.9747680), the linear kind.
    """
    bands = x.shape[2]
    for clip in x:
        edges = int(rng.integers(FEWEST_EDGES, MOST_EDGES + 1))
        inner = np.sort(rng.uniform(0, bands - 1, edges - 2))
        gains = rng.uniform(-MOST_DB, MOST_DB, edges)
        clip += (np.interp(np.arange(bands), [0, *inner, bands - 1], gains) * db).astype(np.float32)
