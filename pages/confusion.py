"""What kind of errors? A 2x2 a class and run, and what else is predicted beside a class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.compare.context_bar import compare_page, run_mark, swatch
from pages.widgets.runs.guarded import guarded
from pages.widgets.runs.scene import Scene
from sedcore.comparison.selection import Scored
from sedcore.evaluation.counts import Confusion, decide
from sedcore.figures import style
from sedcore.figures.classes import confusion_bars, fires_figure
from sedcore.figures.palette import RIGHT, WRONG, Ink

PANEL = 330  # minimum pixels of a small multiple
MOST_PANELS = 12
MOST_CELLS = 24  # classes in the matrix until the reader picks others
VIEWS = {"errors": "Hits and errors", "fires": "What else fires"}
PANELS = {"run": "A panel a run", "class": "A panel a class"}
NUMBERS = {"counts": "Counts", "rates": "Rates"}


@dataclass(frozen=True, eq=False)
class Matrices:
    """2x2 matrices of a run, (classes, 2, 2), [[tn, fp], [fn, tp]] a class."""

    label: str
    mark: str  # Markdown
    ink: Ink
    classes: tuple[str, ...]
    cells: np.ndarray
    note: str = ""


def main() -> None:
    scene = compare_page("Confusion", answer)
    if scene is None:
        return
    controls = st.container(horizontal=True, vertical_alignment="center", gap="small")
    view = controls.segmented_control(
        "View",
        list(VIEWS),
        default="errors",
        format_func=VIEWS.__getitem__,
        required=True,
        key="view",
        bind="query-params",
        label_visibility="collapsed",
    )
    if view == "errors":
        small_multiples(scene, controls)
    else:
        fires(scene, controls)


def answer(scene: Scene) -> str:
    """Return the page's answer in words."""
    best = max(scene.lead_group, key=lambda s: np.nan_to_num(s.evaluation.averages["macro"].f1, nan=-1))
    e = best.evaluation
    missed, false = int(e.fn.sum()), int(e.fp.sum())
    kind = "misses more than it invents" if missed > false else "invents more than it misses"
    if missed == false:
        kind = "misses as much as it invents"
    text = (
        f"At the thresholds in force **{fmt.escape_markdown(best.label)}** {kind}: "
        f"{fmt.plural(missed, 'miss', 'misses')} and {fmt.plural(false, 'false alarm')} "
        f"beside {fmt.plural(int(e.tp.sum()), 'hit')}"
    )
    errors = e.fn + e.fp
    if errors.sum():
        worst = int(errors.argmax())
        name = fmt.escape_markdown(fmt.class_title(e.classes[worst]))
        return f"{text}. Most errors are on **{name}** ({fmt.count(errors[worst])} of {fmt.count(errors.sum())})."
    return f"{text}."


def matrices(scene: Scene) -> list[Matrices]:
    """Return the matrices of all chosen runs; printed ones where a reported run has them."""
    shown = [
        Matrices(
            s.label,
            run_mark(scene, s.run),
            scene.ink(s.run),
            s.evaluation.classes,
            s.evaluation.confusion.matrices(),
        )
        for s in scene.scored
    ]
    for run, _ in scene.unscored:
        printed = run.reported() or {}
        cells = printed.get("confusion", {}).get(scene.split)
        if cells:
            note = f"printed, at its own threshold {fmt.threshold(printed.get('threshold'))}"
            cells = Confusion.from_matrices(np.array(cells)).matrices()
            classes = tuple(printed["classes"])
            shown.append(
                Matrices(scene.labels[run.run_id], run_mark(scene, run), scene.ink(run), classes, cells, note)
            )
    return shown


