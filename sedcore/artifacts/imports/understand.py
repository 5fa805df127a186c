"""From a file of scores to a run, in three steps: read, match with the truth, write.

    source = read_scores("scores.csv")            # as it is
    understood = understand(source, truth)        # matched; nothing is written
    run = write_run(root, understood, name="theirs")

Clips without truth or without a score are left out of the run and named in `Understood` and in the run's config.
Nothing about classes is guessed: open questions are `Understood.questions`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sedcore.artifacts.files import user_path, write_parquet
from sedcore.artifacts.frames import FrameScores, write_frames
from sedcore.artifacts.imports.arrays import read_npz_source
from sedcore.artifacts.imports.folders import read_folder_source, unpack
from sedcore.artifacts.imports.matching import (
    ClassMap,
    ClassMatch,
    ClipMatch,
    Question,
    match_classes,
    match_clips,
)
from sedcore.artifacts.imports.source import Source, Truth, numbers
from sedcore.artifacts.imports.tables import read_table_source
from sedcore.artifacts.manage import display_name
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run, create_run, save_predictions
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import collapsed

LISTED = 50  # clips named one by one; the rest are counted
_NOT_READ = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".mat", ".h5", ".hdf5", ".npy", ".json", ".xlsx")


@dataclass(frozen=True, eq=False)
class Understood:
    """What an import would write.

    Attributes
    ----------
    predictions : scores and truth of the run; None while there are questions.
    questions : classes without a sure counterpart, to be answered by a class map.
    without_truth, without_scores : clips that are left out.
    sources : {class of the run: class of the scores, None where it never fires}.
    lowest, highest : of the scores; NaN while there are questions.
    notes : sentences about whatever was renamed, left out or assumed.
    """

    source: str
    format: str
    truth: str
    closed: bool
    predictions: Predictions | None
    questions: tuple[Question, ...]
    clips: int
    without_truth: tuple[str, ...]
    without_scores: tuple[str, ...]
    sources: dict[str, str | None]
    left_out: tuple[str, ...]
    lowest: float
    highest: float
    notes: tuple[str, ...]
    frames: FrameScores | None = None
    events: pd.DataFrame | None = None
    dataset: str | None = None
    fingerprint: str | None = None


def read_scores(path: str | Path) -> Source:
    """Read scores of any known format: .csv, .tsv, .txt, .parquet, .npz, a folder of tables, a .zip of one.

    Raises
    ------
    SedcoreError
        The format is none of these, or the contents are wrong.
    """
    path = user_path(path)
    if not path.exists():
        raise SedcoreError(f"{path} does not exist; give a file or folder of scores")
    if path.is_dir():
        return read_folder_source(path.resolve())
    if path.stat().st_size == 0:
        raise SedcoreError(f"{path.name}: is empty; wanted is a header and a row a clip")
    suffix = path.suffix.lower()
    if suffix in _NOT_READ:
        raise SedcoreError(
            f"{path.name}: {suffix} is not read; save the scores as .csv, .parquet or .npz with clip ids and "
            "class names"
        )
    if suffix == ".npz":
        return read_npz_source(path)
    if suffix == ".zip":
        with tempfile.TemporaryDirectory() as folder:
            read = read_folder_source(unpack(path, Path(folder)))
        return Source(**{**read.__dict__, "name": path.name})
    return read_table_source(path)


def read_source(
    path: str | Path, truth: Truth | None = None, *, split: str = "test", class_map: ClassMap = ()
) -> Understood:
    """Read scores and match them with `truth`, or with the truth that the file itself holds."""
    return understand(read_scores(path), truth, split=split, class_map=class_map)


def understand(
    source: Source, truth: Truth | None = None, *, split: str = "test", class_map: ClassMap = ()
) -> Understood:
    """Match scores with truth and return the result; nothing is written.

    Raises
    ------
    SedcoreError
        There is no truth, no clip matches, a score is missing or no number, or the class map is wrong.
    """
    truth, notes = _one_truth(source, truth)
    fires = source.events is not None
    clips = match_clips(source.clip_ids, truth.clip_ids)
    if not clips.rows:
        raise SedcoreError(
            f"{source.name}: none of its {len(source.clip_ids)} clips is in {truth.words}; it has "
            f"{source.clip_ids[0]!r}, wanted are ids like {truth.clip_ids[0]!r}"
        )
    silent_clips = clips.without_scores if fires else ()
    if silent_clips:
        notes.append(
            f"{len(silent_clips)} clips of the truth have no event at any threshold; they score 0 for every class."
        )
    classes = match_classes(
        source.classes, truth.classes, closed=truth.closed, never_fires=fires, class_map=class_map
    )
    predictions, frames, events = None, None, None
    if not classes.questions:
        if not classes.sources:
            raise SedcoreError(f"{source.name}: no class is left to import; leave fewer out")
        predictions = _predictions(source, truth, clips, classes, split)
        frames, events = _finer(source, truth, clips, classes)
    scores = predictions.scores if predictions else np.array([np.nan])
    return Understood(
        source=source.name,
        format=source.format,
        truth=truth.words,
        closed=truth.closed,
        predictions=predictions,
        questions=classes.questions,
        clips=len(clips.rows) + len(silent_clips),
        without_truth=clips.without_truth,
        without_scores=() if fires else clips.without_scores,
        sources=classes.sources,
        left_out=classes.left_out,
        lowest=float(scores.min()),
        highest=float(scores.max()),
        notes=(*source.notes, *notes, *clips.notes, *classes.notes),
        frames=frames,
        events=events,
        dataset=truth.dataset,
        fingerprint=truth.fingerprint,
    )


def _one_truth(source: Source, given: Truth | None) -> tuple[Truth, list[str]]:
    """Return the given truth, else that of the scores' own file, and a note where the latter is not used."""
    own = source.truth
    if given is None and own is None:
        raise SedcoreError(
            f"{source.name}: holds scores and no truth; give a file of labels (--truth) or a data set (--data)"
        )
    if given is None or own is None or given is own:
        return given or own, []
    return given, [f"Not used: {own.words}; {given.words} are the truth."]


