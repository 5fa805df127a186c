"""What the folders of an import hold, all of them read together: clips, classes, how to load a clip, what is wrong."""

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
    """What was read of all folders: enough to write the data set."""

    splits: dict[str, SourceSplit]
    classes: tuple[str, ...]
    classes_from: str
    params: FeatureParams
    load: Load
    problems: list[Problem]


def read_npy(paths: dict[str, Path], params: FeatureParams, bands: int | None) -> FoldersRead:
    """Return what folders of .npy pairs hold, by split; `bands`: to which theirs are folded, None as they are."""
    names, where = _given_classes(paths)
    rows = names or REPORT_CLASSES
    splits, shapes = {}, {}
    for split, folder in paths.items():
        splits[split], found = read_npy_split(folder, rows, params.clip_s)
        shapes.update(found)
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
    """Return what folders of audio hold, by split, with the label table `labels`; None finds one in each."""
    found = {split: find_table(folder, labels) for split, folder in paths.items()}
    tables = {path.resolve(): read_table(path) for path in found.values()}
    sharing = {s: [o for o in found if o != s and found[o].resolve() == found[s].resolve()] for s in found}
    splits = {}
    for split, folder in paths.items():
        elsewhere = [paths[other] for other in sharing[split]]
        table = tables[found[split].resolve()]
        splits[split] = read_audio_split(folder, table, hop_s=params.hop_s, elsewhere=elsewhere)
    problems = [problem for split in splits.values() for problem in split.problems]
    problems += _same_names(paths, sharing, found)
    classes, where = _given_classes(paths)
    if classes is None:
        classes = tuple(sorted({label for table in tables.values() for label in table.first_lines()}))
        where = "the labels"
        if not classes:
            raise_errors(problems, "nothing was imported")
            raise SedcoreError(
                f"{found['train']}: holds no label at all; write labels or a classes.json beside it"
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
    paths: dict[str, Path], sharing: dict[str, list[str]], found: dict[str, Path]
) -> list[Problem]:
    """A file name that two folders hold cannot be told apart by a table for both."""
    problems = []
    for split, others in sharing.items():
        for other in [o for o in others if o > split and paths[o].resolve() != paths[split].resolve()]:
            both = sorted(audio_files(paths[split]).keys() & audio_files(paths[other]).keys())
            for name in both:
                text = (
                    f"{name} is in {paths[split]} and in {paths[other]}; give each split a table of its own"
                )
                problems.append(Problem("error", str(found[split]), text))
    return problems


def _without_silence(classes: tuple[str, ...], tables: Sequence[LabelTable]) -> tuple[str, ...]:
    """Drop Silence from a class list unless some clip is labelled so (event rolls alone have that row)."""
    used = {label for table in tables for labels in table.labels.values() for label in labels}
    return tuple(name for name in classes if name.lower() != SILENCE.lower() or name in used)


def _given_classes(paths: dict[str, Path]) -> tuple[tuple[str, ...] | None, str]:
    """The classes.json of the folders, which must agree, and where it lies; None where there is none."""
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
