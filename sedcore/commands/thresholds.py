"""``thresholds``: the best thresholds of a run for an objective; also the ``--threshold`` option of ``metrics``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run
from sedcore.artifacts.thresholds import (
    ThresholdVector,
    list_thresholds,
    read_file,
    read_thresholds,
    save_thresholds,
    write_thresholds,
)
from sedcore.commands.common import Adder, find, print_json, tell
from sedcore.errors import SedcoreError

SAVED = "tuned"  # the name of the vector that `metrics --threshold tuned` takes
TUNED_ON = "validation"


@dataclass(frozen=True)
class Given:
    """The value of ``--threshold`` for one run: a number for all classes, or a number a class."""

    thresholds: float | list[float]
    words: str
    by_class: dict[str, float] | None = None
    optimistic: bool = False  # tuned on the split that is reported

    def keys(self) -> dict:
        """Return the keys that a vector adds to the JSON of ``metrics``."""
        return {} if self.by_class is None else {"thresholds": self.by_class, "optimistic": self.optimistic}


def register(add: Adder, commands, group) -> None:
    """Add ``thresholds``."""
    command = add(commands, "thresholds", _thresholds, "the best threshold of each class for an objective")
    command.add_argument("run", metavar="RUN")
    command.add_argument("--objective", default="f1", help="f1 (default), fbeta, precision, recall, cost")
    command.add_argument("--beta", type=float, help="for fbeta: how much more recall weighs than precision")
    command.add_argument("--at", type=float, metavar="P", help="for precision and recall: the least wanted")
    command.add_argument("--miss-cost", type=float, help="for cost: of a clip that is missed (1)")
    command.add_argument("--false-alarm-cost", type=float, help="for cost: of a false alarm (1)")
    command.add_argument("--common", choices=("micro", "macro"), help="one for all classes, by this average")
    command.add_argument("--split", default=TUNED_ON, help="tuned on this split (validation)")
    command.add_argument("--resamples", type=int, default=1000, help="for the intervals; 0 leaves them out")
    command.add_argument("--save", metavar="NAME", help=f"keep them in the run; metrics finds {SAVED!r}")
    command.add_argument("--out", type=Path, metavar="FILE", help="write them as JSON")
    command.add_argument("--json", action="store_true")


def given_thresholds(text: str, run: Run, predictions: Predictions) -> Given:
    """Return the value of ``--threshold NUMBER|FILE|tuned`` for a run, on the split of `predictions`.

    Raises SedcoreError where it is none of the three, or does not fit the run's classes.
    """
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        if not math.isfinite(number):
            raise SedcoreError(f"threshold is a finite number; given {text}")
        return Given(number, f"threshold {number:g}")
    classes = predictions.classes
    if text == SAVED and SAVED in list_thresholds(run):
        vector = read_thresholds(run, SAVED, classes)
    elif text == SAVED:
        vector = _tuned_now(run)
        tell(f"run {run.name} has no saved thresholds {SAVED!r}: tuned now on {TUNED_ON}, best F1 a class")
    elif _is_there(text):
        vector = read_file(Path(text), classes)
    else:
        raise SedcoreError(f"threshold {text[:80]!r} is no number, no file and not {SAVED!r}")
    words = f"thresholds {vector.name}" + (f", tuned on {vector.split}" if vector.split else "")
    optimistic = vector.split == predictions.split
    return Given(vector.values(classes), words, dict(vector.thresholds), optimistic)


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long for a path: JSON text instead of its file
        return False


def _tuned_now(run: Run) -> ThresholdVector:
    from sedcore.evaluation.counts import counts
    from sedcore.evaluation.objectives import FBeta
    from sedcore.evaluation.tuning import tune

    p = run.predictions(TUNED_ON)
    tuned = tune(counts(p.truth, p.scores), FBeta())
    by_class = dict(zip(p.classes, tuned.thresholds.tolist()))
    return ThresholdVector(SAVED, by_class, run.run_id, TUNED_ON, FBeta().to_json())


def _thresholds(args) -> None:
    from sedcore.evaluation.counts import counts
    from sedcore.evaluation.objectives import objective
    from sedcore.evaluation.tuning import tune
    from sedcore.evaluation.tuning_intervals import threshold_intervals

    if args.resamples < 0:
        raise SedcoreError(f"--resamples is 0 or more; given {args.resamples}")
    wanted = objective(
        args.objective,
        beta=args.beta,
        at=args.at,
        miss_cost=args.miss_cost,
        false_alarm_cost=args.false_alarm_cost,
    )
    run = find(args, args.run)
    if args.split == TUNED_ON and TUNED_ON not in run.splits() and "test" in run.splits():
        raise SedcoreError(
            f"run {run.name} has no scores on {TUNED_ON}, and thresholds tuned on test make numbers on test "
            "optimistic; give --split test if that is what you want"
        )
    p = run.predictions(args.split)
    try:
        held = counts(p.truth, p.scores)
        tuned = tune(held, wanted, common=args.common)
        edges = np.full((2, len(p.classes)), np.nan)
        if args.resamples:
            interval = threshold_intervals(
                p.truth, p.scores, wanted, common=args.common, resamples=args.resamples
            )
            edges = np.array([interval.low, interval.high])
    except SedcoreError as error:
        raise SedcoreError(f"run {run.name}, {args.split}: {error}") from error
    vector = ThresholdVector(
        args.save or SAVED,
        dict(zip(p.classes, tuned.thresholds.tolist())),
        run.run_id,
        args.split,
        wanted.to_json() | ({"common": args.common} if args.common else {}),
    )
    rows = {
        name: {
            "threshold": tuned.thresholds[c],
            "low": edges[0, c],
            "high": edges[1, c],
            wanted.measured: tuned.values[c],
            "reached": bool(tuned.reached[c]),
            "positives": int(held.positives[c]),
        }
        for c, name in enumerate(p.classes)
    }
    if args.save:
        save_thresholds(run, vector, p.classes)
        tell(f"saved in run {run.name} as {vector.name!r}")
    if args.out:
        write_thresholds(args.out, vector)
    if args.split == "test":
        tell("tuned on test: numbers on test at these thresholds are optimistic")
    if args.json:
        more = {"classes": rows, "clips": held.clips, "optimistic": args.split == "test"}
        return print_json(vector.to_json() | more)
    _print_table(run, args, wanted, rows)


def _print_table(run: Run, args, wanted, rows: dict) -> None:
    common = f", one for all by the {args.common} average" if args.common else ""
    print(f"{run.name}  {wanted.words}{common}, tuned on {args.split}")
    if args.common:  # each class has the same
        total = sum(row["positives"] for row in rows.values())
        rows = {f"all, {args.common}": next(iter(rows.values())) | {"positives": total}}
    width = max(len(name) for name in rows)
    print(f"{'':{width}}  threshold  95 % interval        {wanted.measured:>9}  positives")
    for name, row in rows.items():
        threshold, interval = f"{row['threshold']:.4g}", "-"
        if not math.isnan(row["low"]):
            interval = f"[{row['low']:.4g}, {row['high']:.4g}]"
        value = "-" if math.isnan(row[wanted.measured]) else f"{row[wanted.measured]:.3f}"
        line = f"{name:{width}}  {threshold:>9}  {interval:19}  {value:>9}  {row['positives']:9d}"
        print(line + _note(row, wanted))


def _note(row: dict, wanted) -> str:
    if row["reached"]:
        return ""
    if not row["positives"]:
        return "  no positives: kept as it is"
    return f"  no {wanted.bounded} of {wanted.at:g} to be had: the highest there is"
