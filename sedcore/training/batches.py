"""Batches from the memory-mapped feature store: (batch, frames, bands) float32, normalised.

Memory does not grow with the data set: a batch is copied out of the map and its pages are given back to the kernel,
which would otherwise count them as this process's memory until it needs them.
"""

from __future__ import annotations

import mmap
import queue
import threading
from collections.abc import Iterator

import numpy as np

from sedcore.data.store import DataSet
from sedcore.errors import SedcoreError

FLOAT16_END = 2.0**16  # all float16 numbers are below
_AHEAD = 2  # batches prepared during a training step


class RowReader:
    """Reads rows (windows) of one kind of features, normalised by the train split's mean and deviation.

    Attributes
    ----------
    frames, bands : size of a row.
    mean, std : (bands,) float32 by which rows are normalised; 0 and 1 for features that are not normalised here.
    """

    def __init__(self, dataset: DataSet, features: str):
        self._name = f"the features {features} of data set {dataset.name}"
        self.array = dataset.open_features(features)
        info = dataset.feature_info(features)
        _, self.frames, self.bands = self.array.shape
        if info.get("normalise", True):
            self.mean = np.asarray(info["mean"], np.float32)
            self.std = np.asarray(info["std"], np.float32)
        else:
            self.mean, self.std = np.zeros(self.bands, np.float32), np.ones(self.bands, np.float32)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows with these numbers, (len(rows), frames, bands) float32.

        Raises
        ------
        SedcoreError
            A value is not finite. Many layers would hide that (TensorFlow's ReLU turns NaN into 0 on a CPU).
        """
        batch = np.empty((len(rows), self.frames, self.bands), np.float32)
        for clip, row in zip(batch, rows):  # one at a time, so that it stays in the cache
            widen(self.array[row], clip)
            clip -= self.mean
            clip /= self.std
        self._give_back()
        finite = np.isfinite(batch).all(axis=(1, 2))
        if not finite.all():
            row = rows[np.argmin(finite)]
            raise SedcoreError(
                f"{self._name} hold a value that is no number in row {row}; import the data set again"
            )
        return batch

    def _give_back(self) -> None:
        mapped = getattr(self.array, "_mmap", None)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)  # the file is unchanged; pages come back when read again


def widen(values: np.ndarray, out: np.ndarray) -> None:
    """Write values, float16 or float32, into `out`, float32 of the same shape.

    NumPy converts float16 one value at a time; this takes half as long. Both formats have sign, exponent and fraction
    in this order (IEEE 754). Float32 has 13 more bits of fraction, so the bits are shifted by 13; its exponents are
    counted from 127 instead of 15, so the result is multiplied by 2^112.
    """
    if values.dtype != np.float16:
        out[:] = values
        return
    bits = out.view(np.int32)
    bits[:] = values.view(np.int16)  # int16 to int32 copies the sign into all upper bits
    bits <<= 13
    bits &= ~0x70001FFF  # of these, only the sign bit stays
    out *= np.float32(2.0**112)
    if not -FLOAT16_END < out.min() <= out.max() < FLOAT16_END:
        out[:] = values  # infinities and NaN have a special exponent


def in_background(batches: Iterator) -> Iterator:
    """Yield from `batches`, preparing the next ones in a thread; an error in the thread is raised here."""
    done, ready = object(), queue.Queue(_AHEAD)
    stop = threading.Event()

    def put(item: object) -> None:
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for batch in batches:
                put(batch)
                if stop.is_set():
                    return
            put(done)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not done:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


def shuffled(rows: np.ndarray, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the rows in random order, cut into batches; the last one may be smaller."""
    order = rng.permutation(rows)
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
