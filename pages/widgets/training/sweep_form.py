"""The form that begins a sweep, with the equivalent file and the time it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import show_error, show_note
from pages.widgets.runs.cached import opened, training_speeds
from pages.widgets.training.engine_fields import engine_choice
from sedcore.artifacts.runs import Run
from sedcore.data.features import feature_title
from sedcore.data.store import list_datasets
from sedcore.errors import SedcoreError
from sedcore.jobs.launch import need_training
from sedcore.jobs.sweeps.space import parse_values
from sedcore.jobs.sweeps.spec import (
    MOST_SEEDS,
    PRUNERS,
    SAMPLERS,
    Spec,
    make_sweep,
    misfits,
    parse_spec,
    seconds_a_run,
    to_toml,
)
from sedcore.jobs.workers import ensure_worker
from sedcore.models.catalog import MODELS
from sedcore.training.config import SETTINGS, setting_words
from sedcore.training.estimates import estimates

_SAMPLER_WORDS = {"grid": "Grid", "random": "Random", "tpe": "TPE"}
_PRUNER_WORDS = {"none": "None", "median": "Median", "hyperband": "Hyperband"}
_USUAL = {"learning_rate": "1e-5, 1e-4, 1e-3", "batch_size": "8, 32, 128"}


def sweep_form(root: Path, runs: list[Run], begun: Callable[[str], None]) -> None:
    """Show the form in a dialog's width; `begun` is called with the name of the sweep that was made."""
    names = [dataset.name for dataset in list_datasets(root)]
    if not names:
        st.markdown("There is no data set yet; Data sets says how one comes to be.")
        return
    given, problem = _fields(root, names)
    job = None
    with st.expander("Where it trains"):
        try:
            job = engine_choice(key="sweep")
        except SedcoreError as error:
            problem = problem or str(error)
    spec = None
    if not problem:
        try:
            spec = parse_spec(given)
            unfit = misfits(opened(root, spec.dataset), spec)
        except SedcoreError as error:
            problem = str(error)
    if spec and not problem:
        _what_it_takes(root, spec, runs, unfit)
        with st.expander("The same as a file"):
            st.code(to_toml(spec), language="toml")
            st.caption("Saved as FILE.toml, `python -m sedcore sweep FILE.toml` begins it.")
    if problem:
        show_error(problem)
    if st.button(
        "Begin", type="primary", icon=":material/play_arrow:", key="sweep-begin", disabled=bool(problem)
    ):
        try:
            need_training()
            sweep = make_sweep(root, spec, job)
            ensure_worker(root, job)
        except SedcoreError as error:
            show_error(error)
            return
        begun(sweep.name)
        st.rerun()


def _fields(root: Path, names: list[str]) -> tuple[dict, str]:
    """Show the fields; return their values as a table for `parse_spec`, and what is wrong with a list ("": nothing)."""
    left, right = st.columns(2, gap="small")
    with left:
        dataset = st.selectbox("Data set", names, key="sweep-data")
        models = st.multiselect("Models", list(MODELS), ["ann"], key="sweep-models")
        rates = st.text_input(
            "Learning rates",
            _USUAL["learning_rate"],
            key="sweep-rates",
            help="A list, or a range such as 1e-5 to 1e-2 (logarithmic; not for a grid).",
        )
        batches = st.text_input(
            "Batch sizes", _USUAL["batch_size"], key="sweep-batches", help="A list, or a range: 8 to 128."
        )
    with right:
        built = opened(root, dataset).feature_names() or ["logmel"]
        features = st.multiselect(
            "Features", built, built[:1], key="sweep-features", format_func=feature_title
        )
        most = SETTINGS["epochs"]
        epochs = st.number_input(
            most.title, most.low, most.high, 10, key="sweep-epochs", help="The same for all points."
        )
        seeds = st.number_input(
            "Seeds a point",
            1,
            MOST_SEEDS,
            2,
            key="sweep-seeds",
            help="Runs that differ in their seed alone show how much of a difference is noise.",
        )
        name = st.text_input("Name", key="sweep-name", placeholder="optional", max_chars=60)
    sampler, pruner, trials = _search()
    given: dict = {"dataset": dataset, "epochs": epochs, "seeds": seeds, "sampler": sampler, "pruner": pruner}
    given |= {"name": "-".join(name.split())} if name.strip() else {}
    given |= {"trials": trials} if trials else {}
    space: dict = {}
    for key, chosen in (("model", models), ("features", features)):
        if not chosen:
            return given, f"choose at least one of {key}"
        (space if len(chosen) > 1 else given)[key] = chosen if len(chosen) > 1 else chosen[0]
    for key, text in (("learning_rate", rates), ("batch_size", batches)):
        try:
            values = parse_values(text, SETTINGS[key].type)
        except ValueError:
            return given, f"{setting_words(key)}: {text!r} is neither a list of numbers nor LOW to HIGH"
        if isinstance(values, list) and len(values) == 1:
            given[key] = values[0]
        else:
            space[key] = values
    return given | {"space": space}, ""


def _search() -> tuple[str, str, int | None]:
    """Show how points are chosen and ended; return sampler, pruner and the number of points (None for a grid)."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        sampler = st.segmented_control(
            "Points",
            SAMPLERS,
            default="grid",
            required=True,
            key="sweep-sampler",
            format_func=_SAMPLER_WORDS.__getitem__,
            help="Grid: every one. Random: drawn blindly. TPE: drawn where earlier points did well.",
        )
        trials = None
        if sampler != "grid":
            trials = st.number_input("How many", 1, 10_000, 20, key="sweep-trials", width=120)
        pruner = st.segmented_control(
            "Pruning",
            PRUNERS,
            default="none",
            required=True,
            key="sweep-pruner",
            format_func=_PRUNER_WORDS.__getitem__,
            help="Ends points early that fall behind others. Their first seed is judged; the others then never train.",
        )
    return sampler, pruner, trials


def _what_it_takes(root: Path, spec: Spec, runs: list[Run], unfit: dict[tuple[str, str], str]) -> None:
    """Show the number of runs, and about how long they take here one after the other."""
    dataset, speeds = opened(root, spec.dataset), training_speeds(root, runs)
    seconds = seconds_a_run(spec, lambda features: estimates(dataset, features, speeds))
    points = fmt.plural(spec.trials, "point")
    words = f"{points}, {fmt.plural(len(spec.seeds), 'seed')} each: **{fmt.plural(spec.runs, 'run')}**"
    minutes = max(round(seconds * spec.runs / 60), 1)
    time = f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
    st.markdown(f"{words}, about {time} one after the other.")
    for (model, features), why in unfit.items():
        show_note(f"{model} on {features} is skipped: {fmt.escape_markdown(why)}")
