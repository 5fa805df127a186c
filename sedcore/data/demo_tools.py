"""Building blocks of the demo sounds: noises, periodic sources, moving formants, damped modes, rooms.

Signals are float32 arrays (samples,) at `RATE`; frequencies are in Hz, times in samples unless named `_s`.
All randomness comes from the generator that is passed in, so a clip is a function of its seed.
"""

from collections.abc import Callable

import numpy as np
from scipy import fft

Play = Callable[[int, np.random.Generator], np.ndarray]

RATE = 16000
HOP, WINDOW = 128, 512  # of the moving filter: 8 ms follow a formant, 32 ms hold two periods of a low voice
_TABLE = 8192
_FREQUENCIES = np.fft.rfftfreq(WINDOW, 1 / RATE).astype(np.float32)
_HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)


def log_uniform(rng, low: float, high: float, size=None):
    """A random number, or an array of `size`, log-uniform between `low` and `high`."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def curve(n: int, points, at=None) -> np.ndarray:
    """A piecewise linear curve (n,) through `points`, spaced evenly or at the fractions `at` of its length."""
    points = np.asarray(points, dtype=np.float64)
    at = np.linspace(0, 1, len(points)) if at is None else np.asarray(at)
    return np.interp(np.arange(n), at * max(n - 1, 1), points).astype(np.float32)


def wander(n: int, rng, rate_hz: float, low: float, high: float) -> np.ndarray:
    """A slow random curve (n,) between low and high with about `rate_hz` turns a second."""
    return curve(n, rng.uniform(low, high, max(2, int(np.ceil(n / RATE * rate_hz)) + 1)))


def bump(frequency, centre: float, octaves: float):
    """A bell over log frequency, 1 at `centre`, `octaves` wide (its standard deviation)."""
    return np.exp(-0.5 * (np.log2(np.maximum(frequency, 1.0) / centre) / octaves) ** 2)


def slope(frequency, decibels_per_octave: float):
    """A straight spectral tilt, 1 at 1 kHz and flat below 40 Hz."""
    return (np.maximum(frequency, 40.0) / 1000.0) ** (decibels_per_octave / 6.02)


def noise(n: int, rng, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Gaussian noise (n,) whose spectrum is gain(frequency), of unit power."""
    length = fft.next_fast_len(n, real=True)
    frequency = fft.rfftfreq(length, 1 / RATE).astype(np.float32)
    spectrum = rng.standard_normal((2, len(frequency)), dtype=np.float32)
    magnitude = np.asarray(gain(frequency), dtype=np.float32)
    return unit(fft.irfft((spectrum[0] + 1j * spectrum[1]) * magnitude, length)[:n])


