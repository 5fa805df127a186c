"""Which settings, which model? Sweeps: the map of learning rate by batch size, what matters, models by features."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import empty_state, show_error, show_note
from pages.widgets.base.navigation import follow_to
from pages.widgets.base.pulse import pulsed
from pages.widgets.data.dataset_choice import PARAM as DATA
from pages.widgets.data.dataset_choice import choose_dataset
from pages.widgets.runs import cached
from pages.widgets.runs.address import BY_PAGE, quoted, say_link
from pages.widgets.runs.guarded import guarded
from pages.widgets.runs.trainings import trained_runs
from pages.widgets.training.model_grid import model_grid
from pages.widgets.training.sweep_charts import (
    PICKED,
    charts_part,
    importance_part,
    map_part,
    picked_runs,
    points_table,
)
from pages.widgets.training.sweep_form import sweep_form
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.sweeps import LIVE_STATES, Sweep, broken_sweeps, list_sweeps
from sedcore.errors import SedcoreError
from sedcore.figures.sweeps import setting_text
from sedcore.jobs.sweeps.advance import stop_sweep
from sedcore.jobs.sweeps.results import Members, members_of, point_table, run_table, runs_of
from sedcore.jobs.sweeps.spec import Spec, parse_spec
from sedcore.jobs.switch import training_enabled
from sedcore.training.config import SETTINGS, setting_words

POLL_S = 2.0
PARAM, _WIDGET, _LIVE, _MEMBERS = "sweep", "sweep-select", "sweep-live", "sweep-members"
_FORM = "sweep-form"


def main() -> None:
    st.title("Sweeps", anchor=False)
    if not training_enabled():
        st.markdown("Training is switched off on this server; the command line sweeps all the same.")
        return
    root = artifact_root()
    for path, problem in broken_sweeps(root):
        show_error(f"{path.name} left out: {problem}")
    sweeps = list_sweeps(root)
    if sweeps:
        sweep = chosen_sweep(root, sweeps)
        live = sweep.read()["state"] in LIVE_STATES
        st.session_state[_LIVE] = live

        def again() -> float | None:
            body(root, sweep)
            return POLL_S if live else None  # polled only while the sweep is live

        pulsed(again, "sweep")
    else:
        if asked := st.query_params.get(PARAM):
            say_link(f"There is no sweep {quoted(asked)} here.")
        box = empty_state(
            "No sweep yet",
            "A sweep trains a model at many settings: first of all at several learning rates and batch sizes, which "
            "decide together whether it learns.",
        )
        with box:
            new_button(root)
    st.subheader("Models by features", anchor=False)
    dataset = choose_dataset()
    if dataset is None:
        return
    if not dataset.feature_names():
        show_note("Its features are not built here, so nothing can be trained on it.")
        return
    st.caption(
        "Validation macro AP of the best run of each pair: open it, or train the pairs that have none."
    )
    model_grid(root, dataset, trained_runs(root))


def new_button(root: Path) -> None:
    """Show the button that opens the form; the form stays open until it is answered or dismissed."""

    @st.dialog("New sweep", width="large", on_dismiss=close_form)
    def form() -> None:
        sweep_form(root, trained_runs(root), choose)

    st.button("New sweep", icon=":material/add:", key="sweep-new", type="primary", on_click=open_form)
    if st.session_state.get(_FORM):
        form()


def open_form() -> None:
    st.session_state[_FORM] = True


def close_form() -> None:
    st.session_state[_FORM] = False


def choose(name: str) -> None:
    """Choose the sweep to show."""
    close_form()
    st.session_state.pop(_WIDGET, None)
    st.query_params[PARAM] = name


def chosen_sweep(root: Path, sweeps: list[Sweep]) -> Sweep:
    """Show the choice among the sweeps; a link names one as ``sweep=NAME``."""
    names = [sweep.name for sweep in sweeps]
    asked = st.query_params.get(PARAM)
    if asked and asked not in names:
        say_link(f"There is no sweep {quoted(asked)} here; the newest is shown.")
    if st.session_state.get(_WIDGET) not in names:
        st.session_state[_WIDGET] = asked if asked in names else names[0]

    def take() -> None:
        st.query_params[PARAM] = st.session_state[_WIDGET]
        st.session_state.pop(PICKED, None)

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.selectbox("Sweep", names, key=_WIDGET, on_change=take, width=320)
        new_button(root)
    return sweeps[names.index(name)]


def body(root: Path, sweep: Sweep) -> None:
    """Show the progress and the results of a sweep."""
    follow_to()
    info = sweep.read()
    if (info["state"] in LIVE_STATES) != st.session_state.get(_LIVE):
        st.rerun()  # it has ended: draw the whole page, which stops polling
    spec = parse_spec(info["spec"])
    titles = {name: SETTINGS[name].title for name in spec.space}
    if _MEMBERS not in st.session_state:  # read once from the index: a run never changes its sweep
        st.session_state[_MEMBERS] = members_of(cached.listed_runs(root))
    members: Members = st.session_state[_MEMBERS]
    table = run_table(runs_of(root, sweep.name, members), spec, cached.best_validation)
    points = point_table(table, spec)
    st.markdown(answer(sweep.name, points, titles))
    standing(root, sweep, info, spec, table)
    if not len(points):
        st.caption("The first runs are on their way: a worker submits them.")
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**" + " × ".join(titles[s] for s in map_settings(titles)) + "**")
        map_part(points, titles, f"sweep-{sweep.name}")
        picked_runs(table, titles)
        importance_part(sweep, titles)
    with right:
        points_table(points, titles)
    charts_part(points, titles, info["created"], f"sweep-{sweep.name}")


def map_settings(settings: Iterable[str]) -> list[str]:
    """Return the settings that the map shows first."""
    first = [s for s in ("learning_rate", "batch_size") if s in settings]
    return (first + [s for s in settings if s not in first])[:2]


def answer(name: str, points: pd.DataFrame, settings: Iterable[str]) -> str:
    """Return the page's answer in words: the best point, and whether its lead exceeds the spread of seeds."""
    known = points[points["mean"].notna()].sort_values("mean", ascending=False, kind="stable")
    title = f"**{fmt.escape_markdown(name)}**"
    if known.empty:
        return f"{title} has no result yet."
    best = known.iloc[0]
    where = ", ".join(f"{setting_words(s)} {fmt.escape_markdown(setting_text(best[s]))}" for s in settings)
    words = f"{title} does best at **{where}**: macro AP {fmt.score(best['mean'])} on validation"
    if not fmt.is_missing(best["sd"]):
        words += f", ±{fmt.score(best['sd'])} over {fmt.plural(int(best['runs']), 'seed')}"
    if len(known) > 1 and not fmt.is_missing(best["sd"]):
        lead, other = best["mean"] - known.iloc[1]["mean"], known.iloc[1]
        noise = max(s for s in (best["sd"], other["sd"]) if not fmt.is_missing(s))
        close = "no more than seeds differ" if lead <= noise else "more than seeds differ"
        words += f". The next point is {fmt.score(lead)} behind, {close}"
    return words + "."


