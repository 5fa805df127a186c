"""The form of New run: features, settings, the command that does the same, and the button that starts.

Its values live in the session, so that neither an error nor another page loses them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import show_error, show_note
from pages.widgets.data.build_button import features_missing
from pages.widgets.training.engine_fields import engine_choice
from pages.widgets.training.setting_fields import chosen, setting_fields, take_usual
from sedcore.artifacts.manage import NAME_LENGTH
from sedcore.artifacts.runs import Run
from sedcore.data.features import derivable, feature_title
from sedcore.data.store import DataSet
from sedcore.errors import SedcoreError
from sedcore.jobs.launch import shell_command, start_training
from sedcore.jobs.listing import whereabouts
from sedcore.jobs.live import Look
from sedcore.models.catalog import MODELS
from sedcore.training.checks import check_fit
from sedcore.training.config import TrainConfig
from sedcore.training.estimates import Estimate
from sedcore.training.settings import MAIN, MORE, RECIPE

RECOMMENDED = next(iter(MODELS))
MODEL, FEATURES, NAME = "new-model", "new-features", "new-name"
STARTED, PROBLEM = "new-started", "new-problem"


@dataclass(frozen=True)
class Expected:
    """Facts on each model on the chosen data: time an epoch, why it does not fit, best result so far."""

    epochs: dict[str, Estimate]
    misfits: dict[str, str | None]
    best: dict[str, tuple[float, Run]]


def take_defaults(dataset: DataSet) -> None:
    """Give the form its values where it has none yet: the link's model, else the recommended one."""
    values = st.session_state
    asked = st.query_params.get("model")
    if values.get(MODEL) not in MODELS:
        values[MODEL] = asked if asked in MODELS else RECOMMENDED
    usual, built = _usual(dataset.name), dataset.feature_names()
    take_usual(usual)
    if built and values.get(FEATURES) not in built:
        values[FEATURES] = usual.features if usual.features in built else built[0]


def choose_model(name: str) -> None:
    """Choose a model; fields that the reader has not set take its defaults."""
    before = _usual()
    st.session_state[MODEL] = name
    take_usual(_usual(), before)
    st.query_params["model"] = name


def _usual(dataset: str = "") -> TrainConfig:
    """Return the default settings of the chosen model."""
    return TrainConfig(dataset, st.session_state[MODEL]).resolved()


def settings(
    root: Path,
    dataset: DataSet,
    shown: Look,
    end: Callable[[TrainConfig | None, str], None] | None = None,
) -> None:
    """Show features and settings, the command that does the same, and the button that starts.

    end : draws other buttons in its place; called with the configuration and what is wrong with it.
    """
    usual = _usual(dataset.name)
    title = fmt.escape_markdown(MODELS[usual.model].title)
    with st.container(border=True, key="new-settings"):
        st.markdown(f"**Train {title} on {fmt.escape_markdown(dataset.name)}**")
        if not dataset.feature_names():
            features_missing(
                root, dataset, "Training reads features from disk, and this data set has none here."
            )
            return
        features_part(dataset)
        setting_fields(MAIN, usual, columns=2)
        name = st.text_input(
            "Name",
            key=NAME,
            max_chars=NAME_LENGTH,
            placeholder="optional; else the run's id",
            persist_state="session",
        )
        job, engine_problem = None, ""
        with st.expander("More settings"):
            setting_fields(MORE, usual)
            setting_fields(RECIPE, usual, columns=2)
            if end is None:  # a queued run keeps its engine
                job, engine_problem = asked_engine()
        config, problem = read_config(dataset, usual)
        problem = problem or engine_problem
        if config:
            st.code(shell_command(config, job, name or ""), language=None, wrap_lines=True)
        if problem:
            show_error(problem)
        if end is not None:
            end(config, problem)
        else:
            start_part(root, config, job, problem, shown)
        failed = st.session_state.pop(PROBLEM, None)
        if failed:
            show_error(failed)


def asked_engine() -> tuple[dict[str, Any] | None, str]:
    """Ask where it is to be trained; return the run's job, and what is wrong with it ("" where nothing is)."""
    try:
        return engine_choice(), ""
    except SedcoreError as error:
        return None, str(error)


def start_part(
    root: Path, config: TrainConfig | None, job: dict[str, Any] | None, problem: str, shown: Look
) -> None:
    """Show the button that puts the training into the queue."""
    wanted = config.resolved().to_json() if config else None
    same = next((seen.run for seen in shown.runs if seen.run.info["config"] == wanted), None)
    if same:
        name = fmt.escape_markdown(same.name)
        show_note(f"{name} is exactly this and has not ended; another seed makes another run.")
    st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        key="new-start",
        disabled=bool(problem or same),
        on_click=start,
        args=(root, config, job, st.session_state.get(NAME) or ""),
    )


def features_part(dataset: DataSet) -> None:
    """Show the features that are built, and say which others could be."""
    built = dataset.feature_names()
    st.segmented_control(
        "Features",
        built,
        key=FEATURES,
        required=True,
        format_func=feature_title,
        persist_state="session",
        help="What the model sees of a clip: time by mel bands, or cepstral coefficients.",
    )
    info = dataset.feature_info(st.session_state[FEATURES])
    words = f"{fmt.count(info['frames'])} frames × {info['bands']} bands."
    if further := derivable(built):
        command = f"python -m sedcore data features {dataset.name} --features {','.join(further)}"
        words += f" To add {fmt.listing([feature_title(kind) for kind in further])}: `{command}`"
    st.caption(words)


def read_config(dataset: DataSet, usual: TrainConfig) -> tuple[TrainConfig | None, str]:
    """Return the form's configuration, and why it cannot be started ("" where it can)."""
    config = TrainConfig(dataset.name, usual.model, st.session_state[FEATURES], **chosen(usual))
    try:
        config.resolved()
    except SedcoreError as error:
        return None, str(error)
    try:
        check_fit(dataset, config)
    except SedcoreError as error:
        return config, str(error)
    return config, ""


def start(root: Path, config: TrainConfig, job: dict[str, Any] | None, name: str) -> None:
    """Queue the training; errors are shown beside the button, and the form stays as it is."""
    try:
        run = start_training(root, config, name, job)
    except SedcoreError as error:
        st.session_state[PROBLEM] = str(error)
        return
    st.session_state[STARTED] = run.run_id
    st.session_state[NAME] = ""
    st.toast(f"**{fmt.escape_markdown(run.name)}** {whereabouts(root, run)}.", icon=":material/queue:")
