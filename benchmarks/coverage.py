"""How often a 95 % interval of the bootstrap holds the true value: python benchmarks/coverage.py

Splits are drawn from a score model with a huge known population: a class is present in a fixed number of
clips on average, its scores are normal, one step higher where it is present, and part of the noise of a clip is
common to all its classes (a loud clip is hard for all). The true value of each measure is that of the
population. A simulation draws a split of 1,000 clips, bootstraps it, and looks whether the interval holds the
truth. With 600 simulations a share of 95 % has a standard error of 0.9 %.

Three tables: intervals of one run; intervals of the difference of two runs of different skill, which share most of
the noise of a clip, as models do; and how often two runs of equal skill get a verdict that one is better, which
must not happen in more than about 5 % of families (ten classes, corrected; or one average).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from sedcore.evaluation.baselines import measure_value
from sedcore.evaluation.bootstrap import Draws, bootstrap_decisions, bootstrap_ranking, merged
from sedcore.evaluation.evaluate import evaluate
from sedcore.evaluation.measures import PICKED, RUN_MEASURES, measure_behind
from sedcore.evaluation.verdicts import BETTER, WORSE, Differences, compare

CLIPS = 1_000
POSITIVES = (10, 20, 50, 100, 200)
STEP, THRESHOLD = 2.0, 1.2  # F1 about .4 to .75
POPULATION = 2_000_000
MEASURES = (*RUN_MEASURES, *PICKED)
COMMON, SHARED = 0.3, 0.4  # shares of the noise variance: of the clip, and of class and clip for all models
STEPS = (2.3, 2.0)  # of two runs that differ
DIFFERENCES = tuple(
    name
    for name in MEASURES
    if measure_behind(name).ranks_runs and not name.startswith(("weighted", "samples"))
)
FAMILIES = {  # positives of the ten classes
    "ten classes of 50": (50,) * 10,
    "ten classes of 25 to 200": (25, 25, 30, 40, 50, 50, 75, 100, 150, 200),
}


def drawn(
    generator: np.random.Generator,
    clips: int,
    positives: Sequence[int] = POSITIVES,
    steps: Sequence[float] = (STEP,),
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return truth, and the scores of a run for each step, (clips, classes) each."""
    truth = generator.random((clips, len(positives))) < np.array(positives) / CLIPS
    common = generator.standard_normal((clips, 1))
    shared = generator.standard_normal(truth.shape)
    noise = np.sqrt(COMMON) * common + np.sqrt(SHARED) * shared
    rest = np.sqrt(1 - COMMON - SHARED)
    return truth, [step * truth + noise + rest * generator.standard_normal(truth.shape) for step in steps]


def true_values(steps: Sequence[float]) -> list[dict[str, np.ndarray | float]]:
    """Return the population's values, of a run for each step."""
    truth, scores = drawn(np.random.default_rng(999), POPULATION, steps=steps)
    runs = [evaluate(truth, of_run, [str(number) for number in POSITIVES], THRESHOLD) for of_run in scores]
    return [
        {name: measure_value(e, name) if name in RUN_MEASURES else e.by_class[name] for name in MEASURES}
        for e in runs
    ]


def bootstrapped(truth: np.ndarray, scores: list[np.ndarray], resamples: int, seed: int) -> list[Draws]:
    """Return the draws of runs on one split."""
    counted = bootstrap_decisions(truth, [s >= THRESHOLD for s in scores], resamples=resamples, seed=seed)
    ranked = bootstrap_ranking(truth, scores, resamples=resamples, seed=seed)
    return [merged(*of_run) for of_run in zip(counted, ranked)]


def of_one_run(simulations: int, resamples: int) -> None:
    """Print the coverage of the intervals of one run."""
    (truths,) = true_values([STEP])
    held: dict[str, list] = {name: [] for name in MEASURES}
    width: dict[str, list] = {name: [] for name in MEASURES}
    for number in range(simulations):
        truth, scores = drawn(np.random.default_rng([1, number]), CLIPS)
        (draws,) = bootstrapped(truth, scores, resamples, number)
        for name in MEASURES:
            low, high = draws.interval(name)
            held[name].append((low <= truths[name]) & (truths[name] <= high))
            width[name].append(high - low)
    show("of one run", held, width)


def of_differences(simulations: int, resamples: int) -> None:
    """Print the coverage of the intervals of the difference of two runs."""
    first, second = true_values(STEPS)
    held: dict[str, list] = {name: [] for name in DIFFERENCES}
    width: dict[str, list] = {name: [] for name in DIFFERENCES}
    for number in range(simulations):
        truth, scores = drawn(np.random.default_rng([2, number]), CLIPS, steps=STEPS)
        one, other = bootstrapped(truth, scores, resamples, number)
        for name in DIFFERENCES:
            found = compared(one, other, name, truth)
            gap = first[name] - second[name]
            held[name].append((found.low <= gap) & (gap <= found.high))
            width[name].append(found.high - found.low)
    show("of the difference of two runs", held, width)


def compared(one: Draws, other: Draws, name: str, truth: np.ndarray) -> Differences:
    """Return the differences of two runs in a measure, as Verdicts shows them."""
    support = None if name in RUN_MEASURES else truth.sum(axis=0)
    values = one.full[name], other.full[name], one.draws[name], other.draws[name]
    return compare(*values, support, studentised=support is not None and measure_behind(name).studentised)


def show(title: str, held: dict[str, list], width: dict[str, list]) -> None:
    """Print a row a measure, or a measure and class."""
    print(f"\nIntervals {title}")
    print(f"{'measure':<14} {'positives':>9} {'coverage %':>10} {'mean width':>10}")
    for name, rows in held.items():
        shares = np.atleast_1d(100 * np.mean(rows, axis=0))
        widths = np.atleast_1d(np.mean(width[name], axis=0))
        for share, wide, positives in zip(shares, widths, POSITIVES if len(shares) > 1 else ("all",)):
            print(f"{name:<14} {positives:>9} {share:>10.1f} {wide:>10.3f}")


def of_equal_runs(simulations: int, resamples: int) -> None:
    """Print how often two runs of equal skill are told apart."""
    print("\nFalse verdicts between two runs of equal skill, % of families")
    print(f"{'family':<26} " + " ".join(f"{name:>13}" for name in DIFFERENCES))
    for title, positives in FAMILIES.items():
        false: dict[str, list] = {name: [] for name in DIFFERENCES}
        for number in range(simulations):
            generator = np.random.default_rng([3, number])
            truth, scores = drawn(generator, CLIPS, positives, (STEP, STEP))
            one, other = bootstrapped(truth, scores, resamples, number)
            for name in DIFFERENCES:
                verdicts = compared(one, other, name, truth).verdict
                false[name].append(np.isin(verdicts, (BETTER, WORSE)).any())
        print(f"{title:<26} " + " ".join(f"{100 * np.mean(false[name]):>13.1f}" for name in DIFFERENCES))


TABLES: dict[str, Callable[[int, int], None]] = {
    "run": of_one_run,
    "differences": of_differences,
    "verdicts": of_equal_runs,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--simulations", type=int, default=600)
    parser.add_argument("--resamples", type=int, default=1_000)
    parser.add_argument("--table", choices=[*TABLES, "all"], default="all")
    options = parser.parse_args()
    start = time.perf_counter()
    print(f"{options.simulations} simulations x {options.resamples} resamples, {CLIPS} clips")
    for name, table in TABLES.items():
        if options.table in (name, "all"):
            table(options.simulations, options.resamples)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
