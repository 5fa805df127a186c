"""The example of the audit: the printed numbers of the report that this project began with."""

from __future__ import annotations

import json
from importlib import resources

from sedcore.evaluation.audit.reading import from_json
from sedcore.evaluation.audit.tables import IMPOSSIBLE, Document
from sedcore.evaluation.audit.verdicts import audit


def report_numbers() -> dict:
    """Return the numbers of the report: its tables of averages and its matrices.

    Keys: source, threshold, classes, tables {model: {split: table}}, confusion_validation {model: matrices}.
    """
    return json.loads(_text())


def report_document() -> Document:
    """Return the report's tables and matrices for an audit: eight results, validation before test."""
    document = from_json(_text())
    for result in document.results:
        result.model = result.model.upper()
    document.results.sort(key=lambda result: result.split != "validation")
    return document


def report_notes() -> dict[str, dict[str, list[str]]]:
    """Return sentences on where the report's tables cannot be right, {model: {split: sentences}}."""
    numbers = report_numbers()
    notes = {model: {split: [] for split in splits} for model, splits in numbers["tables"].items()}
    for one in audit(report_document()).audited:
        notes[one.result.model.lower()][one.result.split] = one.sentences(*IMPOSSIBLE)
    return notes


def _text() -> str:
    return resources.files(__package__).joinpath("report_numbers.json").read_text("utf-8")
