"""Matching clips and classes of imported scores with those of the truth: by name, and nothing guessed.

Ids match as written. Ids that differ only in their extension, in how accents are stored, or in folders that one
side alone has, match where the pair is unique. Classes match as written, or where they differ only in case, spaces,
underscores and hyphens and the pair is unique. Everything else is a question.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sedcore.errors import SedcoreError
from sedcore.naming import nearest, nearest_names

# Endings of clip ids that are file names. A dot alone is not enough: "Y1_0.000_10.000" has no extension.
EXTENSIONS = frozenset(
    "wav flac ogg oga opus mp3 m4a aac aif aiff mp4 mkv webm npy npz pt h5 hdf5 tsv csv txt json jams lab".split()
)
# A class map is pairs (class of the scores, class of the truth). An empty side leaves the other's class out.
# ("Cat", "Cat") keeps a class that the truth lacks, without a positive clip. OTHERS stands for all such classes:
# ("*", "") leaves them out, ("*", "*") keeps them.
LEAVE_OUT = ""
OTHERS = "*"
ClassMap = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ClipMatch:
    """Matched rows, in the order of the truth, and the clips without a match."""

    rows: tuple[tuple[int, int], ...]  # (row of the source, row of the truth)
    without_truth: tuple[str, ...]
    without_scores: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """A class without a certain counterpart. `of`: "scores" or "truth"; `candidates` are of the other side."""

    of: str
    name: str
    candidates: tuple[str, ...]


@dataclass(frozen=True)
class ClassMatch:
    """Matched classes: `sources` is {class of the run: class of the scores}, in the run's order.

    The value is None for a class that never fires. A class that the truth lacks is there only if the class map keeps
    it; no clip has it.
    """

    sources: dict[str, str | None]
    left_out: tuple[str, ...]
    questions: tuple[Question, ...]
    notes: tuple[str, ...]


def match_clips(ids: Sequence[str], truth_ids: Sequence[str]) -> ClipMatch:
    """Match clip ids of the scores with those of the truth."""
    place_of: dict[int, int] = {}  # row of the truth -> row of the source
    taken: set[int] = set()
    notes = []
    for words, key in _WAYS:
        ours, theirs = _unique(ids, key), _unique(truth_ids, key)
        new = [
            (place, row)
            for name, row in theirs.items()
            if row not in place_of and (place := ours.get(name)) is not None and place not in taken
        ]
        if words == _FOLDERS:  # a/1.wav is not b/1.wav
            new = [
                (place, row)
                for place, row in new
                if not _has_folder(ids[place]) or not _has_folder(truth_ids[row])
            ]
        place_of |= {row: place for place, row in new}
        taken |= {place for place, _ in new}
        if new and words:
            example = f"{ids[new[0][0]]} is {truth_ids[new[0][1]]}"
            matches = "1 clip id matches" if len(new) == 1 else f"{len(new)} clip ids match"
            notes.append(f"{matches} when {words} left aside ({example}).")
    return ClipMatch(
        rows=tuple((place_of[row], row) for row in sorted(place_of)),
        without_truth=tuple(str(name) for i, name in enumerate(ids) if i not in taken),
        without_scores=tuple(str(name) for i, name in enumerate(truth_ids) if i not in place_of),
        notes=tuple(notes),
    )


def match_classes(
    classes: Sequence[str],
    truth_classes: Sequence[str],
    *,
    closed: bool,
    never_fires: bool = False,
    class_map: ClassMap = (),
) -> ClassMatch:
    """Match classes of the scores with those of the truth.

    closed : the truth names all its classes, also those that no clip has.
    never_fires : a class without scores counts as one that never fired (events), if each class of the scores is
        matched.

    Raises
    ------
    SedcoreError
        `class_map` names a class that is not there, or one twice.
    """
    _check_map(class_map, classes, truth_classes, closed)
    named = {source: target for source, target in class_map if source not in (LEAVE_OUT, OTHERS)}
    dropped = [target for source, target in class_map if source == LEAVE_OUT]
    sources: dict[str, str | None] = {target: source for source, target in named.items() if target}
    free = [c for c in classes if c not in named]
    open_truth = [c for c in truth_classes if c not in sources and c not in dropped]
    same, notes = _called_the_same(free, open_truth)
    sources |= same
    alone = [c for c in free if c not in sources.values()]
    missing = [c for c in open_truth if c not in sources]
    left_out = [source for source, target in named.items() if not target]
    if (OTHERS, LEAVE_OUT) in class_map:
        left_out, alone = left_out + alone, []
    elif (OTHERS, OTHERS) in class_map:
        taken = next((c for c in alone if c in sources or c in dropped), None)
        if taken:
            other = _given(taken, class_map)
            raise SedcoreError(
                f'class map "*=*": class {taken} of the scores cannot keep its name, which {other} takes; '
                f'give "{taken}=" to leave it out'
            )
        sources, alone = sources | {c: c for c in alone}, []
    questions = [Question("scores", c, _near(c, missing)) for c in alone]
    if never_fires and not alone and missing:
        sources |= dict.fromkeys(missing)
        notes.append(f"Never fires, so every clip scores 0: {', '.join(missing)}.")
    else:
        questions += [Question("truth", c, _near(c, alone)) for c in missing]
    first = list(truth_classes) if closed else list(classes)
    order = {name: i for i, name in enumerate(first)}
    ranked = sorted(sources, key=lambda c: order.get(c if closed else sources[c], len(order)))
    return ClassMatch(
        sources={c: sources[c] for c in ranked},
        left_out=(*left_out, *(f"{c} (of the truth)" for c in dropped)),
        questions=tuple(questions),
        notes=tuple(notes),
    )


def _called_the_same(
    classes: Sequence[str], truth_classes: Sequence[str]
) -> tuple[dict[str, str], list[str]]:
    """Return {class of the truth: class of the scores} by name, and a note on each pair that is spelt differently."""
    pairs, notes = {c: c for c in classes if c in truth_classes}, []
    theirs = _unique(truth_classes, _folded)
    for key, place in _unique(classes, _folded).items():
        source, target = classes[place], truth_classes[theirs[key]] if key in theirs else None
        if target is not None and target not in pairs:
            pairs[target] = source
            notes.append(f"The class {source} of the scores is {target} of the truth.")
    return pairs, notes


def ask(questions: Sequence[Question], closed: bool) -> str:
    """Return the questions as one sentence for the command line, with the --class-map that answers them."""
    ours = [q for q in questions if q.of == "scores"]
    theirs = [q for q in questions if q.of == "truth"]
    parts, ways = [], []
    if ours:
        parts.append(f"{_classes(ours)} of the scores {'is' if len(ours) == 1 else 'are'} not in the truth")
    if theirs:
        parts.append(f"{_classes(theirs)} of the truth {'has' if len(theirs) == 1 else 'have'} no scores")
    if ours and theirs:
        example = next((q for q in ours if q.candidates), ours[0])
        target = (example.candidates or (theirs[0].name,))[0]
        ways.append(f'"{example.name}={target}" if these are the same')
    if ours:
        name, many = ours[0].name, len(ours) > 1
        ways.append(
            f'"{name}=" to leave {name if many else "it"} out' + (' ("*=" all of them)' if many else "")
        )
        if not closed:
            every = ' ("*=*" all of them)' if many else ""
            ways.append(f'"{name}={name}" to keep it as a class that no clip has{every}')
    else:
        ways.append(f'"={theirs[0].name}" to leave it out')
    return f"{' and '.join(parts)}; give --class-map, once a class: {', or '.join(ways)}"


def _check_map(class_map: ClassMap, classes: Sequence[str], truth: Sequence[str], closed: bool) -> None:
    sources = [source for source, _ in class_map if source]
    targets = [target for _, target in class_map if target]
    for source, target in class_map:
        given = f"class map {source}={target}"
        if source == OTHERS and OTHERS not in classes:
            if target not in (LEAVE_OUT, OTHERS) or (closed and target):
                wanted = '"*=" leaves all other classes out' + ("" if closed else ', "*=*" keeps them')
                raise SedcoreError(f"{given}: {wanted}")
            continue
        if source and source not in classes:
            raise SedcoreError(f"{given}: {_unknown(source, classes, 'scores')}")
        # ("Cat", "Cat") keeps a class that the truth lacks.
        if target and target not in truth and (closed or source != target):
            raise SedcoreError(f"{given}: {_unknown(target, truth, 'truth')}")
        twice = next(
            (n for n, names in ((source, sources), (target, targets)) if n and names.count(n) > 1), None
        )
        if twice:
            raise SedcoreError(f"{given}: {twice} is given twice; a class has one counterpart")


def _given(target: str, class_map: ClassMap) -> str:
    return next(f'"{source}={target}"' for source, other in class_map if other == target)


def _unknown(name: str, known: Sequence[str], where: str) -> str:
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"it has {', '.join(list(known)[:12])}"
    return f"there is no class {name!r} in the {where}; {hint}"


def _classes(questions: Sequence[Question]) -> str:
    names = [q.name for q in questions]
    listed = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"class {listed}" if len(names) == 1 else f"{len(names)} classes ({listed})"


def _near(name: str, others: Sequence[str]) -> tuple[str, ...]:
    """Return the classes that `name` may mean: first those that fold alike, then the nearest by spelling."""
    alike = [other for other in others if _folded(other) == _folded(name)]
    return tuple(dict.fromkeys([*alike, *nearest_names(name, others)]))


def _unique(names: Sequence[str], key: Callable[[str], str]) -> dict[str, int]:
    """Return {key: place} of the names whose key is unique."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        places[key(str(name))].append(place)
    return {name: where[0] for name, where in places.items() if len(where) == 1}


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().replace("_", " ").replace("-", " ").split())


def _accents(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _without_extension(name: str) -> str:
    head, dot, last = _accents(name).rpartition(".")
    return head if dot and head and last.lower() in EXTENSIONS else _accents(name)


def _last_part(name: str) -> str:
    return PurePosixPath(_without_extension(name).replace("\\", "/")).name


def _has_folder(name: str) -> bool:
    return "/" in name or "\\" in name


_FOLDERS = "folders are"
_WAYS = (
    ("", lambda name: name),
    ("the way accents are stored is", _accents),
    ("extensions are", _without_extension),
    (_FOLDERS, _last_part),
)
