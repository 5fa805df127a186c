"""Reading printed results from text: scikit-learn's classification_report, Markdown, CSV, TSV, LaTeX, plain columns.

Text is read line by line: a header names columns (averages, precision and so on, or tp, fp, fn, tn), rows of numbers
follow it, and a line without numbers is a title that may name model, split and threshold. Matrices as NumPy prints
them are read too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sedcore.errors import SedcoreError
from sedcore.evaluation.audit.headers import (
    AVERAGE_NAMES,
    COUNT_NAMES,
    Column,
    average_of,
    both_rows,
    cells_of,
    header,
    is_second_row,
    part_of,
)
from sedcore.evaluation.audit.numbers import Raw, as_printed, is_number, is_undefined
from sedcore.evaluation.audit.tables import UNNAMED, ClassRow, Document, Result

SPLITS = {
    "validation": r"validation|valid|val|development|dev",
    "test": r"test(?:ing)?|evaluation set|eval(?:uation)? split",
    "train": r"train(?:ing)?",
}
TITLE_WORDS = re.compile(
    r"\b(evaluation|metrics?|results?|scores?|table|figure|fig|confusion|matrix|matrices|set|split|data|on|of|for|"
    r"the|and|averages?|classification|report|accuracy|threshold|per|class|classes|wise)\b",
    re.IGNORECASE,
)
THRESHOLD = re.compile(r"threshold\s*(?:of|is|=|:)?\s*(0?\.\d+|1\.0)", re.IGNORECASE)
PAIR = re.compile(r"\[\s*(\d{1,9})[\s,]+(\d{1,9})\s*\]")
RULE = re.compile(r"^[\s|:+=\-_]*$|^\s*\\(?:hline|toprule|midrule|bottomrule|cline|cmidrule|begin|end)\b.*$")


@dataclass
class _Block:
    """A header with its rows and the title above it."""

    columns: list[Column | None]
    line: int
    title: _Title
    rows: list[tuple[dict[str, str], list[str], int]] = field(default_factory=list)  # texts, numbers, line


@dataclass(frozen=True)
class _Title:
    model: str = ""
    split: str = ""
    average: str = ""
    threshold: float | None = None


def from_text(text: str) -> Document:
    """Parse text. Raises SedcoreError with the first line of numbers that fits no header."""
    document, results = Document([]), _Results()
    title, block = _Title(), None
    bracketed: list[tuple[int, int]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        pairs = PAIR.findall(line)
        if pairs:
            bracketed += [(int(a), int(b)) for a, b in pairs]
            continue
        if bracketed and line.strip(" \t[],()"):
            results.add_matrices(title, bracketed, number)
            bracketed = []
        if RULE.match(line) or not line.strip(" \t[],()"):
            continue
        cells = cells_of(line)
        columns = header(cells, line)
        if columns is not None:
            if block is not None and not block.rows and is_second_row(block.columns, columns):
                block.columns = both_rows(block.columns, columns)
                continue
            block = _Block(columns, number, title)
            results.blocks.append(block)
        elif block is not None and (row := _row(cells, block, number)) is not None:
            block.rows.append(row)
        elif _is_title(line, cells):
            title, block = _title(line, title), None
        else:
            _refuse(line, number, block)
    if bracketed:
        results.add_matrices(title, bracketed, number)
    for block in results.blocks:
        if block.rows:
            results.add(block, document)
    document.results = results.held
    return document


def _row(cells: list[str], block: _Block, number: int) -> tuple[dict[str, str], list[str], int] | None:
    """Return texts, numbers and line of a row under a block's header, None if it is none."""
    wanted = block.columns
    texts = [c for c in wanted if c and c[0] == "text"]
    if len(cells) == len(wanted):
        row = dict(zip(range(len(cells)), cells))
        named = {c[1]: row[i] for i, c in enumerate(wanted) if c and c[0] == "text"}
        numbers = [row[i] for i, c in enumerate(wanted) if not (c and c[0] == "text")]
        if sum(is_number(n) for n in numbers) and all(
            is_number(n) or is_undefined(n) or not n.strip() or wanted_column is None
            for n, wanted_column in zip(numbers, [c for c in wanted if not (c and c[0] == "text")])
        ):
            return named, numbers, number
    numbers = [cell for cell in cells if cell.strip()]
    many = len(wanted) - len(texts)
    label = numbers[: max(0, len(numbers) - many)]
    numbers = numbers[len(label) :]
    if label and label[0].lower().startswith("accuracy") or cells[0].lower().startswith("accuracy"):
        return {"row": "accuracy"}, [c for c in cells[1:] if is_number(c)][:1], number
    if len(numbers) == many and all(is_number(n) or is_undefined(n) for n in numbers) and label:
        if not any(is_number(n) for n in numbers):
            return None
        name = texts[-1][1] if texts else "row"
        return {name: " ".join(label)}, numbers, number
    return None


