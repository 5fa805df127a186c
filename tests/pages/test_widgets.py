"""Formats and the state in the URL, without a page."""

import math

import pytest

from pages.widgets.base import format as fmt
from pages.widgets.base import pulse
from pages.widgets.data.clip_pictures import seconds
from pages.widgets.runs.choice import parse, url_of
from pages.widgets.thresholds import board
from sedcore.artifacts.runs import Run
from sedcore.comparison.selection import Choice


@pytest.mark.parametrize(
    "function, value, text",
    [
        (fmt.score, 0.8527, "0.853"),
        (fmt.score, float("nan"), "–"),
        (fmt.difference, 0.0121, "+0.012"),
        (fmt.difference, -0.0121, "−0.012"),
        (fmt.difference, -0.0001, "0.000"),
        (fmt.count, 12480, "12\u202f480"),
        (fmt.count, None, "–"),
        (fmt.duration, 192, "3 min 12 s"),
        (fmt.duration, 7500, "2 h 05 min"),
        (fmt.duration, 4.21, "4.2 s"),
        (fmt.duration, 0.12, "120 ms"),
        (fmt.threshold, 0.5, "0.50"),
        (fmt.threshold, 0.125, "0.125"),
        (fmt.threshold, -3.2, "−3.20"),
        (fmt.percent, 0.853, "85\u202f%"),
        (fmt.moment, "2025-03-01T14:02:11Z", "2025-03-01 14:02"),
        (fmt.moment, "yesterday", "–"),
    ],
)
def test_formats(function, value, text):
    assert function(value) == text


def test_listing_and_plural():
    assert fmt.listing(["a", "b", "c"]) == "a, b and c"
    assert fmt.listing(list("abcdefgh"), 4) == "a, b, c and 5 more"
    assert fmt.plural(1, "class", "classes") == "1 class"
    assert fmt.plural(2, "class", "classes") == "2 classes"
    assert fmt.epochs(14, 20) == "14 of 20"


def test_escaped_markdown_has_no_active_character():
    text = fmt.escape_markdown("<b>*x*</b>\n:red[y] $z$ `c` | [l](u) :smile:")
    assert "\n" not in text
    unescaped = text.replace("\\\\", "")
    for character in "<>*[]$`|()":
        assert f"\\{character}" in unescaped
        assert character not in unescaped.replace(f"\\{character}", "")
    assert ":red" not in text and ":smile:" not in text


def test_choice_goes_through_the_url_and_back():
    choice = Choice(
        runs=("a-1", "b.2"),
        split="validation",
        baseline="b.2",
        threshold=0.37,
        by_class=(("Odd: name, with %", -3.25), ("Speech", 0.123456789)),
    )
    again, problems = parse(url_of(choice))
    assert again == choice and not problems
    assert url_of(Choice()) == {} and parse({})[0] == Choice()


@pytest.mark.parametrize(
    "params",
    [
        {"runs": "../x"},
        {"runs": "a/b"},
        {"split": "te st"},
        {"baseline": ".."},
        {"t": "nan"},
        {"t": "inf"},
        {"t": "half"},
        {"tc": "Speech"},
        {"tc": "Speech:x"},
    ],
)
def test_what_a_url_cannot_say_is_a_sentence(params):
    choice, problems = parse(params)
    assert choice == Choice() and len(problems) == 1


def test_a_url_names_no_more_runs_than_a_page_can_show():
    choice, problems = parse({"runs": ",".join(f"r{i}" for i in range(300))})
    assert len(choice.runs) == 250 and len(problems) == 1


def test_what_happens_to_a_run_under_a_part_that_draws_itself_again_is_one_sentence(monkeypatch, tmp_path):
    said = []
    monkeypatch.setattr(pulse, "show_error", said.append)
    pulse._beat(lambda: Run(tmp_path / "runs" / "gone").info, "test")
    assert len(said) == 1 and "gone" in str(said[0])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.371, "0.37 s"), (4.518, "4.52 s"), (99.4, "99.4 s"), (100.4, "1 min 40 s"), (1800.0, "30 min 00 s")],
)
def test_lengths_of_clips_are_never_written_with_an_exponent(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize("value", [math.nextafter(0.99, 1), 0.123456789067, 1e-7, -3.0, 12345678.5, 2.0])
def test_thresholds_go_through_the_url_to_the_last_digit(value):
    """A tuned threshold may be a score itself, or the next number above one: a digit less and clips fire."""
    choice = Choice(threshold=value, by_class=(("Dog", value),))
    assert parse(url_of(choice)) == (choice, [])


def test_the_board_keeps_thresholds_of_classes_that_it_does_not_show(monkeypatch):
    changed = {}
    moved = {"threshold": 0.4, "own": {"Cat": 0.2}, "edit": 3}
    monkeypatch.setattr(board.st, "session_state", {board.KEY: {"moved": moved}})
    monkeypatch.setattr(board.choice, "change", lambda **to: changed.update(to))
    board._moved({"Speech": 0.7})
    assert changed == {"threshold": 0.4, "by_class": (("Cat", 0.2), ("Speech", 0.7))}
