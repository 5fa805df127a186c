"""The audit of printed results: what can be right in tables and matrices that somebody printed.

`read_document` understands what is pasted or uploaded, `audit` checks it cell by cell, `report_document` is the
example. Nothing is accused by taste: see `checks` and `together` for the bounds.
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
