"""Curves of one class with the operating points in force: PR, ROC, DET, score histograms, reliability."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.runs.scene import Scene
from sedcore.comparison.selection import Scored
from sedcore.evaluation.calibration import calibration
from sedcore.evaluation.curves import score_histogram
from sedcore.figures import style
from sedcore.figures.detection import det_figure, det_of, pr_of, roc_figure, roc_of
from sedcore.figures.distributions import Reliability, ScorePanel, histogram_figure, reliability_figure
from sedcore.figures.thresholds import precision_recall_figure

VIEWS = {
    "PR": "Precision against recall; the area under a line is its average precision.",
    "ROC": "True against false positive rate; the dotted diagonal is chance.",
    "DET": "Misses against false alarms on probit axes (NIST): near the lower left corner is better.",
    "Histogram": "Scores of clips with the class (blue) and without it (orange), each on its own scale. The "
    "line is the threshold in force: blue to the right of it are hits, orange are false alarms.",
    "Reliability": "Share of clips that hold the class against their mean score, in bins of equally many "
    "clips. On the diagonal a score is a probability; above it the score is too low.",
}
BINS = 40


def curve_panel(scene: Scene, class_name: str, view: str) -> None:
    """Show a view of VIEWS of a class; markers are the operating points in force."""
    held = [s for s in scene.scored if class_name in s.evaluation.classes]
    title = fmt.escape_markdown(fmt.class_title(class_name))
    if not held:
        st.caption(f"No chosen run has {title} as a class.")
        return
    # Histograms need no positives; every rate does, and ROC and DET need negatives too.
    lacks = [s for s in held if view != "Histogram" and not _defined(s, class_name, view)]
    shown = [s for s in held if s not in lacks]
    if view == "Reliability":
        shown = [s for s in shown if _probabilities(s)]
    if shown:
        st.plotly_chart(figure_of(scene, shown, class_name, view), key="class-curve", config=style.CONFIG)
    st.caption(VIEWS[view])
    if lacks:
        named = fmt.listing([fmt.escape_markdown(s.label) for s in lacks])
        what = "positive clip" if view == "PR" else "clips both with and without it"
        st.caption(f"Not drawn: {named} {'has' if len(lacks) == 1 else 'have'} no {what} of {title}.")
    if view == "Reliability":
        _say_calibration(held, shown, class_name)


def figure_of(scene: Scene, shown: list[Scored], class_name: str, view: str) -> go.Figure:
    """Return the figure of a view of VIEWS for runs that all have the class."""
    lines = {"PR": (pr_of, precision_recall_figure), "ROC": (roc_of, roc_figure), "DET": (det_of, det_figure)}
    places = [s.evaluation.classes.index(class_name) for s in shown]
    at = [float(s.evaluation.thresholds[c]) for s, c in zip(shown, places)]
    counted = [s.scores.class_counts(c) for s, c in zip(shown, places)]  # only this class
    if view in lines:
        make, draw = lines[view]
        return draw([make(held, 0, t, s.label, scene.ink(s.run)) for s, held, t in zip(shown, counted, at)])
    if view == "Histogram":
        edges = np.linspace(*scene.score_range(), BINS + 1)
        return histogram_figure(
            [
                ScorePanel(s.label, scene.ink(s.run), score_histogram(held, 0, edges), t)
                for s, held, t in zip(shown, counted, at)
            ]
        )
    return reliability_figure(
        [
            Reliability(s.label, scene.ink(s.run), calibration(held, 0), t)
            for s, held, t in zip(shown, counted, at)
        ]
    )


def _say_calibration(held: list[Scored], shown: list[Scored], class_name: str) -> None:
    errors = [
        f"{fmt.escape_markdown(s.label)} "
        f"{fmt.score(calibration(s.scores.class_counts(s.evaluation.classes.index(class_name)), 0).error)}"
        for s in shown
    ]
    if errors:
        st.caption(
            f"Calibration error (mean distance from the diagonal, by clips): {fmt.listing(errors, 10)}."
        )
    strange = [fmt.escape_markdown(s.label) for s in held if not _probabilities(s)]
    if strange:
        st.caption(
            f"{fmt.listing(strange)}: the scores go beyond 0 to 1, so they "
            "are no probabilities and have no calibration error."
        )


def _probabilities(s: Scored) -> bool:
    return s.scores.summary.lowest >= 0 and s.scores.summary.highest <= 1


def _defined(s: Scored, class_name: str, view: str) -> bool:
    positives = int(s.evaluation.support[s.evaluation.classes.index(class_name)])
    if view in ("ROC", "DET"):
        return 0 < positives < s.evaluation.clips
    return positives > 0 or view == "Reliability"
