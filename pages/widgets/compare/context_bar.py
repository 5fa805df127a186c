"""The context bar on top of a page: chosen runs as chips, the split, the thresholds in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from pages.widgets.base.format import epochs, escape_markdown, listing, moment, plural, score, threshold
from pages.widgets.base.messages import empty_state
from pages.widgets.base.navigation import link_to
from pages.widgets.compare.mismatch import group_differences, names_of
from pages.widgets.compare.resample_offer import offer_resampling
from pages.widgets.compare.run_picker import open_picker
from pages.widgets.runs import cached, choice
from pages.widgets.runs.address import quoted, say_link
from pages.widgets.runs.resampling import Unsampled
from pages.widgets.runs.scene import Scene, build_scene
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import Run
from sedcore.comparison.selection import MOST_COMPARED
from sedcore.figures.palette import Ink

MOST_CHIPS = 16  # more chosen runs are shown as a number, and in the picker
# Compact chips, and on a phone one line that scrolls sideways.
_OWN_CSS = """<style>
.st-key-context-bar button {min-height: 1.9rem; padding: 0.1rem 0.6rem}
.st-key-context-bar [class*="st-key-chip"] [data-testid="stPopoverButton"] {border-radius: 1rem}
.st-key-context-bar button p {white-space: nowrap; font-size: 0.9rem}
@media (max-width: 640px) {
  .st-key-context-bar {flex-wrap: nowrap; overflow-x: auto; scrollbar-width: none}
  .st-key-context-bar > * {flex-shrink: 0}
}
</style>"""


def context_bar(*, thresholds: bool = True, split: bool = True, most: int | None = MOST_COMPARED) -> Scene:
    """Show the bar and return the scene. Raises SedcoreError where the root is unusable.

    thresholds, split : whether the page's numbers depend on them.
    most : chosen runs that the page can show, None: all.
    """
    scene = build_scene(artifact_root(), choice.current(), most)
    st.html(_OWN_CSS)
    with st.container(key="context-bar", horizontal=True, gap="xsmall", vertical_alignment="center"):
        if split:
            _split_control(scene)
        if thresholds and scene.runs:
            _threshold_control(scene)
        few = len(scene.chosen) <= MOST_CHIPS
        for run in scene.chosen if few else scene.chosen[: MOST_CHIPS - 1]:
            _chip(scene, run)
        if scene.runs:
            more = "" if few else f"{len(scene.chosen) - MOST_CHIPS + 1} more · "
            label = "Choose runs" if scene.automatic else f"{more}Change"
            if st.button(label, icon=":material/add:", type="tertiary", key="bar-choose"):
                open_picker(scene)
    _say_problems(scene)
    return scene


def compare_page(title: str, answer: Callable[[Scene], str], needs: str = "runs with scores") -> Scene | None:
    """Begin a page that compares runs: title, bar, its answer in words, notes on what is left out or not compared.

    Returns the scene, or None where there is nothing to compare (the empty state says why) or the answer needs large
    runs resampled (what needs no resampling is below the offer).
    """
    st.title(title, anchor=False)
    scene = context_bar()
    if nothing_to_show(scene, needs):
        return None
    waiting = None
    try:
        st.markdown(answer(scene))
    except Unsampled as found:
        waiting = found.group
    say_unscored(scene)
    comparability(scene)
    if waiting:
        offer_resampling(scene, waiting)
        return None
    return scene


def comparability(scene: Scene) -> None:
    """Say which chosen runs do not compare and why; offer to cut them to what they share."""
    if scene.common is None:
        return
    common = scene.common
    classes = plural(len(common.classes), "common class", "common classes")
    shared = f"{plural(len(common.clips), 'common clip')} and {classes}"
    left_out = plural(common.relabelled, "common clip")
    if scene.choice.common and common.enough:
        words = f"Cut to {shared}, so that all chosen runs compare."
        if common.relabelled:
            words += f" Left out: {left_out} whose labels differ."
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f":material/content_cut: {words}")
            st.button("Whole splits", key="common-off", on_click=choice.change, kwargs={"common": False})
        return
    for sentence in group_differences(scene.groups):
        st.caption(f":material/info: {sentence}")
    if common.enough:
        st.button(
            f"Compare on {shared}",
            key="common-on",
            icon=":material/content_cut:",
            on_click=choice.change,
            kwargs={"common": True},
        )


def swatch(ink: Ink) -> str:
    """Return the coloured mark of a run as Markdown; colour and glyph are constants (not escaped)."""
    return f':color[{ink.glyph}]{{foreground="{ink.color}"}}'


def run_mark(scene: Scene, run: Run) -> str:
    """Return the run's mark and name as Markdown."""
    return f"{swatch(scene.ink(run))} {escape_markdown(scene.labels[run.run_id])}"


