"""Splitting a line into cells, and recognising the columns of a header by their usual names."""

from __future__ import annotations

import re

from sedcore.evaluation.audit.numbers import is_number, is_undefined

# (kind, name): ("part", "f1"), ("average", "micro"), ("both", "micro:f1"), ("count", "tp"), ("text", "model").
Column = tuple[str, str]

PART_NAMES = {
    "precision": ("precision", "prec", "p", "pr", "ppv"),
    "recall": ("recall", "rec", "r", "re", "sensitivity", "tpr"),
    "f1": ("f1", "f", "fscore", "f1score", "fmeasure", "f1measure", "fone"),
    "support": ("support", "positives", "count", "n"),
}
AVERAGE_NAMES = {
    "micro": ("micro", "mic"),
    "macro": ("macro", "mac"),
    "weighted": ("weighted", "weight"),
    "samples": ("samples", "sample", "examples", "example", "instances"),
}
COUNT_NAMES = ("tn", "fp", "fn", "tp")
MODEL_NAMES, SPLIT_NAMES = (
    ("model", "system", "method", "network", "run"),
    ("split", "set", "subset", "partition"),
)
CLASS_NAMES = ("class", "label", "event", "category", "tag", "classes", "labels")
FILLERS = {
    "avg",
    "average",
    "averages",
    "averaged",
    "mean",
    "score",
    "scores",
    "metric",
    "metrics",
    "name",
    "",
}


def part_of(name: object) -> str | None:
    """Return precision, recall, f1 or support for the name of a column or row; None for another name."""
    return _known(name, PART_NAMES)


def average_of(name: object) -> str | None:
    """Return micro, macro, weighted or samples for the name of a column or row; None for another name."""
    return _known(name, AVERAGE_NAMES)


def _known(name: object, names: dict[str, tuple[str, ...]]) -> str | None:
    words = [word for word in _words(str(name)) if word not in FILLERS]
    joined = "".join(words)
    return next((key for key, known in names.items() if joined in known), None)


def _words(text: str) -> list[str]:
    """Return the words in lower case: micro-averaged F1-score is micro, averaged, f1, score."""
    text = re.sub(r"[$\\_{}*()]", " ", text.lower()).replace("f_1", "f1").replace("f 1", "f1")
    text = re.sub(r"\b(micro|macro|weighted|samples)(f1|p|r|precision|recall)\b", r"\1 \2", text)
    return re.split(r"[\s\-/:,.%]+", text)


def column_of(cell: str) -> Column | None:
    """Return the meaning of a column header, see `Column`; None where it names nothing known."""
    words = [word for word in _words(cell) if word not in FILLERS]
    if not words:
        return ("text", "row") if cell.strip() else None
    averages = [average_of(word) for word in words]
    rest = " ".join(word for word, average in zip(words, averages) if not average)
    named = [average for average in averages if average]
    part = part_of(rest) if rest else None
    if len(named) == 1 and part:
        return "both", f"{named[0]}:{part}"
    if len(named) == 1 and not rest:
        return "average", named[0]
    if not named and part:
        return "part", part
    joined = "".join(words)
    for kind, names in (("model", MODEL_NAMES), ("split", SPLIT_NAMES), ("class", CLASS_NAMES)):
        if joined in names:
            return "text", kind
    return ("count", joined) if joined in COUNT_NAMES else None


def header(cells: list[str], line: str) -> list[Column | None] | None:
    """Return the columns that a line names, None if it is no header: a header names two or more, without numbers."""
    if any(is_number(cell) for cell in cells):
        return None
    columns = [column_of(cell) for cell in cells]
    if sum(column is not None and column[0] != "text" for column in columns) >= 2:
        if columns[0] is None:
            columns[0] = ("text", "row")
        return columns
    if any(separator in line for separator in "|&\t;") or line.count(",") >= 2:
        return None
    return _words_header(line.split())


def _words_header(words: list[str]) -> list[Column | None] | None:
    """Return the columns of a header with single spaces: each word a column, or an average and a part together."""
    known: list[tuple[str, str]] = []
    for word in words:
        column = column_of(word)
        if column is None and not all(w in FILLERS for w in _words(word)):
            return None  # a title that mentions precision
        if column is not None:
            known.append(column)
    kinds = [kind for kind, _ in known if kind != "text"]
    if len(kinds) < 2:
        return None
    texts = [column for column in known if column[0] == "text" and column[1] != "row"]
    named = [column for column in known if column[0] != "text"]
    if "average" in kinds and "part" in kinds:
        named = [
            ("both", ":".join(name for _, name in sorted(named[i : i + 2]))) for i in range(0, len(named), 2)
        ]
    return [*(texts or [("text", "row")]), *named]


def both_rows(first: list, second: list) -> list[Column | None]:
    """Return the columns of a header in two rows, averages above parts."""
    averages = [name for kind, name in filter(None, first) if kind == "average"]
    parts = [name for kind, name in filter(None, second) if kind == "part"]
    each = len(parts) // len(averages)
    texts = [c for c in first if c and c[0] == "text"] or [("text", "row")]
    return [*texts, *(("both", f"{averages[i // each]}:{part}") for i, part in enumerate(parts))]


def is_second_row(first_row: list, columns: list) -> bool:
    """Whether `columns` names parts under the averages of `first_row`, equally many under each."""
    first = [c for c in first_row if c and c[0] == "average"]
    second = [c for c in columns if c and c[0] == "part"]
    return bool(first) and len(second) > len(first) and len(second) % len(first) == 0


def cells_of(line: str) -> list[str]:
    """Return the cells of a line: by its separator, else by runs of spaces and the numbers at its end."""
    line = re.sub(r"\\(?:textbf|textit|emph|mathbf|underline|bf)\b\s*", "", line)
    line = re.sub(r"\\\\(\[.*?\])?|\\(?:hline|toprule|midrule|bottomrule)", "", line)
    if "&" in line:
        line = re.sub(r"\\multicolumn\s*\{\d+\}\s*\{[^}]*\}", "", line)
        return [re.sub(r"[{}$\\]", "", cell).strip() for cell in line.split("&")]
    if "|" in line:
        return [cell.strip(" \t*`") for cell in line.strip().strip("|").split("|")]
    for separator in ("\t", ";"):
        if line.count(separator) >= 2:
            return _spread([cell.strip() for cell in line.split(separator)])
    if line.count(",") >= 2 and not re.search(r"\d,\d+\s+\d", line):
        return [cell.strip().strip('"') for cell in line.split(",")]
    return _columns(line)


def _spread(cells: list[str]) -> list[str]:
    """Split a label and a first number that a PDF left in one cell."""
    words = cells[0].rsplit(maxsplit=1)
    if len(words) == 2 and is_number(words[1]) and part_of(words[0]):
        return [*words, *cells[1:]]
    return cells


def _columns(line: str) -> list[str]:
    words = re.sub(r"(\d)\s+%", r"\1%", line).split()
    first = len(words)
    while first > 0 and (is_number(words[first - 1]) or is_undefined(words[first - 1])):
        first -= 1
    if first == len(words):
        return [cell for cell in re.split(r"\s{2,}|\t", line.strip()) if cell]
    return [" ".join(words[:first]), *words[first:]]
