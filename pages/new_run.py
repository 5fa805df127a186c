"""What shall I train, and how long will it take? Data, model, features, settings."""

from __future__ import annotations

import functools
from pathlib import Path

import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.navigation import link_to
from pages.widgets.data.dataset_choice import PARAM as DATA
from pages.widgets.data.dataset_choice import choose_dataset
from pages.widgets.runs import cached
from pages.widgets.runs.address import BY_PAGE
from pages.widgets.runs.guarded import guarded
from pages.widgets.runs.trainings import trained_runs
from pages.widgets.training.prefill import EDIT, LIKE, edit_part, take_link
from pages.widgets.training.setting_fields import key_of
from pages.widgets.training.train_form import (
    FEATURES,
    MODEL,
    RECOMMENDED,
    STARTED,
    Expected,
    choose_model,
    settings,
    take_defaults,
)
from pages.widgets.training.watch import watch
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import Run, find_run
from sedcore.comparison.selection import unique_labels
from sedcore.data import summary
from sedcore.data.store import DataSet
from sedcore.errors import SedcoreError
from sedcore.figures import style
from sedcore.figures.data import balance_bar
from sedcore.jobs.listing import whereabouts
from sedcore.jobs.live import Look
from sedcore.jobs.switch import training_enabled
from sedcore.models.catalog import MODELS, ModelCard
from sedcore.training.estimates import estimates

TITLE = "New run"
MOST_CLASSES = 20  # in the small figure
CARDS_CSS = """<style>
@media (max-width: 640px) {
  .st-key-new-cards {flex-wrap: nowrap; overflow-x: auto}
  .st-key-new-cards > * {flex-shrink: 0}
}
</style>"""


def main() -> None:
    st.title(TITLE, anchor=False)
    if not training_enabled():
        st.markdown("Training is switched off on this server; the command line trains all the same.")
        return
    root = artifact_root()
    runs, shown = trained_runs(root), cached.look(root)
    top = st.container()
    with top:
        edited = take_link(root)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        dataset = choose_dataset()
    if dataset is not None:
        take_defaults(dataset)
        expected = expect(dataset, runs)
        with left:
            data_part(dataset)
            model_cards(expected)
        with right:
            end = None if edited is None else functools.partial(edit_part, root, edited)
            settings(root, dataset, shown, end)
        with top:
            st.markdown(answer(dataset, expected, unique_labels(runs)) if edited is None else editing(edited))
            started(root)
            queue_line(shown)
    watch(TITLE, shown, lambda _now: None)  # only the line above needs watching


def expect(dataset: DataSet, runs: list[Run]) -> Expected:
    """Return what is known of each model before it is trained."""
    kind = st.session_state.get(FEATURES)
    info = dataset.feature_info(kind) if kind in dataset.feature_names() else {"bands": 64, "frames": 1000}
    return Expected(
        estimates(dataset, kind, cached.training_speeds(artifact_root(), runs)),
        {name: card.misfit(info["bands"], info["frames"]) for name, card in MODELS.items()},
        best_results(runs, dataset.name),
    )


def best_results(runs: list[Run], dataset: str) -> dict[str, tuple[float, Run]]:
    """Return the best macro AP on validation of each model on a data set, with its run."""
    best: dict[str, tuple[float, Run]] = {}
    some = [run for run in runs if run.info["dataset"] == dataset]
    for run, value in zip(some, cached.macro_aps(some, "validation")):
        model = run.info["model"]
        if not fmt.is_missing(value) and (model not in best or value > best[model][0]):
            best[model] = (value, run)
    return best


def answer(dataset: DataSet, expected: Expected, labels: dict[str, str]) -> str:
    """Return the page's answer in words."""
    card, name = MODELS[st.session_state[MODEL]], fmt.escape_markdown(dataset.name)
    if not dataset.feature_names():
        return f"**{name}** has no features here yet, so nothing can be trained on it."
    epochs = st.session_state.get(key_of("epochs")) or card.epochs
    time = _about(expected.epochs[card.name].total_s(epochs))
    words = (
        f"**{fmt.escape_markdown(card.title)}** on **{name}** takes {time} here for "
        f"{fmt.plural(epochs, 'epoch')}, less where early stopping ends it."
    )
    if expected.best:
        value, run = max(expected.best.values(), key=lambda pair: pair[0])
        words += (
            f" The best on this data so far is **{fmt.escape_markdown(labels[run.run_id])}**, macro AP "
            f"{fmt.score(value)} on validation."
        )
    return words + (" Nothing has been trained on this data yet." if not expected.best else "")


def editing(run: Run) -> str:
    """Return in words which run is being edited."""
    name = fmt.escape_markdown(run.name)
    if run.status().state != "queued":
        return f"**{name}** is {run.status().state} by now and can no longer be edited; start another run instead."
    return f"You change the settings of **{name}**, which waits in the queue and keeps its place."


