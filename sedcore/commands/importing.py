"""``predictions import``: make a run of scores from elsewhere, and report how they were understood."""

from __future__ import annotations

from pathlib import Path

from sedcore.artifacts.root import artifact_root
from sedcore.commands.common import Adder, tell
from sedcore.errors import SedcoreError

LISTED = 50  # clips named; the rest are counted


def register(add: Adder, predictions) -> None:
    """Add ``import`` to the group ``predictions``."""
    command = add(predictions, "import", _import, "make a run of scores from elsewhere")
    command.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="CSV, Parquet, NPZ, a sed_eval tagging file, or a folder (or .zip) of score tables or of "
        "predictions_th_X.tsv",
    )
    truth = command.add_mutually_exclusive_group()
    truth.add_argument(
        "--truth", type=Path, metavar="FILE", help="labels: strong, weak, columns or DCASE 2016 tags"
    )
    truth.add_argument("--data", metavar="NAME", help="a data set whose labels are the truth")
    command.add_argument("--name", required=True, metavar="TEXT", help="what the run is called")
    command.add_argument("--split", default="test")
    command.add_argument(
        "--class-map",
        action="append",
        default=[],
        metavar="FROM=TO",
        help="the class FROM of the scores is TO of the truth (repeatable); FROM= leaves it out",
    )
    command.add_argument("--run-id", default="", metavar="ID")


def _import(args) -> None:
    from sedcore.artifacts.files import safe_name
    from sedcore.artifacts.imports.matching import ask
    from sedcore.artifacts.imports.understand import read_source, write_run
    from sedcore.artifacts.manage import display_name
    from sedcore.data.truth import dataset_truth, read_truth

    root, truth = artifact_root(args.artifacts), None
    safe_name(args.split, "split")
    display_name(args.name)
    if args.truth is not None:
        truth = read_truth(args.truth)
    elif args.data is not None:
        truth = dataset_truth(root, args.data, args.split)
    class_map = [_pair(text) for text in args.class_map]
    understood = read_source(args.file, truth, split=args.split, class_map=class_map)
    if understood.questions:
        raise SedcoreError(f"{understood.source}: {ask(understood.questions, understood.closed)}")
    run = write_run(root, understood, args.name, run_id=args.run_id)
    for line in report(understood):
        tell(line)
    print(run.run_id)


def report(understood) -> list[str]:
    """Return a report of an import, a sentence a line; clips that are left out are named."""
    classes = len(understood.sources)
    lines = [
        f"{understood.source}: {understood.format}; {understood.clips} clip{'s' if understood.clips != 1 else ''}, "
        f"{classes} class{'es' if classes != 1 else ''}, scores from {understood.lowest:g} to {understood.highest:g}; "
        f"truth: {understood.truth}",
        *understood.notes,
    ]
    if understood.left_out:
        lines.append(f"Classes left out: {', '.join(understood.left_out)}")
    for clips, what in ((understood.without_truth, "truth"), (understood.without_scores, "scores")):
        if clips:
            more = f" and {len(clips) - LISTED} more" if len(clips) > LISTED else ""
            lines.append(f"Left out, without {what}: {len(clips)} ({', '.join(clips[:LISTED])}{more})")
    return [" ".join(line.split()) for line in lines]


def _pair(text: str) -> tuple[str, str]:
    source, equals, target = (part.strip() for part in text.partition("="))
    if not equals or not (source or target):
        raise SedcoreError(f"--class-map {text!r} is not like FROM=TO")
    return source, target
