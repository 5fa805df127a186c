"""Features of clips: mel power, log-mel, MFCC, and the report's own MFCC, as whole-array transforms.

Arrays are ``(..., frames, bands)``: time first, so that a clip is ``(frames, bands)`` and a store
``(rows, frames, bands)``. A frame is centred on ``index * hop_s`` (librosa's ``center=True``, zeros beyond
the ends) and the last of librosa's frames is cut: 10 s at a 10 ms hop are 1000 frames.

Kinds, and how exactly they are kept:

- ``mel``: mel power, float32 (float16 would lose its small values);
- ``logmel``: ``10 log10(max(mel, 1e-10))`` dB, float16: steps of 0.03 dB at -32 to -64 dB, 0.06 dB below;
- ``mfcc``: the first `n_mfcc` of the orthonormal DCT-II over the bands of log-mel, float32, computed from the
  rounded log-mel, so that it is the same whether derived at once or later from the store;
- ``mfcc_report``: the same DCT over *linear* mel, each clip scaled by its own mean and deviation.
  That is what the published report did (`librosa.feature.mfcc(S=...)` expects log power); for comparison.

librosa is imported only where the mel filters are made, scipy.fft where a transform is: pages read this module too.
"""

from __future__ import annotations

import dataclasses
import functools
import mmap
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.naming import nearest

KINDS = ("mel", "logmel", "mfcc", "mfcc_report")
DTYPES = {"mel": np.float32, "logmel": np.float16, "mfcc": np.float32, "mfcc_report": np.float32}
# mfcc_report is already scaled clip by clip; scaling it again would no longer be the report's input.
NORMALISED = {"mel": True, "logmel": True, "mfcc": True, "mfcc_report": False}
# What each kind can be computed from, best first (log-mel is kept rounded, so mel cannot be had back).
DERIVED_FROM = {"mel": (), "logmel": ("mel",), "mfcc": ("mel", "logmel"), "mfcc_report": ("mel",)}

_POWER_FLOOR = 1e-10  # librosa.power_to_db's default: -100 dB
_FRAMES_AT_ONCE = 128  # 128 frames of 1024 floats stay in the cache: twice as fast as all 1000 at once


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureParams:
    """How features were computed; stored beside them, and enough to compute them again for a new clip.

    `folded_from` is the number of mel bands whose neighbours were summed to `bands`; None where nothing was folded.
    """

    sample_rate_hz: int = 16000
    n_fft: int = 1024
    hop_s: float = 0.01
    bands: int = 64
    clip_s: float = 10.0
    n_mfcc: int = 20
    folded_from: int | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None and field.name == "folded_from":
                continue
            number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            if not number or not 0 < value < np.inf:
                raise SedcoreError(f"{field.name} = {value!r}: give a number above 0")
        for name in ("sample_rate_hz", "n_fft", "bands", "n_mfcc", "folded_from"):
            value = getattr(self, name)
            if value is not None and value != int(value):
                raise SedcoreError(f"{name} = {value!r}: give a whole number")
        if self.folded_from is not None and self.folded_from % self.bands:
            raise SedcoreError(f"folded_from = {self.folded_from}: give a multiple of the {self.bands} bands")
        if self.hop_s > self.clip_s:
            raise SedcoreError(f"hop_s = {self.hop_s:g} is longer than a clip of {self.clip_s:g} s")

    @property
    def frames(self) -> int:
        """Frames of a clip (of a window, where a clip is longer than `clip_s`)."""
        return int(round(self.clip_s / self.hop_s))

    @property
    def clip_samples(self) -> int:
        return int(round(self.clip_s * self.sample_rate_hz))

    @property
    def hop_samples(self) -> int:
        """Samples between frames; SedcoreError where the hop is not a whole number of samples."""
        exact = self.hop_s * self.sample_rate_hz
        if abs(exact - round(exact)) > 1e-6 * exact or round(exact) < 1:
            near = max(round(exact), 1) / self.sample_rate_hz
            raise SedcoreError(
                f"a hop of {self.hop_s:g} s is {exact:g} samples at {self.sample_rate_hz} Hz; choose one "
                f"that is a whole number of samples (the nearest is {near:.8g} s) or another sample rate"
            )
        return int(round(exact))

    def to_json(self) -> dict[str, Any]:
        """Return the settings by name, `folded_from` only where bands were folded: most features know nothing of it."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, obj: Mapping[str, Any]) -> FeatureParams:
        """Read back `to_json`; an unknown key is an error that names the nearest known one."""
        known = [field.name for field in dataclasses.fields(cls)]
        for key in obj:
            if key not in known:
                near = nearest(key, known)
                hint = f"; did you mean {near!r}?" if near else f"; known are {', '.join(known)}"
                raise SedcoreError(f"unknown feature setting {key!r}{hint}")
        return cls(**obj)


def check_kinds(kinds: Any) -> tuple[str, ...]:
    """Return `kinds` as a tuple without repeats; SedcoreError for an unknown one or none at all."""
    kinds = tuple(dict.fromkeys([kinds] if isinstance(kinds, str) else kinds))
    for kind in kinds:
        if kind not in KINDS:
            near = nearest(str(kind), KINDS)
            hint = f"; did you mean {near!r}?" if near else ""
            raise SedcoreError(f"unknown feature {kind!r}; there are {', '.join(KINDS)}{hint}")
    if not kinds:
        raise SedcoreError(f"no features were asked for; give one or more of {', '.join(KINDS)}")
    return kinds


def bands_of(kind: str, params: FeatureParams) -> int:
    """Length of the last axis of `kind`."""
    if kind not in ("mfcc", "mfcc_report"):
        return params.bands
    if params.n_mfcc > params.bands:
        raise SedcoreError(f"{params.n_mfcc} MFCC cannot be made of {params.bands} mel bands; ask for fewer")
    return params.n_mfcc


@functools.lru_cache(maxsize=8)
def mel_basis(sample_rate_hz: int, n_fft: int, bands: int) -> np.ndarray:
    """Mel filters (1 + n_fft / 2, bands) float32: Slaney's scale and normalisation, as librosa's default."""
    import librosa

    with warnings.catch_warnings():
        # bands narrower than an FFT bin are empty; `empty_bands` lets the import say so in its own words
        warnings.simplefilter("ignore", UserWarning)
        basis = librosa.filters.mel(sr=sample_rate_hz, n_fft=n_fft, n_mels=bands)
    return np.ascontiguousarray(basis.T, dtype=np.float32)


def basis_of(params: FeatureParams) -> np.ndarray:
    """Mel filters (1 + n_fft / 2, bands) float32 of these settings.

    To fold bands is to sum them, and power is linear in its filters: folded features have the sums of their filters,
    which differ from the filters of a bank that has so few bands from the start.
    """
    basis = mel_basis(params.sample_rate_hz, params.n_fft, params.folded_from or params.bands)
    if params.folded_from is None:
        return basis
    return np.ascontiguousarray(basis.reshape(len(basis), params.bands, -1).sum(axis=2))


def empty_bands(basis: np.ndarray) -> int:
    """Number of mel bands that no FFT bin falls into (they are always silent)."""
    return int((basis.max(axis=0) == 0).sum())


@functools.lru_cache(maxsize=8)
def _hann(n_fft: int) -> np.ndarray:
    """Periodic Hann window (n_fft,) float32, as librosa.stft uses."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)


