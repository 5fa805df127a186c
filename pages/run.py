"""One run: results, settings, history and files."""

from __future__ import annotations

import contextlib

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import empty_state, show_error
from pages.widgets.base.navigation import link_to
from pages.widgets.compare.context_bar import no_runs, swatch
from pages.widgets.runs import cached, choice
from pages.widgets.runs.address import BY_PAGE, quoted
from pages.widgets.runs.guarded import guarded
from pages.widgets.runs.run_settings import run_settings
from pages.widgets.runs.scene import Scene, build_scene
from pages.widgets.training.run_actions import run_actions
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import Run
from sedcore.comparison.scores import macro_aps, same_clips
from sedcore.errors import SedcoreError
from sedcore.figures import style
from sedcore.figures.curves import History, curves_figure
from sedcore.jobs.switch import training_enabled

STATE_COLORS = {"finished": "blue", "failed": "orange", "interrupted": "orange", "cancelled": "gray"}


def main() -> None:
    scene = build_scene(artifact_root(), choice.current())
    wanted = st.query_params.get("run", "")
    run = next((run for run in scene.runs if run.run_id == wanted), None)
    if run is None:
        missing(scene, wanted)
        return
    link_to("overview", "All runs", icon=":material/arrow_back:")
    st.title(f"{swatch(scene.ink(run))} {fmt.escape_markdown(scene.labels[run.run_id])}", anchor=False)
    heading(scene, run)
    st.markdown(answer(scene, run))
    numbers(scene, run)
    if training_enabled():
        run_actions(run)
    left, right = st.columns([1, 1], gap="large")
    with left:
        printed(run)
        run_settings(run)
        notes(run)
    with right:
        history(scene, run)
        files(run)
    log(run)


def missing(scene: Scene, wanted: str) -> None:
    """Say which run does not exist and offer those that do."""
    st.title("Run", anchor=False)
    if not scene.runs:
        no_runs(scene)
        return
    there = f"the run {quoted(wanted, 80)}, which is not in this artifact root" if wanted else "no run"
    box = empty_state("No such run", f"The link names {there}.")
    by_id = {run.run_id: run for run in scene.runs}
    picked = box.selectbox(
        "Open another", list(by_id), index=None, format_func=scene.labels.__getitem__, key="run-other"
    )
    if picked:
        st.switch_page("pages/run.py", query_params={"run": picked})


def heading(scene: Scene, run: Run) -> None:
    """Show state, kind and tags as badges."""
    status, info = run.status(), run.info
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.badge(status.state, color=STATE_COLORS.get(status.state, "blue"))
        if info["kind"] != "trained":
            st.badge(info["kind"], color="gray")
        if info["collapsed"]:
            st.badge("collapsed", color="orange", help="Its scores hardly differ between clips.")
        for tag in info["tags"]:
            st.badge(fmt.escape_markdown(tag), color="gray", icon=":material/label:")
        st.markdown(f":small[:gray[`{run.run_id}` · {fmt.moment(info['created'])} UTC]]")


def answer(scene: Scene, run: Run) -> str:
    """Return the page's answer in words."""
    status, info = run.status(), run.info
    if status.state == "failed":
        return f"This run failed: {fmt.escape_markdown(status.reason or 'no reason was recorded')}."
    if status.state in ("interrupted", "cancelled"):
        return (
            f"This run was {status.state}: {fmt.escape_markdown(status.reason or 'no reason was recorded')}."
        )
    if status.live:
        progress = run.progress() or {}
        where = f", epoch {progress['epoch']} of {progress['epochs']}" if "epochs" in progress else ""
        return f"This run is {status.state}{where}."
    if info["kind"] == "reported":
        source = (run.reported() or {}).get("source") or "a printed table"
        return (
            f"A printed result ({fmt.escape_markdown(source)}), without scores: its tables stand as they are."
        )
    split = scene.split if scene.split in run.splits() else next(iter(run.splits()), "")
    ap = cached.macro_ap(run, split) if split else None
    if ap is None:
        return "This run has no scores that can be read."
    index = scene.reader.index
    ranks = macro_aps(index, same_clips(index, run, scene.runs, split), split)
    better = sum(1 for value in ranks if value is not None and value > ap)
    where = f"on {fmt.escape_markdown(split)}"
    if len(ranks) < 2:
        return f"Macro AP {fmt.score(ap)} {where}; no other run is scored on the same clips."
    return f"Macro AP {fmt.score(ap)} {where}: number {better + 1} of {len(ranks)} runs on the same clips."


