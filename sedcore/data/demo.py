"""The demo set: soundscapes synthesised by code, so that one can train without a download.

A clip is a function of (seed, index): its script (which events, and when) comes from one random generator and its
sound from another, so that a script can be had without its sound. The statistics follow DESED's (Turpault et al. 2019,
Sound event detection in domestic environments with weakly labeled data and soundscape synthesis).
Times are seconds in a clip of 10 s, signals float32 (samples,) at 16 kHz.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import oaconvolve

from sedcore.data.demo_sounds import CLASSES, MAKERS, background
from sedcore.data.demo_tools import RATE, fade, loudness, room

CLIP_S = 10.0
SNR_DB = (0.0, 18.0)
LEVEL = 0.02  # median root mean square of the background
PEAK = 0.89  # about 1 dB below full scale


@dataclass(frozen=True)
class Habit:
    """How a class occurs: weight among classes, duration (median, log deviation), further events, whole clips."""

    weight: float
    median_s: float
    spread: float
    further: float  # mean number of events beyond the first
    whole: float  # share of clips it fills from end to end


HABITS = {
    "Alarm_bell_ringing": Habit(0.13, 1.1, 0.9, 1.2, 0.05),
    "Blender": Habit(0.10, 4.5, 0.6, 0.2, 0.15),
    "Cat": Habit(0.11, 0.85, 0.5, 1.9, 0.0),
    "Dishes": Habit(0.16, 0.4, 0.5, 2.3, 0.0),
    "Dog": Habit(0.13, 0.65, 0.7, 2.5, 0.0),
    "Electric_shaver_toothbrush": Habit(0.10, 6.0, 0.5, 0.2, 0.3),
    "Frying": Habit(0.11, 7.5, 0.3, 0.0, 0.68),
    "Running_water": Habit(0.15, 5.0, 0.7, 0.2, 0.3),
    "Speech": Habit(0.0, 1.15, 0.6, 1.8, 0.0),
    "Vacuum_cleaner": Habit(0.11, 7.5, 0.3, 0.0, 0.65),
}
CLASS_COUNTS = (0.03, 0.50, 0.40, 0.07)  # share of clips with none, one, two, three classes
SPEECH_SHARE = (0.0, 0.27, 0.75, 0.90)  # of the clips with that many classes; half of all clips together
SHORTEST_S, PAUSE_S, FULLEST_S = 0.25, 0.15, 8.5


@dataclass(frozen=True)
class Event:
    """One sound: its class, and where it begins and ends in the clip."""

    label: str
    onset_s: float
    offset_s: float


def clip_id(index: int) -> str:
    """The name of clip `index` (counted from 1)."""
    return f"demo_{index:05d}.wav"


def script(index: int, seed: int = 0) -> list[Event]:
    """The events of clip `index`, by onset; times rounded to milliseconds."""
    rng = np.random.default_rng([seed, index])
    count = rng.choice(len(CLASS_COUNTS), p=CLASS_COUNTS)
    labels = ["Speech"] if rng.random() < SPEECH_SHARE[count] else []
    weights = np.array([HABITS[c].weight for c in CLASSES])
    others = rng.choice(CLASSES, count - len(labels), replace=False, p=weights / weights.sum())
    events = [event for label in [*labels, *map(str, others)] for event in _events(label, rng)]
    return sorted(events, key=lambda e: (e.onset_s, e.label))


def _events(label: str, rng) -> list[Event]:
    """The events of one class in a clip: they never overlap one another."""
    habit = HABITS[label]
    if rng.random() < habit.whole:
        return [Event(label, 0.0, CLIP_S)]
    durations = habit.median_s * np.exp(rng.normal(0, habit.spread, 1 + rng.poisson(habit.further)))
    durations = np.clip(durations, SHORTEST_S, FULLEST_S)
    durations = durations[np.append(0, np.cumsum(durations)[1:]) <= FULLEST_S]
    pauses = np.append(0, np.full(len(durations) - 1, PAUSE_S))
    slack = CLIP_S - durations.sum() - pauses.sum()
    gaps = np.diff(np.sort(rng.uniform(0, slack, len(durations))), prepend=0)
    onsets = np.cumsum(gaps + pauses) + np.append(0, np.cumsum(durations)[:-1])
    return [Event(label, round(float(a), 3), round(float(a + d), 3)) for a, d in zip(onsets, durations)]


def clip_parts(index: int, seed: int = 0) -> tuple[np.ndarray, list[tuple[Event, np.ndarray]]]:
    """The background (samples,) and each event with its sound, at the levels of the mix, before reverberation."""
    rng = np.random.default_rng([seed, index, 1])
    samples = int(CLIP_S * RATE)
    level = LEVEL * 10 ** (rng.uniform(-6, 6) / 20)
    bed = background(samples, rng) * np.float32(level)
    players, snrs, sounds = {}, {}, []
    for event in script(index, seed):
        if event.label not in players:  # one clip has one dog, one tap, one speaker
            players[event.label], snrs[event.label] = MAKERS[event.label](rng), rng.uniform(*SNR_DB)
        sound = fade(
            players[event.label](round((event.offset_s - event.onset_s) * RATE), rng).astype(np.float32)
        )
        snr = np.clip(snrs[event.label] + rng.normal(0, 1.5), *SNR_DB)
        sounds.append((event, sound * np.float32(level * 10 ** (snr / 20) / loudness(sound))))
    return bed, sounds


def clip_audio(index: int, seed: int = 0) -> np.ndarray:
    """Clip `index` (counted from 1) as samples: 10 s at 16 kHz, float32, at most PEAK in magnitude."""
    mix, sounds = clip_parts(index, seed)
    for event, sound in sounds:
        start = round(event.onset_s * RATE)
        mix[start : start + len(sound)] += sound[: len(mix) - start]
    rng = np.random.default_rng([seed, index, 2])
    mix = oaconvolve(mix, room(rng, rng.uniform(0.1, 0.7), rng.uniform(0.02, 0.4)))[: len(mix)]
    return (mix * min(1.0, PEAK / float(np.abs(mix).max()))).astype(np.float32)
