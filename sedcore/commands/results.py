"""Results: ``metrics`` of runs, and ``predictions``, their scores as files."""

from __future__ import annotations

from pathlib import Path

from sedcore.commands import importing
from sedcore.commands.common import Adder, find, print_json
from sedcore.errors import SedcoreError


def register(add: Adder, commands, group) -> None:
    """Add ``metrics`` and ``predictions ...``."""
    metrics = add(commands, "metrics", _metrics, "averages and per-class scores of runs")
    metrics.add_argument("runs", nargs="+", metavar="RUN")
    metrics.add_argument("--split", default="test")
    metrics.add_argument(
        "--threshold",
        default="0.5",
        metavar="NUMBER|FILE|tuned",
        help="one for all classes, a JSON file with one a class, or those tuned on validation (0.5)",
    )
    metrics.add_argument("--json", action="store_true")
    predictions = group(commands, "predictions", "scores as files")
    export = add(predictions, "export", _export, "write truth and scores of a run as CSV or Parquet")
    export.add_argument("run", metavar="RUN")
    export.add_argument("--split", default="test")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help=".csv or .parquet")
    importing.register(add, predictions)


def _metrics(args) -> None:
    from sedcore.commands.thresholds import given_thresholds
    from sedcore.evaluation.evaluate import evaluate

    results, given, chosen = {}, {}, [find(args, text) for text in args.runs]
    for run in chosen:
        p = run.predictions(args.split)
        at = given[run.run_id] = given_thresholds(args.threshold, run, p)
        try:
            results[run.run_id] = evaluate(p.truth, p.scores, p.classes, at.thresholds)
        except SedcoreError as error:
            raise SedcoreError(f"run {run.name}, {args.split}: {error}") from error
    if args.json:
        return print_json(
            {
                run_id: result.to_json(args.split, given[run_id].thresholds) | given[run_id].keys()
                for run_id, result in results.items()
            }
        )
    for run in chosen:
        result, at = results[run.run_id], given[run.run_id]
        optimistic = " (optimistic: the split reported)" if at.optimistic else ""
        print(f"{run.name}  {args.split}, {at.words}{optimistic}, macro AP {result.mAP:.3f}")
        for table in (result.averages_table(), result.class_table()):
            print(table.to_string(index=False, float_format="{:.3f}".format, na_rep="-"), end="\n\n")


def _export(args) -> None:
    from sedcore.artifacts.predictions import write_predictions

    write_predictions(args.out, find(args, args.run).predictions(args.split))