def started(root: Path) -> None:
    """Show where the run started last is, as long as it is live, with a link to it."""
    run_id = st.session_state.get(STARTED)
    if not run_id:
        return
    try:
        run = find_run(root, run_id)
        name, live = fmt.escape_markdown(run.name), run.status().live
    except SedcoreError:
        live = False
    if not live:
        del st.session_state[STARTED]
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="new-notice"):
        st.markdown(
            f":material/check_circle: **{name}** {whereabouts(root, run)}. It goes on when you leave this page.",
            width="stretch",
        )
        link_to("queue", "Queue", icon=":material/queue:")


def queue_line(shown: Look) -> None:
    """Show the state of the queue in a line, with a link to it; nothing where it is empty."""
    if not shown.runs or st.session_state.get(STARTED):
        return
    parts = [
        f"{fmt.count(len(runs))} {verb}{'s' if len(runs) == 1 else ''}"
        for runs, verb in ((shown.training, "train"), (shown.waiting, "wait"))
        if runs
    ]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="new-queue"):
        st.markdown(f":small[:gray[{', '.join(parts)}]]")
        link_to("queue", "Queue", icon=":material/queue:")


def data_part(dataset: DataSet) -> None:
    """Show the sizes of the splits and how the classes are balanced in train."""
    sizes = [
        f"{fmt.count(known['clips'])} {fmt.escape_markdown(s)}" for s, known in dataset.info["splits"].items()
    ]
    classes = fmt.plural(len(dataset.classes), "class", "classes")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        first = fmt.escape_markdown(dataset.splits[0])
        st.caption(f"{', '.join(sizes)} clips; {classes}, each with its share of the {first} clips:")
        link_to(
            "data_sets", "Look into it", icon=":material/library_music:", query_params={"data": dataset.name}
        )
    balance = summary.balance_table(dataset)
    balance = balance[balance["split"] == dataset.splits[0]]
    labels = summary.most_frequent(balance, MOST_CLASSES)
    figure = balance_bar(balance, labels)
    st.plotly_chart(figure, key="new-balance", config=style.CONFIG, alt="Share of train clips by class")
    if len(dataset.classes) > MOST_CLASSES:
        st.caption(f"The {MOST_CLASSES} most frequent of {len(dataset.classes)} classes.")


def model_cards(expected: Expected) -> None:
    """Show a card a model: description, size, expected time here, best result so far."""
    st.subheader("Model", anchor=False)
    st.html(CARDS_CSS)
    with st.container(horizontal=True, gap="small", key="new-cards"):
        for card in MODELS.values():
            model_card(card, expected)
    measured = any(expected.epochs[name].runs for name in MODELS)
    if measured:
        st.caption(
            "Times follow earlier runs of a model; those marked \\* are guesses, scaled from another machine."
        )
    else:
        st.caption("Times are rough guesses, scaled from another machine, until a model has run here.")


def model_card(card: ModelCard, expected: Expected) -> None:
    chosen = st.session_state[MODEL] == card.name
    with st.container(border=True, width=296, key=f"new-card-{card.name}", gap="xsmall"):
        st.button(
            card.title,
            key=f"choose-{card.name}",
            type="primary" if chosen else "secondary",
            icon=":material/check:" if chosen else None,
            width="stretch",
            on_click=choose_model,
            args=(card.name,),
            help=card.source,
        )
        recommended = ":blue-badge[Recommended] " if card.name == RECOMMENDED else ""
        st.markdown(f":small[{recommended}{fmt.escape_markdown(card.summary)}]")
        facts = []
        if card.parameters:
            facts.append(f"{fmt.count(card.parameters)} parameters")
        if expected.misfits[card.name]:
            facts.append("does not fit these features")
        else:
            known = expected.epochs[card.name]
            epochs = (st.session_state.get(key_of("epochs")) if chosen else None) or card.epochs
            mark = "" if known.runs else "\\*"
            facts.append(f"{_about(known.total_s(epochs))}{mark} for {epochs} epochs")
        if card.name in expected.best:
            facts.append(f"best so far **{fmt.score(expected.best[card.name][0])}**")
        st.markdown(f":small[:gray[{' · '.join(facts)}]]")


def _about(seconds: float) -> str:
    """Return an expected time in one coarse unit: about 5 min."""
    if seconds < 90:
        return f"about {max(round(seconds), 1)} s"
    minutes = seconds / 60
    return f"about {round(minutes)} min" if minutes < 90 else f"about {minutes / 60:.1f} h"


guarded(main, {"model": MODELS, DATA: BY_PAGE, LIKE: BY_PAGE, EDIT: BY_PAGE})
