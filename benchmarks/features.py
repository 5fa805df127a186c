"""Features: sedcore against straightforward loops. `python -m benchmarks.features`

MFCC: the report's loop (section 3.2: load a mel file, librosa's MFCC, normalise, save), timed on some files and
scaled, against an import of all of them that keeps the report's MFCC. Log-mel: a loop of librosa over audio files
against an import of the same files; both read the audio and write float16, and the values are compared.
Memory: what loading clips for training takes, the report's way and sedcore's.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BANDS, FRAMES, RATE_HZ, SECONDS = 64, 1000, 16_000, 10
LONG_S, REPEATS = 20.0, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mel-files", type=int, default=10_000)
    parser.add_argument("--loop-files", type=int, default=500, help="that the report's loop is timed on")
    parser.add_argument("--audio-files", type=int, default=2_000)
    parser.add_argument("--clips", type=int, default=10_000, help="of the training whose memory is measured")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        name, folder, *numbers = given.step
        print(json.dumps(STEPS[name](Path(folder), *map(int, numbers))))
        return
    print("| what | the loop | sedcore | times | wanted |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        print(mfcc_row(Path(folder), given.mel_files, given.loop_files))
    with tempfile.TemporaryDirectory() as folder:
        print(logmel_row(Path(folder), given.audio_files))
    with tempfile.TemporaryDirectory() as folder:
        print("\n" + memory_rows(Path(folder), given.clips))


# ---- MFCC of mel files -----------------------------------------------------------------------------------------


def mfcc_row(folder: Path, files: int, loop_files: int) -> str:
    write_mel_files(folder / "source", files)
    loop = in_turn(lambda: step("mfcc_loop", folder, loop_files), lambda: step("mfcc_import", folder, files))
    theirs, ours = loop[0] * files / loop_files, loop[1]
    added = statistics.median(step("mfcc_added", folder, files) for _ in range(REPEATS))
    return (
        f"| MFCC of {files:,} mel files, read and written: a whole import, {_processes(files)} | {theirs:.1f} s (from "
        f"{loop_files:,}) | {ours:.1f} s | {theirs / ours:.1f} | 20 |\n"
        f"| the same MFCC of a data set that has mel, read and written | {theirs:.1f} s (from {loop_files:,}) | "
        f"{added:.1f} s | {theirs / added:.1f} | 20 |"
    )


def _processes(clips: int) -> str:
    from sedcore.data.rows import default_workers

    return f"{default_workers(None, clips)} processes"


def write_mel_files(folder: Path, files: int) -> None:
    """Write mel files and event rolls in the report's format: a hundred different ones, repeated."""
    import numpy as np

    rng = np.random.default_rng(0)
    mels = rng.exponential(1e-2, (100, 1, BANDS, FRAMES)).astype(np.float32)
    roll = np.zeros((11, FRAMES))
    roll[3, :500] = 1
    for part in ("X", "Y"):
        (folder / part).mkdir(parents=True)
    for i in range(files):
        np.save(folder / "X" / f"melspec_{i:05d}.npy", mels[i % 100] * (1 + i / files))
        np.save(folder / "Y" / f"eventroll_{i:05d}.npy", roll)


def mfcc_loop(folder: Path, files: int) -> float:
    """Run the report's loop over the first files; return seconds."""
    import librosa
    import numpy

    names = sorted(file.name for file in (folder / "source" / "X").iterdir())[:files]
    (folder / "mfcc").mkdir(exist_ok=True)
    librosa.feature.mfcc(S=numpy.ones((BANDS, 10)), sr=RATE_HZ, n_mfcc=20)  # triggers librosa's lazy imports
    began = time.perf_counter()
    for name in names:
        mel = numpy.load(folder / "source" / "X" / name)
        mfcc = librosa.feature.mfcc(S=mel, sr=RATE_HZ, n_mfcc=20)
        mean, std = numpy.average(mfcc), numpy.std(mfcc)
        if std == 0:
            std = std + 1e-25
        numpy.save(folder / "mfcc" / name, (mfcc - mean) / std)
    return time.perf_counter() - began


def mfcc_import(folder: Path, files: int) -> float:
    return _import(folder, "mfcc_report")


def mfcc_added(folder: Path, files: int) -> float:
    """Derive the report's MFCC from the mel that a data set keeps; return seconds."""
    from sedcore.data.adding import build_features

    if not (folder / "datasets" / "made" / "features" / "mel.npy").exists():
        _import(folder, "mel")
    for file in (folder / "datasets" / "made" / "features").glob("mfcc_report.*"):
        file.unlink()
    began = time.perf_counter()
    build_features(folder, "made", ("mfcc_report",))
    return time.perf_counter() - began


def _import(folder: Path, kind: str) -> float:
    """Import ``source`` with one kind of features; return seconds."""
    import shutil

    from sedcore.data.importing import import_dataset
    from sedcore.data.mel import FeatureParams, mel_basis

    params = FeatureParams()
    mel_basis(
        params.sample_rate_hz, params.n_fft, params.bands
    )  # loads librosa, which the loop has loaded too
    shutil.rmtree(folder / "datasets", ignore_errors=True)
    began = time.perf_counter()
    import_dataset(folder, "made", folder / "source", features=(kind,), announce=lambda line: None)
    return time.perf_counter() - began


