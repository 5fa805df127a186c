"""The features that a run was trained on, as recorded in ``run.json`` under ``input``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def recorded_features(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the features that run.json records (kind, params, mean, std, ...); empty where there are none."""
    recorded = info["input"]
    features = recorded.get("features") if isinstance(recorded, dict) else None
    return features if isinstance(features, dict) else {}


def feature_settings(features: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that features were computed with; empty where they were not recorded.

    `n_mfcc` is dropped for kinds other than MFCC, which do not depend on it.
    """
    is_mfcc = str(features.get("kind")).startswith("mfcc")
    params = features.get("params") or {}
    return {name: value for name, value in params.items() if is_mfcc or name != "n_mfcc"}
