"""The ten sound classes of the demo set and their backgrounds, from code alone.

Every maker draws one instrument (this dog, this kitchen, this motor) from a generator and returns
`play(n, rng) -> (n,) float32`, which sounds it for n samples at 16 kHz; the level is the caller's affair.
Ranges are wide and overlap between classes (motors with motors, hisses with hisses, voices with voices,
dishes with bells) because a demo in which every model is right would show nothing.

Sources of constants: vowel formants: Peterson & Barney 1952; formant bandwidths and the cascade: Klatt 1980;
bell partials: Fletcher & Rossing, The Physics of Musical Instruments, 1998; bubbles: Minnaert 1933 and
van den Doel, Physically-based models for liquid sounds, 2005; barks: Yin & McCowan 2004; meows: Schoetz 2013.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import oaconvolve

from sedcore.data.demo_tools import (
    RATE,
    bump,
    curve,
    fade,
    formants,
    frames_of,
    modes,
    moving_filter,
    noise,
    place,
    scatter,
    slope,
    tone,
    unit,
    wander,
)

Play = Callable[[int, np.random.Generator], np.ndarray]

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
# Hum, prime, tierce, quint, nominal and what lies above it (Fletcher & Rossing 1998, ch. 21)
BELL_PARTIALS = np.array([0.5, 1.0, 1.2, 1.5, 2.0, 2.5, 2.67, 3.0, 4.0, 5.33])


def _log_uniform(rng, low: float, high: float, size=None):
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


# ---- bells and dishes: struck bodies


def alarm(rng) -> Play:
    """A bell that is hammered, a chime, an electronic beeper or a siren."""
    kind = rng.choice(["bell", "chime", "beeper", "siren"], p=[0.3, 0.2, 0.35, 0.15])
    return {"bell": _bell, "chime": _chime, "beeper": _beeper, "siren": _siren}[kind](rng)


def _bell_body(rng, low: float, high: float, decay_s: tuple[float, float]) -> np.ndarray:
    ratios = BELL_PARTIALS * np.exp(rng.normal(0, 0.04, len(BELL_PARTIALS)))
    decays = _log_uniform(rng, *decay_s) / ratios**0.5
    weights = rng.exponential(1.0, len(ratios)) * ratios ** rng.uniform(-1, 0.3)
    return modes(2 * RATE, _log_uniform(rng, low, high) * ratios, decays, weights, rng)


def _bell(rng) -> Play:
    body, rate_hz = _bell_body(rng, 500, 2500, (0.15, 0.7)), rng.uniform(8, 25)

    def play(n, rng):
        hammer = np.zeros(n, dtype=np.float32)
        times = np.cumsum(rng.normal(1, 0.06, int(n / RATE * rate_hz) + 2)) / rate_hz * RATE
        times = times[times < n].astype(int)
        hammer[np.append(times, 0)] = rng.uniform(0.6, 1, len(times) + 1)
        return oaconvolve(hammer, body)[:n]

    return play


def _chime(rng) -> Play:
    bodies = [_bell_body(rng, 400, 1600, (0.3, 1.0)) for _ in range(rng.integers(1, 3))]
    gap_s = rng.uniform(0.35, 1.2)

    def play(n, rng):
        out = np.zeros(n, dtype=np.float32)
        for k, start in enumerate(range(0, n, int(gap_s * RATE))):
            place(out, start, bodies[k % len(bodies)] * rng.uniform(0.7, 1))
        return out

    return play


def _beeper(rng) -> Play:
    pitches = _log_uniform(rng, 600, 3500) * np.array([1.0, rng.choice([1.0, 0.8, 1.26, 1.5])])
    beat_hz, duty = _log_uniform(rng, 1.5, 9), rng.uniform(0.35, 0.8)
    weights = np.arange(1, 12) ** -rng.uniform(1, 2.5) * (np.arange(1, 12) % 2 + rng.uniform(0, 0.5))

    def play(n, rng):
        beat = np.arange(n) / RATE * beat_hz
        on = uniform_filter1d((beat % 1 < duty).astype(np.float32), 48)  # 3 ms flanks: no click
        return tone(pitches[beat.astype(int) % 2].astype(np.float32), weights, rng) * on

    return play


def _siren(rng) -> Play:
    middle, depth, rate_hz = _log_uniform(rng, 500, 1500), rng.uniform(0.1, 0.5), _log_uniform(rng, 0.3, 6)
    weights = np.arange(1, 10) ** -rng.uniform(1, 2.5)

    def play(n, rng):
        swing = np.sin(2 * np.pi * (np.arange(n) / RATE * rate_hz + rng.random()))
        return tone((middle * 2 ** (depth * swing)).astype(np.float32), weights, rng)

    return play


def dishes(rng) -> Play:
    """Clusters of clinks of a few pieces of crockery, glass or metal, with some scraping."""
    pieces = []
    for _ in range(rng.integers(1, 4)):
        count = rng.integers(5, 12)
        ratios = np.cumprod(np.append(1.0, 1 + rng.exponential(0.35, count - 1)))
        pieces.append((_log_uniform(rng, 500, 3500) * ratios, _log_uniform(rng, 0.015, 0.15) / ratios**0.4))
    rate_hz, scrape, thud = rng.uniform(2, 9), rng.choice([0, rng.uniform(0.05, 0.4)]), rng.uniform(0.3, 1.5)
    scrape_hz = _log_uniform(rng, 1500, 6000)

    def play(n, rng):
        out = np.zeros(n, dtype=np.float32)
        hits = np.append(0, np.sort(rng.integers(0, n, rng.poisson(n / RATE * rate_hz))))
        for start in hits.astype(int):
            frequencies, decays = pieces[rng.integers(len(pieces))]
            weights = rng.exponential(1.0, len(frequencies)) * (frequencies / 1000) ** -0.5
            level = _log_uniform(rng, 0.25, 1)
            place(out, start, level * modes(n, frequencies, decays * rng.uniform(0.5, 1.2), weights, rng))
            burst = rng.standard_normal(160, dtype=np.float32) * np.exp(
                -np.arange(160, dtype=np.float32) / 30
            )
            place(out, start, level * thud * burst)
        if scrape:
            rub = noise(n, rng, lambda f: bump(f, scrape_hz, 0.5)) * wander(n, rng, 12, 0, 1) ** 2
            out = unit(out) + scrape * rub
        return out

    return play


# ---- motors


def _motor(rng, pitch_hz, roll_off, roughness, hiss_hz, hiss_octaves) -> Play:
    """A spinning machine: harmonics under a body's resonances plus a modulated hiss. All arguments are ranges."""
    pitch, octaves = _log_uniform(rng, *pitch_hz), rng.uniform(*hiss_octaves)
    order = np.arange(1, 81)
    body = sum(rng.uniform(0.3, 2) * bump(order * pitch, _log_uniform(rng, 200, 5000), 0.4) for _ in range(4))
    weights = order ** -rng.uniform(*roll_off) * (0.15 + body) * rng.lognormal(0, 0.6, len(order))
    centre, tilt = _log_uniform(rng, *hiss_hz), rng.uniform(-4, 1)
    drift, shake_hz, rough = rng.uniform(0.002, 0.03), rng.uniform(2, 12), rng.uniform(*roughness)

    def play(n, rng, speed=None, tonal=1.0, hiss=1.0):
        f0 = pitch * (1 + wander(n, rng, 1.5, -drift, drift) + rough * wander(n, rng, shake_hz, -0.03, 0.03))
        f0 = f0 if speed is None else f0 * speed
        load = 1 + rough * wander(n, rng, shake_hz, -0.8, 0.8)
        air = noise(n, rng, lambda f: (bump(f, centre, octaves) + 0.08) * slope(f, tilt))
        return (tonal * tone(np.maximum(f0, 20), weights, rng) + hiss * air) * load

    return play