def standing(root: Path, sweep: Sweep, info: dict, spec: Spec, table: pd.DataFrame) -> None:
    """Show the progress of the sweep, how it searches, and the button that stops it."""
    done = int(table["state"].isin(["finished", "cancelled", "failed"]).sum())
    live = info["state"] in LIVE_STATES
    states = table["state"].value_counts()
    parts = [f"{count} {word}" for word, count in states.items() if word != "finished"]
    words = f"{fmt.count(int(states.get('finished', 0)))} of {fmt.plural(spec.runs, 'run')} finished"
    words += f", {', '.join(parts)}" if parts else ""
    how = {"grid": "every point", "random": "points at random", "tpe": "points by TPE"}[spec.sampler]
    how += "" if spec.pruner == "none" else f", pruned by {spec.pruner}"
    facts = [
        info["state"],
        words,
        how,
        spec.dataset,
        *(f"{k} {setting_text(v)}" for k, v in spec.fixed.items()),
    ]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":small[:gray[{fmt.escape_markdown(' · '.join(facts))}]]", width="stretch")
        if info["state"] == "open":
            st.button(
                "Stop",
                icon=":material/stop_circle:",
                key="sweep-stop",
                help="No more runs are submitted; waiting ones are cancelled, running ones go on to their end.",
                on_click=_stop,
                args=(root, sweep),
            )
    if live:
        st.progress(min(done / spec.runs, 1.0))
    elif info["state"] == "stopped":
        show_note(f"Stopped: {fmt.escape_markdown(info['reason'])}")


def _stop(root: Path, sweep: Sweep) -> None:
    try:
        stop_sweep(root, sweep)
    except SedcoreError as error:
        st.toast(fmt.escape_markdown(str(error)), icon=":material/error:")


guarded(main, {PARAM: BY_PAGE, DATA: BY_PAGE})
