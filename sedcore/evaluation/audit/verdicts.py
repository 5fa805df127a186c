"""The audit: every check on every result, and the verdicts on each cell, each result and the document."""

from __future__ import annotations

from dataclasses import dataclass, field

from sedcore.errors import SedcoreError
from sedcore.evaluation.audit.against import check_against_matrices, check_against_rows
from sedcore.evaluation.audit.checks import (
    check_class_f1,
    check_counts,
    check_identities,
    check_matrices,
    check_support_sum,
    check_total,
)
from sedcore.evaluation.audit.recompute import Ranges
from sedcore.evaluation.audit.tables import (
    IMPOSSIBLE,
    PARTS,
    Cell,
    Document,
    Finding,
    Result,
    Verdict,
    listed,
)
from sedcore.evaluation.audit.together import (
    baseline_ranges,
    check_baseline,
    check_dominant,
    check_supports,
    check_weights,
)
from sedcore.evaluation.audit.tuned import check_chosen_split

ORDER = list(Verdict)


@dataclass
class Audited:
    """A result with its findings. recomputed: averages from its matrices or rows, as ranges."""

    result: Result
    findings: list[Finding] = field(default_factory=list)
    recomputed: Ranges = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict among the findings; not checkable without any."""
        return min((f.verdict for f in self.findings), key=ORDER.index, default=Verdict.NOT_CHECKABLE)

    def cells(self) -> dict[Cell, Verdict]:
        """Return the worst verdict on each printed cell; a cell that no check covers is not checkable."""
        worst: dict[Cell, Verdict] = dict.fromkeys(printed_cells(self.result), Verdict.NOT_CHECKABLE)
        for finding in self.findings:
            for cell in finding.cells:
                if cell in worst:
                    worst[cell] = min(worst[cell], finding.verdict, key=ORDER.index)
        return worst

    def sentences(self, *verdicts: Verdict) -> list[str]:
        """Return the sentences of the findings, worst first; of these verdicts, by default of all."""
        ordered = sorted(self.findings, key=lambda f: ORDER.index(f.verdict))
        return [f.sentence for f in ordered if f.sentence and (not verdicts or f.verdict in verdicts)]


@dataclass
class Audit:
    """The outcome of `audit`. findings: those on no single result; baselines: by split, where known."""

    document: Document
    audited: list[Audited]
    findings: list[Finding]
    baselines: dict[str, dict[str, Ranges]]

    def answer(self) -> str:
        """Return the outcome in one or two sentences, for the first line of a page."""
        total = len(self.audited)
        groups = {v: [a.result.name for a in self.audited if a.verdict == v] for v in Verdict}
        wrong = len(groups[Verdict.CANNOT]) + len(groups[Verdict.EXCHANGED])
        tables = "table" if total == 1 else "tables"
        lead = (
            f"{wrong} of {total} {tables} cannot be right as printed"
            if wrong
            else f"No number in {total} {tables} is impossible"
        )
        said = []
        if wrong and total == 1:
            first = self.audited[0].sentences()[0]
            return f"{lead}. {first}"
        if groups[Verdict.EXCHANGED]:
            said.append(f"precision and recall are exchanged in {listed(groups[Verdict.EXCHANGED])}")
        if groups[Verdict.CANNOT] and total > 1:
            said.append(f"no counts give what is in {listed(groups[Verdict.CANNOT])}")
        if groups[Verdict.SUSPICIOUS]:
            said.append(f"possible, but suspicious: {listed(groups[Verdict.SUSPICIOUS])}")
        if total == len(groups[Verdict.NOT_CHECKABLE]):
            said.append("but no check reached one: give matrices, or classes with their support")
        return f"{lead}{': ' if wrong and said else '; ' if said else ''}{'; '.join(said)}."

    def to_json(self) -> dict:
        """Return the outcome as JSON values: notes on reading, tables with verdicts, findings, baselines."""
        return {
            "answer": self.answer(),
            "read": self.document.notes,
            "tables": [_to_json(one) for one in self.audited],
            "findings": [{"verdict": f.verdict.value, "sentence": f.sentence} for f in self.findings],
            "baselines": {
                split: {name: _ranges_to_json(ranges) for name, ranges in named.items()}
                for split, named in self.baselines.items()
            },
        }


def audit(document: Document) -> Audit:
    """Run every check on a document. Raises SedcoreError where it holds no result."""
    if not document.results:
        raise SedcoreError("There is no table to audit: paste averages, rows of classes or matrices.")
    audited = [_audit_one(result, document) for result in document.results]
    baselines = {}
    for split in dict.fromkeys(result.split for result in document.results):
        group = [one for one in audited if one.result.split == split]
        if ranges := _audit_split(group, document):
            baselines[split] = ranges
    findings = check_chosen_split(document) + _unchecked_together(document)
    return Audit(document, audited, findings, baselines)


def _unchecked_together(document: Document) -> list[Finding]:
    """Note where averages of several models were not compared: that needs the number of classes."""
    plain = [r.split for r in document.results if {"macro", "weighted"} <= set(r.averages)]
    if _classes(document.results, document) or len(plain) == len(set(plain)):
        return []
    sentence = "The tables are not checked against each other: that needs the number of classes."
    return [Finding(Verdict.NOT_CHECKABLE, sentence)]


def _classes(results: list[Result], document: Document) -> int:
    return document.classes or max((len(r.matrices) or len(r.classes) for r in results), default=0)


def _audit_one(result: Result, document: Document) -> Audited:
    one, clips = Audited(result), document.clips
    if result.matrices:
        against, one.recomputed = check_against_matrices(result)
        one.findings += against + check_matrices(result, clips)
    if result.classes:
        rows = check_counts(result, clips) + check_class_f1(result)
        total, summed = check_total(result, clips, _classes([result], document)), check_support_sum(result)
        one.findings += rows + total + summed
        doubtful = bool(summed) or any(f.verdict in IMPOSSIBLE for f in rows)
        whole = document.classes in (None, len(result.classes))
        if not result.matrices and whole and not doubtful:
            against, one.recomputed = check_against_rows(result, clips)
            one.findings += against
    exchanged = any(f.verdict is Verdict.EXCHANGED for f in one.findings)
    identities = check_identities(result)
    # A known exchange is not reported twice.
    one.findings += [f for f in identities if not (exchanged and f.verdict is Verdict.EXCHANGED)]
    return one


def _audit_split(group: list[Audited], document: Document) -> dict[str, Ranges]:
    """Run the checks across the results of one split, add their findings, and return the baselines, if known."""
    results = [one.result for one in group]
    by_id = {id(one.result): one for one in group}
    classes = _classes(results, document)
    findings = check_supports(results)
    disagree = bool(findings)
    if classes and len(results) > 1:
        findings += check_dominant(results, classes)
    for result, finding in findings:
        by_id[id(result)].findings.append(finding)
    sources = [r for r in results if r.support]
    if not sources or disagree:
        return {}
    source = sources[0]
    support = list(source.support.values())
    clips = sum(next(iter(source.matrices.values()))) if source.matrices else document.clips
    trusted = len(support) == (document.classes or len(support)) and sum(support) > 0
    if not trusted:
        return {}
    for one in group:
        if not one.result.support and not any(f.verdict in IMPOSSIBLE for f in one.findings):
            one.findings += check_weights(one.result, support, source.name)
    if clips is None or clips < max(support):
        return {}
    baselines = baseline_ranges(support, clips)
    for one in group:
        one.findings += check_baseline(one.result, baselines)
    return baselines


def printed_cells(result: Result) -> list[Cell]:
    """Return all printed cells, in their order."""
    cells = [Cell("average", average, part) for average, row in result.averages.items() for part in row]
    for name, row in result.classes.items():
        cells += [Cell("class", name, part) for part in row.scores]
        cells += [Cell("class", name, "support")] if row.support is not None else []
    cells += [Cell("matrix", name, part) for name in result.matrices for part in ("tn", "fp", "fn", "tp")]
    return cells


def _to_json(one: Audited) -> dict:
    result = one.result
    verdicts = one.cells()
    return {
        "model": result.model,
        "split": result.split,
        "threshold": result.threshold,
        "verdict": one.verdict.value,
        "sentences": one.sentences(),
        "cells": [
            {
                "kind": cell.kind,
                "row": cell.row,
                "part": cell.part,
                "printed": _printed(result, cell),
                "verdict": v.value,
            }
            for cell, v in verdicts.items()
        ],
        "recomputed": _ranges_to_json(one.recomputed),
    }


def _printed(result: Result, cell: Cell) -> float | int | None:
    if cell.kind == "matrix":
        return result.matrices[cell.row][("tn", "fp", "fn", "tp").index(cell.part)]
    if cell.part == "support":
        return result.classes[cell.row].support
    scores = result.averages[cell.row] if cell.kind == "average" else result.classes[cell.row].scores
    return scores[cell.part].value


def _ranges_to_json(ranges: Ranges) -> dict:
    return {a: {part: list(row[part]) for part in PARTS if part in row} for a, row in ranges.items()}
