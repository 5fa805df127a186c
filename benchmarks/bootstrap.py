"""Time and memory of the paired bootstrap: python benchmarks/bootstrap.py [--large]

Each line runs in a process of its own, so that its peak memory is its own. `--large` adds AudioSet's evaluation
set, 20,000 clips x 527 classes, one run.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from sedcore.evaluation.bootstrap import bootstrap_decisions, bootstrap_ranking

# what, runs, clips, classes, resamples, seconds wanted
SIZES = (
    ("counts", 10, 2_000, 10, 10_000, 5),
    ("ranking", 10, 2_000, 10, 2_000, 10),
)
LARGE = (("counts", 1, 20_000, 527, 2_000, None), ("ranking", 1, 20_000, 527, 1_000, None))


def made(clips: int, classes: int, runs: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return truth with classes in half to a thousandth of the clips, and the scores of each run."""
    generator = np.random.default_rng(0)
    shares = np.geomspace(0.5, 0.05 if classes <= 10 else 0.001, classes)
    truth = generator.random((clips, classes)) < shares
    scores = []
    for run in range(runs):
        drawn = generator.standard_normal(truth.shape, np.float32) + (1 + 0.1 * run) * truth
        scores.append(1 / (1 + np.exp(-drawn, dtype=np.float32)))
    return truth, scores


def measure(what: str, runs: int, clips: int, classes: int, resamples: int) -> None:
    """Run one size with its intervals and print seconds, own peak memory and that before it, in MB."""
    truth, scores = made(clips, classes, runs)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    if what == "counts":
        draws = bootstrap_decisions(truth, [of_run >= 0.5 for of_run in scores], resamples=resamples)
    else:
        draws = bootstrap_ranking(truth, scores, resamples=resamples)
    for of_run in draws:
        for name in of_run.draws:
            of_run.interval(name)
    seconds = time.perf_counter() - start
    print(f"{seconds:.2f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} {before:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--large", action="store_true", help="20,000 clips x 527 classes too (minutes)")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        what, *numbers = options.one
        measure(what, *map(int, numbers))
        return
    print(
        f"{'what':<8} {'runs':>4} {'clips':>7} {'classes':>7} {'resamples':>9} {'seconds':>8} {'wanted':>7} "
        f"{'peak MB':>8} {'before':>7}"
    )
    for what, *numbers, wanted in SIZES + (LARGE if options.large else ()):
        command = [sys.executable, __file__, "--one", what, *map(str, numbers)]
        seconds, peak, before = subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout.split()
        runs, clips, classes, resamples = numbers
        print(
            f"{what:<8} {runs:>4} {clips:>7,} {classes:>7} {resamples:>9,} {seconds:>8} {wanted or '-':>7} "
            f"{peak:>8} {before:>7}",
            flush=True,
        )


if __name__ == "__main__":
    main()