def split_windows(samples: np.ndarray, params: FeatureParams, rows: int | None = None) -> np.ndarray:
    """Cut samples (n,) into consecutive windows (rows, clip_samples), the last padded with zeros.

    `rows` defaults to `window_count`.
    """
    width = params.clip_samples
    rows = window_count(len(samples) / params.sample_rate_hz, params) if rows is None else rows
    out = np.zeros(rows * width, dtype=np.float32)
    kept = samples[: rows * width]
    out[: len(kept)] = kept
    return out.reshape(rows, width)


def window_count(duration_s: float, params: FeatureParams) -> int:
    """Windows of `clip_s` that a clip fills, at least one.

    A remainder below a hundredth of a window is dropped: lossy codecs and cut scripts leave clips a few
    milliseconds too long, and a window of almost only padding would be scored like a whole clip.
    """
    return max(1, int(np.ceil(duration_s / params.clip_s - 0.01)))


def mel_power(samples: np.ndarray, params: FeatureParams, basis: np.ndarray | None = None) -> np.ndarray:
    """Return mel power (frames, bands) float32 of one window of samples (n,), padded with zeros to `clip_s`.

    Equal to ``librosa.feature.melspectrogram(y=samples, ...)[:, :frames].T`` within float32 rounding, where bands
    were folded to its sums over neighbouring bands.
    """
    import scipy.fft

    samples = np.asarray(samples, dtype=np.float32)
    if samples.ndim != 1 or len(samples) > params.clip_samples:
        raise SedcoreError(
            f"samples of shape {samples.shape} were given where one mono window of up to "
            f"{params.clip_samples} samples is wanted; cut longer clips with split_windows"
        )
    basis = basis_of(params) if basis is None else basis
    hop, frames, n_fft = params.hop_samples, params.frames, params.n_fft
    padded = np.zeros(max((frames - 1) * hop, params.clip_samples) + n_fft, dtype=np.float32)
    padded[n_fft // 2 : n_fft // 2 + len(samples)] = samples
    framed = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop][:frames]
    window, out = _hann(n_fft), np.empty((frames, basis.shape[1]), dtype=np.float32)
    for start in range(0, frames, _FRAMES_AT_ONCE):
        part = slice(start, start + _FRAMES_AT_ONCE)
        spectrum = scipy.fft.rfft(framed[part] * window, axis=-1, overwrite_x=True)
        pairs = spectrum.view(np.float32)  # real and imaginary parts in turn
        pairs *= pairs
        out[part] = (pairs[:, 0::2] + pairs[:, 1::2]) @ basis
    return out


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


def from_mel(mel: np.ndarray, kind: str, params: FeatureParams) -> np.ndarray:
    """Return `kind` (..., frames, its bands), in its stored type, of mel power (..., frames, bands)."""
    if kind == "mel":
        return np.asarray(mel, dtype=np.float32)
    if kind == "mfcc_report":
        return mfcc_report(mel, bands_of(kind, params))
    logarithm = log_mel(mel)
    return logarithm if kind == "logmel" else mfcc(logarithm, bands_of(kind, params))


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
        One of `KINDS`.
    params
        A `FeatureParams`, or the dict stored under ``"params"`` in a feature's .json.
    """
    check_kinds(kind)
    params = params if isinstance(params, FeatureParams) else FeatureParams.from_json(params)
    given = np.asarray(samples_or_mel)
    mel = given if given.ndim == 2 else mel_power(given, params, basis)
    return from_mel(mel, kind, params)


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
