"""Training and prediction of the report's four models: sedcore against plain Keras. `python -m benchmarks.training`

Plain Keras is what the report prints: everything in memory, `model.fit` and `model.predict`. sedcore reads features
from disk, prepares batches in the background and trains the same mathematics (tests hold the losses of both to 1e-4).
Each measurement is a process of its own that trains a little first and then epochs that count, each a call of its own;
the sides take turns. On two cores plain Keras runs some calls of `fit` and `predict` on one core and others on both,
unpredictably: the table has the median of all calls with the slowest and the fastest, and sedcore's speed-up by medians
and by the fastest calls. The share of the peak is a side's arithmetic (for a step three times that of a forward pass)
over the rate of a product of two matrices of 2,048 x 2,048.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BANDS, FRAMES, CLASSES, BATCH = 64, 1000, 10, 32
MODELS = ("ann", "cnn", "rnn", "crnn")
WANTED = {"ann": 1.5, "cnn": 2.0, "rnn": 1.2, "crnn": 1.5}  # times plain Keras, training
WANTED_PREDICTION = 1.5
LONG_S = 20.0  # a side whose epoch takes longer has one process
REPEATS, EPOCHS = 3, 3  # processes, and epochs that count of each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--clips", type=int, default=320, help="an epoch")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(json.dumps(measure(given.side, given.models, given.folder, given.clips, given.frames)))
        return
    with tempfile.TemporaryDirectory() as folder:
        make_data(Path(folder), given.clips, given.frames)
        print(table(given, Path(folder)))


def make_data(folder: Path, clips: int, frames: int):
    """Write a data set of noise: speed does not depend on what is heard."""
    import numpy as np
    import pandas as pd

    from sedcore.data.mel import FeatureParams
    from sedcore.data.writing import write_dataset

    names, rng = [f"class_{c}" for c in range(CLASSES)], np.random.default_rng(0)
    rows = [
        (
            f"{i}.wav",
            "train" if i < clips else "validation",
            f"{i}.wav",
            10.0,
            list(rng.choice(names, 2, False)),
        )
        for i in range(clips + 10)
    ]
    params = FeatureParams(hop_s=10 / frames)
    return write_dataset(
        folder,
        "noise",
        classes=tuple(sorted(names)),
        clips=pd.DataFrame(rows, columns=["clip_id", "split", "source_file", "duration_s", "labels"]),
        load=_noise,
        items=[(i, frames) for i in range(clips + 10)],
        params=params,
        features=("logmel",),
        events=None,
        labels="weak",
        source={"kind": "audio", "train": "noise/"},
        licence_note="Made from numbers; free of rights.",
        from_audio=False,
        workers=1,
    )


def _noise(item: tuple[int, int]):
    import numpy as np

    index, frames = item
    return np.random.default_rng(index).exponential(1e-3, (frames, BANDS)).astype(np.float32), f"clip {index}"


# ---- one measurement, in a process of its own ------------------------------------------------------------------


def measure(side: str, name: str, folder: Path, clips: int, frames: int) -> dict[str, list[float]]:
    """Return clips a second of training and of prediction, of each epoch."""
    speeds = {}
    for what, run in zip(("training", "prediction"), SIDES[side](name, folder, frames)):
        run(2 * BATCH)
        speeds[what] = []
        for _ in range(EPOCHS):
            began = time.perf_counter()
            run(clips)
            speeds[what].append(clips / (time.perf_counter() - began))
    return speeds


def plain(name: str, folder: Path, frames: int):
    """Set up the report's way: arrays in memory, fit and predict."""
    import numpy as np

    from benchmarks import report_models
    from sedcore.data.store import open_dataset
    from sedcore.training.batches import RowReader

    data = open_dataset(folder, "noise")
    rows = data.rows_of("train")
    x = np.ascontiguousarray(report_models.as_fed(RowReader(data, "logmel")(rows), name))
    y = data.row_truth("train").astype(np.float32)
    model = report_models.compiled(name, CLASSES, BANDS, frames)
    return (
        lambda clips: model.fit(x[:clips], y[:clips], batch_size=BATCH, epochs=1, verbose=0),
        lambda clips: model.predict(x[:clips], batch_size=BATCH, verbose=0),
    )


def ours(name: str, folder: Path, frames: int, precision: str = "float32"):
    """Set up sedcore's way: features on disk, batches in the background, its own step."""
    from sedcore.data.store import open_dataset
    from sedcore.models.registry import build
    from sedcore.training.batches import RowReader
    from sedcore.training.config import TrainConfig
    from sedcore.training.devices import OneDevice
    from sedcore.training.optimizer import FusedAdam
    from sedcore.training.recipe import TrainingBatches
    from sedcore.training.scoring import SplitScorer

    data, device = open_dataset(folder, "noise"), OneDevice()
    config = TrainConfig("noise", name, batch_size=BATCH).resolved()
    reader = RowReader(data, "logmel")
    model = build(name, CLASSES, BANDS, frames, precision)
    model.compile(optimizer=FusedAdam(config.learning_rate), loss="binary_crossentropy")
    batches = TrainingBatches(data, reader, config)

    def train(clips: int) -> None:
        for number, (x, targets) in enumerate(batches(1)):
            if number * BATCH >= clips:
                break
            device.step(model, x, *targets)

    def predict(clips: int) -> None:
        SplitScorer(data, reader, "train", most=clips)(device.scoring(model))

    return train, predict


