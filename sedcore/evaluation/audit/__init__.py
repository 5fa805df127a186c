"""The audit of printed results: which numbers of printed tables and matrices can be right.

`read_document` parses pasted or uploaded text, `audit` checks it cell by cell, `report_document` is the example.
Every objection follows from bounds: see `checks` and `together`.
"""

from sedcore.evaluation.audit.reading import read_document
from sedcore.evaluation.audit.report import report_document, report_notes, report_numbers
from sedcore.evaluation.audit.tables import Cell, Document, Finding, Printed, Result, Verdict
from sedcore.evaluation.audit.verdicts import Audit, Audited, audit

__all__ = [
    "Audit",
    "Audited",
    "Cell",
    "Document",
    "Finding",
    "Printed",
    "Result",
    "Verdict",
    "audit",
    "read_document",
    "report_document",
    "report_notes",
    "report_numbers",
]