def nothing_to_show(scene: Scene, needs: str) -> bool:
    """Show the empty state that fits, if no chosen run has scores; `needs` completes "This page needs ..."."""
    if scene.scored:
        return False
    if not scene.runs:
        no_runs(scene)
    elif scene.unscored:
        box = empty_state("None of the chosen runs has scores", f"This page needs {needs}.")
        box.markdown(
            "\n".join(f"- {run_mark(scene, run)}: {escape_markdown(why)}" for run, why in scene.unscored)
        )
        if box.button("Choose other runs", key="empty-choose"):
            open_picker(scene)
    else:
        empty_state("No run has scores yet", f"This page needs {needs}. Runs appear here when they end.")
    return True


def no_runs(scene: Scene) -> None:
    """Say that the artifact root holds no run, and how to make one."""
    where = f"`{str(scene.root).replace('`', '')}`"
    if not scene.root.exists():
        text = (
            f"The artifact root {where} does not exist. Set `SEDCORE_ARTIFACTS` to the folder that holds "
            "`runs/`, or train a first run: it makes the folder."
        )
        box = empty_state("No artifact root", text, ":material/folder_off:")
    else:
        text = f"There is no run in {where} yet. Make the demo data set and train a first run on it."
        box = empty_state("No runs yet", text)
    box.code("python -m sedcore demo-data\npython -m sedcore train demo --model crnn_time", language="bash")
    with box:
        link_to("new_run", "New run", icon=":material/play_circle:")


def say_unscored(scene: Scene) -> None:
    """Say in a sentence which chosen runs the page leaves out, and why."""
    if scene.unscored and scene.scored:
        parts = [f"{run_mark(scene, run)} ({escape_markdown(why)})" for run, why in scene.unscored]
        st.caption(f"Left out, having no scores on {escape_markdown(scene.split)}: {listing(parts)}.")


def say_broken(problems: Sequence[str]) -> None:
    """List what is wrong with unreadable run folders, in a collapsed section."""
    if problems:
        title = f"{plural(len(problems), 'run folder')} cannot be read"
        with st.expander(title, icon=":material/warning:"):
            st.markdown("\n".join(f"- {escape_markdown(problem)}" for problem in problems))


def _chip(scene: Scene, run: Run) -> None:
    star = " ★" if run is scene.baseline and len(scene.scored) > 1 else ""
    run_id, info = run.run_id, run.info
    with st.popover(f"{run_mark(scene, run)}{star}", key=f"chip-{run_id}"):
        st.markdown(f"**{run_mark(scene, run)}**")
        known = [info["model"], info["features"], info["dataset"]]
        facts = [escape_markdown(" · ".join(str(fact) for fact in known if fact)) or info["kind"]]
        facts.append(f"{run.status().state}, {moment(info['created'])}")
        if info["best_epoch"]:
            facts.append(f"best epoch {epochs(info['best_epoch'], info['epochs_run'])}")
        ap = cached.macro_ap(run, scene.split)
        if ap is not None:
            facts.append(f"macro AP {score(ap)} on {escape_markdown(scene.split)}")
        st.markdown("  \n".join(facts))
        if star:
            st.caption("★ The baseline: differences are against it.")
        ids = tuple(r.run_id for r in (*scene.chosen, *scene.not_shown))
        scored = run in [s.run for s in scene.scored]
        with st.container(horizontal=True, gap="small"):
            if st.button("Details", icon=":material/description:", key=f"chip-open-{run_id}"):
                st.switch_page("pages/run.py", query_params={"run": run_id, **choice.url_of(scene.choice)})
            st.button(
                "Baseline",
                icon=":material/star:",
                key=f"chip-base-{run_id}",
                disabled=bool(star) or not scored,
                help="Differences on all pages are against the baseline.",
                on_click=choice.change,
                kwargs={"baseline": run_id, "runs": ids},
            )
            st.button(
                "Remove",
                icon=":material/close:",
                key=f"chip-remove-{run_id}",
                disabled=len(ids) < 2,
                on_click=choice.change,
                kwargs={"runs": tuple(i for i in ids if i != run_id)},
            )


