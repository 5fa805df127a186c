"""A setting of a training is one field of TrainConfig: wherever it appears, that follows from the field."""

from __future__ import annotations

import argparse
import dataclasses
import math
import shlex

import pytest

from sedcore.cli import parser
from sedcore.errors import SedcoreError
from sedcore.jobs.launch import command_line
from sedcore.jobs.sweeps.space import parse_space
from sedcore.jobs.sweeps.spec import parse_spec
from sedcore.models.catalog import MODELS
from sedcore.training.config import SETTINGS, TrainConfig, setting_words
from sedcore.training.settings import DATA, Setting

FIELDS = dataclasses.fields(TrainConfig)


def another(known: Setting) -> object:
    """Return a value that a setting may have and does not have unless it is told."""
    usual = getattr(TrainConfig("d", "compact").resolved(), known.name)
    if known.choices:
        return next(word for word in known.choices if word != usual)
    if known.type is bool:
        return not usual
    return known.type(usual / 2 if usual else (known.high or 2) / 2)


def test_every_field_is_a_setting_and_says_what_it_is():
    assert list(SETTINGS) == [field.name for field in FIELDS]
    for name, known in SETTINGS.items():
        assert known.title and known.help and not known.help.endswith("."), name
        assert known.type in (bool, int, float, str)
        assert known.type.__name__ in str(TrainConfig.__annotations__[name])
        assert setting_words(name)[1:] == known.title[1:] and setting_words(name)[0].islower()
    for names in ({known.title for known in SETTINGS.values()}, {known.label for known in SETTINGS.values()}):
        assert len(names) == len(FIELDS)  # each its own


@pytest.mark.parametrize("command", ["train", "submit"])
def test_every_setting_is_an_option_of_what_trains(command):
    commands = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    actions = {action.dest: action for action in commands.choices[command]._actions}
    for name, known in SETTINGS.items():
        assert actions[name].help.startswith(known.help), name
        assert name == "dataset" or known.option in actions[name].option_strings
    args = parser().parse_args([command, "mine", "--model", "cnn"])
    assert TrainConfig(**{name: getattr(args, name) for name in SETTINGS}) == TrainConfig("mine", "cnn")
    text = commands.choices[command].format_help()
    assert "--label-smoothing SHARE" in text and "default by model" in text


@pytest.mark.parametrize(
    "known", [s for s in SETTINGS.values() if s.part != DATA], ids=lambda known: known.name
)
def test_the_command_line_says_what_differs_and_is_read_back(known):
    value = another(known)
    config = TrainConfig("d", "compact", **{known.name: value})
    words = shlex.split(command_line(config))
    args = parser().parse_args(words[3:])
    assert TrainConfig(**{name: getattr(args, name) for name in SETTINGS}) == config
    assert len(words) == 9 + (1 if known.type is bool else 2)
    usual = getattr(TrainConfig("d", "compact").resolved(), known.name)
    assert len(shlex.split(command_line(dataclasses.replace(config, **{known.name: usual})))) == 9


def test_every_setting_may_vary_in_a_sweep_or_says_that_it_does_not():
    assert [name for name, known in SETTINGS.items() if not known.searched] == ["dataset", "seed"]
    for name, known in SETTINGS.items():
        if not known.searched:
            with pytest.raises(SedcoreError, match="no setting 'dataset'|seeds are not searched over"):
                parse_space({name: [1, 2]})
        elif known.part != DATA:
            usual = getattr(TrainConfig("d", "compact").resolved(), name)
            assert parse_space({name: [usual, another(known)]})[name].values == (usual, another(known))
            if known.numeric:
                low, high = sorted([usual, another(known)])
                assert parse_space({name: {"low": low, "high": high}})[name].low == low
            else:
                with pytest.raises(SedcoreError, match="cannot be a range"):
                    parse_space({name: {"low": 0, "high": 1}})


def test_a_sweep_file_takes_a_setting_fixed_or_varied():
    spec = parse_spec(
        {"dataset": "d", "model": "cnn", "label_smoothing": 0.1, "space": {"batch_size": [8, 16]}}
    )
    assert spec.config({"batch_size": 8}, 0).label_smoothing == 0.1
    spec = parse_spec({"dataset": "d", "model": "cnn", "space": {"label_smoothing": [0, 0.05, 0.1]}})
    assert (
        spec.config({"label_smoothing": 0.05}, 0).label_smoothing == 0.05
        and spec.title() == "cnn-label-smoothing"
    )


def test_what_a_model_brings_are_settings_that_it_may_bring():
    for card in MODELS.values():
        for name, value in card.defaults.items():
            assert SETTINGS[name].default is None and SETTINGS[name].checked(value) == value
    for name, known in SETTINGS.items():
        assert (
            known.default is not None
            or known.plain is not None
            or all(name in c.defaults for c in MODELS.values())
        )


def test_runs_from_before_a_setting_existed_are_read():
    older = {
        key: value for key, value in TrainConfig("d", "cnn").to_json().items() if key != "label_smoothing"
    }
    assert TrainConfig.from_json(older).resolved().label_smoothing == 0.0
    assert "label_smoothing" in TrainConfig.from_json(older).resolved().to_json()


@pytest.mark.parametrize("known", [s for s in SETTINGS.values() if s.numeric], ids=lambda known: known.name)
def test_bounds_are_kept_to_the_last_number(known):
    for bound, outside, shut in ((known.low, -1, known.above), (known.high, 1, known.below)):
        if bound is None:
            continue
        beyond = bound + outside if known.type is int else math.nextafter(bound, outside * math.inf)
        for value, fine in ((bound, not shut), (beyond, False)):
            config = TrainConfig("d", "cnn", **{known.name: value})
            if fine:
                assert type(getattr(config.resolved(), known.name)) is known.type
            else:
                with pytest.raises(SedcoreError, match=f"^{known.name} is a .*; given "):
                    config.resolved()
    for value in (True, "1", math.nan, math.inf, -math.inf, 10**400, [1]):
        with pytest.raises(SedcoreError, match=f"^{known.name} is a "):
            TrainConfig("d", "cnn", **{known.name: value}).resolved()


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("epochs", 0, "epochs is a whole number from 1 to 100000; given 0"),
        ("learning_rate", 0, "learning_rate is a number above 0 and at most 100; given 0"),
        ("mixup", 100, "mixup is a number from 0 to below 100; given 100"),
        ("label_smoothing", 0.6, "label_smoothing is a number from 0 to 0.5; given 0.6"),
        ("threshold", math.inf, "threshold is a finite number; given inf"),
        ("masking", 1, "masking is true or false; given 1"),
        ("devices", "two", "devices is one of one, all; given 'two'"),
        ("features", 7, "features is text; given 7"),
    ],
)
def test_an_error_says_what_was_wanted(name, value, words):
    with pytest.raises(SedcoreError) as error:
        TrainConfig("d", "cnn", **{name: value}).resolved()
    assert str(error.value) == words
