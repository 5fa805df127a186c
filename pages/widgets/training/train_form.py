"""The form of New run: features, settings, the command that does the same, and the button that starts.

Its values live in the session, so that neither an error nor another page loses them.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import show_error, show_note
from pages.widgets.data.build_button import features_missing
from pages.widgets.training.engine_fields import engine_choice
from pages.widgets.training.estimates import Estimate
from pages.widgets.training.recipe_form import chosen_recipe, recipe_fields, take_recipe
from sedcore.artifacts.manage import NAME_LENGTH
from sedcore.artifacts.runs import Run
from sedcore.data.features import DERIVED_FROM
from sedcore.data.store import DataSet
from sedcore.errors import SedcoreError
from sedcore.jobs.launch import command_line, start_training
from sedcore.jobs.live import Look
from sedcore.jobs.queue import queued_runs
from sedcore.models.catalog import MODELS, ModelCard
from sedcore.training.config import DEVICES, TrainConfig

RECOMMENDED = next(iter(MODELS))
MODEL, FEATURES, EPOCHS, RATE = "new-model", "new-features", "new-epochs", "new-rate"
BATCH, SEED, NAME, PATIENCE, THRESHOLD = "new-batch", "new-seed", "new-name", "new-patience", "new-threshold"
OF_CARD = {
    EPOCHS: "epochs",
    RATE: "learning_rate",
    BATCH: "batch_size",
}  # fields whose default the model brings
DETERMINISTIC, DEVICE, STARTED, PROBLEM = "new-deterministic", "new-devices", "new-started", "new-problem"
FEATURE_WORDS = {
    "logmel": "log-mel",
    "mel": "mel power",
    "mfcc": "MFCC",
    "mfcc_report": "MFCC as in the report",
}


@dataclass(frozen=True)
class Expected:
    """What is known beforehand of each model on the chosen data: time an epoch, misfit, best result so far."""

    epochs: dict[str, Estimate]
    misfits: dict[str, str | None]
    best: dict[str, tuple[float, Run]]


def take_defaults(dataset: DataSet) -> None:
    """Give the form its values where it has none yet: the link's model, else the recommended one."""
    values = st.session_state
    asked = st.query_params.get("model")
    if values.get(MODEL) not in MODELS:
        values[MODEL] = asked if asked in MODELS else RECOMMENDED
    card = MODELS[values[MODEL]]
    for key, setting in OF_CARD.items():
        values.setdefault(key, card.defaults[setting])
    take_recipe(card)
    built = dataset.feature_names()
    if built and values.get(FEATURES) not in built:
        values[FEATURES] = "logmel" if "logmel" in built else built[0]


def choose_model(name: str) -> None:
    """Take a model; what is its own follows it unless the reader has set something else."""
    values, old, new = st.session_state, MODELS[st.session_state[MODEL]], MODELS[name]
    for key, setting in OF_CARD.items():
        if values.get(key) == old.defaults[setting]:
            values[key] = new.defaults[setting]
    take_recipe(new, old)
    values[MODEL] = name
    st.query_params["model"] = name


def settings(
    root: Path,
    dataset: DataSet,
    expected: Expected,
    shown: Look,
    end: Callable[[TrainConfig | None, str], None] | None = None,
) -> None:
    """Show features and settings, the command that does the same, and the button that starts.

    end : shows other buttons in its place, given the configuration and what is wrong with it.
    """
    card = MODELS[st.session_state[MODEL]]
    with st.container(border=True, key="new-settings"):
        st.markdown(f"**Train {fmt.escape_markdown(card.title)} on {fmt.escape_markdown(dataset.name)}**")
        if not dataset.feature_names():
            features_missing(
                root, dataset, "Training reads features from disk, and this data set has none here."
            )
            return
        features_part(dataset)
        number_fields(card)
        st.text_input(
            "Name",
            key=NAME,
            max_chars=NAME_LENGTH,
            placeholder="optional; else the run's id",
            persist_state="session",
        )
        job, engine_problem = None, ""
        with st.expander("More settings"):
            folded_fields()
            recipe_fields(card)
            if end is None:  # a run that waits keeps its engine
                job, engine_problem = asked_engine()
        config, problem = read_config(dataset, card, expected)
        problem = problem or engine_problem
        if config:
            st.code(full_command(config, job), language=None, wrap_lines=True)
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
        format_func=lambda kind: FEATURE_WORDS.get(kind, kind),
        persist_state="session",
        help="What the model sees of a clip: time by mel bands, or cepstral coefficients.",
    )
    info = dataset.feature_info(st.session_state[FEATURES])
    words = f"{fmt.count(info['frames'])} frames × {info['bands']} bands."
    further = [
        kind for kind, sources in DERIVED_FROM.items() if kind not in built and set(sources) & set(built)
    ]
    if further:
        command = f"python -m sedcore data features {dataset.name} --features {','.join(further)}"
        words += f" To add {fmt.listing([FEATURE_WORDS.get(k, k) for k in further])}: `{command}`"
    st.caption(words)


