"""Figures of a data set, and the tables behind them."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pandas as pd
import pytest

from sedcore.data import summary
from sedcore.figures.data import (
    balance_bar,
    balance_figure,
    clip_figure,
    lengths_figure,
    png_address,
    together_figure,
)
from tests.support.small_sets import CLASSES, small_set


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("figures"), clips=50)


def balance_of(counts: dict[str, tuple[int, int]], clips: tuple[int, int] = (100, 100)) -> pd.DataFrame:
    rows = [
        (label, split, n[i], clips[i], n[i] / clips[i])
        for label, n in counts.items()
        for i, split in enumerate(("train", "test"))
    ]
    return pd.DataFrame(rows, columns=["label", "split", "positives", "clips", "share"])


def test_balance_counts_clips_as_the_labels_do(dataset):
    balance = summary.balance_table(dataset)
    assert list(balance["label"].unique()) == list(CLASSES)
    for split in dataset.splits:
        held = balance[balance["split"] == split]
        assert held["positives"].tolist() == dataset.truth(split).sum(axis=0).tolist()
        assert held["share"].tolist() == pytest.approx(dataset.truth(split).mean(axis=0).tolist())


def test_split_table_adds_up(dataset):
    table = summary.split_table(dataset).set_index("split")
    assert table["clips"].to_dict() == {"train": 30, "validation": 10, "test": 10}
    assert table.loc["train", "hours"] == pytest.approx(30 * 10 / 3600)
    assert table["events"].sum() == len(dataset.events)
    assert table.loc["test", "unlabelled"] == (dataset.truth("test").sum(axis=1) == 0).sum()


def test_shift_names_what_chance_does_not_give():
    # 10 against 60 of 100 is far beyond chance, 30 against 35 is not.
    shift = summary.shift_table(balance_of({"a": (10, 60), "b": (30, 35)})).set_index("label")
    assert shift.loc["a", "difference"] == pytest.approx(0.5)
    assert shift.loc["b", "difference"] == pytest.approx(0.05)
    assert shift["beyond_chance"].to_dict() == {"a": True, "b": False}


def test_shift_of_a_single_split_is_empty():
    only = balance_of({"a": (1, 2)}).query("split == 'train'")
    assert summary.shift_table(only).empty


def test_shift_is_corrected_over_the_classes():
    # Fisher's p of 20 of 100 against 37, 35 and 34: .012, .026, .038. Holm: .012 <= .05/3 stands, .026 > .05/2
    # falls, and .038 falls with it although it is below .05.
    shift = summary.shift_table(balance_of({"a": (20, 34), "b": (20, 37), "c": (20, 35)})).set_index("label")
    assert shift["beyond_chance"].to_dict() == {"a": False, "b": True, "c": False}


def test_together_counts_shared_clips():
    truth = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1]], dtype=bool)
    assert summary.together(truth).tolist() == [[3, 2, 1], [2, 2, 1], [1, 1, 1]]


def test_lengths_by_hand(dataset):
    table = summary.length_table(dataset).set_index("label")
    own = dataset.events[dataset.events["label"] == "Cat"]
    length = own["offset_s"] - own["onset_s"]
    clips = len(own[["split", "clip_id"]].drop_duplicates())
    assert table.loc["Cat", "events"] == len(own)
    assert table.loc["Cat", "a_clip"] == pytest.approx(len(own) / clips)
    assert table.loc["Cat", "q50"] == pytest.approx(np.median(length))
    assert table.loc["Cat", "filled"] == pytest.approx(length.sum() / (10 * clips))


def test_weak_labels_have_no_lengths(tmp_path):
    assert summary.length_table(small_set(tmp_path, clips=10, strong=False)) is None


def test_balance_figure_has_a_bar_and_marks(dataset):
    balance = summary.balance_table(dataset)
    labels = summary.most_frequent(balance)
    assert labels[0] == "Speech"
    figure = balance_figure(balance, labels)
    assert [(trace.type, trace.name) for trace in figure.data] == [
        ("bar", "train"),
        ("scatter", "validation"),
        ("scatter", "test"),
    ]
    assert figure.data[0].x[0] == pytest.approx(dataset.truth("train")[:, CLASSES.index("Speech")].mean())
    assert "of 30 clips" in figure.data[0].hovertext[0]


def test_names_that_begin_alike_stay_apart():
    long = [f"A_class_with_a_very_long_name_that_ends_in_{end}" for end in "ab"]
    balance = balance_of({long[0]: (1, 2), long[1]: (3, 4)})
    figure = balance_bar(balance[balance["split"] == "train"], long)
    assert len(set(figure.data[0].x)) == 2
    assert figure.layout.xaxis.ticktext[0] == figure.layout.xaxis.ticktext[1]


def test_class_names_are_shown_not_read_as_markup():
    figure = balance_bar(balance_of({"<b>loud</b>": (1, 2)}).query("split == 'train'"), ["<b>loud</b>"])
    assert "<b>" not in figure.layout.xaxis.ticktext[0]
    assert "&lt;b&gt;" in figure.data[0].hovertext[0]


def test_together_figure_is_the_share_of_the_rows_clips():
    figure = together_figure(np.array([[4, 1], [1, 2]]), ["a", "b"])
    assert figure.data[0].z[0, 1] == pytest.approx(0.25)
    assert figure.data[0].z[1, 0] == pytest.approx(0.5)
    assert np.isnan(figure.data[0].z[0, 0])
    assert list(figure.data[1].text) == ["25", "50"]


def test_together_figure_of_an_absent_class_has_no_number():
    figure = together_figure(np.array([[4, 0], [0, 0]]), ["a", "b"])
    assert np.isnan(figure.data[0].z[1, 0])
    assert list(figure.data[1].text) == ["0"]


def test_lengths_figure_leaves_out_classes_without_events(dataset):
    lengths = summary.length_table(dataset)
    lengths.loc[lengths["label"] == "Cat", lengths.columns[2:]] = np.nan
    figure = lengths_figure(lengths, list(CLASSES))
    assert "Cat" not in figure.data[-1].y
    assert len(figure.data[-1].y) == 4


def test_clip_figure_puts_events_on_the_time_axis():
    events = pd.DataFrame({"label": ["Dog", "Cat"], "onset_s": [2.0, 1.0], "offset_s": [3.5, 9.0]})
    figure = clip_figure(np.zeros((1000, 64), np.float32), 10.0, events)
    bars = figure.data[1]
    assert list(bars.base) == [2.0, 1.0] and list(bars.x) == [1.5, 8.0]
    assert list(figure.layout.yaxis.categoryarray) == ["Dog", "Cat"]  # from below: Cat begins first, on top
    assert figure.layout.images[0].sizex == 10.0


def test_clip_figure_without_events():
    assert len(clip_figure(np.zeros((100, 8)), 10.0, None).data) == 1


def test_picture_is_small_and_upright():
    picture = np.full((1000, 64), -80.0, np.float32)
    picture[:500, :8] = 0.0  # the first half of the clip, low bands
    address = png_address(picture)
    assert len(address) < 20_000
    data = base64.b64decode(address.split(",")[1])
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (500, 64)
    body = data[data.index(b"IDAT") + 4 : data.index(b"IEND") - 8]
    pixels = np.frombuffer(zlib.decompress(body), np.uint8).reshape(64, 501)[:, 1:]
    assert pixels[-8:, :250].min() == 255 and pixels[:-8].max() == 0 and pixels[:, 250:].max() == 0


def test_picture_of_a_silent_clip_is_dark():
    assert png_address(np.full((10, 4), -100.0)).startswith("data:image/png;base64,")
