"""What a sweep is told: a TOML file, or the same from a page's form. Kept as JSON in sweep.json.

    name = "ann-rate-batch"     # optional; else it is made of what varies
    dataset = "demo"
    model = "ann"               # settings that stay the same, as those of `train`
    epochs = 20
    sampler = "grid"            # grid (every point), random, or tpe (learns from the points before); default grid
    trials = 30                 # points to try; random and tpe need it, a grid has its own number
    seeds = 2                   # runs a point: 2 means seeds 0 and 1; or a list; default 1
    pruner = "none"             # none, median or hyperband: end points early that fall behind; default none

    [space]                     # settings that vary: a list of choices, or a range
    learning_rate = [1e-5, 1e-4, 1e-3]
    batch_size = [8, 32, 128]
    # learning_rate = {low = 1e-5, high = 1e-2, log = true}
    # epochs = {low = 10, high = 40, step = 10}
    # model = ["ann", "crnn_time"]

A point's value is validation macro AP of the best epoch, the mean over its seeds.
"""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sedcore.artifacts.files import safe_name
from sedcore.artifacts.sweeps import Sweep, create_sweep
from sedcore.data.features import check_kinds
from sedcore.data.store import DataSet, open_dataset
from sedcore.errors import SedcoreError
from sedcore.jobs.sweeps.space import (
    SETTINGS,
    Choices,
    Range,
    combinations,
    config_of,
    grid,
    parse_space,
    size,
    typed,
)
from sedcore.naming import suggestion
from sedcore.training.checks import check_fit
from sedcore.training.config import TrainConfig
from sedcore.training.estimates import Estimate

SAMPLERS, PRUNERS = ("grid", "random", "tpe"), ("none", "median", "hyperband")
MOST_SEEDS = 100
_OWN = ("name", "dataset", "sampler", "pruner", "trials", "seeds", "space")


@dataclass(frozen=True)
class Spec:
    """A sweep as it was asked for.

    Attributes
    ----------
    name : as given, "" where none was.
    dataset : data set to train on.
    fixed : settings that stay the same.
    space : settings that vary.
    sampler, pruner : one of SAMPLERS, one of PRUNERS.
    trials : points to try.
    seeds : seeds of the runs at each point.
    """

    name: str
    dataset: str
    fixed: Mapping[str, Any]
    space: Mapping[str, Choices | Range]
    sampler: str
    pruner: str
    trials: int
    seeds: tuple[int, ...]

    @property
    def runs(self) -> int:
        """Return how many runs the sweep takes at most."""
        return self.trials * len(self.seeds)

    def config(self, point: Mapping[str, Any], seed: int) -> TrainConfig:
        """Return the training at a point with a seed."""
        return config_of(self.dataset, self.fixed, point, seed)

    def title(self) -> str:
        """Return the given name, else one made of what varies: ann-rate-batch."""
        first = self.fixed.get("model", "models")
        rest = [SETTINGS[key].label for key in self.space if key != "model"]
        return self.name or "-".join([first, *rest]).replace("_", "-")

    def to_json(self) -> dict[str, Any]:
        """Return what `parse_spec` makes the same of."""
        own = {"name": self.name, "dataset": self.dataset, "sampler": self.sampler, "pruner": self.pruner}
        space = {key: dimension.to_json() for key, dimension in self.space.items()}
        return own | {"trials": self.trials, "seeds": list(self.seeds)} | dict(self.fixed) | {"space": space}


