"""Can these printed numbers be right? A verdict for each cell of tables and matrices."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.base.messages import show_error
from pages.widgets.runs import cached
from pages.widgets.runs.guarded import guarded
from sedcore.errors import SedcoreError
from sedcore.evaluation.audit import Audit, Audited, Verdict
from sedcore.evaluation.audit.views import averages_table, classes_table, matrices_table
from sedcore.figures.palette import RIGHT, WRONG, faint

MARKS = {
    Verdict.CANNOT: "×",
    Verdict.EXCHANGED: "⇄",
    Verdict.SUSPICIOUS: "?",
    Verdict.CONSISTENT: "✓",
    Verdict.NOT_CHECKABLE: "",
}
MEANINGS = {
    Verdict.CANNOT: "cannot be right beside the numbers that the sentence names",
    Verdict.EXCHANGED: "precision and recall, or truth and predictions, are swapped",
    Verdict.SUSPICIOUS: "possible, but see the note",
    Verdict.CONSISTENT: "checked and consistent",
}
COLORS = {"×": faint(WRONG, 0.45), "⇄": faint(WRONG, 0.3), "?": faint(WRONG, 0.15), "✓": faint(RIGHT, 0.22)}
MOST_BYTES = 400_000
TYPES = ["txt", "md", "csv", "tsv", "tex", "json"]
PLACEHOLDER = """CNN, test, threshold 0.5
              precision  recall  f1-score  support
Dog                0.86    0.88      0.87       34
Speech             0.91    0.96      0.93      120
micro avg          0.90    0.94      0.92      154"""
EXAMPLE, OWN = "The report's tables", "Your own"


def main() -> None:
    st.title("Audit", anchor=False)
    top = st.container()
    source = st.segmented_control(
        "Audited",
        [EXAMPLE, OWN],
        default=EXAMPLE,
        required=True,
        key="audit-source",
        label_visibility="collapsed",
    )
    if source == OWN:
        text, clips, classes = own_input()
        if not text.strip():
            top.markdown("Paste or upload printed results: every number is checked for what it can be.")
            return
        try:
            audit = cached.audited(text, clips, classes)
        except SedcoreError as error:
            top.markdown("This could not be read, so nothing was checked.")
            show_error(error)
            return
    else:
        st.caption(
            "The example: the averages and matrices printed in the course report that this project grew from."
        )
        audit = cached.audited_report()
    top.markdown(answer(audit))
    legend(audit)
    for number, one in enumerate(audit.audited):
        show_result(one, number)
    show_whole(audit)


def own_input() -> tuple[str, int | None, int | None]:
    """Show the inputs; return the text and the two numbers that a print often leaves out."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        text = st.text_area(
            "Printed results",
            key="audit-text",
            height=230,
            max_chars=MOST_BYTES,
            placeholder=PLACEHOLDER,
            help="A classification_report, Markdown, CSV, LaTeX rows, columns copied from a PDF, printed matrices or "
            "JSON. A line above a table may name model, split and threshold.",
        )
    with right:
        upload = st.file_uploader("Or a file", type=TYPES, key="audit-file", max_upload_size=1)
        with st.container(horizontal=True):
            clips = st.number_input(
                "Clips", 1, 10**9, None, key="audit-clips", help="Clips in the split; bounds false alarms."
            )
            classes = st.number_input(
                "Classes",
                1,
                2000,
                None,
                key="audit-classes",
                help="Lets averages of several models bind each other.",
            )
    if upload is not None:
        text = uploaded(upload)
    return text, clips, classes