def _is_title(line: str, cells: list[str]) -> bool:
    if line.lstrip().startswith(("#", "%", "\\caption", "\\section", "\\subsection")) or THRESHOLD.search(
        line
    ):
        return True
    if re.match(r"\s*(table|figure|fig\.?)\s*\d", line, re.IGNORECASE):
        return True
    return not any(is_number(cell) for cell in cells)


def _title(line: str, before: _Title) -> _Title:
    """Return model, split, average and threshold of a title; all but the average default to those of `before`."""
    threshold = THRESHOLD.search(line)
    text = THRESHOLD.sub(" ", re.sub(r"^[\s#%>*]*|[*`]|\\(?:sub)*section|\\caption|[{}]", "", line))
    split = next(
        (name for name, form in SPLITS.items() if re.search(rf"\b(?:{form})\b", text, re.IGNORECASE)), ""
    )
    average = next((name for name in AVERAGE_NAMES if re.search(rf"\b{name}\b", text, re.IGNORECASE)), "")
    text = re.sub(
        rf"\b(?:{'|'.join(SPLITS.values())}|{'|'.join(AVERAGE_NAMES)})\b", " ", text, flags=re.IGNORECASE
    )
    text = re.sub(r"^\s*(table|figure|fig\.?|section)?\s*\d+(\.\d+)*[.:]?\s", " ", text, flags=re.IGNORECASE)
    model = " ".join(TITLE_WORDS.sub(" ", re.sub(r"[()\[\]:,;=%]", " ", text)).split())
    if len(model) > 60 or len(model.split()) > 5:  # a sentence, not a name
        model = ""
    return _Title(
        model or before.model,
        split or before.split,
        average,
        float(threshold[1]) if threshold else before.threshold,
    )


def _refuse(line: str, number: int, block: _Block | None) -> None:
    shown = " ".join(line.split())[:80]
    if block is None:
        raise SedcoreError(
            f'Line {number} ("{shown}") has numbers, but no header above it says which they are: wanted one such as '
            "precision, recall, f1, support."
        )
    wanted = sum(not (c and c[0] == "text") for c in block.columns)
    raise SedcoreError(
        f'Line {number} ("{shown}") does not fit the header in line {block.line}, which names {wanted} columns of '
        "numbers."
    )