def number_fields(card: ModelCard) -> None:
    """Show the settings that matter."""
    left, right = st.columns(2, gap="small")
    with left:
        st.number_input(
            "Epochs at most",
            1,
            100_000,
            step=1,
            key=EPOCHS,
            persist_state="session",
            help=f"Passes over the training clips; the model's own default is {card.epochs}.",
        )
        st.number_input(
            "Batch size",
            1,
            65_536,
            step=8,
            key=BATCH,
            persist_state="session",
            help=f"Clips a step of the optimiser; the model's own default is {card.batch_size}.",
        )
    with right:
        st.number_input(
            "Learning rate",
            0.0,
            100.0,
            step=1e-4,
            format="%g",
            key=RATE,
            persist_state="session",
            help=f"Of Adam; the model's own default is {card.learning_rate:g}.",
        )
        st.number_input(
            "Seed",
            0,
            2**32 - 1,
            value=0,
            step=1,
            key=SEED,
            persist_state="session",
            help="Of the first weights, the order of clips and dropout. Runs that differ in it alone show the noise.",
        )


def folded_fields() -> None:
    """Show the settings that rarely matter."""
    st.number_input(
        "Patience",
        0,
        100_000,
        value=10,
        step=1,
        key=PATIENCE,
        persist_state="session",
        help="Epochs without a better validation macro AP before training ends; 0 never stops early.",
    )
    st.number_input(
        "Threshold of the F1 in the history",
        value=0.5,
        step=0.05,
        format="%g",
        key=THRESHOLD,
        persist_state="session",
        help="Only for the curves: scores are kept, and thresholds are set later on the pages.",
    )
    st.selectbox(
        "Devices",
        DEVICES,
        key=DEVICE,
        persist_state="session",
        help="all: each batch is divided among the machine's GPUs. Worth it from batches of some hundred clips on.",
    )
    st.toggle(
        "Deterministic",
        key=DETERMINISTIC,
        persist_state="session",
        help="The same numbers each time on the same machine, to the last digit; slower.",
    )


def read_config(dataset: DataSet, card: ModelCard, expected: Expected) -> tuple[TrainConfig | None, str]:
    """Return what the form asks for, and why it cannot be started ("" where it can)."""
    values = st.session_state
    config = TrainConfig(
        dataset=dataset.name,
        model=card.name,
        features=values[FEATURES],
        # None stands for the model's default: the command stays short.
        **{
            setting: None if values[key] == card.defaults[setting] else values[key]
            for key, setting in OF_CARD.items()
        },
        seed=values[SEED],
        patience=values[PATIENCE],
        threshold=values[THRESHOLD],
        deterministic=values[DETERMINISTIC],
        devices=values[DEVICE],
        **chosen_recipe(card),
    )
    try:
        config.resolved()
    except SedcoreError as error:
        return None, str(error)
    if expected.misfits[card.name]:
        return config, f"{expected.misfits[card.name]}. Choose other features or another model."
    lacking = [split for split in ("train", "validation") if split not in dataset.splits]
    if lacking:
        return (
            config,
            f"the data set has no {lacking[0]} split, and training needs both; import it with --fractions",
        )
    return config, ""


def full_command(config: TrainConfig, job: dict[str, Any] | None = None) -> str:
    """Return the command that does the same, in a shell that knows nothing of this server's settings."""
    words = shlex.split(command_line(config, job))
    if st.session_state.get(NAME):
        words += ["--name", st.session_state[NAME]]
    root = os.environ.get("SEDCORE_ARTIFACTS")
    if root and Path(root) != Path("artifacts"):
        words += ["--artifacts", root]
    starts = [place for place, word in enumerate(words) if word.startswith("--")]
    lines = [words[: starts[0]], *(words[one:end] for one, end in zip(starts, [*starts[1:], len(words)]))]
    return " \\\n  ".join(map(shlex.join, lines))


def start(root: Path, config: TrainConfig, job: dict[str, Any] | None, name: str) -> None:
    """Queue the training; whatever goes wrong is said beside the button, and the form stays as it is."""
    try:
        run = start_training(root, config, name, job)
    except SedcoreError as error:
        st.session_state[PROBLEM] = str(error)
        return
    st.session_state[STARTED] = run.run_id
    st.session_state[NAME] = ""
    st.toast(f"**{fmt.escape_markdown(run.name)}** {where_it_is(root, run)}.", icon=":material/queue:")


def where_it_is(root: Path, run: Run) -> str:
    """Return where a run is in the queue, as what follows its name: "is next", "is 3rd in the queue"."""
    waiting = [other.run_id for other in queued_runs(root)]
    if run.run_id not in waiting:
        return {"running": "trains now", "cancelling": "is being cancelled"}.get(
            run.status().state, "has ended"
        )
    place = waiting.index(run.run_id) + 1
    return "is next" if place == 1 else f"is {fmt.ordinal(place)} in the queue"
