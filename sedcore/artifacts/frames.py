"""Frame scores of a split, beside its clip scores: ``predictions/SPLIT_frames.npy`` and ``SPLIT_frames.json``.

The array is (frames of all clips one after the other, classes), opened memory-mapped. The JSON says which
frames are whose and when they are: ``classes``; ``clips``, each with clip_id, first_frame, frames and the
number of its grid; ``grids``, each the (frames + 1) times in seconds at which frames begin and end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sedcore.artifacts.files import NO_ARRAY, atomic_path, read_json, write_json
from sedcore.errors import SedcoreError


@dataclass(frozen=True, eq=False)
class FrameScores:
    """Scores a frame: `values` (frames, classes) of all clips in order, clip i from `first_frame[i]` on.

    `edges_s[i]` is (frames of clip i + 1,) ascending: frame k lasts from edge k to edge k + 1.
    """

    clip_ids: tuple[str, ...]
    classes: tuple[str, ...]
    values: np.ndarray
    first_frame: np.ndarray
    edges_s: tuple[np.ndarray, ...]

    def of(self, clip_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Return edges (frames + 1,) in seconds and scores (frames, classes) of a clip."""
        if clip_id not in self.clip_ids:
            raise SedcoreError(f"there are no frame scores of clip {clip_id}")
        return self._at(self.clip_ids.index(clip_id))

    def _at(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        edges, first = self.edges_s[i], int(self.first_frame[i])
        return edges, self.values[first : first + len(edges) - 1]

    def chosen(self, clips: dict[str, str], classes: dict[str, str]) -> FrameScores:
        """Return the clips and classes that are keys of {name: new name}, in that order, renamed."""
        place = {clip: i for i, clip in enumerate(self.clip_ids)}
        columns = [self.classes.index(name) for name in classes]
        parts = [self._at(place[clip]) for clip in clips]
        lengths = [len(edges) - 1 for edges, _ in parts]
        return FrameScores(
            tuple(clips.values()),
            tuple(classes.values()),
            np.concatenate([values[:, columns] for _, values in parts]),
            np.cumsum([0, *lengths])[:-1],
            tuple(edges for edges, _ in parts),
        )


def frame_files(folder: Path, split: str) -> tuple[Path, Path]:
    """Return the paths of array and JSON in a run's folder of predictions."""
    return folder / f"{split}_frames.npy", folder / f"{split}_frames.json"


def write_frames(folder: Path, split: str, frames: FrameScores) -> None:
    """Write frame scores; the JSON last, so that it never names an array that is not there."""
    array, words = frame_files(folder, split)
    with atomic_path(array) as temporary:
        np.save(temporary, frames.values, allow_pickle=False)
    grids: dict[bytes, int] = {}
    kept, clips = [], []
    for clip, first, edges in zip(frames.clip_ids, frames.first_frame, frames.edges_s):
        if edges.tobytes() not in grids:
            grids[edges.tobytes()] = len(kept)
            kept.append(edges)
        clips.append(
            {
                "clip_id": clip,
                "first_frame": int(first),
                "frames": len(edges) - 1,
                "grid": grids[edges.tobytes()],
            }
        )
    write_json(words, {"classes": frames.classes, "clips": clips, "grids": kept})


def read_frames(folder: Path, split: str) -> FrameScores | None:
    """Read the frame scores of a split, memory-mapped; None where there are none.

    Raises
    ------
    SedcoreError
        The array is damaged or does not fit the JSON.
    """
    array, words = frame_files(folder, split)
    if not words.exists():
        return None
    info = read_json(words, "frame scores")
    try:
        values = np.load(array, mmap_mode="r", allow_pickle=False)
    except NO_ARRAY as error:
        raise SedcoreError(f"frame scores: {array} could not be opened ({error})") from error
    grids = [np.asarray(grid, np.float64) for grid in info["grids"]]
    clips = info["clips"]
    if values.ndim != 2 or values.shape != (sum(c["frames"] for c in clips), len(info["classes"])):
        raise SedcoreError(
            f"frame scores: {array} has shape {values.shape}, which is not what {words.name} says"
        )
    return FrameScores(
        tuple(clip["clip_id"] for clip in clips),
        tuple(info["classes"]),
        values,
        np.array([clip["first_frame"] for clip in clips], np.int64),
        tuple(grids[clip["grid"]] for clip in clips),
    )
