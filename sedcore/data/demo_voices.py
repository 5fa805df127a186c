"""Speech, cats and dogs of the demo set: a source filtered by moving formants. Makers as in `demo_sounds`.

Sources of constants: vowel formants: Peterson & Barney 1952; formant bandwidths and the cascade: Klatt 1980; barks:
Yin & McCowan 2004; meows: Schoetz 2013.
"""

import numpy as np

from sedcore.data.demo_tools import (
    RATE,
    Play,
    bump,
    curve,
    fade,
    formants,
    frames_of,
    log_uniform,
    moving_filter,
    noise,
    place,
    tone,
    unit,
    wander,
)

# F1, F2, F3 in Hz of i, I, e, ae, a, o, U, u, A, er (men; Peterson & Barney 1952, table II)
VOWELS = np.array(
    [
        [270, 2290, 3010],
        [390, 1990, 2550],
        [530, 1840, 2480],
        [660, 1720, 2410],
        [730, 1090, 2440],
        [570, 840, 2410],
        [440, 1020, 2240],
        [300, 870, 2240],
        [640, 1190, 2390],
        [490, 1350, 1690],
    ]
)


def _voice(f0, harmonics, voiced, breath, centres, widths, tilt, rng) -> np.ndarray:
    """f0, voiced, breath (n,): pitch in Hz and the two sources' levels; centres (frames, formants)."""
    source = tone(f0, harmonics, rng, pulses=True) * voiced
    source = source + rng.standard_normal(len(f0), dtype=np.float32) * breath
    return moving_filter(source, formants(centres, widths, tilt))


def speech(rng) -> Play:
    """Syllables, three to five a second: vowels that glide, fricatives and stops between them."""
    pitch = log_uniform(rng, 85, 280)
    tract = 1 + 0.3 * (np.log2(pitch / 120) / 1.2) * rng.uniform(0.4, 1) + rng.normal(0, 0.05)
    rate_hz, breathy, lively = rng.uniform(3, 5.5), rng.uniform(0.02, 0.25), rng.uniform(0.03, 0.15)
    harmonics = np.arange(1, 91) ** -rng.uniform(0.9, 1.7)
    fricative_hz = rng.uniform(2500, 6000)

    def play(n, rng):
        count = max(1, round(n / RATE * rate_hz * rng.uniform(0.9, 1.1)))
        frames = frames_of(n)
        knots = (np.arange(2 * count) + 0.5) / (2 * count)  # every syllable: its consonant, then its vowel
        vowels = (
            VOWELS[rng.integers(0, len(VOWELS), 2 * count)]
            * tract
            * np.exp(rng.normal(0, 0.06, (2 * count, 3)))
        )
        centres = np.stack(
            [curve(frames, v, knots) for v in vowels.T] + [np.full(frames, 3500 * tract)], axis=1
        )
        levels = rng.uniform(0.5, 1, 2 * count)
        levels[::2] *= rng.choice([0.03, 0.3, 0.6], count)
        noisy = np.full(2 * count, breathy)
        noisy[::2] = rng.choice([0.0, 0.1, 1.2], count, p=[0.3, 0.3, 0.4])
        accents = np.exp(rng.normal(0, lively, 2 * count)) * np.linspace(1.08, 0.9, 2 * count)
        sound = _voice(
            pitch * curve(n, accents, knots),
            harmonics,
            curve(n, levels, knots),
            breathy * curve(n, levels, knots),
            centres,
            (70, 90, 130, 200),
            -2,
            rng,
        )
        hush = noise(n, rng, lambda f: bump(f, fricative_hz, 0.45)) * np.maximum(
            curve(n, noisy, knots) - breathy, 0
        )
        return unit(sound) + 0.5 * hush

    return play


def cat(rng) -> Play:
    """Meows: a pitch that rises and falls while the mouth opens and closes; sometimes drawn out, sometimes hoarse."""
    pitch = log_uniform(rng, 380, 950)
    shut, wide = rng.uniform(0.7, 1.0), rng.uniform(1.4, 2.2)
    low, high, hoarse = rng.uniform(700, 1100), rng.uniform(1900, 3200), rng.uniform(0.02, 0.35)
    harmonics, rise = np.arange(1, 25) ** -rng.uniform(0.5, 1.4), rng.uniform(0.15, 0.45)

    def play(n, rng):
        peak = rng.uniform(0.2, 0.6)
        f0 = pitch * curve(n, [1 - rise, 1, 1 - rise * rng.uniform(0.3, 1.5)], [0, peak, 1])
        f0 = np.maximum(f0 * (1 + wander(n, rng, 25, -0.02, 0.02)), 120)
        open_ = curve(frames_of(n), [shut, wide, shut], [0, min(peak + 0.15, 0.9), 1])
        centres = np.stack([low * open_, high * open_**0.3, 4200 * open_**0.1], axis=1)
        level = curve(n, [0, 1, rng.uniform(0.5, 0.9), 0], [0, 0.15, 0.7, 1])
        return _voice(f0, harmonics, level, hoarse * level * 0.5, centres, (150, 220, 350), -1, rng)

    return play


def dog(rng) -> Play:
    """Barks in bursts, rough and short; some dogs whine or howl."""
    pitch, whines = log_uniform(rng, 180, 700), rng.random() < 0.2
    low, high, rough = rng.uniform(450, 1000), rng.uniform(1200, 2400), rng.uniform(0.5, 1.5)
    bark_s, gap_s = log_uniform(rng, 0.1, 0.35), log_uniform(rng, 0.1, 0.6)
    harmonics = np.arange(1, 41) ** -rng.uniform(0.4, 1.5)

    def bark(n, rng):
        f0 = pitch * curve(n, [0.75, 1.1, 0.7], [0, 0.3, 1]) * (1 + wander(n, rng, 60, -0.08, 0.08))
        jaw = curve(frames_of(n), [0.7, 1.2, 0.8])
        level = curve(n, [0, 1, 0.6, 0], [0, 0.12, 0.6, 1])
        centres = np.stack([low * jaw, high * jaw**0.5, 3300 * jaw**0.2], axis=1)
        return _voice(np.maximum(f0, 90), harmonics, level, rough * level, centres, (140, 200, 300), -2, rng)

    def whine(n, rng):
        f0 = pitch * rng.uniform(1, 1.5) * curve(n, rng.uniform(0.8, 1.25, 4))
        centres = np.tile([low * 1.1, high, 3300.0], (frames_of(n), 1)).astype(np.float32)
        level = curve(n, [0, 1, 0.8, 0], [0, 0.2, 0.8, 1])
        return _voice(
            np.maximum(f0, 90), harmonics[:12], level, 0.1 * rough * level, centres, (140, 200, 300), -3, rng
        )

    def play(n, rng):
        if whines and n > 0.4 * RATE:
            return whine(n, rng)
        out, start = np.zeros(n, dtype=np.float32), 0
        while start == 0 or n - start > 0.08 * RATE:
            length = min(n - start, int(bark_s * rng.uniform(0.8, 1.25) * RATE))
            place(out, start, fade(bark(length, rng), 0.005) * rng.uniform(0.6, 1))
            start += length + int(gap_s * rng.uniform(0.7, 1.4) * RATE)
        return out

    return play
