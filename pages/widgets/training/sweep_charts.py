"""Charts of a sweep's results; a click on a point opens its run, or lists its runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.base.navigation import go_to
from pages.widgets.runs import cached
from sedcore.artifacts.sweeps import Sweep
from sedcore.errors import SedcoreError
from sedcore.figures import style
from sedcore.figures.sweep_map import cells_of, map_figure
from sedcore.figures.sweeps import (
    importance_figure,
    parallel_figure,
    progress_figure,
    setting_text,
)
from sedcore.training.config import setting_words

PICKED = "sweep-picked"  # run ids of the cell or point that was clicked


def map_part(points: pd.DataFrame, titles: Mapping[str, str], key: str) -> None:
    """Show macro AP over two settings: learning rate by batch size where these vary."""
    x, y = _axes(titles, key)
    cells = cells_of(points, x, y)
    st.plotly_chart(
        map_figure(points, x, y, titles),
        key=f"{key}-map",
        config=style.CONFIG,
        on_select=lambda: _take(
            f"{key}-map", lambda n: [points.loc[row, "run_ids"] for row in cells.loc[n, "rows"]]
        ),
        selection_mode="points",
        alt="Macro AP over two settings",
    )
    words = "Mean ± standard deviation over seeds, validation macro AP of the best epoch"
    if len(titles) > 2:
        words += "; where further settings vary, the best point of a cell"
    st.caption(f"{words}. Framed: the best. Click a cell for its runs.")


def _axes(titles: Mapping[str, str], key: str) -> tuple[str, str]:
    first = [s for s in ("batch_size", "learning_rate") if s in titles]
    order = first + [s for s in titles if s not in first]
    if len(order) <= 2:
        return order[0], order[-1]
    with st.container(horizontal=True, gap="small"):
        x = st.selectbox("Across", order, key=f"{key}-x", format_func=titles.get, width=170)
        rest = [s for s in order if s != x]
        y = st.selectbox("Up", rest, key=f"{key}-y", format_func=titles.get, width=170)
    return x, y


def charts_part(points: pd.DataFrame, titles: Mapping[str, str], created: str, key: str) -> None:
    """Show the best so far over time, and each point's way through its settings."""
    if points["mean"].notna().sum() < 2:
        return

    def of_row(row: int) -> list[list[str]]:
        return [points.loc[row, "run_ids"]]

    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Best so far**")
        chart = f"{key}-progress"
        st.plotly_chart(
            progress_figure(points, titles, created),
            key=chart,
            config=style.CONFIG,
            on_select=lambda: _take(chart, of_row),
            selection_mode="points",
            alt="The best macro AP so far over time",
        )
    with right:
        st.markdown("**From settings to macro AP**")
        lines = f"{key}-parallel"
        st.plotly_chart(
            parallel_figure(points, titles),
            key=lines,
            config=style.CONFIG,
            on_select=lambda: _take(lines, of_row),
            selection_mode="points",
            alt="A line a point through its settings to its macro AP",
        )


def importance_part(sweep: Sweep, titles: Mapping[str, str]) -> None:
    """Show which settings matter, by Optuna's f-ANOVA, where enough points are complete."""
    try:
        shares = cached.importances(sweep)
    except SedcoreError as error:
        st.caption(fmt.escape_markdown(str(error)))
        return
    if not shares:
        return
    st.markdown("**What matters**")
    st.plotly_chart(
        importance_figure(shares, titles),
        key="sweep-importance",
        config=style.CONFIG,
        alt="Importance of settings",
    )
    st.caption(
        "Share of each setting in the differences between points (f-ANOVA, as Optuna computes it); rough with few "
        "points, and it includes what seeds change."
    )


def _take(chart: str, run_ids: Callable[[int], list[list[str]]]) -> None:
    """Handle a click: one run is opened, several are listed under the chart."""
    picked = [
        point["customdata"][0]
        for point in st.session_state[chart]["selection"]["points"]
        if point.get("customdata") is not None
    ]
    ids = [run_id for number in picked[:1] for group in run_ids(int(number)) for run_id in group]
    st.session_state[PICKED] = ids
    if len(ids) == 1:
        go_to("run", run=ids[0])


def picked_runs(table: pd.DataFrame, titles: Mapping[str, str]) -> None:
    """List the runs of the cell that was clicked, each to be opened."""
    ids = [run_id for run_id in st.session_state.get(PICKED, []) if run_id in set(table["run_id"])]
    if len(ids) < 2:
        return
    rows = table.set_index("run_id").loc[ids].reset_index()
    with st.container(border=True, key="sweep-picked-box"):
        first = ", ".join(
            f"{setting_words(s)} {setting_text(rows[s].iloc[0])}" for s in titles if rows[s].nunique() == 1
        )
        st.markdown(f"**{fmt.plural(len(rows), 'run')}** with {fmt.escape_markdown(first)}")
        with st.container(horizontal=True, gap="small"):
            for row in rows.itertuples():
                st.button(
                    f"seed {row.seed}: {fmt.score(row.value)}"
                    + ("" if row.state == "finished" else f", {row.state}"),
                    key=f"picked-{row.run_id}",
                    icon=":material/description:",
                    on_click=go_to,
                    args=("run",),
                    kwargs={"run": row.run_id},
                )
            st.button(
                "Compare their curves",
                key="picked-curves",
                type="tertiary",
                icon=":material/show_chart:",
                on_click=go_to,
                args=("curves",),
                kwargs={"runs": ",".join(ids)},
            )


def points_table(points: pd.DataFrame, titles: Mapping[str, str]) -> None:
    """Show a row a point, the best first."""
    order = points.sort_values("mean", ascending=False, na_position="last", kind="stable")
    frame = pd.DataFrame(
        {
            "Point": [str(trial) for trial in order["trial"]],
            **{title: [setting_text(v) for v in order[s]] for s, title in titles.items()},
            "Macro AP": order["mean"].to_numpy(),
            "SD": order["sd"].to_numpy(),
            "Runs": order["runs"].to_numpy(),
        }
    )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("**Points**")
        tables.csv_button(frame, "sweep.csv", "sweep-csv")
    ids, click = order["run_ids"].tolist(), "sweep-point-click"

    def show() -> None:
        chosen = ids[st.session_state[click]["row"]]
        st.session_state[PICKED] = chosen
        if len(chosen) == 1:
            go_to("run", run=chosen[0])

    st.dataframe(
        tables.styled(
            frame,
            {"Macro AP": fmt.score, "SD": fmt.score, "Runs": fmt.count},
            bold=tables.bold_best(frame, ["Macro AP"]),
        ),
        key="sweep-points",
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame), 12),
        column_config={
            "Point": st.column_config.ButtonColumn(
                help="Click for its runs.", type="tertiary", width=64, pinned=True, key=click, on_click=show
            ),
            "Macro AP": tables.number_column(help="Validation, best epoch, mean over seeds."),
            "SD": tables.number_column(help="Standard deviation over seeds."),
        },
    )
