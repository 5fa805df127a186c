"""Figures: what they compute before they draw, and that text from people cannot become markup."""

import json

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sedcore.evaluation.verdicts import compare
from sedcore.figures import palette
from sedcore.figures.classes import confusion_bars, dot_plot, fires_figure
from sedcore.figures.curves import (
    MOST_POINTS,
    History,
    above_the_axis,
    curves_figure,
    decimated,
    mean_history,
    minutes,
    smoothed,
    value_range,
)
from sedcore.figures.pareto import Point, pareto_figure, pareto_front
from sedcore.figures.style import spread_labels
from sedcore.figures.thresholds import Curve, precision_recall_figure, threshold_figure
from sedcore.figures.verdicts import forest_plot, waterfall

INK = palette.ink(0)


def test_a_run_keeps_its_colour_whatever_else_is_chosen():
    everything = [f"r{i}" for i in range(12)]
    alone = palette.assign_inks(["r3"], everything)["r3"]
    assert palette.assign_inks(["r0", "r3", "r5"], everything)["r3"] == alone
    assert palette.assign_inks(["r3", "r0"], everything)["r3"] == alone


def test_chosen_runs_never_look_alike():
    everything = [f"r{i}" for i in range(40)]
    for chosen in (everything[:24], everything[::6], ["r1", "r7", "r13", "r19"]):
        inks = palette.assign_inks(chosen, everything)
        assert len(set(inks.values())) == len(chosen)
    few = palette.assign_inks(["r1", "r7", "r13"], everything)
    assert len({ink.color for ink in few.values()}) == 3, "hues differ while there are free ones"


def test_pareto_front():
    points = [Point(n, c, q, INK) for n, c, q in [("a", 1, 0.2), ("b", 2, 0.1), ("c", 3, 0.5), ("d", 3, 0.4)]]
    assert [p.label for p in pareto_front(points)] == ["a", "c"]


def test_pareto_figure_of_one_point_and_of_equal_ones():
    for points in ([Point("a", 5, 0.5, INK)], [Point("a", 5, 0.5, INK), Point("b", 5, 0.5, INK)]):
        assert isinstance(pareto_figure(points, "minutes"), go.Figure)


def test_of_many_points_only_the_front_and_the_chosen_are_named():
    many = [Point(f"p{i}", 10 + i, 0.5 - i / 100, palette.UNCHOSEN) for i in range(20)]
    figure = pareto_figure([*many, Point("chosen", 99, 0.1, INK)], "minutes").to_plotly_json()
    named = [name for trace in figure["data"] for name in trace.get("text", ())]
    assert [name for name in named if name] == ["p0", "chosen"] and len(named) == 21


def test_smoothing_keeps_a_constant_and_skips_gaps():
    assert np.allclose(smoothed(np.full(5, 0.3), 0.9), 0.3)
    values = smoothed(np.array([1.0, np.nan, 0.0]), 0.5)
    assert values[0] == 1 and np.isnan(values[1]) and values[2] == pytest.approx(1 / 3)
    raw = np.array([0.1, 0.9])
    assert smoothed(raw, 0) is raw


def test_minutes_add_training_and_validation():
    table = pd.DataFrame({"seconds": [60.0, 60.0], "validation_seconds": [30.0, np.nan]})
    assert minutes(table).tolist() == [1.5, 2.5]


def test_labels_keep_their_order_and_their_distance():
    moved = spread_labels([0.5, 0.51, 0.1], 0.05)
    assert moved[1] - moved[0] >= 0.05 - 1e-6 and moved[2] == pytest.approx(0.1)


