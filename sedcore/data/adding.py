"""Further kinds of features for a data set that is there: from those that it has, or from its clips again."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sedcore.artifacts.files import atomic_path
from sedcore.data.checks import Problem, raise_errors
from sedcore.data.features import FEATURE_KINDS, bands_of, check_kinds, convert, give_back
from sedcore.data.mel import FeatureParams
from sedcore.data.rows import Load, Progress, allocate, bytes_needed, fill
from sedcore.data.store import DataSet, open_dataset
from sedcore.data.writing import check_space, train_rows, write_feature_info
from sedcore.errors import SedcoreError

_CHUNK_BYTES = 2_000_000  # a few clips, which stay in the cache: six times as fast as a hundred at once


def build_features(
    root: str | Path,
    name: str,
    kinds: Sequence[str],
    *,
    n_mfcc: int | None = None,
    progress: Progress | None = None,
) -> DataSet:
    """Add `kinds` to a stored data set, derived from what it has: mfcc from log-mel, all others from mel.

    Kinds that are built already are left alone. Works in chunks of whole arrays. `progress` is called with
    (rows done, rows in all). SedcoreError where nothing stored can give a kind.
    """
    dataset = open_dataset(root, name)
    for kind in check_kinds(kinds):
        built = dataset.feature_names()
        if kind in built:
            continue
        base = next((source for source in FEATURE_KINDS[kind].sources if source in built), None)
        if base is None:
            needs = " or ".join(FEATURE_KINDS[kind].sources)
            raise SedcoreError(
                f"data set {name!r} cannot give {kind}: it holds {', '.join(built) or 'no features'}"
                + (f" and {kind} is computed from {needs}" if needs else "")
                + f"; import it again under another name with --features {','.join([*built, kind])}"
            )
        _derive(dataset, base, kind, n_mfcc, progress)
    return open_dataset(root, name)


def add_features_from(
    dataset: DataSet,
    kinds: Sequence[str],
    *,
    load: Load,
    items: Sequence[Any],
    workers: int | None = None,
    progress: Progress | None = None,
) -> DataSet:
    """Compute features of a stored data set from its clips again, for a set that was copied without them.

    `load` and `items` as in `write_dataset`, in the order of the stored clips; they give samples. Kinds that
    are built already are left alone; what is half done is never seen.
    """
    missing = tuple(kind for kind in check_kinds(kinds) if kind not in dataset.feature_names())
    if not missing:
        return dataset
    params = FeatureParams(
        sample_rate_hz=dataset.info["sample_rate_hz"],
        hop_s=dataset.info["hop_s"],
        clip_s=dataset.info["clip_s"],
    )
    clips, target = dataset.clips, dataset.path / "features"
    total = int(clips["rows"].sum())
    check_space(dataset.path, bytes_needed(missing, params, total))
    folder = dataset.path / f".features.tmp-{os.getpid()}-{secrets.token_hex(3)}"
    try:
        allocate(folder, missing, params, total)
        filled = fill(
            folder, missing, params, load, items, clips["first_row"], clips["rows"],
            from_audio=True, workers=workers, progress=progress,
        )  # fmt: skip
        raise_errors(
            [Problem("error", clips["source_file"][f.position], f.error) for f in filled if f.error],
            f"the features of data set {dataset.name!r} were not built",
        )
        target.mkdir(exist_ok=True)
        for kind in missing:
            write_feature_info(folder, kind, params, train_rows(clips))
            for ending in ("npy", "json"):
                os.replace(folder / f"{kind}.{ending}", target / f"{kind}.{ending}")
    except OSError as error:
        raise SedcoreError(f"{target} could not be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return DataSet(dataset.path)


def _derive(dataset: DataSet, base: str, kind: str, n_mfcc: int | None, progress: Progress | None) -> None:
    source, folder = dataset.open_features(base), dataset.path / "features"
    stored = FeatureParams.from_json(dataset.feature_info(base)["params"])
    params = stored if n_mfcc is None else FeatureParams(**{**stored.to_json(), "n_mfcc": n_mfcc})
    rows, frames, bands = len(source), source.shape[1], bands_of(kind, params)
    check_space(folder, bytes_needed([kind], params, rows))
    step = max(1, _CHUNK_BYTES // (4 * frames * source.shape[2]))
    with atomic_path(folder / f"{kind}.npy", durable=False) as temporary:
        out = np.lib.format.open_memmap(
            temporary, "w+", dtype=FEATURE_KINDS[kind].dtype, shape=(rows, frames, bands)
        )
        for start in range(0, rows, step):
            part = source[start : start + step]
            out[start : start + step] = convert(part, base, kind, params)
            give_back(source)
            give_back(out)
            if progress is not None:
                progress(min(start + step, rows), rows)
        out.flush()
    write_feature_info(folder, kind, params, train_rows(dataset.clips))
