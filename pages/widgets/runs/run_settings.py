"""How a run was made: its configuration, features, data and versions as rows, and the whole as JSON to copy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from sedcore.artifacts.inputs import feature_settings, recorded_features
from sedcore.artifacts.runs import Run
from sedcore.training.config import setting_words

_LONGEST = 80  # characters of a value that is shown in its row
_JSON_PX = 360


def run_settings(run: Run) -> None:
    """Show what a run was made from; values too long for a row are in the JSON only."""
    info = run.info
    config = {"model": info["model"], "features": info["features"], "seed": info["seed"]} | info["config"]
    data = {"data set": info["dataset"], "classes": len(info["classes"]) or None}
    data |= {"fingerprint": info["data_fingerprint"]}
    st.subheader("Configuration", anchor=False)
    pairs(config)
    if features := recorded_features(info):
        st.subheader("Features", anchor=False)
        pairs(feature_rows(features))
    st.subheader("Data", anchor=False)
    pairs(data)
    versions = info["versions"] | {"git revision": info["git_revision"]}
    if any(versions.values()):
        with st.expander("Versions"):
            pairs(versions)
    whole = {"config": config, "data": data, "input": info["input"], "versions": versions}
    with st.expander("All as JSON", icon=":material/data_object:"):
        st.code(json.dumps(whole, indent=2, ensure_ascii=False), language="json", height=_JSON_PX)


def feature_rows(features: Mapping[str, Any]) -> dict[str, str]:
    """Return {name: text} of the features; what was not recorded is left out."""
    settings = feature_settings(features)
    known = settings | {
        name: value for name, value in features.items() if not isinstance(value, (dict, list))
    }
    rows = {
        "kind": known.get("kind"),
        "mel bands": settings.get("bands", known.get("bands")),
        "coefficients": settings.get("n_mfcc"),
        "frames": known.get("frames"),
        "length of a clip": _with_unit(known.get("clip_s"), 1, "s"),
        "hop": _with_unit(known.get("hop_s"), 1000, "ms"),
        "sample rate": _with_unit(known.get("sample_rate_hz"), 1, "Hz"),
        "window": _with_unit(known.get("n_fft"), 1, "samples"),
        "stored as": known.get("dtype"),
    }
    if "normalise" in known:
        rows["normalised in training"] = (
            "each band, by mean and deviation of train" if known["normalise"] else "no"
        )
    return {name: str(value) for name, value in rows.items() if value is not None}


def pairs(values: Mapping[str, Any]) -> None:
    """Show names and values as rows; unknown values are left out, long ones replaced by their length."""
    rows = [
        {"name": setting_words(str(name)), "value": _in_a_row(value)}
        for name, value in values.items()
        if value not in (None, "", [], {})
    ]
    if not rows:
        st.caption("Not recorded.")
        return
    # cells of st.table are Markdown
    frame = pd.DataFrame(rows).map(fmt.escape_markdown)
    st.table(frame, border="horizontal", hide_index=True, hide_header=True)


def _in_a_row(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= _LONGEST:
        return text
    if isinstance(value, (dict, list)):
        return f"{fmt.plural(len(value), 'value')}, in the JSON below"
    return f"{text[: _LONGEST - 1]}…"


def _with_unit(value: Any, scale: float, unit: str) -> str | None:
    if not isinstance(value, (int, float)):
        return None
    number = scale * value
    return f"{fmt.count(number) if number >= 1000 else f'{number:g}'} {unit}"
