"""The ten sound classes of the demo set and their backgrounds, from code alone.

Every maker draws one sound source (a dog, a kitchen, a motor) at random and returns `play(n, rng) -> (n,) float32`,
which plays it for n samples at 16 kHz; the caller sets the level. Ranges are wide and overlap between classes
(motors, hisses, voices, dishes with bells) because a demo in which every model is right would show nothing.

Sources of constants: bell partials: Fletcher & Rossing, The Physics of Musical Instruments, 1998; bubbles: Minnaert
1933 and van den Doel, Physically-based models for liquid sounds, 2005. Speech, cat and dog are in `demo_voices`.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import oaconvolve

from sedcore.data.demo_tools import (
    RATE,
    Play,
    bump,
    curve,
    fade,
    log_uniform,
    modes,
    noise,
    place,
    scatter,
    slope,
    tone,
    unit,
    wander,
)
from sedcore.data.demo_voices import cat, dog, speech

# Hum, prime, tierce, quint, nominal and what lies above it (Fletcher & Rossing 1998, ch. 21)
BELL_PARTIALS = np.array([0.5, 1.0, 1.2, 1.5, 2.0, 2.5, 2.67, 3.0, 4.0, 5.33])


# ---- bells and dishes: struck bodies


def alarm(rng) -> Play:
    """A bell that is hammered, a chime, an electronic beeper or a siren."""
    kind = rng.choice(["bell", "chime", "beeper", "siren"], p=[0.3, 0.2, 0.35, 0.15])
    return {"bell": _bell, "chime": _chime, "beeper": _beeper, "siren": _siren}[kind](rng)


def _bell_body(rng, low: float, high: float, decay_s: tuple[float, float]) -> np.ndarray:
    ratios = BELL_PARTIALS * np.exp(rng.normal(0, 0.04, len(BELL_PARTIALS)))
    decays = log_uniform(rng, *decay_s) / ratios**0.5
    weights = rng.exponential(1.0, len(ratios)) * ratios ** rng.uniform(-1, 0.3)
    return modes(2 * RATE, log_uniform(rng, low, high) * ratios, decays, weights, rng)


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
    pitches = log_uniform(rng, 600, 3500) * np.array([1.0, rng.choice([1.0, 0.8, 1.26, 1.5])])
    beat_hz, duty = log_uniform(rng, 1.5, 9), rng.uniform(0.35, 0.8)
    weights = np.arange(1, 12) ** -rng.uniform(1, 2.5) * (np.arange(1, 12) % 2 + rng.uniform(0, 0.5))

    def play(n, rng):
        beat = np.arange(n) / RATE * beat_hz
        on = uniform_filter1d((beat % 1 < duty).astype(np.float32), 48)  # 3 ms flanks: no click
        return tone(pitches[beat.astype(int) % 2].astype(np.float32), weights, rng) * on

    return play


def _siren(rng) -> Play:
    middle, depth, rate_hz = log_uniform(rng, 500, 1500), rng.uniform(0.1, 0.5), log_uniform(rng, 0.3, 6)
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
        pieces.append((log_uniform(rng, 500, 3500) * ratios, log_uniform(rng, 0.015, 0.15) / ratios**0.4))
    rate_hz, scrape, thud = rng.uniform(2, 9), rng.choice([0, rng.uniform(0.05, 0.4)]), rng.uniform(0.3, 1.5)
    scrape_hz = log_uniform(rng, 1500, 6000)

    def play(n, rng):
        out = np.zeros(n, dtype=np.float32)
        hits = np.append(0, np.sort(rng.integers(0, n, rng.poisson(n / RATE * rate_hz))))
        for start in hits.astype(int):
            frequencies, decays = pieces[rng.integers(len(pieces))]
            weights = rng.exponential(1.0, len(frequencies)) * (frequencies / 1000) ** -0.5
            level = log_uniform(rng, 0.25, 1)
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
    """A spinning machine: harmonics under a body's resonances plus a modulated hiss. Arguments are ranges."""
    pitch, octaves = log_uniform(rng, *pitch_hz), rng.uniform(*hiss_octaves)
    order = np.arange(1, 81)
    body = sum(rng.uniform(0.3, 2) * bump(order * pitch, log_uniform(rng, 200, 5000), 0.4) for _ in range(4))
    weights = order ** -rng.uniform(*roll_off) * (0.15 + body) * rng.lognormal(0, 0.6, len(order))
    centre, tilt = log_uniform(rng, *hiss_hz), rng.uniform(-4, 1)
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
    centre, octaves, tilt = log_uniform(rng, 1800, 6500), rng.uniform(0.5, 1.3), rng.uniform(-3, 2)
    rate_hz, crackle, swell = log_uniform(rng, 6, 90), log_uniform(rng, 0.2, 1.2), rng.uniform(0.1, 0.7)
    pop_hz, pop_s = log_uniform(rng, 2000, 6000), log_uniform(rng, 0.0008, 0.005)

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
    centre, octaves, tilt = log_uniform(rng, 700, 3500), rng.uniform(0.6, 1.6), rng.uniform(-4, 0)
    rate_hz, bubbling, swell = log_uniform(rng, 15, 150), log_uniform(rng, 0.4, 1.2), rng.uniform(0.05, 0.6)
    radius_mm, basin = log_uniform(rng, 0.8, 4), rng.uniform(0, 0.6)
    basin_hz = log_uniform(rng, 150, 700)

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


# ---- sounds without a label


def background(n: int, rng) -> np.ndarray:
    """A room (n,) of unit power: coloured noise, perhaps mains hum, a fan, and a few unlabelled knocks and tones."""
    tilt, centre, fan = rng.uniform(-7, -1.5), log_uniform(rng, 150, 1500), rng.uniform(0, 1.5)
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
            modes(n, log_uniform(rng, 80, 900, 6), log_uniform(rng, 0.01, 0.05, 6), rng.random(6), rng)
        )
    if kind == 1:  # a door or a chair
        f0 = log_uniform(rng, 200, 900) * curve(n, rng.uniform(0.8, 1.25, 5))
        return unit(
            fade(tone(f0, np.arange(1, 12) ** -rng.uniform(0.5, 2), rng) * wander(n, rng, 8, 0, 1), 0.03)
        )
    rustle_hz = log_uniform(rng, 800, 6000)
    return unit(fade(noise(n, rng, lambda f: bump(f, rustle_hz, 0.7)) * wander(n, rng, 20, 0, 1) ** 2, 0.02))
