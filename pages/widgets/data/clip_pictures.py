"""A few clips of a data set as pictures, with their true events."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import show_note
from pages.widgets.data.build_button import features_missing
from sedcore.artifacts.root import artifact_root
from sedcore.data import summary
from sedcore.data.features import FEATURE_KINDS, log_mel
from sedcore.data.store import DataSet
from sedcore.figures import style
from sedcore.figures.data import clip_figure

CLIPS_SHOWN = 4
# features that can be drawn, those in dB first: they need no logarithm
PICTURES = sorted(
    (k for k, kind in FEATURE_KINDS.items() if kind.scale), key=lambda k: FEATURE_KINDS[k].scale != "dB"
)


def clips_to_look_at(dataset: DataSet, balance: pd.DataFrame) -> None:
    """Show a few clips as pictures, with their true events."""
    st.subheader("Clips to look at", anchor=False)
    kind = next((kind for kind in PICTURES if kind in dataset.feature_names()), None)
    if kind is None:
        features_missing(
            artifact_root(), dataset, "Pictures are drawn from log-mel features, which are not here."
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        every = "any class"
        options = [every, *summary.most_frequent(balance)]
        label = st.selectbox(
            "With",
            options,
            format_func=lambda option: option if option == every else fmt.class_title(option),
            key="data-clips-class",
            width=240,
        )
        if st.button("Other clips", icon=":material/shuffle:", key="data-clips-other"):
            st.session_state["data-clips-seed"] = st.session_state.get("data-clips-seed", 0) + 1
    clips = dataset.clips
    if label != every:
        clips = clips[[label in names for names in clips["labels"]]]
    if clips.empty:
        show_note("No clip has this class.")
        return
    seed = st.session_state.get("data-clips-seed", 0)
    sample = clips.sample(min(CLIPS_SHOWN, len(clips)), random_state=seed)
    columns = st.columns(2, gap="medium")
    for place, clip in enumerate(sample.itertuples()):
        with columns[place % 2]:
            one_clip(dataset, kind, clip, place)


def one_clip(dataset: DataSet, kind: str, clip, place: int) -> None:
    notes = [
        fmt.escape_markdown(clip.split),
        fmt.listing([title(c) for c in clip.labels]) or "none of the classes",
    ]
    if clip.rows > 1:
        notes.append(f"the first {seconds(float(dataset.info['clip_s']))} of {seconds(clip.duration_s)}")
    st.markdown(f"**{fmt.escape_markdown(clip.clip_id)}** · {' · '.join(notes)}")
    picture = np.asarray(dataset.open_features(kind)[clip.first_row], dtype=np.float32)
    if FEATURE_KINDS[kind].scale == "power":
        picture = log_mel(picture)
    clip_s, events = float(dataset.info["clip_s"]), dataset.events
    if events is not None:
        own = (
            (events["split"] == clip.split)
            & (events["clip_id"] == clip.clip_id)
            & (events["onset_s"] < clip_s)
        )
        events = events[own].assign(offset_s=events.loc[own, "offset_s"].clip(upper=clip_s))
    figure = clip_figure(picture, clip_s, events)
    st.plotly_chart(
        figure, key=f"data-clip-{place}", config=style.CONFIG, alt="Spectrogram with the true events"
    )


def title(label: str) -> str:
    """Return a class name without underscores, escaped for Markdown."""
    return fmt.escape_markdown(fmt.class_title(label))


def seconds(value: float) -> str:
    """Return 0.37 s, 4.52 s, 10 s, 30 min 00 s; a dash where unknown."""
    if fmt.is_missing(value) or value >= 99.5:
        return fmt.duration(value)
    return f"{value:.2g} s" if value < 1 else f"{value:.3g} s"
