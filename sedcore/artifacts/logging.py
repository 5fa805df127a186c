"""Runs written from any program: scores at once (`log_scores`), or epoch by epoch (`start_run`).

They are runs like imported ones, with a history if one is logged. `sedcore.artifacts.logged_run` describes the lock.

    run = sedcore.start_run("crnn-a", data="mine", config=settings)
    for epoch in range(1, 11):
        ...
        run.log({"loss": loss, "val_loss": val_loss}, epoch=epoch)
        run.log_scores("validation", clip_ids, scores, truth, names, epoch=epoch)
    run.log_scores("test", clip_ids, scores, truth, names)
    run.finish()
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sedcore.artifacts.files import read_json, safe_name, without_nan
from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.logged_run import VALIDATION, LoggedRun, logging_lock, read_scored
from sedcore.artifacts.manage import display_name
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import Run, create_run, new_run_id, save_predictions
from sedcore.artifacts.versions import versions_of
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import collapsed

# Import name: distribution. A version is recorded where the process has loaded the library.
_LIBRARIES = {"torch": "torch", "lightning": "lightning", "tensorflow": "tensorflow", "keras": "keras"}
_LIBRARIES |= {"jax": "jax", "sklearn": "scikit-learn", "numpy": "numpy"}

Scored = tuple[Sequence, Any, Any]  # clip ids, scores (clips, classes), truth (clips, classes)


def log_scores(
    name: str,
    *,
    test: Scored | None = None,
    validation: Scored | None = None,
    train: Scored | None = None,
    classes: Sequence[str] | None = None,
    data: str | None = None,
    config: Any = None,
    model: str | None = None,
    root: str | os.PathLike | None = None,
    run_id: str = "",
) -> Run:
    """Create a finished run from scores and return it.

    Parameters
    ----------
    name : display name.
    test, validation, train : (clip_ids, scores, truth) of each split. Scores and truth are (clips, classes) as for
        `sedcore.evaluate`; clip ids are strings, each once.
    classes : names in the order of the columns; by default the columns of a table, or the classes of `data`.
    data : name of the data set, in the artifact root, that the clips are from.
    config, model : the run's settings (a dict, a dataclass) and the name of its model.
    root : artifact root; by default ``$SEDCORE_ARTIFACTS``, else ``./artifacts``.
    run_id : by default made from the time and the name.

    Raises
    ------
    SedcoreError
        No split is given, its parts do not fit each other, or the data set or the run id cannot be used.
    """
    root = artifact_root(root)
    info = _info(root, name, data, config, model, classes, run_id)
    splits = {"test": test, VALIDATION: validation, "train": train}
    given = {split: scored for split, scored in splits.items() if scored is not None}
    if not given:
        raise SedcoreError(
            f"run {name!r} has no scores; give test=(clip_ids, scores, truth), or another split"
        )
    predictions = [
        read_scored(split, *_three(split, scored), info["classes"] or None) for split, scored in given.items()
    ]
    if len({one.classes for one in predictions}) > 1:
        raise SedcoreError(f"the splits of run {name!r} have other classes; give `classes` for all of them")
    info |= {"classes": list(predictions[0].classes), "collapsed": collapsed(predictions[0].scores)}

    def fill(run: Run) -> None:
        for one in predictions:
            save_predictions(run, one)

    return create_run(root, info, "finished", "logged at once", fill=fill)


def start_run(
    name: str,
    *,
    data: str | None = None,
    config: Any = None,
    model: str | None = None,
    classes: Sequence[str] | None = None,
    parameters: int | None = None,
    root: str | os.PathLike | None = None,
    run_id: str = "",
) -> LoggedRun:
    """Begin a run that is logged epoch by epoch; it shows as running until `LoggedRun.finish`.

    Parameters are those of `log_scores`; `parameters` is the model's number of parameters. Raises SedcoreError where
    the data set or the run id cannot be used.
    """
    root = artifact_root(root)
    info = _info(root, name, data, config, model, classes, run_id) | {"parameters": parameters}
    held: list[RunLock] = []
    run = create_run(root, info, "running", "logs", fill=lambda run: held.append(logging_lock(run)))
    return LoggedRun(run, held[0])


def _info(
    root: Path,
    name: str,
    data: str | None,
    config: Any,
    model: str | None,
    classes: Sequence | None,
    run_id: str,
) -> dict[str, Any]:
    """Return run.json of a logged run."""
    name, settings, dataset = display_name(name), settings_of(config), {}
    if data is not None:
        dataset = read_json(
            root / "datasets" / safe_name(data, "data set") / "dataset.json", f"data set {data}"
        )
    model = model or settings.get("model")
    seed = settings.get("seed")
    return {
        "run_id": run_id or new_run_id(re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40] or "run"),
        "name": name,
        "kind": "imported",
        "model": model if isinstance(model, str) else None,
        "dataset": data,
        "data_fingerprint": dataset.get("fingerprint"),
        "classes": [str(one) for one in (classes if classes is not None else dataset.get("classes", []))],
        "config": settings,
        "seed": seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        "versions": versions_of(library for module, library in _LIBRARIES.items() if module in sys.modules),
    }


def settings_of(config: Any) -> dict[str, Any]:
    """Return settings as JSON values; whatever JSON cannot hold becomes text."""
    if config is None:
        return {}
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        config = dataclasses.asdict(config)
    elif not isinstance(config, Mapping):
        config = vars(config) if hasattr(config, "__dict__") else {"config": config}
    return _plain(config)


def _plain(value: Any) -> Any:
    value = without_nan(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _three(split: str, scored: Scored) -> Scored:
    if not isinstance(scored, (tuple, list)) or len(scored) != 3:
        raise SedcoreError(
            f"{split} is given as (clip_ids, scores, truth); given is a {type(scored).__name__}"
        )
    return tuple(scored)