def numbers(scene: Scene, run: Run) -> None:
    """Show the few numbers of a run in a row."""
    info = run.info
    facts = [(f"Macro AP, {split}", fmt.score(cached.macro_ap(run, split))) for split in run.splits()]
    facts += [
        ("Best epoch", fmt.epochs(info["best_epoch"], info["epochs_run"])),
        ("Training time", fmt.duration(info["wall_s"])),
        ("Parameters", fmt.count(info["parameters"])),
        ("ms a clip", fmt.milliseconds(info["ms_per_clip"])),
        (
            "Peak memory",
            fmt.DASH if not info["peak_memory_mb"] else f"{fmt.count(info['peak_memory_mb'])} MB",
        ),
    ]
    known = [(label, value) for label, value in facts if value != fmt.DASH]
    with st.container(horizontal=True, gap="large"):
        for label, value in known:
            st.metric(label, value, width="content")


def printed(run: Run) -> None:
    """Show the tables of a reported run as they were printed."""
    reported = run.reported()
    for split, table in (reported or {}).get("tables", {}).items():
        st.subheader(f"Printed for {fmt.escape_markdown(split)}", anchor=False)
        names = ("micro", "macro", "weighted", "samples")
        rows = {
            part.title(): [fmt.score(table.get(part, {}).get(name), 2) for name in names]
            for part in ("precision", "recall", "f1")
        }
        frame = pd.DataFrame({"average": [name.title() for name in names]} | rows)
        right = {part: st.column_config.TextColumn(alignment="right") for part in rows}
        st.dataframe(
            frame,
            hide_index=True,
            key=f"run-printed-{split}",
            height="content",
            column_config=right | {"average": ""},
        )
        st.caption(f"At threshold {fmt.threshold(reported.get('threshold'))}.")


def history(scene: Scene, run: Run) -> None:
    """Show loss and macro AP over the epochs."""
    st.subheader("History", anchor=False)
    try:
        table = run.history()
    except SedcoreError as error:
        show_error(error)
        return
    if table.empty or "epoch" not in table:
        st.caption("No epoch was recorded.")
        return
    found = History(scene.labels[run.run_id], scene.ink(run), table, run.info["best_epoch"])
    columns = st.columns(2, gap="small")
    for column, (measure, title) in zip(columns, (("loss", "Loss"), ("mAP", "Macro AP"))):
        with column:
            st.markdown(f"**{title}**")
            figure = curves_figure([found], measure, labels=False, height=200)
            st.plotly_chart(figure, key=f"run-history-{measure}", config=style.CONFIG)
    st.caption("Solid: validation, dashed: train; the marker is the best epoch.")


def files(run: Run) -> None:
    """List the files of the run folder with their sizes."""
    st.subheader("Files", anchor=False)
    rows = []
    for path in sorted(run.path.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # a training renames its files
            if path.is_file() and path.name != "lock" and not path.name.startswith("."):
                rows.append({"File": str(path.relative_to(run.path)), "Size": size(path.stat().st_size)})
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="run-files",
        height="content",
        column_config={"Size": st.column_config.TextColumn(alignment="right", width="small")},
    )
    if run.info["kind"] == "trained" and not run.has_weights:
        st.caption("The weights are not kept here, so this run cannot score new audio.")


def size(number: int) -> str:
    """Return a file size: 812 B, 14 kB, 2.9 MB."""
    for unit, scale in (("MB", 1e6), ("kB", 1e3)):
        if number >= scale:
            value = number / scale
            return f"{value:.1f} {unit}" if value < 10 else f"{fmt.count(value)} {unit}"
    return f"{number} B"


def notes(run: Run) -> None:
    """Show the note, and for printed results the audit's findings."""
    reported = run.reported() or {}
    doubts = [(split, note) for split, some in reported.get("notes", {}).items() for note in some]
    if run.info["note"] or doubts:
        st.subheader("Notes", anchor=False)
    if run.info["note"]:
        for line in run.info["note"].splitlines():
            st.markdown(fmt.escape_markdown(line))
    for split, note in doubts:
        st.markdown(f"- {fmt.escape_markdown(split)}: {fmt.escape_markdown(note)}")


def log(run: Run) -> None:
    """Show the end of the log."""
    text = run.log_tail(40)
    if text:
        with st.expander("Log", expanded=run.status().state == "failed"):
            st.code(text, language=None)


guarded(main, {"run": BY_PAGE})
