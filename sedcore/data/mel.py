"""From samples to mel power, and the settings that say how; the same as librosa's, a few frames at a time.

Arrays are ``(..., frames, bands)``: time first, so that a clip is ``(frames, bands)`` and a store
``(rows, frames, bands)``. A frame is centred on ``index * hop_s`` (librosa's ``center=True``, zeros beyond
the ends) and the last of librosa's frames is cut: 10 s at a 10 ms hop are 1000 frames.

librosa is imported only where the mel filters are made, scipy.fft where a transform is: pages read this module too.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from sedcore.errors import SedcoreError
from sedcore.naming import nearest

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
