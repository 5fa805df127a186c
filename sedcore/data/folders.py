"""Reading the folders of an import together: clips, classes, how to load a clip, problems."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

from sedcore.data.audio import load_audio
from sedcore.data.checks import Problem, raise_errors
from sedcore.data.labels import LabelTable, read_table, unknown_labels
from sedcore.data.mel import FeatureParams, basis_of, empty_bands
from sedcore.data.npy_pairs import REPORT_CLASSES, SILENCE, check_fold, common_shape, load_mel, read_npy_split
from sedcore.data.rows import Load
from sedcore.data.sources import SourceSplit, audio_files, find_classes, find_table, read_audio_split
from sedcore.errors import SedcoreError


@dataclasses.dataclass
class FoldersRead:
    """Contents of all folders: enough to write the data set."""

    splits: dict[str, SourceSplit]
    classes: tuple[str, ...]
    classes_from: str
    params: FeatureParams
    load: Load
    problems: list[Problem]


def read_npy(paths: dict[str, Path], params: FeatureParams, bands: int | None) -> FoldersRead:
    """Read folders of .npy pairs, given by split; mel bands are folded to `bands` unless that is None."""
    names, where = _given_classes(paths)
    rows = names or REPORT_CLASSES
    splits, shapes = {}, {}
    for split, folder in paths.items():
        splits[split], of_split = read_npy_split(folder, rows, params.clip_s)
        shapes.update(of_split)
    problems = [problem for split in splits.values() for problem in split.problems]
    if shapes:
        (given, frames), odd = common_shape(shapes)
        problems += odd
        wrong = {problem.file for problem in odd}
        for split in splits.values():
            split.clips = [clip for clip in split.clips if clip.item not in wrong]
        bands = given if bands is None else bands
        check_fold(given, bands)
        params = dataclasses.replace(
            params, bands=bands, hop_s=params.clip_s / frames, folded_from=None if bands == given else given
        )
    classes = tuple(name for name in rows if name.lower() != SILENCE.lower())
    load = functools.partial(load_mel, bands=bands)
    return FoldersRead(splits, classes, where or "the report's list", params, load, problems)


def read_audio(paths: dict[str, Path], params: FeatureParams, labels: str | Path | None) -> FoldersRead:
    """Read folders of audio, given by split, with the label table `labels`; None looks for one in each folder."""
    table_paths = {split: find_table(folder, labels) for split, folder in paths.items()}
    tables = {path.resolve(): read_table(path) for path in table_paths.values()}
    sharing = {
        s: [o for o in table_paths if o != s and table_paths[o].resolve() == table_paths[s].resolve()]
        for s in table_paths
    }
    splits = {}
    for split, folder in paths.items():
        elsewhere = [paths[other] for other in sharing[split]]
        table = tables[table_paths[split].resolve()]
        splits[split] = read_audio_split(folder, table, hop_s=params.hop_s, elsewhere=elsewhere)
    problems = [problem for split in splits.values() for problem in split.problems]
    problems += _same_names(paths, sharing, table_paths)
    classes, where = _given_classes(paths)
    if classes is None:
        classes = tuple(sorted({label for table in tables.values() for label in table.first_lines()}))
        where = "the labels"
        if not classes:
            raise_errors(problems, "nothing was imported")
            raise SedcoreError(
                f"{table_paths['train']}: holds no label at all; write labels or a classes.json beside it"
            )
    else:
        classes = _without_silence(classes, list(tables.values()))
        problems += [problem for table in tables.values() for problem in unknown_labels(table, classes)]
    if empty := empty_bands(basis_of(params)):
        text = f"{empty} of {params.bands} mel bands are narrower than a bin of the FFT and stay empty; use fewer bands"
        problems.append(Problem("warning", "features", text))
    _ = params.hop_samples  # raises where it is no whole number
    load = functools.partial(load_audio, sample_rate_hz=params.sample_rate_hz)
    return FoldersRead(splits, classes, where, params, load, problems)


def _same_names(
    paths: dict[str, Path], sharing: dict[str, list[str]], table_paths: dict[str, Path]
) -> list[Problem]:
    """Return an error for each file name that lies in two folders with one label table: a row could mean either."""
    problems = []
    for split, others in sharing.items():
        for other in [o for o in others if o > split and paths[o].resolve() != paths[split].resolve()]:
            both = sorted(audio_files(paths[split]).keys() & audio_files(paths[other]).keys())
            for name in both:
                text = (
                    f"{name} is in {paths[split]} and in {paths[other]}; give each split a table of its own"
                )
                problems.append(Problem("error", str(table_paths[split]), text))
    return problems


def _without_silence(classes: tuple[str, ...], tables: Sequence[LabelTable]) -> tuple[str, ...]:
    """Drop Silence, a row of event rolls, from a class list unless some clip has that label."""
    used = {label for table in tables for labels in table.labels.values() for label in labels}
    return tuple(name for name in classes if name.lower() != SILENCE.lower() or name in used)


def _given_classes(paths: dict[str, Path]) -> tuple[tuple[str, ...] | None, str]:
    """Return the classes of the folders' classes.json, which must agree, and its name; None where there is none."""
    given = {folder: names for folder in paths.values() if (names := find_classes(folder)) is not None}
    if not given:
        return None, ""
    first = next(iter(given))
    for folder, names in given.items():
        if names != given[first]:
            raise SedcoreError(
                f"{folder / 'classes.json'} differs from {first / 'classes.json'}; make them equal"
            )
    return given[first], "classes.json"