def test_text_from_people_is_no_markup():
    evil = "<a href='x'>&"
    table = pd.DataFrame({"epoch": [1, 2], "validation.loss": [1.0, 0.5], "train.loss": [1.0, np.nan]})
    line = Curve(evil, INK, np.arange(3), np.arange(3), (1, 1), np.arange(3))
    cells = np.ones((1, 2, 2), int)
    figures = [
        pareto_figure([Point(evil, 1, 0.5, INK, (evil,))], "minutes"),
        curves_figure([History(evil, INK, table, 2)], "loss", smoothing=0.5),
        threshold_figure([line], evil, 0.5),
        precision_recall_figure([line]),
        dot_plot([evil], [evil], np.array([[0.5]]), [INK], "F1"),
        confusion_bars([evil], cells, rates=False, scale=(1, 1), hover=evil),
        fires_figure([evil], np.ones((1, 1)), np.ones((1, 1, 2)), "predicted"),
    ]
    for figure in figures:
        assert "<a" not in json.dumps(figure.to_plotly_json(), default=str)


def test_confusion_bars_write_counts_or_rates():
    cells = np.array([[[90, 10], [5, 15]]])
    text = json.dumps(
        confusion_bars(["Dog"], cells, rates=False, scale=(20, 100), hover="x").to_plotly_json(), default=str
    )
    assert all(f"'{n}'" in text or f'"{n}"' in text for n in (90, 10, 5, 15))
    rates = confusion_bars(["Dog"], cells, rates=True, scale=(20, 100), hover="x")
    written = [
        t for trace in rates.data if trace.type == "scatter" and trace.mode == "text" for t in trace.text
    ]
    assert {"0.75", "0.25", "0.10", "0.90"} <= set(written)


def test_dots_keep_their_intervals_apart():
    values = np.array([[0.5, 0.6], [0.2, np.nan]])
    ends = np.stack([values - 0.1, values + 0.1])
    figure = dot_plot(
        ["A", "B"], ["one", "two"], values, [INK, palette.ink(1)], "F1", None, ends, [False, True]
    )
    dots = [t for t in figure.data if t.mode == "markers"]
    lines = [t for t in figure.data if t.mode == "lines"][1:]  # after the spans
    for run, (dot, line) in enumerate(zip(dots, lines)):
        drawn = [(line.x[i], line.x[i + 1], line.y[i]) for i in range(0, len(line.x), 3)]
        known = [row for row in (0, 1) if not np.isnan(values[row, run])]
        assert drawn == [(ends[0, row, run], ends[1, row, run], dot.y[row]) for row in known]
        assert line.line.width < 3 and "rgba" in line.line.color
    assert dots[0].y[0] != dots[1].y[0] and abs(dots[0].y[0] - dots[1].y[0]) < 0.5
    assert list(dots[0].marker.symbol) == ["circle", "circle-open"]
    plain_dots = [
        t for t in dot_plot(["A", "B"], ["one", "two"], values, [INK] * 2, "F1").data if t.mode == "markers"
    ]
    assert list(plain_dots[0].y) == list(plain_dots[1].y) == [0, 1]


