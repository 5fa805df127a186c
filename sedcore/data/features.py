"""Kinds of features: mel power, log-mel, MFCC, and the report's own MFCC, as whole-array transforms.

`FEATURE_KINDS` is the one table of them: what is stored, listed, named or offered follows from it. Arrays are
``(..., frames, bands)``, as in `sedcore.data.mel`.
"""

from __future__ import annotations

import dataclasses
import functools
import mmap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sedcore.data.mel import FeatureParams, mel_power
from sedcore.errors import SedcoreError
from sedcore.naming import nearest

_POWER_FLOOR = 1e-10  # librosa.power_to_db's default: -100 dB


def log_mel(mel: np.ndarray) -> np.ndarray:
    """Return mel power (..., frames, bands) in dB, float16; everything below 1e-10 is -100 dB."""
    return (10.0 * np.log10(np.maximum(mel, np.float32(_POWER_FLOOR)))).astype(np.float16)


@functools.lru_cache(maxsize=8)
def _dct_matrix(bands: int, n_mfcc: int) -> np.ndarray:
    """Orthonormal DCT-II as a matrix (bands, n_mfcc): one product is faster than the transform here."""
    import scipy.fft

    return scipy.fft.dct(np.eye(bands), axis=-1, type=2, norm="ortho")[:, :n_mfcc].astype(np.float32)


def mfcc(log_power: np.ndarray, n_mfcc: int = 20) -> np.ndarray:
    """Return MFCC (..., frames, n_mfcc) float32 of log-mel (..., frames, bands) in dB.

    Equal to ``librosa.feature.mfcc(S=log_power.T, n_mfcc=n_mfcc).T``.
    """
    return np.asarray(log_power, dtype=np.float32) @ _dct_matrix(log_power.shape[-1], n_mfcc)


def mfcc_report(mel: np.ndarray, n_mfcc: int = 20) -> np.ndarray:
    """Return the report's MFCC (..., frames, n_mfcc) float32: DCT of linear mel, each clip scaled by itself.

    The deviation is over all values of a clip; where it is 0 it becomes 1e-25, as in the report.
    """
    raw = np.asarray(mel, dtype=np.float64) @ _dct_matrix(mel.shape[-1], n_mfcc).astype(np.float64)
    mean = raw.mean(axis=(-2, -1), keepdims=True)
    deviation = raw.std(axis=(-2, -1), keepdims=True)
    return ((raw - mean) / np.where(deviation == 0, 1e-25, deviation)).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class FeatureKind:
    """A kind of features.

    Attributes
    ----------
    name : what `--features` takes; files are called so.
    title : name for people.
    dtype : in which it is stored.
    sources : the kinds that it can be computed from, best first, each with the function that does so: of an array
        (..., frames, bands) of that kind and the number of bands wanted.
    scale : what its values are, "power" or "dB" of mel bands; "" where they are coefficients, whose number is `n_mfcc`.
    normalised : whether training scales its bands by the training split.
    """

    name: str
    title: str
    dtype: type[np.floating]
    sources: Mapping[str, Callable[[np.ndarray, int], np.ndarray]]
    scale: str = ""
    normalised: bool = True


FEATURE_KINDS: dict[str, FeatureKind] = {
    kind.name: kind
    for kind in (
        # float16 would lose the small values of power
        FeatureKind("mel", "mel power", np.float32, {}, scale="power"),
        # steps of 0.03 dB at -32 to -64 dB, 0.06 dB below; kept rounded, so mel cannot be had back
        FeatureKind("logmel", "log-mel", np.float16, {"mel": lambda mel, _: log_mel(mel)}, scale="dB"),
        # of the rounded log-mel, so that it is the same whether derived at once or later from the store
        FeatureKind(
            "mfcc", "MFCC", np.float32, {"mel": lambda mel, n: mfcc(log_mel(mel), n), "logmel": mfcc}
        ),
        # scaled clip by clip; scaled again it would no longer be the report's input
        FeatureKind(
            "mfcc_report", "MFCC as in the report", np.float32, {"mel": mfcc_report}, normalised=False
        ),
    )
}


