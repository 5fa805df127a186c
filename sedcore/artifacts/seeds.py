"""Groups of runs with one configuration that differ in their seed only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sedcore.artifacts.index import ListedRun
from sedcore.artifacts.inputs import feature_settings, recorded_features
from sedcore.artifacts.runs import Run


def configuration(run: Run) -> str:
    """Return settings, model, features and data without the seed, as text to compare; "" where they are not recorded.

    Name, tags and note are no part of it. The fingerprint of the data does not cover the settings that features were
    computed with, so these are included where they were recorded.
    """
    cache = run.derived_cache if isinstance(run, ListedRun) else {}
    if "configuration" not in cache:
        cache["configuration"] = _configuration(run.info)
    return cache["configuration"]


def _configuration(info: dict[str, Any]) -> str:
    if info["kind"] != "trained" or not info["config"]:
        return ""
    # A setting that is off, or 0, equals one that did not exist yet when the run was made.
    config = {key: value for key, value in info["config"].items() if key != "seed" and value != 0}
    settings = feature_settings(recorded_features(info))
    return json.dumps(
        [config, info["model"], info["features"], info["data_fingerprint"], settings], sort_keys=True
    )


def seed_of(run: Run) -> object:
    """Return the run's seed, None where none is recorded."""
    return run.info["seed"] if run.info["seed"] is not None else run.info["config"].get("seed")


def seed_groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Return the runs in groups of one configuration, each seed once, in order of first appearance.

    A second run with the same seed goes into another group: it says nothing about seeds.
    """
    groups: list[list[Run]] = []
    groups_of: dict[str, list[list[Run]]] = {}  # by configuration
    repeats: Counter[tuple[str, str]] = Counter()
    for run in runs:
        config, seed = configuration(run), seed_of(run)
        if not config or seed is None:
            groups.append([run])
            continue
        candidates = groups_of.setdefault(config, [])
        place = repeats[
            config, str(seed)
        ]  # the first run of a seed is in the first group, the next in the second
        repeats[config, str(seed)] += 1
        if place == len(candidates):
            candidates.append([])
            groups.append(candidates[-1])
        candidates[place].append(run)
    return groups


def group_label(members: Sequence[Run], single: str) -> str:
    """Return the label of a group: `single` for one run, else what its runs share and their number.

    Runs of a sweep share sweep and trial, others the model.
    """
    if len(members) < 2:
        return single
    info = members[0].info
    sweep = info["sweep"]
    shared = f"{sweep['name']} {sweep['trial']}" if sweep else info["model"] or single
    return f"{shared}, {len(members)} seeds"