def read_spec(file: Path) -> Spec:
    """Read a sweep from a TOML file. SedcoreError says what is wrong in it, and where."""
    try:
        given = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise SedcoreError(f"{file} could not be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SedcoreError(f"{file} is not valid TOML: {error}") from error
    try:
        return parse_spec(given)
    except SedcoreError as error:
        raise SedcoreError(f"{file}: {error}") from error


def parse_spec(given: Mapping[str, Any]) -> Spec:
    """Return the sweep that a table of TOML or JSON describes.

    Raises
    ------
    SedcoreError
        A key is unknown (the nearest is named), missing or makes no sense.
    """
    for key in given:
        if key not in _OWN and key not in SETTINGS:
            raise SedcoreError(f"a sweep knows no {key!r}; {suggestion(key, [*_OWN, *SETTINGS])}")
    for key in ("dataset", "space"):
        if key not in given:
            raise SedcoreError(f"a sweep needs {key}")
    space = parse_space(given["space"])
    fixed = {key: typed(key, value) for key, value in given.items() if key in SETTINGS}
    for key in fixed:
        if key in space:
            raise SedcoreError(f"{key} is fixed and in [space]; give it once")
    if "model" not in fixed and "model" not in space:
        raise SedcoreError("a sweep needs model, fixed or in [space]")
    if not isinstance(given["dataset"], str):
        raise SedcoreError(f"dataset is the name of a data set; given {given['dataset']!r}")
    name = given.get("name", "")
    if name != "":
        safe_name(name, "sweep name")
    sampler = _one_of("sampler", given.get("sampler", SAMPLERS[0]), SAMPLERS)
    pruner = _one_of("pruner", given.get("pruner", PRUNERS[0]), PRUNERS)
    return Spec(
        name,
        given["dataset"],
        fixed,
        space,
        sampler,
        pruner,
        _trials(sampler, space, given.get("trials")),
        _seeds(given.get("seeds", 1)),
    )


def _one_of(key: str, given: Any, known: tuple[str, ...]) -> str:
    if given not in known:
        hint = suggestion(given, known) if isinstance(given, str) else f"there are {', '.join(known)}"
        raise SedcoreError(f"there is no {key} {given!r}; {hint}")
    return given


def _trials(sampler: str, space: Mapping[str, Choices | Range], given: Any) -> int:
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
        raise SedcoreError(f"trials is a whole number of 1 or more; given {given!r}")
    if sampler == "grid":
        points = len(grid(space))
        if given not in (None, points):
            raise SedcoreError(f"a grid tries all of its {points} points; leave trials = {given} out")
        return points
    if given is None:
        raise SedcoreError(f"sampler {sampler} needs trials, the number of points to try")
    return min(given, size(space) or given)


def _seeds(given: Any) -> tuple[int, ...]:
    if isinstance(given, int) and not isinstance(given, bool):
        seeds: list[Any] = list(range(given)) if 0 < given <= MOST_SEEDS else []
    else:
        seeds = list(given) if isinstance(given, (list, tuple)) else []
    fine = [s for s in seeds if isinstance(s, int) and not isinstance(s, bool) and 0 <= s < 2**32]
    if not seeds or fine != seeds or len(set(seeds)) < len(seeds) or len(seeds) > MOST_SEEDS:
        raise SedcoreError(
            f"seeds is a number of runs a point, 1 to {MOST_SEEDS}, or a list of different seeds; given {given!r}"
        )
    return tuple(seeds)


def misfits(dataset: DataSet, spec: Spec) -> dict[tuple[str, str], str]:
    """Return the pairs of model and features that a sweep meets and that cannot train, each with the reason.

    They do not fit the data, or what the sweep sets for the model does not suit it at any point.

    Raises
    ------
    SedcoreError
        No pair can train, or features have not been built.
    """
    pairs = combinations(spec.fixed, spec.space)
    reasons: dict[tuple[str, str], str] = {}
    check_kinds([features for _, features in pairs])
    for model, features in pairs:
        try:
            check_fit(dataset, TrainConfig(dataset.name, model, features))
        except SedcoreError as error:
            if features not in dataset.feature_names():
                raise
            reasons[model, features] = str(error)
        else:
            if why := _never_suits(spec, model, features):
                reasons[model, features] = why
    if len(reasons) == len(pairs):
        raise SedcoreError(next(iter(reasons.values())))
    return reasons


def _never_suits(spec: Spec, model: str, features: str) -> str | None:
    """Return why no point of a sweep suits a model, None where one does.

    Only of what not all models have does it hang on the model; every other value is right or wrong by itself.
    """
    hanging = {key: dimension for key, dimension in spec.space.items() if SETTINGS[key].unfit}
    why = None
    for values in itertools.product(
        *(dimension.values or (dimension.low,) for dimension in hanging.values())
    ):
        point = {"model": model, "features": features} | dict(zip(hanging, values))
        try:
            spec.config(point, spec.seeds[0])
            return None
        except SedcoreError as error:
            why = str(error)
    return why


def seconds_a_run(spec: Spec, times: Callable[[str], Mapping[str, Estimate]]) -> float:
    """Return the mean time that a run of a sweep takes over its models and features.

    times : returns what is expected of each model on features.
    """
    pairs, epochs = combinations(spec.fixed, spec.space), spec.fixed.get("epochs", 1)
    return sum(times(features)[model].total_s(epochs) for model, features in pairs) / len(pairs)


def make_sweep(root: Path, spec: Spec, job: dict[str, Any] | None = None) -> Sweep:
    """Check a sweep against its data set and make its folder; a worker that takes its `job` then gives its runs.

    Raises
    ------
    SedcoreError
        The data set or its features do not exist, or no model can be trained on them as the sweep says.
    """
    misfits(open_dataset(root, spec.dataset), spec)
    return create_sweep(root, spec.to_json(), spec.title(), job)


def to_toml(spec: Spec) -> str:
    """Return the TOML file that describes the same sweep, without what is as usual."""
    given = spec.to_json()
    usual = {"name": "", "sampler": SAMPLERS[0], "pruner": PRUNERS[0]}
    space = given.pop("space")
    if spec.sampler == "grid":
        del given["trials"]
    if spec.seeds == tuple(range(len(spec.seeds))):
        given["seeds"] = len(spec.seeds)
    lines = [f"{key} = {_toml(value)}" for key, value in given.items() if usual.get(key) != value]
    lines += ["", "[space]", *(f"{key} = {_toml(value)}" for key, value in space.items())]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # JSON's text and numbers are TOML's too; of what Python writes as 1e-05, TOML takes that as well.
    return json.dumps(value, ensure_ascii=False)
