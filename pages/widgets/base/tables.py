"""Tables of runs and numbers: formats, bold best values, coloured run marks, CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import pressed_row
from sedcore.artifacts.runs import Run
from sedcore.evaluation.verdicts import BETTER, WORSE
from sedcore.figures.palette import NEUTRAL, RIGHT, WRONG, Ink, faint

ROW = 33  # pixels, at the theme's font size
CSV_AT_ONCE = 500  # rows; longer tables are written on click
MARK = "mark"  # the column of coloured marks

Formatter = Callable[[object], str]


def best_mask(values: pd.Series, decimals: int = 3, lowest: bool = False) -> np.ndarray:
    """Return (rows,) bool: which values are the best as shown; those that tie after rounding all are."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float).round(decimals)
    if np.isnan(numbers).all():
        return np.zeros(len(numbers), bool)
    return numbers == (np.nanmin(numbers) if lowest else np.nanmax(numbers))


def styled(
    frame: pd.DataFrame,
    formats: Mapping[str, Formatter],
    *,
    bold: pd.DataFrame | None = None,
    faint_rows: Sequence[int] = (),
    faint_columns: Sequence[str] = (),
    flagged: pd.DataFrame | None = None,
) -> pd.io.formats.style.Styler:
    """Return a Styler: numbers as `formats` says, some rows and columns grey.

    bold, flagged : (bool) cells that are bold, and cells tinted like the verdict *worse*.
    """
    css = pd.DataFrame("", index=frame.index, columns=frame.columns)
    if bold is not None:
        for column in bold.columns:
            css.loc[bold[column].to_numpy(), column] += "font-weight: bold;"
    if flagged is not None:
        for column in flagged.columns:
            css.loc[flagged[column].to_numpy(), column] += f"background-color: {faint(WRONG, 0.24)};"
    for row in faint_rows:
        css.iloc[row] += f"color: {NEUTRAL};"
    for column in faint_columns:
        css[column] += f"color: {NEUTRAL};"
    present = {column: form for column, form in formats.items() if column in frame.columns}
    return frame.style.format(present).apply(lambda _: css, axis=None)


def tinted(
    styler: pd.io.formats.style.Styler, frame: pd.DataFrame, columns: Sequence[str]
) -> pd.io.formats.style.Styler:
    """Tint cells that begin with a verdict: blue for better, orange for worse; the word says it too."""
    tints = {BETTER: faint(RIGHT, 0.22), WORSE: faint(WRONG, 0.24)}

    def css(values: pd.Series) -> list[str]:
        words = [str(value).partition(" ")[0] for value in values]
        return [f"background-color: {tints[word]}" if word in tints else "" for word in words]

    return styler.apply(css, subset=[column for column in columns if column in frame.columns])


def bold_best(frame: pd.DataFrame, highest: Sequence[str], lowest: Sequence[str] = ()) -> pd.DataFrame:
    """Return which cells are the best of their column; a table of one row has no best."""
    columns = [c for c in (*highest, *lowest) if c in frame.columns]
    many = len(frame) > 1
    return pd.DataFrame(
        {c: best_mask(frame[c], lowest=c in lowest) & many for c in columns}, index=frame.index
    )


def height_of(rows: int, most: int = 16) -> int | str:
    """Return the height that shows all rows, or the first `most` of a longer table."""
    return "content" if rows <= most else ROW * (most + 1)


def mark_cells(run_ids: Sequence[str]) -> list[list[str]]:
    """Return the cells of the column of marks; `mark_column` draws them."""
    return [[run_id] for run_id in run_ids]


def mark_column(inks: Mapping[str, Ink]) -> dict:
    """Return the configuration of the narrow column that shows each run's colour and glyph.

    Cells hold the run id (`mark_cells`). They are pills, since text in pinned columns is faded.
    """
    return st.column_config.MultiselectColumn(
        "",
        options=list(inks),
        color=[mark.color for mark in inks.values()],
        format_func=lambda run_id: inks[run_id].glyph,
        width=42,
        pinned=True,
    )


def name_column(label: str, help: str, key: str, on_click: Callable, *args: object) -> dict:
    """Return the configuration of the pinned first column, of clickable names."""
    return st.column_config.ButtonColumn(
        label,
        help=help,
        type="tertiary",
        alignment="left",
        pinned=True,
        key=key,
        on_click=on_click,
        args=args,
        width="medium",
    )


def action_column(key: str, help: str, runs: Sequence[Run], act: Callable[[Run], None], width: int) -> dict:
    """Return the configuration of a column of buttons that act on the run of their row."""
    return st.column_config.ButtonColumn(
        "", help=help, type="tertiary", key=key, on_click=pressed_row, args=(key, runs, act), width=width
    )


def number_column(label: str | None = None, help: str | None = None, **more: object) -> dict:
    """Return the configuration of a number column whose text comes from the Styler."""
    return st.column_config.NumberColumn(label, help=help, **more)


def csv_button(frame: pd.DataFrame, file_name: str, key: str) -> None:
    """Offer a table as CSV, with all digits and undefined cells empty; a long one is written on click."""

    def written() -> bytes:
        return frame.to_csv(index=False, lineterminator="\n").encode()

    st.download_button(
        "CSV",
        written if len(frame) > CSV_AT_ONCE else written(),
        file_name=file_name,
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        key=key,
        on_click="ignore",
    )


def undefined_note(classes: Sequence[str], split: str) -> None:
    """Say why a class has dashes: it has no positive clip in the split."""
    if classes:
        named = fmt.listing([fmt.escape_markdown(fmt.class_title(name)) for name in classes])
        st.caption(
            f"{fmt.DASH} {named}: no positive clip in {fmt.escape_markdown(split)}, so recall, F1 and AP are "
            "undefined; left out of macro and weighted averages."
        )