def tone(f0: np.ndarray, weights, rng, pulses: bool = False) -> np.ndarray:
    """A periodic sound (n,) with pitch f0 (n,) in Hz and harmonics of the given weights, none above Nyquist.

    One period is tabulated and read at the running phase, which costs the same for any number of
    harmonics. `pulses` aligns the phases, as a glottis does; else they are random, as in a machine.
    """
    kept = np.asarray(weights)[: max(1, int(0.5 * RATE / float(f0.max())))]
    spectrum = np.zeros(_TABLE // 2 + 1, dtype=complex)
    spectrum[1 : len(kept) + 1] = kept * (1 if pulses else np.exp(2j * np.pi * rng.random(len(kept))))
    phase = np.cumsum(f0, dtype=np.float64) / RATE + rng.random()
    table = np.fft.irfft(spectrum).astype(np.float32)
    return unit(table[((phase % 1.0) * _TABLE).astype(np.intp) % _TABLE])


def frames_of(n: int) -> int:
    """Number of steps that the moving filter takes for n samples."""
    return int(np.ceil(n / HOP)) + WINDOW // HOP


def formants(centres: np.ndarray, bandwidths, decibels_per_octave: float = 0.0) -> np.ndarray:
    """Magnitude (frames, bins) of resonators in cascade (Klatt 1980); centres (frames, formants) in Hz."""
    response = np.broadcast_to(slope(_FREQUENCIES, decibels_per_octave), (len(centres), len(_FREQUENCIES)))
    for centre, width in zip(np.asarray(centres, dtype=np.float32).T, bandwidths):
        square = centre[:, None] ** 2
        response = response * square / np.sqrt((_FREQUENCIES**2 - square) ** 2 + (width * _FREQUENCIES) ** 2)
    return response


def moving_filter(source: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The source (n,) through a filter that changes every `HOP` samples; response (frames, bins)."""
    n, frames = len(source), len(response)
    padded = np.zeros((frames - 1) * HOP + WINDOW, dtype=np.float32)
    padded[WINDOW // 2 : WINDOW // 2 + n] = source
    pieces = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * _HANN
    pieces = fft.irfft(fft.rfft(pieces) * response.astype(np.float32), WINDOW)
    out = np.zeros((frames + WINDOW // HOP - 1, HOP), dtype=np.float32)
    for k in range(WINDOW // HOP):
        out[k : k + frames] += pieces[:, k * HOP : (k + 1) * HOP]
    return out.reshape(-1)[WINDOW // 2 : WINDOW // 2 + n]


def modes(n: int, frequencies, decays_s, weights, rng) -> np.ndarray:
    """A struck body (n,): damped sines, decays_s to 1/e. Modes above 7.8 kHz are left out."""
    frequencies, decays_s, weights = (
        np.asarray(x, dtype=np.float32) for x in (frequencies, decays_s, weights)
    )
    n = min(n, int(RATE * 5 * float(decays_s.max())) + 1)  # 43 dB down: the rest is not heard
    t = np.arange(n, dtype=np.float32)[:, None] / RATE
    phases = rng.uniform(0, 2 * np.pi, len(frequencies)).astype(np.float32)
    waves = np.sin(2 * np.pi * frequencies * t + phases) * np.exp(-t / decays_s)
    return waves @ (weights * (frequencies < 7800)).astype(np.float32)


def scatter(n: int, starts: np.ndarray, grains: np.ndarray) -> np.ndarray:
    """Sum of short grains (count, length), each added at its start (count,); cut at n."""
    places = starts[:, None] + np.arange(grains.shape[1])
    return np.bincount(places.ravel(), weights=grains.ravel(), minlength=n)[:n].astype(np.float32)


def place(out: np.ndarray, start: int, piece: np.ndarray) -> None:
    """Add a piece to `out` at `start`, cut where `out` ends."""
    stop = min(len(out), start + len(piece))
    if stop > start:
        out[start:stop] += piece[: stop - start]


def unit(signal: np.ndarray) -> np.ndarray:
    """The signal at mean square 1 (silence stays silence), float32."""
    power = float(np.mean(np.square(signal, dtype=np.float64))) if len(signal) else 0.0
    return (signal / np.sqrt(power + 1e-12)).astype(np.float32)


def loudness(signal: np.ndarray) -> float:
    """Root mean square of the louder half of 20 ms frames, so that gaps between strikes do not count."""
    step = RATE // 50
    if len(signal) < step:
        return float(np.sqrt(np.mean(np.square(signal)) + 1e-12))
    power = np.square(signal[: len(signal) // step * step].reshape(-1, step)).mean(axis=1)
    return float(np.sqrt(np.sort(power)[len(power) // 2 :].mean() + 1e-12))


def fade(signal: np.ndarray, seconds: float = 0.01) -> np.ndarray:
    """The signal with short ramps at both ends, against clicks that would give an event away."""
    k = min(int(seconds * RATE), len(signal) // 2)
    if k:
        ramp = np.linspace(0, 1, k, dtype=np.float32)
        signal[:k] *= ramp
        signal[-k:] *= ramp[::-1]
    return signal


def room(rng, decay_s: float, wet: float) -> np.ndarray:
    """An impulse response: the direct sound, then exponentially decaying noise (Moorer 1979).

    decay_s is the time to -60 dB; `wet` the reverberant energy relative to the direct sound's.
    """
    n = max(int(decay_s * RATE * 0.6), 64)  # to -36 dB: the rest is masked by the background
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / (decay_s * RATE))
    tail[: int(rng.uniform(0.002, 0.012) * RATE)] = 0
    response = tail * np.sqrt(wet / (np.sum(tail**2) + 1e-12))
    response[0] += 1
    return response.astype(np.float32)