@settings(max_examples=60)
@given(st.integers(0, 3000), st.sampled_from([0.0, 0.02, 0.5]), st.integers(8, 200), st.integers(0, 9999))
def test_decimation_keeps_ends_spikes_gaps_and_order(number, share, most, seed):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=number)
    values[generator.random(number) < share] = np.nan
    rows = decimated(values, most)
    assert len(rows) <= max(most, 0) or number <= most
    assert (np.diff(rows) > 0).all()
    if number <= most:
        assert rows.tolist() == list(range(number))
        return
    assert rows[0] == 0 and rows[-1] == number - 1
    kept = values[rows]
    for best in (np.nanmin, np.nanmax):
        assert np.isnan(values).all() or best(kept) == best(values)
    stretch = int(np.ceil(number / ((most - 2) // (3 if np.isnan(values).any() else 2)))) + 1
    for start in range(0, number - 2 * stretch, stretch):  # two stretches hold one bucket in whole
        here = (rows >= start) & (rows < start + 2 * stretch)
        part = values[start : start + 2 * stretch]
        assert np.isnan(kept[here]).any() or not np.isnan(part[stretch // 2 : -stretch // 2]).all()
    spike = number // 2
    values[spike] = 99.0
    assert spike in decimated(values, most)


def test_a_long_line_is_drawn_with_its_spike():
    loss = np.linspace(1, 0.5, 5000)
    loss[3210] = 40.0
    table = pd.DataFrame({"epoch": np.arange(1, 5001), "train.loss": loss, "validation.loss": loss + 1})
    figure = curves_figure([History("long", INK, table, 7)], "loss")
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert all(len(line.x) <= MOST_POINTS and max(line.y) >= 40 for line in lines) and len(lines) == 2
    short = curves_figure([History("short", INK, table[:1000], 7)], "loss")
    assert all(len(line.x) == 1000 for line in short.data if line.mode == "lines")


def test_a_first_epoch_far_above_the_others_leaves_the_axis_to_them():
    def history(*loss):
        numbers = {"epoch": np.arange(1.0, 4.0), "train.loss": loss, "validation.loss": [0.7, 0.6, 0.5]}
        return History("run", INK, pd.DataFrame(numbers), 3)

    far, near = history(15.0, 1.0, 0.8), history(2.9, 0.6, 0.4)
    # 15 is more than three times 1, and 2.9 is not
    assert above_the_axis([far, near], "loss") == [(far, 15.0)]
    low, high = value_range([far, near], "loss")
    assert low == pytest.approx(0.4 - 0.06 * 2.5) and high == pytest.approx(2.9 + 0.06 * 2.5)
    drawn = curves_figure([far, near], "loss")
    assert drawn.layout.yaxis.range == (low, high) and max(map(max, (t.y for t in drawn.data))) == 15.0
    assert value_range([far], "loss", train=False) == pytest.approx((0.5 - 0.012, 0.7 + 0.012))
    # what happens later stays, and so does what validation says
    assert not above_the_axis([history(1.0, 15.0, 0.8)], "loss")
    seeds = mean_history("seeds", INK, [far.table, history(20.0, 1.0, 1.0).table])
    assert above_the_axis([seeds], "loss") == [(seeds, 20.0)]
    assert value_range([history(np.nan, np.nan, np.nan)], "mAP") is None and not above_the_axis([], "loss")


def test_class_names_that_are_numbers_stay_names():
    names = ["101", "7", "205"]
    figure = fires_figure(names, np.eye(3), np.ones((3, 3, 2)), "own")
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "category"
    differences = compare(np.zeros(3), np.ones(3), np.zeros((50, 3)), np.ones((50, 3)))
    figure = forest_plot(names, differences, "F1", "one", "other")
    assert figure.layout.yaxis.type == "category"


def test_names_in_the_waterfall_are_escaped_once():
    figure = waterfall(["R&B", "Dog"], np.array([0.1, 0.2]), (0.6, 0.3), ("A & B", "<i>"), "AP")
    assert figure.layout.yaxis.ticktext == ("<b>&lt;i&gt;</b>", "Dog", "R&amp;B", "<b>A &amp; B</b>")
    assert list(figure.data[0].customdata) == ["&lt;i&gt;", "Dog", "R&amp;B", "A &amp; B"]


@pytest.mark.parametrize("costs", [[3.7], [3.7, 3.71], [3.7, 3.7000001], [0.013], [96e6, 97e6]])
def test_pareto_cost_axis_has_ticks_however_near_the_costs_are(costs):
    axis = pareto_figure([Point(str(c), c, 0.5, INK) for c in costs], "minutes").to_plotly_json()["layout"][
        "xaxis"
    ]
    low, high = axis["range"]
    assert len(set(axis["tickvals"])) >= 2 and len(set(axis["ticktext"])) == len(axis["ticktext"])
    assert all(low <= np.log10(tick) <= high for tick in axis["tickvals"])
