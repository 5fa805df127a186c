"""Figures of sweeps, by hand-made tables of points."""

import numpy as np
import pandas as pd
import pytest

from sedcore.figures.curves import History, curves_figure, mean_history
from sedcore.figures.palette import ink
from sedcore.figures.sweep_map import cells_of, map_figure
from sedcore.figures.sweeps import (
    importance_figure,
    in_order,
    is_log,
    parallel_figure,
    positions,
    progress_figure,
    setting_text,
)

NAN = float("nan")
POINTS = pd.DataFrame(
    [
        # trial, rate, batch, model, mean, sd, runs, ended, since
        (0, 1e-3, 8, "ann", 0.50, 0.02, 2, True, "2025-01-01T00:10:00Z"),
        (1, 1e-4, 8, "ann", 0.40, NAN, 1, True, "2025-01-01T00:05:00Z"),
        (2, 1e-3, 32, "ann", NAN, NAN, 0, False, "2025-01-01T00:11:00Z"),
        (3, 1e-3, 8, "<b>", 0.60, 0.01, 3, True, "2025-01-01T00:20:00Z"),
    ],
    columns=["trial", "learning_rate", "batch_size", "model", "mean", "sd", "runs", "ended", "since"],
)
TITLES = {"learning_rate": "Learning rate", "batch_size": "Batch size", "model": "Model"}


def test_a_cell_shows_its_best_point():
    cells = cells_of(POINTS, "batch_size", "learning_rate")
    assert cells[["x", "y"]].to_numpy().tolist() == [[8, 1e-3], [8, 1e-4], [32, 1e-3]]
    assert cells["rows"].tolist() == [[0, 3], [1], [2]] and cells["best"].tolist() == [3, 1, 2]
    assert cells["mean"].tolist()[:2] == [0.6, 0.4] and np.isnan(cells["mean"][2])


def test_the_map_has_numbers_by_size_and_a_target_over_every_cell():
    figure = map_figure(POINTS, "batch_size", "learning_rate", TITLES)
    heat = figure.data[0]
    np.testing.assert_array_equal(heat.z, [[0.4, NAN], [0.6, NAN]])  # rows: 1e-4, 1e-3
    assert list(figure.layout.yaxis.ticktext) == ["0.0001", "0.001"]
    targets = figure.data[-1]
    assert targets.marker.opacity == 0 and targets.selected.marker.opacity == 0
    for cell, x, y in zip(np.ravel(targets.customdata), targets.x, targets.y):
        assert (round(float(x)), int(y)) == [(0, 1), (0, 0), (1, 1)][cell]
    texts = [text for trace in figure.data[1:-1] for text in trace.text]
    assert sorted(texts) == ["<b>0.400</b><br>1 run", "<b>0.600</b> ±0.010<br>3 runs", "waits"]
    (frame,) = figure.layout.shapes
    assert frame.x0 < 0 < frame.x1 < 1 and 0.5 < frame.y0 < 1 < frame.y1


def test_names_are_shown_as_they_are_and_not_as_html():
    figure = map_figure(POINTS, "model", "learning_rate", TITLES)
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("Model", "Learning rate")
    assert "&lt;b&gt;" in figure.layout.xaxis.ticktext
    assert all("<b><b>" not in text for text in figure.data[-1].hovertext)


def test_a_map_without_a_value_still_stands():
    figure = map_figure(POINTS[POINTS["trial"] == 2], "batch_size", "learning_rate", TITLES)
    assert not figure.layout.shapes


def test_the_best_so_far_never_falls_and_follows_the_clock():
    figure = progress_figure(POINTS, TITLES, "2025-01-01T00:00:00Z")
    line, dots = figure.data
    assert list(line.x) == [5, 10, 20] and list(line.y) == [0.4, 0.5, 0.6]
    assert np.ravel(dots.customdata).tolist() == [1, 0, 3]


def test_parallel_lines_lie_where_the_settings_are():
    figure = parallel_figure(POINTS, TITLES)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [list(line.y) for line in lines] == [
        [0, 0.5, 0, 0],
        [1, 0.5, 0, pytest.approx(0.5)],
        [1, 0.5, 1, 1],
    ]
    assert np.ravel(figure.data[-1].customdata).tolist() == [1] * 4 + [0] * 4 + [3] * 4


def test_places_on_an_axis():
    placed, ticks = positions([1e-5, 1e-1, 1e-3])
    assert placed == pytest.approx([0, 1, 0.5]) and [text for _, text in ticks] == ["1e-5", "0.001", "0.1"]
    placed, _ = positions([2, 4, 3])
    assert placed == pytest.approx([0, 1, 0.5])
    assert positions(["b", "a", "b"])[0].tolist() == [0, 1, 0]
    assert positions([7, 7])[0].tolist() == [0.5, 0.5]
    assert is_log([1, 20]) and not is_log([1, 19]) and not is_log([0, 100])
    assert in_order([3, 1, 3, 2]) == [1, 2, 3] and in_order(["b", "a"]) == ["b", "a"]
    assert [setting_text(v) for v in (1e-5, 3e-10, 0.001, 32, True, "ann")] == [
        "1e-5",
        "3e-10",
        "0.001",
        "32",
        "True",
        "ann",
    ]


def test_importance_is_a_bar_a_setting_the_largest_on_top():
    (bars,) = importance_figure({"learning_rate": 0.7, "batch_size": 0.3}, TITLES).data
    assert list(bars.y) == ["Batch size", "Learning rate"] and list(bars.x) == [0.3, 0.7]


def test_the_mean_of_seeds_covers_the_epochs_that_all_have():
    one = pd.DataFrame({"epoch": [1, 2, 3], "validation.mAP": [0.2, 0.6, 0.9], "seconds": [1.0, 1.0, 1.0]})
    two = pd.DataFrame({"epoch": [1, 2], "validation.mAP": [0.4, 0.5], "seconds": [3.0, 3.0]})
    mean = mean_history("both", ink(0), [one, two])
    assert mean.table["epoch"].tolist() == [1, 2] and mean.best_epoch == 2
    assert mean.table["validation.mAP"].tolist() == pytest.approx([0.3, 0.55])
    assert mean.table["seconds"].tolist() == [2, 2]
    band = next(trace for trace in curves_figure([mean], "mAP").data if trace.fill == "toself")
    assert list(band.x) == [1, 2, 2, 1] and list(band.y) == pytest.approx([0.4, 0.6, 0.5, 0.2])
    single = History("one", ink(0), one, 3)
    assert not [trace for trace in curves_figure([single], "mAP").data if trace.fill]