def uploaded(file) -> str:
    """Return an uploaded file as text. Raises SedcoreError."""
    data = file.getvalue()
    if len(data) > MOST_BYTES:
        raise SedcoreError(
            f"{file.name} has {len(data)} bytes; an audit takes up to {MOST_BYTES}: tables, not scores."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SedcoreError(f"{file.name} is not UTF-8 text: save the table as text, CSV or JSON.") from None


def answer(audit: Audit) -> str:
    """Return the page's answer in words."""
    return f"**{fmt.escape_markdown(audit.answer())}**"


def legend(audit: Audit) -> None:
    """Say what the marks mean, and how the input was understood."""
    held = {verdict for one in audit.audited for verdict in one.cells().values()}
    said = [f"{MARKS[verdict]} {meaning}" for verdict, meaning in MEANINGS.items() if verdict in held]
    said.append("no mark: nothing printed can check it" if Verdict.NOT_CHECKABLE in held else "")
    notes = [fmt.escape_markdown(note) for note in audit.document.notes]
    rule = "Numbers are taken as rounded, half a unit either way."
    st.caption(" · ".join(part for part in said if part) + f". {' '.join([*notes, rule])}")


def show_result(one: Audited, number: int) -> None:
    """Show a result: its verdict, its tables with a mark a cell, and the notes on them."""
    st.markdown(f"#### {fmt.escape_markdown(one.result.name)}: {one.verdict.value}")
    made = [averages_table(one, MARKS), classes_table(one, MARKS), matrices_table(one, MARKS)]
    wide, narrow = st.columns([3, 2], gap="medium")
    with wide:
        if len(made[0]):
            show_table(made[0], "averages", number)
        for kind, table in (("classes", made[1]), ("matrices", made[2])):
            if len(table) and len(made[0]):
                with st.expander(f"{kind.title()}, {len(table)}", expanded=kind_is_accused(one, kind)):
                    show_table(table, kind, number)
            elif len(table):
                show_table(table, kind, number)
    with narrow:
        ordered = sorted(one.findings, key=lambda finding: list(Verdict).index(finding.verdict))
        said = [finding for finding in ordered if finding.sentence]
        lines = [f"- {MARKS[f.verdict] or fmt.DASH} {fmt.escape_markdown(f.sentence)}" for f in said[:12]]
        if len(said) > 12:
            lines.append(f"- and {len(said) - 12} more")
        st.markdown("\n".join(lines) or "Nothing printed here can be checked against anything else.")


def kind_is_accused(one: Audited, kind: str) -> bool:
    """Whether a class row or a matrix is marked, and so shown unfolded."""
    wanted = {"classes": "class", "matrices": "matrix"}[kind]
    quiet = (Verdict.CONSISTENT, Verdict.NOT_CHECKABLE)
    return any(cell.kind == wanted and verdict not in quiet for cell, verdict in one.cells().items())


def show_table(frame: pd.DataFrame, kind: str, number: int) -> None:
    """Show a table of marked cells, coloured by their marks."""

    def color(cell: object) -> str:
        shade = COLORS.get(str(cell)[-1:])
        return f"background-color: {shade}" if shade else ""

    columns = {
        name: st.column_config.TextColumn(
            "computed" if str(name).endswith(" computed") and kind == "averages" else str(name),
            alignment="left" if name in ("", "class") else "right",
            pinned=name in ("", "class"),
            help="Recomputed from the printed rows of the classes." if "computed" in str(name) else None,
        )
        for name in frame.columns
    }
    st.dataframe(
        frame.style.map(color),
        key=f"audit-{kind}-{number}",
        hide_index=True,
        height=tables.height_of(len(frame), 20),
        column_config=columns,
    )


def show_whole(audit: Audit) -> None:
    """Show what concerns all tables: the choice of the threshold, the scores of trivial predictions."""
    for finding in audit.findings:
        st.caption(f"{finding.verdict.value.capitalize()}: {fmt.escape_markdown(finding.sentence)}")
    rows = [
        {"Split": split or fmt.DASH, "Predicting": name}
        | {f"{average} F1": fmt.score(row["f1"][0]) for average, row in ranges.items() if "f1" in row}
        for split, named in audit.baselines.items()
        for name, ranges in named.items()
    ]
    if rows:
        st.subheader("What knowing nothing scores", anchor=False)
        st.caption(
            "The same answer for every clip, on the positives that are printed. A model should be above it."
        )
        st.dataframe(pd.DataFrame(rows), key="audit-baselines", hide_index=True, height="content")


guarded(main)