def write_run(root: Path, understood: Understood, name: str, *, run_id: str = "") -> Run:
    """Write an imported run and return it; it becomes visible with all its files or not at all.

    Raises
    ------
    SedcoreError
        Questions are open, the name or run id cannot be used, or the run id is taken.
    """
    predictions = understood.predictions
    if predictions is None:
        raise SedcoreError(
            f"{understood.source}: classes without a counterpart: {_named(understood.questions)}"
        )

    def fill(run: Run) -> None:
        save_predictions(run, predictions)
        folder = run.predictions_file(predictions.split).parent
        if understood.frames is not None:
            write_frames(folder, predictions.split, understood.frames)
        if understood.events is not None:
            write_parquet(folder / f"{predictions.split}_events.parquet", understood.events)

    info = {
        "kind": "imported",
        "name": display_name(name),
        "dataset": understood.dataset,
        "data_fingerprint": understood.fingerprint,
        "classes": list(predictions.classes),
        "collapsed": collapsed(predictions.scores),
        "config": config_of(understood),
    }
    if run_id:
        info["run_id"] = run_id
    return create_run(root, info, state="finished", reason=f"imported from {understood.source}", fill=fill)


def config_of(understood: Understood) -> dict[str, Any]:
    """Return the config that run.json keeps of an import: origin of scores and truth, and what was left out."""
    renamed = {source: name for name, source in understood.sources.items() if source not in (name, None)}
    config = {
        "source": understood.source,
        "format": understood.format,
        "truth": understood.truth,
        "split": understood.predictions.split if understood.predictions else None,
        "clips": understood.clips,
        "clips_without_truth": _listed(understood.without_truth),
        "clips_without_scores": _listed(understood.without_scores),
        "classes_renamed": renamed,
        "classes_left_out": list(understood.left_out),
        "notes": list(understood.notes),
    }
    return {key: value for key, value in config.items() if value not in (None, [], {})}


def _listed(clips: Sequence[str]) -> dict[str, Any]:
    return {"count": len(clips), "first": list(clips[:LISTED])} if clips else {}


def _named(questions: Sequence[Question]) -> str:
    return ", ".join(q.name for q in questions[:6]) + (" ..." if len(questions) > 6 else "")


def _rows(source: Source, truth: Truth, clips: ClipMatch) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of the source (-1: a clip without an event) and of the truth, in the order of the truth."""
    ours = {row: place for place, row in clips.rows}
    kept = range(len(truth.clip_ids)) if source.events is not None else sorted(ours)
    return np.array([ours.get(row, -1) for row in kept]), np.array(list(kept))


def _predictions(
    source: Source, truth: Truth, clips: ClipMatch, classes: ClassMatch, split: str
) -> Predictions:
    places, rows = _rows(source, truth, clips)
    names = tuple(classes.sources)
    kept = source.clip_ids[places[places >= 0]]
    columns = {}
    for name, column in classes.sources.items():
        if column is not None:
            values = np.asarray(source.columns[column])[places[places >= 0]]
            columns[name] = numbers(values, source.name, column, kept)
    dtype = np.result_type(*columns.values()) if columns else np.float64
    scores = np.zeros((len(places), len(names)), dtype)
    labels = np.zeros((len(places), len(names)), bool)
    place_of = {name: i for i, name in enumerate(truth.classes)}
    for i, name in enumerate(names):
        if name in columns:
            scores[places >= 0, i] = columns[name]
        if name in place_of:
            labels[:, i] = truth.labels[rows, place_of[name]]
    return Predictions(split, np.asarray(truth.clip_ids)[rows].astype(str), names, labels, scores)


def _finer(
    source: Source, truth: Truth, clips: ClipMatch, classes: ClassMatch
) -> tuple[FrameScores | None, pd.DataFrame | None]:
    """Return frame scores and events of the clips and classes of the run, under the truth's names."""
    ids = {str(source.clip_ids[place]): str(truth.clip_ids[row]) for place, row in clips.rows}
    names = {column: name for name, column in classes.sources.items() if column is not None}
    frames, events = source.frames, source.events
    if frames is not None:
        frames = frames.chosen(ids, names)
    if events is not None:
        events = events[events["clip_id"].isin(ids.keys()) & events["label"].isin(names.keys())]
        events = events.assign(clip_id=events["clip_id"].map(ids), label=events["label"].map(names))
        events = events.reset_index(drop=True)
    return frames, events
