"""Summaries of a split's scores: threshold-free measures and counts on the sliders' grid, packed into small records.

A packed summary is one record of a numpy structured type that follows from its layout (classes, clips, type of the
scores, grid). Runs of one layout, such as those on one data set, form an array of records, so that one numpy
operation covers thousands of runs.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sedcore.artifacts.cache import read_cache, write_cache
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import Summary, summarise
from sedcore.evaluation.grid import OnGrid, count_on_grid, slider_range, threshold_grid
from sedcore.evaluation.measures import OF_RUNS, OF_SAMPLES, OF_SCORES, ByMeasure
from sedcore.evaluation.ranking import mean_defined

VERSION = 2  # of the record format; raised when `layout_of` gives other records
LARGE = 2_000_000  # scores (clips times classes); runs with more are not held in memory
_KEY = 16  # characters of a comparison key
_MEANS = tuple(
    m for m in OF_SCORES if m.ranks_runs
)  # stored as fields, to be read for thousands of runs at once


@dataclass(frozen=True, eq=False)
class ScoreSummary:
    """Comparison key (runs compare only where it is equal), summary, and counts on the sliders' grid."""

    key: str
    summary: Summary
    on_grid: OnGrid


@dataclass(frozen=True, eq=False)
class Layout:
    """What the records of several runs share; `text` is its serialised form, equal for equal layouts."""

    text: str
    classes: tuple[str, ...]
    clips: int
    dtype: np.dtype  # of the scores
    grid: np.ndarray  # (thresholds,) float64
    record: np.dtype


@dataclass(frozen=True)
class PackedSummary:
    """A `ScoreSummary` as stored: the layout's text and the bytes of one record."""

    layout: str
    record: bytes


@functools.lru_cache(maxsize=4096)
def layout_of(text: str) -> Layout:
    """Parse a layout's text. Raises ValueError, KeyError or TypeError where it is malformed."""
    note = json.loads(text)
    classes, clips, grid = tuple(note["classes"]), int(note["clips"]), np.array(note["grid"], np.float64)
    many, stops = len(classes), len(grid)
    small = np.min_scalar_type(clips)
    record = np.dtype(
        [("key", f"S{_KEY}"), ("lowest", "f8"), ("highest", "f8")]
        + [(m.name, "f8") for m in OF_RUNS]
        + [("collapsed", "?")]
        + [(f"macro_{m.name}", "f8") for m in _MEANS]
        + [("positives", "i8", (many,))]
        + [(m.name, "f8", (many,)) for m in OF_SCORES]
        + [("samples", "f8", (stops, len(OF_SAMPLES))), ("empty", "i8", (stops,))]
        + [(name, small, (stops, many)) for name in ("tp", "fp")]
    )
    return Layout(text, classes, clips, np.dtype(note["dtype"]), grid, record)


def pack(counted: ScoreSummary) -> PackedSummary:
    """Return a summary as a record and its layout."""
    s, g = counted.summary, counted.on_grid
    note = {"classes": s.classes, "clips": s.clips, "dtype": str(s.dtype), "grid": g.grid.tolist()}
    layout = layout_of(json.dumps(note))
    record = np.zeros((), layout.record)
    record["key"] = counted.key.encode()
    for name in ("lowest", "highest", "collapsed", "positives"):
        record[name] = getattr(s, name)
    for name, values in (s.by_run | s.by_class).items():
        record[name] = values
    for m in _MEANS:
        record[f"macro_{m.name}"] = mean_defined(s.by_class[m.name])
    for name in ("samples", "empty", "tp", "fp"):
        record[name] = getattr(g, name)
    return PackedSummary(layout.text, record.tobytes())


@functools.lru_cache(maxsize=128)
def unpack(packed: PackedSummary) -> ScoreSummary:
    """Return the summary that `pack` was given; its arrays are shared and read-only.

    Raises ValueError, KeyError or TypeError where the record is damaged.
    """
    layout = layout_of(packed.layout)
    record = np.frombuffer(packed.record, layout.record, 1)[0]
    summary = Summary(
        classes=layout.classes,
        clips=layout.clips,
        dtype=layout.dtype,
        **{name: record[name].item() for name in ("lowest", "highest", "collapsed")},
        positives=record["positives"],
        by_class=ByMeasure((m.name, record[m.name]) for m in OF_SCORES),
        by_run=ByMeasure((m.name, record[m.name].item()) for m in OF_RUNS),
    )
    tp, fp = record["tp"].astype(np.int64), record["fp"].astype(np.int64)
    tp.flags.writeable = fp.flags.writeable = False
    on_grid = OnGrid(layout.grid, tp, fp, record["samples"], record["empty"], layout.clips)
    return ScoreSummary(record["key"].decode(), summary, on_grid)


def records(packed: Sequence[PackedSummary]) -> np.ndarray:
    """Return summaries of one layout as an array of records, (runs,)."""
    return np.frombuffer(b"".join(one.record for one in packed), layout_of(packed[0].layout).record)


def one_number(packed: PackedSummary, name: str) -> float | bytes:
    """Return one field of a record ("macro_ap", "macro_roc_auc", "key" ...) without unpacking the rest."""
    kind, offset = layout_of(packed.layout).record.fields[name][:2]
    return np.frombuffer(packed.record, kind, 1, offset)[0].item()


def count_scores(run: Run, split: str, keep: bool = False) -> ScoreSummary:
    """Read the scores of a run on a split and summarise them.

    Large runs take seconds; with `keep` their summary goes into the run's own cache, so that it travels with the
    run. Raises SedcoreError where scores are missing or damaged.
    """
    file, name, depends = run.predictions_file(split), f"{split}-counted", {"version": VERSION}
    large = is_large(run, split)
    kept = read_cache(run, name, file, depends) if large else None
    if kept is not None:
        return unpack(PackedSummary(str(kept["layout"]), kept["record"].tobytes()))
    predictions = run.predictions(split)
    summary = summarise(predictions.truth, predictions.scores, predictions.classes)
    grid = threshold_grid(*slider_range(summary.lowest, summary.highest))
    counted = ScoreSummary(
        predictions.comparison_key(), summary, count_on_grid(predictions.truth, predictions.scores, grid)
    )
    if large and keep:
        packed = pack(counted)
        arrays = {"layout": np.array(packed.layout), "record": np.frombuffer(packed.record, np.uint8)}
        write_cache(run, name, file, depends, arrays)
    return counted


def try_to_count(run: Run, split: str, keep: bool) -> ScoreSummary | None:
    """Return the result of `count_scores`, None where the scores cannot be used."""
    try:
        return count_scores(run, split, keep)
    except SedcoreError:
        return None


def is_large(run: Run, split: str) -> bool:
    """Whether a split has more scores (clips times classes) than `LARGE`."""
    clips, classes = run.predictions_shape(split)
    return clips * len(classes) > LARGE
