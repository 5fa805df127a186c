"""Evaluation at AudioSet's size next to a scikit-learn loop: `python -m benchmarks.evaluation`

20,000 clips x 527 classes. *sedcore* counts every class at every distinct score, then computes the four averages of
precision, recall and F1 at 101 thresholds (from the counts and clip by clip), and average precision. The loop calls
scikit-learn's `precision_recall_fscore_support` for each of the four averages at each of 101 thresholds, and
`average_precision_score`. Some thresholds of the loop are timed and scaled to 101; the table says so.
Both sides run in this process, one after the other; numbers of the thresholds in both are compared.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from sedcore.evaluation.averages import averages
from sedcore.evaluation.counts import Confusion, counts
from sedcore.evaluation.evaluate import AVERAGES
from sedcore.evaluation.grid import count_on_grid
from sedcore.evaluation.ranking import average_precision

GRID = np.round(np.arange(101) / 100, 2)
WANTED_S, WANTED_TIMES = 5.0, 50


def made(clips: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return truth with frequent and rare classes, and float32 scores, (clips, classes); no class is empty."""
    generator = np.random.default_rng(0)
    truth = generator.random((clips, classes)) < np.geomspace(0.5, 0.002, classes)
    truth[generator.integers(0, clips, classes), np.arange(classes)] = True
    drawn = generator.standard_normal(truth.shape, np.float32) + 2 * truth - 1.5
    return truth, (1 / (1 + np.exp(-drawn))).astype(np.float32)


def ours(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, float]:
    """Return F1 of the four averages at each threshold of GRID, (thresholds, 4), and macro AP."""
    held = counts(truth, scores)
    ap = average_precision(held)
    grid = count_on_grid(truth, scores, GRID, held)
    f1 = np.empty((len(GRID), 4))
    for row, (tp, fp) in enumerate(zip(grid.tp, grid.fp)):
        found = averages(Confusion.from_counts(tp, fp, held.positives, held.clips))
        f1[row] = [found[name].f1 for name in AVERAGES[:3]] + [grid.samples[row, 2]]
    return f1, float(ap.mean())


def theirs(truth: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return the same as `ours` at some thresholds, by scikit-learn."""
    found = np.empty((len(thresholds), 4))
    for row, threshold in enumerate(thresholds):
        fired = scores >= np.float32(threshold)
        for column, average in enumerate(AVERAGES):
            _, _, f1, _ = precision_recall_fscore_support(truth, fired, average=average, zero_division=0)
            found[row, column] = f1
    return found


def timed(work, times: int = 1) -> tuple[float, object]:
    """Return the median of seconds, and the result."""
    taken, result = [], None
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken), result


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--classes", type=int, default=527)
    parser.add_argument("--looped", type=int, default=3, help="thresholds of the loop that are timed")
    options = parser.parse_args(arguments)
    truth, scores = made(options.clips, options.classes)
    own_s, (f1, macro_ap) = timed(lambda: ours(truth, scores), 5)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = np.linspace(20, 80, options.looped).astype(int)
    loop_s, reference = timed(lambda: theirs(truth, scores, GRID[rows]))
    ap_s, reference_ap = timed(lambda: average_precision_score(truth, scores, average="macro"))
    whole_s = loop_s / len(rows) * len(GRID) + ap_s
    apart = max(np.abs(f1[rows] - reference).max(), abs(macro_ap - reference_ap))
    print("| side | size | seconds | wanted | how |\n|---|---|---|---|---|")
    size = f"{options.clips:,} x {options.classes}"
    print(f"| sedcore | {size} | {own_s:.2f} | {WANTED_S} | median of 5; peak of the process {peak:.0f} MB |")
    how = f"{len(rows)} thresholds took {loop_s:.1f} s, scaled to {len(GRID)}, and {ap_s:.1f} s of AP"
    print(f"| scikit-learn loop | {size} | {whole_s:.0f} | | {how} |")
    print(
        f"\n{whole_s / own_s:.0f} times as fast (wanted {WANTED_TIMES}); numbers differ by at most {apart:.1e}."
    )


if __name__ == "__main__":
    main()