def _split_control(scene: Scene) -> None:
    if not scene.splits:
        return
    st.session_state["bar-split"] = scene.split
    st.segmented_control(
        "Split",
        scene.splits,
        key="bar-split",
        required=True,
        label_visibility="collapsed",
        on_change=lambda: choice.change(split=st.session_state["bar-split"]),
    )


def _threshold_control(scene: Scene) -> None:
    chosen = scene.choice
    words = f"{threshold(chosen.threshold)} for all"
    if chosen.by_class:
        words = f"{threshold(chosen.threshold)}, own for {plural(len(chosen.by_class), 'class', 'classes')}"
    with st.popover(f"Threshold {words}", icon=":material/tune:", key="bar-threshold-open"):
        low, high = scene.score_range()
        st.session_state["bar-threshold"] = float(chosen.threshold)
        st.number_input(
            "Threshold for all classes",
            key="bar-threshold",
            step=0.05 if high - low <= 1 else (high - low) / 20,
            format="%.4g",
            help="A class is predicted for a clip when its score is at least the threshold.",
            on_change=lambda: choice.change(threshold=float(st.session_state["bar-threshold"])),
        )
        for name, value in chosen.by_class:
            st.caption(f"{quoted(name, 80)}: {threshold(value)}")
        with st.container(horizontal=True, gap="small"):
            for value in (0.1, 0.5):
                st.button(
                    f"{value}",
                    key=f"bar-threshold-{value}",
                    on_click=choice.change,
                    kwargs={"threshold": value, "by_class": ()},
                )
            link_to("thresholds", "One a class", icon=":material/tune:")


def _unknown_classes(scene: Scene) -> list[str]:
    """Return the classes with a threshold of their own that no chosen run has, before any cut."""
    unknown = [name for name, _ in scene.choice.by_class if name not in scene.classes]
    if unknown and scene.choice.common:
        whole = {name for s in scene.scored for name in cached.scores(s.run, scene.split).summary.classes}
        unknown = [name for name in unknown if name not in whole]
    return unknown


def _say_problems(scene: Scene) -> None:
    unknown = _unknown_classes(scene)
    if unknown and scene.scored:
        named = listing([quoted(name) for name in unknown])
        say_link(f"A threshold is set for {named}, which no chosen run has as a class.")
    say_broken(scene.broken)
    collapsed = [s for s in scene.scored if s.evaluation.collapsed]
    notes = []
    if collapsed:
        verb = "has" if len(collapsed) == 1 else "have"
        notes.append(f"{names_of(collapsed)} {verb} collapsed: the scores hardly differ between clips.")
    if scene.automatic and scene.chosen:
        dataset = scene.chosen[0].info["dataset"]
        where = f" on {escape_markdown(dataset)}" if dataset else ""
        notes.insert(0, f"No runs chosen: these are the best of each model{where}, by macro AP.")
    if scene.not_shown:
        notes.append(
            f"This page compares up to {MOST_COMPARED} runs at a time: the first of those chosen; "
            f"{len(scene.not_shown)} are left out."
        )
    if notes:
        st.caption(" ".join(notes))
