"""Runs of one configuration that differ in their seed only: what the seed alone changes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sedcore.artifacts.index import ListedRun
from sedcore.artifacts.inputs import feature_settings, recorded_features
from sedcore.artifacts.runs import Run


def configuration(run: Run) -> str:
    """Return what was trained on what, without the seed, as text to compare; "" where the run does not say.

    Names, tags and notes of a run are no part of its configuration. The fingerprint of the data is, and, as it says
    nothing of them, the settings that features were made with, where they were kept.
    """
    kept = run.derived_cache if isinstance(run, ListedRun) else {}
    if "configuration" not in kept:
        kept["configuration"] = _configuration(run.info)
    return kept["configuration"]


def _configuration(info: dict[str, Any]) -> str:
    if info["kind"] != "trained" or not info["config"]:
        return ""
    # What is off, or 0, is as a setting that did not exist yet when the run was made.
    config = {key: value for key, value in info["config"].items() if key != "seed" and value != 0}
    made = feature_settings(recorded_features(info))
    return json.dumps(
        [config, info["model"], info["features"], info["data_fingerprint"], made], sort_keys=True
    )


def seed_of(run: Run) -> object:
    """Return the run's seed, None where it does not say."""
    return run.info["seed"] if run.info["seed"] is not None else run.info["config"].get("seed")


def seed_groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Return the runs in groups, in order of first appearance: one configuration, a run a seed.

    A run that was trained again with the same seed is a group of its own: it says nothing about seeds.
    """
    groups: list[list[Run]] = []
    of: dict[str, list[list[Run]]] = {}  # the groups of a configuration
    often: Counter[tuple[str, str]] = Counter()
    for run in runs:
        wanted, seed = configuration(run), seed_of(run)
        if not wanted or seed is None:
            groups.append([run])
            continue
        mine = of.setdefault(wanted, [])
        again = often[
            wanted, str(seed)
        ]  # the first of a seed belongs to the first group, the next to the second
        often[wanted, str(seed)] += 1
        if again == len(mine):
            mine.append([])
            groups.append(mine[-1])
        mine[again].append(run)
    return groups


def group_label(members: Sequence[Run], single: str) -> str:
    """Return the name of a group: `single`, that of its run, or what its runs share and their number.

    Runs of a sweep are named by sweep and trial, others by the model.
    """
    if len(members) < 2:
        return single
    info = members[0].info
    sweep = info["sweep"]
    shared = f"{sweep['name']} {sweep['trial']}" if sweep else info["model"] or single
    return f"{shared}, {len(members)} seeds"
