"""Reported results on Overview: printed tables without scores."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.base.navigation import open_run
from pages.widgets.runs.scene import Scene

FORMATS = {f"{name} F1": fmt.score for name in ("Micro", "Macro", "Weighted", "Samples")}


def reported(scene: Scene) -> None:
    """Show printed results below a rule: they have no scores, so their numbers stand at their own threshold."""
    rows, notes, shown, click = [], [], [], "overview-open-reported"
    for run in (run for run in scene.runs if run.info["kind"] == "reported"):
        printed = run.reported() or {}
        table = printed.get("tables", {}).get(scene.split)
        if not table:
            continue
        shown.append(run)
        doubts = printed.get("notes", {}).get(scene.split, [])
        f1 = {
            f"{name.title()} F1": table.get("f1", {}).get(name)
            for name in ("micro", "macro", "weighted", "samples")
        }
        rows.append(
            {
                "Name": scene.labels[run.run_id],
                "Kind": "reported",
                **f1,
                "Threshold": fmt.threshold(printed.get("threshold")),
                "Source": printed.get("source"),
                "In doubt": "yes, see below" if doubts else fmt.DASH,
            }
        )
        notes += [f"- **{fmt.escape_markdown(run.name)}**: {fmt.escape_markdown(note)}" for note in doubts]
    if not rows:
        return
    st.divider()
    st.markdown(
        f"**Reported** results on {fmt.escape_markdown(scene.split)}: printed tables without scores. They stand at "
        "their own threshold, have no macro AP, and are not ranked with the runs above."
    )
    frame = pd.DataFrame(rows).astype({column: "float64" for column in FORMATS})
    st.dataframe(
        tables.styled(frame, {column: lambda value: fmt.score(value, 2) for column in FORMATS}),
        hide_index=True,
        placeholder=fmt.DASH,
        key="overview-reported",
        column_config={
            "Name": tables.name_column("Name", "Click a name to open it.", click, open_run, shown, click)
        },
        height=tables.height_of(len(rows)),
    )
    if notes:
        st.markdown("\n".join(notes))