def check_kinds(kinds: Any) -> tuple[str, ...]:
    """Return `kinds` as a tuple without repeats; SedcoreError for an unknown one or none at all."""
    kinds = tuple(dict.fromkeys([kinds] if isinstance(kinds, str) else kinds))
    for kind in kinds:
        if kind not in FEATURE_KINDS:
            near = nearest(str(kind), FEATURE_KINDS)
            hint = f"; did you mean {near!r}?" if near else ""
            raise SedcoreError(f"unknown feature {kind!r}; there are {', '.join(FEATURE_KINDS)}{hint}")
    if not kinds:
        raise SedcoreError(f"no features were asked for; give one or more of {', '.join(FEATURE_KINDS)}")
    return kinds


def feature_title(kind: str) -> str:
    """Return what people call a kind of features; its own name where this version does not know it."""
    return FEATURE_KINDS[kind].title if kind in FEATURE_KINDS else kind


def derivable(built: Sequence[str]) -> list[str]:
    """Return the kinds that could be computed from those that are built."""
    return [
        name for name, kind in FEATURE_KINDS.items() if name not in built and set(kind.sources) & set(built)
    ]


def bands_of(kind: str, params: FeatureParams) -> int:
    """Length of the last axis of `kind`."""
    if FEATURE_KINDS[kind].scale:
        return params.bands
    if params.n_mfcc > params.bands:
        raise SedcoreError(f"{params.n_mfcc} MFCC cannot be made of {params.bands} mel bands; ask for fewer")
    return params.n_mfcc


def convert(features: np.ndarray, source: str, kind: str, params: FeatureParams) -> np.ndarray:
    """Return `kind` (..., frames, its bands), in its stored type, of features (..., frames, bands) of `source`."""
    if source == kind:
        return np.asarray(features, dtype=FEATURE_KINDS[kind].dtype)
    return FEATURE_KINDS[kind].sources[source](features, bands_of(kind, params))


def clip_features(
    samples_or_mel: np.ndarray,
    kind: str,
    params: FeatureParams | Mapping[str, Any],
    basis: np.ndarray | None = None,
) -> np.ndarray:
    """Return the features (frames, bands) of one window, the same to the bit as an import stores them.

    Parameters
    ----------
    samples_or_mel
        Mono samples (n,) at ``params.sample_rate_hz``, at most one window long; or mel power (frames, bands).
    kind
        One of `FEATURE_KINDS`.
    params
        A `FeatureParams`, or the dict stored under ``"params"`` in a feature's .json.
    """
    check_kinds(kind)
    params = params if isinstance(params, FeatureParams) else FeatureParams.from_json(params)
    given = np.asarray(samples_or_mel)
    mel = given if given.ndim == 2 else mel_power(given, params, basis)
    return convert(mel, "mel", kind, params)


def give_back(array: np.ndarray) -> None:
    """Return the pages of a memory-mapped array to the kernel, which counts them as this process's own."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def band_statistics(
    features: np.ndarray, rows: np.ndarray, chunk_bytes: int = 32_000_000
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation (bands,) float64 over `rows` and all frames of (rows, frames, bands).

    Reads a memory-mapped array in chunks. A band that never changes gets the deviation 1, so that dividing by
    it leaves zeros instead of noise blown up.
    """
    bands = features.shape[-1]
    if not len(rows):
        return np.zeros(bands), np.ones(bands)
    step = max(1, chunk_bytes // (8 * features.shape[1] * bands))
    count, mean, squares = 0, np.zeros(bands), np.zeros(bands)
    for start in range(0, len(rows), step):
        part = np.asarray(features[rows[start : start + step]], dtype=np.float64).reshape(-1, bands)
        part_mean = part.mean(axis=0)
        shift, total = part_mean - mean, count + len(part)
        # the pairwise update of Chan, Golub and LeVeque (1979): sums of squares alone would cancel
        squares += ((part - part_mean) ** 2).sum(axis=0) + shift**2 * (count * len(part) / total)
        mean, count = mean + shift * (len(part) / total), total
        give_back(features)
    deviation = np.sqrt(squares / count)
    return mean, np.where(deviation < 1e-6, 1.0, deviation)