class _Results:
    """Collects results while reading: tables of one model and split go into one result."""

    def __init__(self) -> None:
        self.blocks: list[_Block] = []
        self.held: list[Result] = []

    def at(self, model: str, split: str, kind: str, threshold: float | None) -> Result:
        """Return a result of model and split without tables of this `kind`; if all have one, a new numbered one."""
        name, number = model, 1
        while True:
            result = next((r for r in self.held if (r.model, r.split) == (name, split)), None)
            if result is None:
                result = Result(name, split, threshold=threshold)
                self.held.append(result)
            if not getattr(result, kind):
                return result
            number += 1
            name = f"{model or 'table'} ({number})"

    def add_matrices(self, title: _Title, pairs: list[tuple[int, int]], line: int) -> None:
        if len(pairs) % 2:
            raise SedcoreError(
                f"The matrices that end before line {line} are not all 2x2: {len(pairs)} rows in all."
            )
        result = self.at(title.model, title.split, "matrices", title.threshold)
        couples = zip(pairs[::2], pairs[1::2])
        result.matrices = {f"class {i}": (*top, *low) for i, (top, low) in enumerate(couples, start=1)}

    def add(self, block: _Block, document: Document) -> None:
        """Add the cells of a block to the averages, rows of classes and matrices of their results."""
        columns = [c for c in block.columns if not (c and c[0] == "text")]
        groups: dict[tuple[str, str], dict[tuple[str, str], Raw]] = {}
        supports: dict[tuple[tuple[str, str], str], int] = {}
        counts: dict[tuple[str, str], dict[str, dict[str, int]]] = {}
        for texts, numbers, line in block.rows:
            model, split, row = self._place(texts, block)
            if row == "accuracy" and numbers:
                cells = {("micro", part): Raw(numbers[0], line) for part in ("precision", "recall", "f1")}
                groups.setdefault((model, split), {}).update(cells)
                continue
            for column, text in zip(columns, numbers):
                if column is None or not text.strip():
                    continue
                if column[0] == "count":
                    counts.setdefault((model, split), {}).setdefault(row, {})[column[1]] = _whole(text, line)
                    continue
                average, part = _meaning(column, row, line)
                if part == "support":
                    supports[(model, split), average] = _whole(text, line)
                elif part:
                    key = (average, part)
                    held = groups.setdefault((model, split), {})
                    if key in held:
                        raise SedcoreError(
                            f"Line {line}: {average.removeprefix('class:')} stands twice in one table."
                        )
                    held[key] = Raw(text, line)
        for (model, split), cells in groups.items():
            self._add_scores(model, split, cells, supports, block, document)
        for (model, split), rows in counts.items():
            result = self.at(model, split, "matrices", block.title.threshold)
            result.matrices = {name: _matrix(name, held, block.line) for name, held in rows.items()}

    def _place(self, texts: dict[str, str], block: _Block) -> tuple[str, str, str]:
        model, split = texts.get("model", block.title.model), texts.get("split", block.title.split)
        row = texts.get("class", texts.get("row", ""))
        both = all(c is None or c[0] in ("text", "both") for c in block.columns)
        if both and "model" not in texts and row:
            return row, split, ""
        if not row and "model" in texts and not both:
            row = block.title.average or UNNAMED
        return model, next((n for n, form in SPLITS.items() if re.fullmatch(form, split.lower())), split), row

    def _add_scores(self, model, split, cells, supports, block: _Block, document: Document) -> None:
        printed = as_printed(cells, f"the table in line {block.line}", document.notes)
        kinds = {"classes" if row.startswith("class:") else "averages" for row, _ in printed}
        kind = "averages" if "averages" in kinds else "classes"
        result = self.at(model, split, kind, block.title.threshold)
        totals = {
            n for (place, row), n in supports.items() if place == (model, split) and row in AVERAGE_NAMES
        }
        result.total = totals.pop() if len(totals) == 1 else None
        for (row, part), number in printed.items():
            if row.startswith("class:"):
                support = supports.get(((model, split), row))
                result.classes.setdefault(row[6:], ClassRow({}, support)).scores[part] = number
            else:
                result.averages.setdefault(row, {})[part] = number


def _meaning(column: tuple[str, str], row: str, line: int) -> tuple[str, str]:
    """Return (average or class:name, part) of a cell, from its column and row."""
    kind, name = column
    if kind == "both":
        return tuple(name.split(":"))
    if kind == "average":
        part = part_of(row)
        if part is None:
            raise SedcoreError(
                f'Line {line} ("{row[:60]}") stands under averages, but is not precision, recall or F1.'
            )
        return name, part
    average = UNNAMED if row == UNNAMED else average_of(row)
    return average or f"class:{row or 'all'}", name


def _whole(text: str, line: int) -> int:
    digits = re.sub(r"[\s,]", "", text)
    if re.fullmatch(r"\d{1,9}(\.0*)?", digits) is None:
        raise SedcoreError(
            f"Line {line}: {text[:40]} is not a whole number of clips: were counts normalised to rates?"
        )
    return int(float(digits))


def _matrix(name: str, held: dict[str, int], line: int) -> tuple[int, int, int, int]:
    missing = [part for part in COUNT_NAMES if part not in held]
    if missing:
        raise SedcoreError(
            f"The matrix of {name or 'a class'} under line {line} has no {' and no '.join(missing)}: wanted tp, fp, fn "
            "and tn of each class."
        )
    return tuple(held[part] for part in COUNT_NAMES)