def small_multiples(scene: Scene, controls: DeltaGenerator) -> None:
    """Show the 2x2 matrices as bars: a panel a run with its classes, or a panel a class with the runs."""
    shown = matrices(scene)
    classes = tuple(dict.fromkeys(name for m in shown for name in m.classes))
    with controls:
        by = st.segmented_control(
            "Panels",
            list(PANELS),
            default="run",
            format_func=PANELS.__getitem__,
            required=True,
            key="by",
            bind="query-params",
            label_visibility="collapsed",
        )
        rates = st.segmented_control(
            "Numbers",
            list(NUMBERS),
            default="counts",
            format_func=NUMBERS.__getitem__,
            required=True,
            key="numbers",
            bind="query-params",
            label_visibility="collapsed",
        )
        tables.csv_button(confusion_csv(shown, scene.split), f"confusion-{scene.split}.csv", "confusion-csv")
    st.markdown(f":small[{legend(rates == 'rates')}]")
    if len(classes) > MOST_PANELS:
        named = st.multiselect(
            "Classes",
            classes,
            default=classes[:MOST_PANELS],
            format_func=fmt.class_title,
            key="confusion-classes",
        )
        classes = tuple(name for name in classes if name in named)
    panels = run_panels(shown, classes) if by == "run" else class_panels(shown, classes)
    # one scale for all panels, so that they compare
    every = np.concatenate([cells for _, _, cells, _, _ in panels]) if panels else np.zeros((1, 2, 2))
    scale = (max(every[:, 1].sum(axis=1).max(), 1), max(every[:, 0].sum(axis=1).max(), 1))
    with st.container(horizontal=True, gap="medium", key="confusion-panels"):
        for number, (title, rows, cells, hover, inks) in enumerate(panels):
            with st.container(width=PANEL, gap="xxsmall"):
                st.markdown(title)
                figure = confusion_bars(
                    rows, cells, rates=rates == "rates", scale=scale, hover=hover, inks=inks
                )
                st.plotly_chart(figure, key=f"confusion-panel-{number}", config=style.CONFIG)


def legend(rates: bool) -> str:
    """Return how to read the bars."""
    right = swatch_text("right", RIGHT)
    wrong = swatch_text("wrong", WRONG)
    numbers = (
        "Numbers are shares of the clips of a bar."
        if rates
        else "Numbers are clips; the upper bars share one scale and the lower ones another."
    )
    return (
        "Upper bar: clips that hold the class. Lower bar: clips that do not. Right of the line they are predicted, "
        f"left of it they are not. {right}, {wrong}. {numbers}"
    )


def swatch_text(word: str, color: str) -> str:
    """Return a word after a coloured mark, as Markdown; both are constants of this page (not escaped)."""
    return f':color[■]{{foreground="{color}"}} {word}'


def run_panels(shown: list[Matrices], classes: tuple[str, ...]) -> list[tuple]:
    """Return (title, rows, cells, hover, inks of the rows) a run."""
    panels = []
    for m in shown:
        inside = [m.classes.index(name) for name in classes if name in m.classes]
        rows = [fmt.class_title(m.classes[i]) for i in inside]
        note = f" :small[{m.note}]" if m.note else ""
        panels.append((f"**{m.mark}**{note}", rows, m.cells[inside], m.label, None))
    return [panel for panel in panels if panel[1]]


def class_panels(shown: list[Matrices], classes: tuple[str, ...]) -> list[tuple]:
    """Return (title, rows, cells, hover, inks of the rows) a class."""
    panels = []
    for name in classes:
        having = [m for m in shown if name in m.classes]
        rows = [f"{m.label} ({m.note})" if m.note else m.label for m in having]
        cells = np.stack([m.cells[m.classes.index(name)] for m in having])
        title = fmt.class_title(name)
        panels.append((f"**{fmt.escape_markdown(title)}**", rows, cells, title, [m.ink for m in having]))
    return panels


def confusion_csv(shown: list[Matrices], split: str) -> pd.DataFrame:
    """Return the four numbers of each run and class, long."""
    rows = [
        {"name": m.label, "split": split, "class": name, "tp": tp, "fp": fp, "fn": fn, "tn": tn}
        for m in shown
        for name, ((tn, fp), (fn, tp)) in zip(m.classes, m.cells.tolist())
    ]
    return pd.DataFrame(rows)