def blender(rng) -> Play:
    """A fast motor that runs up and down, shaken by what it cuts."""
    motor = _motor(rng, (220, 420), (0.2, 0.9), (0.6, 1.2), (900, 3500), (0.5, 1.0))
    tonal, hiss = rng.uniform(0.8, 1.4), rng.uniform(0.3, 0.8)
    start_s, pulsed = rng.uniform(0.1, 0.7), rng.random()

    def play(n, rng):
        up, down = min(start_s * RATE / n, 0.4), min(rng.uniform(0.1, 0.5) * RATE / n, 0.4)
        speed = curve(n, [0.45, 1, rng.uniform(0.9, 1.08), 0.4], [0, up, 1 - down, 1])
        if pulsed < 0.3:  # the pulse button
            wave = np.sin(2 * np.pi * np.arange(n) / RATE * (0.8 + 2 * pulsed)) > -0.4
            speed = speed * (0.5 + 0.5 * uniform_filter1d(wave.astype(np.float32), RATE // 10))
        return motor(n, rng, speed, tonal, hiss) * speed**1.5

    return play


def shaver(rng) -> Play:
    """A buzz at twice the mains frequency or of a sonic toothbrush, damped where it touches."""
    pitches = (95, 125) if rng.random() < 0.6 else (200, 270)
    motor = _motor(rng, pitches, (0.1, 1.0), (0.0, 0.3), (2000, 6500), (0.5, 1.1))
    tonal, hiss = rng.uniform(0.7, 1.3), rng.uniform(0.1, 0.8)
    touch_hz, touch = rng.uniform(0.5, 3), rng.uniform(0, 0.7)

    def play(n, rng):
        return motor(n, rng, None, tonal, hiss) * (1 - touch * wander(n, rng, touch_hz, 0, 1))

    return play


def vacuum(rng) -> Play:
    """Suction over a wide band with the tone of the fan in it, nearly steady, moved over the floor."""
    motor = _motor(rng, (150, 400), (0.3, 1.2), (0.0, 0.15), (500, 1800), (1.1, 2.0))
    tonal, hiss, stroke_hz = rng.uniform(0.15, 0.6), rng.uniform(0.7, 1.3), rng.uniform(0.3, 1.2)
    stroke, start_s = rng.uniform(0, 0.4), rng.uniform(0.2, 1.0)

    def play(n, rng):
        speed = curve(n, [0.5, 1, 1], [0, min(start_s * RATE / n, 0.5), 1]) if rng.random() < 0.5 else None
        sweep = 1 + stroke * np.sin(2 * np.pi * (np.arange(n) / RATE * stroke_hz + rng.random()))
        return motor(n, rng, speed, tonal, hiss) * sweep * (1 if speed is None else speed**2)

    return play


# ---- hisses


def frying(rng) -> Play:
    """Hiss of boiling fat with crackle: short pops at random times."""
    centre, octaves, tilt = _log_uniform(rng, 1800, 6500), rng.uniform(0.5, 1.3), rng.uniform(-3, 2)
    rate_hz, crackle, swell = _log_uniform(rng, 6, 90), _log_uniform(rng, 0.2, 1.2), rng.uniform(0.1, 0.7)
    pop_hz, pop_s = _log_uniform(rng, 2000, 6000), _log_uniform(rng, 0.0008, 0.005)

    def play(n, rng):
        hiss = noise(n, rng, lambda f: (bump(f, centre, octaves) + 0.03) * slope(f, tilt))
        hiss = hiss * (1 + wander(n, rng, 3, -swell, swell))
        starts = rng.integers(0, n, max(1, rng.poisson(n / RATE * rate_hz)))
        t = np.arange(int(6 * pop_s * RATE) + 8) / RATE
        pitch = pop_hz * np.exp(rng.normal(0, 0.35, len(starts)))[:, None]
        pops = np.sin(2 * np.pi * np.minimum(pitch, 7500) * t) * np.exp(-t / pop_s)
        pops = pops * rng.lognormal(0, 0.8, len(starts))[:, None]
        return hiss + crackle * unit(scatter(n, starts, pops))

    return play


def water(rng) -> Play:
    """A tap or a shower: splashing noise and bubbles that ring at their own size."""
    centre, octaves, tilt = _log_uniform(rng, 700, 3500), rng.uniform(0.6, 1.6), rng.uniform(-4, 0)
    rate_hz, bubbling, swell = _log_uniform(rng, 15, 150), _log_uniform(rng, 0.4, 1.2), rng.uniform(0.05, 0.6)
    radius_mm, basin = _log_uniform(rng, 0.8, 4), rng.uniform(0, 0.6)
    basin_hz = _log_uniform(rng, 150, 700)

    def play(n, rng):
        splash = noise(
            n,
            rng,
            lambda f: (bump(f, centre, octaves) + basin * bump(f, basin_hz, 0.4) + 0.04) * slope(f, tilt),
        )
        splash = splash * (1 + wander(n, rng, 2, -swell, swell))
        starts = rng.integers(0, n, max(1, rng.poisson(n / RATE * rate_hz)))
        t = np.arange(400) / RATE
        # f = 3.26 m/s / radius (Minnaert 1933); the pitch rises while a bubble nears the surface, decay and
        # rise follow its damping (van den Doel 2005, d = 0.13 f + 0.0072 f^1.5)
        pitch = np.clip(3260 / (radius_mm * np.exp(rng.normal(0, 0.4, len(starts)))), 350, 6500)[:, None]
        damping = 0.13 * pitch + 0.0072 * pitch**1.5
        chirp = pitch * (1 + 0.1 * damping * t * rng.uniform(0, 1, (len(starts), 1)))
        bubbles = (
            np.sin(2 * np.pi * chirp * t) * np.exp(-damping * t) * rng.lognormal(0, 0.7, (len(starts), 1))
        )
        return splash + bubbling * unit(scatter(n, starts, bubbles))

    return play


# ---- voices: a source through moving formants


def _voice(f0, harmonics, voiced, breath, centres, widths, tilt, rng) -> np.ndarray:
    """f0, voiced, breath (n,): pitch in Hz and the two sources' levels; centres (frames, formants)."""
    source = tone(f0, harmonics, rng, pulses=True) * voiced
    source = source + rng.standard_normal(len(f0), dtype=np.float32) * breath
    return moving_filter(source, formants(centres, widths, tilt))


def speech(rng) -> Play:
    """Syllables, three to five a second: vowels that glide, fricatives and stops between them."""
    pitch = _log_uniform(rng, 85, 280)
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
    pitch = _log_uniform(rng, 380, 950)
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
    pitch, whines = _log_uniform(rng, 180, 700), rng.random() < 0.2
    low, high, rough = rng.uniform(450, 1000), rng.uniform(1200, 2400), rng.uniform(0.5, 1.5)
    bark_s, gap_s = _log_uniform(rng, 0.1, 0.35), _log_uniform(rng, 0.1, 0.6)
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


MAKERS: dict[str, Callable[[np.random.Generator], Play]] = {
    "Alarm_bell_ringing": alarm,
    "Blender": blender,
    "Cat": cat,
    "Dishes": dishes,
    "Dog": dog,
    "Electric_shaver_toothbrush": shaver,
    "Frying": frying,
    "Running_water": water,
    "Speech": speech,
    "Vacuum_cleaner": vacuum,
}
CLASSES = tuple(MAKERS)


# ---- what no label names


def background(n: int, rng) -> np.ndarray:
    """A room (n,) of unit power: coloured noise, perhaps mains hum, a fan, and a few unlabelled knocks and tones."""
    tilt, centre, fan = rng.uniform(-7, -1.5), _log_uniform(rng, 150, 1500), rng.uniform(0, 1.5)
    bed = noise(n, rng, lambda f: slope(f, tilt) * (0.3 + fan * bump(f, centre, 0.8)))
    bed = bed * (1 + wander(n, rng, 0.7, -0.3, 0.3))
    if rng.random() < 0.4:
        mains = np.full(n, rng.choice([50.0, 60.0]), dtype=np.float32)
        bed = bed + rng.uniform(0.1, 0.6) * tone(mains, np.arange(1, 20) ** -rng.uniform(1, 2), rng)
    for _ in range(rng.poisson(1)):
        place(bed, rng.integers(0, n), rng.uniform(0.5, 2) * _distractor(rng))
    return unit(bed)


def _distractor(rng) -> np.ndarray:
    """A step, a knock, a squeak, a rustle: up to 0.8 s, of unit power."""
    n = int(rng.uniform(0.08, 0.8) * RATE)
    kind = rng.integers(3)
    if kind == 0:  # wood: low modes, dead at once
        return unit(
            modes(n, _log_uniform(rng, 80, 900, 6), _log_uniform(rng, 0.01, 0.05, 6), rng.random(6), rng)
        )
    if kind == 1:  # a door or a chair
        f0 = _log_uniform(rng, 200, 900) * curve(n, rng.uniform(0.8, 1.25, 5))
        return unit(
            fade(tone(f0, np.arange(1, 12) ** -rng.uniform(0.5, 2), rng) * wander(n, rng, 8, 0, 1), 0.03)
        )
    rustle_hz = _log_uniform(rng, 800, 6000)
    return unit(fade(noise(n, rng, lambda f: bump(f, rustle_hz, 0.7)) * wander(n, rng, 20, 0, 1) ** 2, 0.02))