# ---- log-mel of audio ------------------------------------------------------------------------------------------


def logmel_row(folder: Path, files: int) -> str:
    write_audio(folder / "source", files)
    theirs, ours = in_turn(
        lambda: step("logmel_loop", folder, files), lambda: step("logmel_import", folder, files)
    )
    off = step("logmel_difference", folder, files)
    return (
        f"| log-mel of {files:,} audio files of {SECONDS} s, {_processes(files)} (mel power equal within {off:.0e}) | "
        f"{theirs:.1f} s | "
        f"{ours:.1f} s | {theirs / ours:.1f} | 3 |"
    )


def write_audio(folder: Path, files: int) -> None:
    import numpy as np
    import soundfile

    folder.mkdir(parents=True)
    rng, rows = np.random.default_rng(0), ["filename\tevent_labels"]
    for i in range(files):
        soundfile.write(folder / f"{i:05d}.wav", rng.normal(0, 0.1, RATE_HZ * SECONDS), RATE_HZ)
        rows.append(f"{i:05d}.wav\t{('cat', 'dog')[i % 2]}")
    (folder / "labels.tsv").write_text("\n".join(rows) + "\n")


def logmel_loop(folder: Path, files: int) -> float:
    """Run a loop of librosa over all files, log-mel in float16, a file a clip; return seconds."""
    import librosa
    import numpy as np

    (folder / "logmel").mkdir(exist_ok=True)
    _librosa_mel(np.ones(RATE_HZ, np.float32))
    began = time.perf_counter()
    for file in sorted((folder / "source").glob("*.wav")):
        samples, _ = librosa.load(file, sr=RATE_HZ)
        logmel = librosa.power_to_db(_librosa_mel(samples), top_db=None)
        np.save(folder / "logmel" / f"{file.stem}.npy", logmel.astype(np.float16))
    return time.perf_counter() - began


def _librosa_mel(samples):
    import librosa

    from sedcore.data.mel import FeatureParams

    params = FeatureParams()
    return librosa.feature.melspectrogram(
        y=samples, sr=RATE_HZ, n_fft=params.n_fft, hop_length=params.hop_samples, n_mels=BANDS
    )


def logmel_import(folder: Path, files: int) -> float:
    return _import(folder, "logmel")


def logmel_difference(folder: Path, files: int) -> float:
    """Return the largest relative difference of mel power between librosa and sedcore, over some files."""
    import librosa
    import numpy as np

    from sedcore.data.mel import FeatureParams, mel_power

    params, worst = FeatureParams(), 0.0
    for file in sorted((folder / "source").glob("*.wav"))[:10]:
        samples, _ = librosa.load(file, sr=RATE_HZ)
        theirs, ours = _librosa_mel(samples).T[: params.frames], mel_power(samples, params)
        worst = max(worst, float(np.max(np.abs(ours - theirs) / theirs)))
    return worst


# ---- memory of a training --------------------------------------------------------------------------------------


def memory_rows(folder: Path, clips: int) -> str:
    from benchmarks.training import make_data

    make_data(folder, clips, FRAMES)
    theirs, ours = step("memory_report", folder, clips), step("memory_ours", folder, clips)
    return (
        f"| training on {clips:,} clips of {BANDS} x {FRAMES} | peak resident memory | wanted |\n|---|---|---|\n"
        f"| the report's loading alone (float32; a tensor a clip, then one array of all) | {theirs:,.0f} MB | - |\n"
        f"| sedcore, the CRNN over time, an epoch of 20 batches | {ours:,.0f} MB | below 2,000 MB |"
    )


def memory_report(folder: Path, clips: int) -> float:
    """Run the report's loadData without reading files: a tensor a clip, then an array of them; return MB."""
    import numpy
    import tensorflow as tf

    rng, loaded = numpy.random.default_rng(0), []
    for _ in range(clips):
        loaded.append(tf.convert_to_tensor(rng.random((BANDS, FRAMES, 1), numpy.float32)))
    array = numpy.array(loaded)
    assert len(array) == clips
    return _peak_mb()


def memory_ours(folder: Path, clips: int) -> float:
    """Train on batches from all parts of the data set; return peak MB."""
    from benchmarks.training import ours

    train, _ = ours("crnn_time", folder, FRAMES)
    train(20 * 32)
    return _peak_mb()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


# ---- taking turns ----------------------------------------------------------------------------------------------

STEPS = {
    function.__name__: function
    for function in (
        mfcc_loop,
        mfcc_import,
        mfcc_added,
        logmel_loop,
        logmel_import,
        logmel_difference,
        memory_report,
        memory_ours,
    )
}


def step(name: str, folder: Path, *numbers: int) -> float:
    """Run a part in a process of its own and return its number."""
    command = [sys.executable, "-m", "benchmarks.features", "--step", name, str(folder), *map(str, numbers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return float(json.loads(done.stdout.splitlines()[-1]))


def in_turn(first, second) -> tuple[float, float]:
    """Return the median seconds of two sides that take turns; a side over 20 s runs once."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(REPEATS):
        for side, run in ((0, first), (1, second)) if turn % 2 == 0 else ((1, second), (0, first)):
            if not seconds[side] or seconds[side][0] < LONG_S:
                seconds[side].append(run())
    return statistics.median(seconds[0]), statistics.median(seconds[1])


if __name__ == "__main__":
    main()
