"""What a trained run says of the features that it learned from: ``run.json``, under ``input``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def recorded_features(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what run.json kept of the features (kind, params, mean, std, ...); empty where it kept nothing."""
    taken = info["input"]
    features = taken.get("features") if isinstance(taken, dict) else None
    return features if isinstance(features, dict) else {}


def feature_settings(features: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that features were made with; empty where that was not kept.

    The number of coefficients is one of MFCC alone: other kinds are the same whatever it says.
    """
    is_mfcc = str(features.get("kind")).startswith("mfcc")
    params = features.get("params") or {}
    return {name: value for name, value in params.items() if is_mfcc or name != "n_mfcc"}