def ours_bfloat16(name: str, folder: Path, frames: int):
    """Set up sedcore's way with convolutions in bfloat16."""
    return ours(name, folder, frames, "bfloat16")


SIDES = {"plain": plain, "ours": ours, "bfloat16": ours_bfloat16}


def peak_gflops(dtype: str = "float32", size: int = 2048) -> float:
    """Return the rate of a product of two square matrices, in 10^9 operations a second."""
    import tensorflow as tf

    a, b = (tf.cast(tf.random.normal((size, size)), dtype) for _ in range(2))
    product = tf.function(lambda a, b: tf.reduce_sum(tf.cast(tf.matmul(a, b)[:1, :1], tf.float32)))
    seconds = []
    for _ in range(9):
        began = time.perf_counter()
        product(a, b).numpy()
        seconds.append(time.perf_counter() - began)
    return 2e-9 * size**3 / min(seconds[1:])


def gflop(name: str, frames: int) -> float:
    """Return 10^9 operations of a forward pass of one clip: two for each weight of a product, times its uses."""
    import math

    from sedcore.models.registry import build

    total = 0
    for layer in build(name, CLASSES, BANDS, frames).layers:
        weights = [w for w in layer.weights if "kernel" in w.name]
        per_use = sum(math.prod(w.shape) for w in weights)
        kind = type(layer).__name__
        if "Conv" in kind:
            uses = math.prod(layer.output.shape[1:-1])
        else:
            uses = layer.input.shape[1] if "LSTM" in kind or "GRU" in kind else 1
        total += 2 * per_use * uses
    return total / 1e9


# ---- the table -------------------------------------------------------------------------------------------------


def table(given: argparse.Namespace, folder: Path) -> str:
    """Measure all sides in turn and return the table."""
    peaks = {dtype: peak_gflops(dtype) for dtype in ("float32", "bfloat16")}
    wanted = {"training": WANTED, "prediction": dict.fromkeys(MODELS, WANTED_PREDICTION)}
    shares = [
        "",
        f"A product of matrices: {peaks['float32']:.0f} GFLOP/s in float32, {peaks['bfloat16']:.0f} in bfloat16.",
        "",
    ]
    lines = [
        f"Clips a second, {given.clips} clips of {BANDS} x {given.frames} a call, batches of {BATCH}: "
        "median (slowest to fastest call).",
        "",
        "| model | what | plain Keras | sedcore | times | fastest by fastest | wanted | bfloat16 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in given.models.split(","):
        found = _measured(name, folder, given)
        for what in ("training", "prediction"):
            theirs, own = found["plain"][what], found["ours"][what]
            brain = _spread(found["bfloat16"][what]) if "bfloat16" in found else "-"
            lines.append(
                f"| {name} | {what} | {_spread(theirs)} | {_spread(own)} | "
                f"{statistics.median(own) / statistics.median(theirs):.1f} | {max(own) / max(theirs):.1f} | "
                f"{wanted[what][name]} | {brain} |"
            )
            print(lines[-1], file=sys.stderr)
        gflops = 3 * gflop(name, given.frames) * statistics.median(found["ours"]["training"])
        shares.append(
            f"- {name} trains at {gflops:.0f} GFLOP/s, {gflops / peaks['float32']:.0%} of that in float32."
        )
    return "\n".join(lines + shares)


def _measured(name: str, folder: Path, given: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Return {side: {what: clips a second of each call}} of a model; sides take turns."""
    sides = ["plain", "ours"] + (["bfloat16"] if name in ("cnn", "crnn") else [])
    found = {side: {"training": [], "prediction": []} for side in sides}
    for turn in range(given.repeats):
        for side in sides if turn % 2 == 0 else reversed(sides):
            so_far = found[side]["training"]
            if not so_far or given.clips / max(so_far) < LONG_S:
                for what, speeds in _in_process(side, name, folder, given).items():
                    found[side][what] += speeds
    return found


def _spread(speeds: list[float]) -> str:
    digits = 0 if statistics.median(speeds) >= 100 else 1
    middle, low, high = (
        f"{value:.{digits}f}" for value in (statistics.median(speeds), min(speeds), max(speeds))
    )
    return f"{middle} ({low} to {high})"


def _in_process(side: str, name: str, folder: Path, given: argparse.Namespace) -> dict[str, list[float]]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.training",
        "--side",
        side,
        "--models",
        name,
        "--folder",
        str(folder),
    ]
    command += ["--clips", str(given.clips), "--frames", str(given.frames)]
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