def fires(scene: Scene, controls: DeltaGenerator) -> None:
    """Show, for one run, what is predicted on clips that hold a class."""
    by_id = {s.run.run_id: s for s in scene.scored}
    with controls:
        run_id = st.segmented_control(
            "Run",
            list(by_id),
            default=next(iter(by_id)),
            format_func=lambda i: f"{swatch(scene.ink(by_id[i].run))} {fmt.escape_markdown(by_id[i].label)}",
            required=True,
            key="confusion-run",
            label_visibility="collapsed",
        )
        wrong_only = st.toggle(
            "Only false alarms",
            value=True,
            key="confusion-wrong",
            help="Leave out clips in which the other class is present too, where predicting it is right.",
        )
    s = by_id[run_id]
    shares, counts = fires_given(s, wrong_only)
    names = [fmt.class_title(name) for name in s.evaluation.classes]
    off = np.where(np.eye(len(names), dtype=bool), np.nan, shares)
    if np.isfinite(off).any() and np.nanmax(off) > 0:
        row, column = np.unravel_index(np.nanargmax(off), off.shape)
        what = "wrongly" if wrong_only else "also"
        st.markdown(
            f"On clips with **{fmt.escape_markdown(names[row])}**, **{fmt.escape_markdown(names[column])}** "
            f"{what} fires most: {fmt.percent(off[row, column])} of {fmt.plural(int(counts[row, column, 1]), 'clip')}."
        )
    own = "predicted though it is not there" if wrong_only else "predicted too"
    rows = matrix_classes(s)
    cells = np.ix_(rows, rows)
    figure = fires_figure([names[row] for row in rows], shares[cells], counts[cells], own)
    st.plotly_chart(figure, key="confusion-fires", config=style.CONFIG)
    base = (
        "clips with the row's class and without the column's" if wrong_only else "clips with the row's class"
    )
    st.caption(
        f"A row: {base}; a cell: the share of them on which the column's class is predicted. The diagonal is recall."
    )


def matrix_classes(s: Scored) -> list[int]:
    """Return the places of the classes in the matrix: all, or of many those picked, at first the most frequent."""
    names = s.evaluation.classes
    if len(names) <= MOST_CELLS:
        return list(range(len(names)))
    frequent = np.sort(np.argsort(-s.evaluation.support, kind="stable")[:MOST_CELLS])
    picked = st.multiselect(
        "Classes",
        names,
        default=[names[place] for place in frequent],
        format_func=fmt.class_title,
        key="fires-classes",
        max_selections=2 * MOST_CELLS,
    )
    return [place for place, name in enumerate(names) if name in picked]


def fires_given(s: Scored, wrong_only: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each class fires on clips that hold each class.

    Returns (classes, classes) shares, NaN where no clip is left, and (classes, classes, 2) fired and clips.
    wrong_only : leave out, off the diagonal, clips that hold the column's class too.
    """
    held = s.scores.predictions
    # float32 is exact for whole numbers up to 16 million, and its products are fast
    truth = held.truth.astype(np.float32)
    fired = decide(held.scores, s.evaluation.thresholds.astype(float))
    positives = s.evaluation.support
    if wrong_only:
        hits = whole(truth.T @ (fired & ~held.truth).astype(np.float32))
        clips = positives[:, None] - whole(truth.T @ truth)
        own = np.arange(len(positives))
        hits[own, own], clips[own, own] = (held.truth & fired).sum(axis=0), positives
    else:
        hits = whole(truth.T @ fired.astype(np.float32))
        clips = np.repeat(positives[:, None], len(positives), axis=1)
    shares = np.where(clips > 0, hits / np.maximum(clips, 1), np.nan)
    return shares, np.stack([hits, clips], axis=-1)


def whole(products: np.ndarray) -> np.ndarray:
    """Return float counts as integers."""
    return products.astype(np.int64)


guarded(main, {"view": VIEWS.values(), "by": PANELS.values(), "numbers": NUMBERS.values()})
