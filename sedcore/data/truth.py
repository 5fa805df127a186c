"""Truth for the evaluation of scores from elsewhere: a file of labels, or the labels of a stored data set.

strong, weak, a column per class as `labels` reads them; the id column of the last may have other names,
                                 and only its y_ columns count where it has any
tag list                         fname,labels ...: labels separated by commas or semicolons
DCASE 2016 tag reference         file, scene, tag;tag;, id: tab separated, without a header
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from sedcore.artifacts.files import user_path
from sedcore.artifacts.imports.source import Truth, labels_of
from sedcore.artifacts.imports.tables import header_of, read_frame, read_text
from sedcore.data.labels import read_table, table_kind
from sedcore.data.store import multi_hot, open_dataset
from sedcore.errors import SedcoreError

_LABELS = ("event_labels", "labels", "tags", "event_label")
_PARQUET = (".parquet", ".pq")


def read_truth(path: str | Path) -> Truth:
    """Read the truth in a file, whichever of the forms above it has.

    Raises
    ------
    SedcoreError
        The file has none of these forms, or has faulty rows.
    """
    path = user_path(path)
    if not path.is_file():
        raise SedcoreError(
            f"{path} {'is a folder' if path.is_dir() else 'does not exist'}; give a file of labels"
        )
    if path.suffix.lower() in _PARQUET:
        return _columns_truth(path)
    header, separator = header_of(path)
    kind = table_kind(path)
    if kind in ("strong", "weak"):
        return _label_table(path)
    if _is_reference(path, header, separator):
        return _reference(path, len(header))
    return _columns_truth(path)


def dataset_truth(root: str | Path, name: str, split: str) -> Truth:
    """Return the labels of a split of a stored data set."""
    dataset = open_dataset(root, name)
    return Truth(
        words=f"the labels of data set {dataset.name}, {split}",
        clip_ids=dataset.clips_of(split)["clip_id"].astype(str).to_numpy(object),
        classes=dataset.classes,
        labels=dataset.truth(split),
        closed=True,
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
    )


def _label_table(path: Path) -> Truth:
    table = read_table(path)
    errors = [problem for problem in table.problems if problem.level == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise SedcoreError(f"{path.name}: {errors[0].message}{more}")
    return _from_tags(
        f"the {table.kind} labels of {path.name}", list(table.labels), list(table.labels.values())
    )


def _is_reference(path: Path, header: Sequence[str], separator: str) -> bool:
    if separator != "\t" or len(header) not in (3, 4):
        return False
    with open(path, encoding="utf-8-sig") as file:
        return any(";" in line.split("\t")[2] for line in file if line.count("\t") >= 2)


def _reference(path: Path, columns: int) -> Truth:
    names = ["clip_id", "scene", "tags", "id"][:columns]
    frame = read_text(path, names, "\t", named=False, text=names).fillna("")
    tags = [[tag.strip() for tag in text.split(";") if tag.strip()] for text in frame["tags"]]
    return _from_tags(f"the tags of {path.name}", frame["clip_id"].str.strip().tolist(), tags)


def _columns_truth(path: Path) -> Truth:
    frame = read_frame(path, _LABELS)
    ids = frame["clip_id"].to_numpy()
    columns = list(frame.columns[1:])
    tags = next((name for name in columns if name.lower() in _LABELS), None)
    if tags is not None:
        lists = [_split_tags(text) for text in frame[tags].fillna("").astype(str)]
        return _from_tags(f"the labels of {path.name}", ids, lists)
    marked = {name[2:]: name for name in columns if name.startswith("y_") and len(name) > 2}
    chosen = marked or {name: name for name in columns}
    labels = labels_of({column: frame[column].to_numpy() for column in chosen.values()}, path.name, ids)
    return Truth(f"the columns of {path.name}", ids, tuple(chosen), labels, closed=True)


def _split_tags(text: str) -> list[str]:
    mark = ";" if ";" in text else ","
    return [tag.strip() for tag in text.split(mark) if tag.strip()]


def _from_tags(words: str, ids: Iterable[str], tags: Sequence[Sequence[str]]) -> Truth:
    classes = tuple(sorted({tag for of_clip in tags for tag in of_clip}))
    return Truth(words, np.array(list(ids), object), classes, multi_hot(tags, classes), closed=False)
