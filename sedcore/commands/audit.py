"""``audit``: what can be right in printed tables and matrices."""

from __future__ import annotations

import sys
from pathlib import Path

from sedcore.commands.common import Adder, find, print_json
from sedcore.errors import SedcoreError

MARKS = {"cannot be right": "!", "exchanged": "x", "suspicious": "?", "consistent": "", "not checkable": ""}
MOST_BYTES = 2_000_000
LONG = 12  # sentences printed for a table


def register(add: Adder, commands, group) -> None:
    """Add ``audit``."""
    audit = add(commands, "audit", _audit, "what can be right in printed tables and matrices")
    audit.add_argument(
        "file", nargs="?", metavar="FILE", help="text, Markdown, CSV, LaTeX or JSON; - is stdin"
    )
    audit.add_argument("--report", action="store_true", help="the example: the report's own tables")
    audit.add_argument("--clips", type=int, metavar="N", help="clips of a split")
    audit.add_argument("--classes", type=int, metavar="N", help="number of classes")
    audit.add_argument(
        "--run",
        metavar="RUN",
        help="scores of the audited model: was its threshold chosen on what it reports?",
    )
    audit.add_argument("--json", action="store_true")


def _audit(args) -> None:
    from sedcore.evaluation.audit import audit, read_document, report_document

    if bool(args.file) == args.report:
        raise SedcoreError("audit wants either a FILE with printed results or --report, which is the example")
    if args.report:
        document = report_document()
        document.clips = args.clips or document.clips
    else:
        document = read_document(_text(args.file), args.clips, args.classes)
    outcome = audit(document)
    if args.run:
        outcome.findings += _thresholds(args, document)
    if args.json:
        return print_json(outcome.to_json())
    print(outcome.answer(), *document.notes, sep="\n", end="\n\n")
    for one in outcome.audited:
        _print_result(one)
    for finding in outcome.findings:
        print(f"{finding.verdict.value}: {finding.sentence}")
    for split, named in outcome.baselines.items():
        for name, ranges in named.items():
            f1 = ", ".join(f"{average} {row['f1'][0]:.3f}" for average, row in ranges.items() if "f1" in row)
            print(f"F1 of predicting {name}{f' on {split}' if split else ''}: {f1}")


def _text(file: str) -> str:
    try:
        data = sys.stdin.buffer.read(MOST_BYTES + 1) if file == "-" else _bytes(Path(file))
    except OSError as error:
        raise SedcoreError(f"{file}: {error.strerror or error}") from None
    if len(data) > MOST_BYTES:
        raise SedcoreError(f"{file} is over {MOST_BYTES // 10**6} MB; an audit takes tables, not scores")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SedcoreError(f"{file} is not UTF-8 text: save the table as text, CSV or JSON") from None


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _thresholds(args, document) -> list:
    """Return findings on where the printed thresholds were chosen, by the scores of a run; none for validation."""
    from sedcore.evaluation.audit.tuned import check_threshold
    from sedcore.evaluation.counts import counts

    run = find(args, args.run)
    held = {}
    for split in run.splits():
        p = run.predictions(split)
        held[split] = counts(p.truth, p.scores)
    printed = dict.fromkeys((r.split, r.threshold) for r in document.results if r.threshold is not None)
    if not printed:
        raise SedcoreError(
            f"{args.file or 'the report'} names no threshold: write a line such as 'threshold 0.35'"
        )
    decimals = [len(f"{threshold:g}".partition(".")[2]) for _, threshold in printed]
    return [
        check_threshold(held, threshold, max(decimals), split or "test")
        for split, threshold in printed
        if split != "validation"
    ]


def _print_result(one) -> None:
    from sedcore.evaluation.audit.views import averages_table, classes_table, matrices_table

    print(f"{one.result.name}: {one.verdict.value}")
    for table in (averages_table(one, MARKS), classes_table(one, MARKS), matrices_table(one, MARKS)):
        if len(table):
            print(table.to_string(index=False, na_rep="-"))
    sentences = one.sentences()
    for sentence in sentences[:LONG]:
        print(f"  {sentence}")
    if len(sentences) > LONG:
        print(f"  and {len(sentences) - LONG} more (--json has them all)")
    print()
