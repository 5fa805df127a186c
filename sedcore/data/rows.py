"""Filling feature arrays clip by clip, in worker processes that write into the memory-mapped files.

The parent allocates ``features/KIND.npy`` as (rows, frames, bands); workers load a clip, cut it into windows,
compute every kind that is asked for and write its rows. Memory stays at a few clips a worker whatever the
size of the data set. With `kinds` empty clips are only loaded, hashed and checked.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from sedcore.data.features import FEATURE_KINDS, bands_of, convert
from sedcore.data.mel import FeatureParams, basis_of, mel_power, split_windows, window_count
from sedcore.errors import SedcoreError

# load(item) -> (mono float32 samples (n,) at params.sample_rate_hz or mel power (frames, bands), content hash)
Load = Callable[[Any], tuple[np.ndarray, str]]
Progress = Callable[[int, int], None]  # (clips done, clips in all)
# elsewhere(function, common, tasks) yields function(common, task) of every task, done on other machines, as it comes
Elsewhere = Callable[[Callable[[Any, Any], Any], Any, Sequence[Any]], Iterable[Any]]

_CLIPS_A_TASK = 16
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT_BYTES = 32 << 20  # the most that glibc takes for M_MMAP_THRESHOLD on 64 bits
_POOL_FROM = 64  # fewer clips are done before worker processes have started (about 2 s)


@dataclasses.dataclass(frozen=True)
class Filled:
    """What came of one clip: its content hash, or the error that stopped it; a warning or none."""

    position: int
    digest: str = ""
    error: str = ""
    warning: str = ""


@dataclasses.dataclass(frozen=True)
class _Job:
    """All that a worker needs to know; it goes to each of them once."""

    folder: Path
    kinds: tuple[str, ...]
    params: FeatureParams
    basis: np.ndarray | None
    load: Load


@dataclasses.dataclass(frozen=True)
class _Clip:
    position: int
    item: Any
    first_row: int
    rows: int


def default_workers(workers: int | None, clips: int) -> int:
    """Worker processes for `clips` clips: one a processor, at most 8; 1 (this process) for a few clips."""
    if workers is not None:
        if workers < 1:
            raise SedcoreError(f"workers = {workers}: give 1 or more")
        return min(workers, max(1, clips))
    return 1 if clips < _POOL_FROM else min(os.cpu_count() or 1, 8)


def allocate(folder: Path, kinds: Sequence[str], params: FeatureParams, rows: int) -> None:
    """Create the empty arrays ``folder/KIND.npy`` (rows, frames, bands)."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        shape = (rows, params.frames, bands_of(kind, params))
        array = np.lib.format.open_memmap(
            folder / f"{kind}.npy", mode="w+", dtype=FEATURE_KINDS[kind].dtype, shape=shape
        )
        del array


def bytes_needed(kinds: Sequence[str], params: FeatureParams, rows: int) -> int:
    """Bytes that the arrays of `kinds` take on disk."""
    return sum(
        rows * params.frames * bands_of(k, params) * np.dtype(FEATURE_KINDS[k].dtype).itemsize for k in kinds
    )


def fill(
    folder: Path,
    kinds: Sequence[str],
    params: FeatureParams,
    load: Load,
    items: Sequence[Any],
    first_rows: Sequence[int],
    rows: Sequence[int],
    *,
    from_audio: bool,
    workers: int | None = None,
    elsewhere: Elsewhere | None = None,
    progress: Progress | None = None,
) -> list[Filled]:
    """Load every item and write its rows into the arrays of `folder`; returns a `Filled` a clip, in order.

    A `SedcoreError` of `load` becomes that clip's error; the others go on. `load` and the items must be
    picklable (a function of a module, or functools.partial of one). With `elsewhere` the clips are computed there, and
    this process alone writes: on a shared path, writers on several machines would overwrite each other's pages.
    """
    basis = basis_of(params) if from_audio and kinds else None
    if basis is not None:
        _ = params.hop_samples  # raises once, before all clips, where it is no whole number of samples
    job = _Job(Path(folder), tuple(kinds), params, basis, load)
    clips = [_Clip(i, item, int(f), int(r)) for i, (item, f, r) in enumerate(zip(items, first_rows, rows))]
    tasks = [clips[start : start + _CLIPS_A_TASK] for start in range(0, len(clips), _CLIPS_A_TASK)]
    done: list[Filled] = []
    results_come = (
        _results_from(elsewhere, job, clips, tasks)
        if elsewhere
        else _results(job, tasks, default_workers(workers, len(clips)))
    )
    for results in results_come:
        done.extend(results)
        if progress is not None:
            progress(len(done), len(clips))
    return sorted(done, key=lambda filled: filled.position)


def _results(job: _Job, tasks: list[list[_Clip]], workers: int) -> Iterable[list[Filled]]:
    """Run the tasks here or in a pool, yielding results as they come."""
    if workers == 1:
        with threadpoolctl.threadpool_limits(
            1
        ):  # the products are small: more threads only wait for each other
            for task in tasks:
                yield _fill_clips(job, task)
        return
    # spawn: a fork of a process that has threads (TensorFlow, Streamlit) may hang
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(job,))
    try:
        with _sigint_held_back(), _main_left_out():
            futures = [pool.submit(_run_task, task) for task in tasks]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise SedcoreError(
            "a worker process died while computing features, most likely out of memory; try fewer workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _results_from(
    elsewhere: Elsewhere, job: _Job, clips: list[_Clip], tasks: list[list[_Clip]]
) -> Iterable[list[Filled]]:
    """Have the tasks computed elsewhere and write what comes back, yielding results as they come."""
    for computed in elsewhere(_compute_clips, job, tasks):
        arrays = _open_arrays(job)  # anew, so that written pages leave the process
        for filled, made in computed:
            clip = clips[filled.position]
            for kind, values in made.items():
                arrays[kind][clip.first_row : clip.first_row + clip.rows] = values
        yield [filled for filled, _ in computed]


def _compute_clips(job: _Job, task: list[_Clip]) -> list[tuple[Filled, dict[str, np.ndarray]]]:
    """Return a few clips' results with their rows, kind by kind (rows, frames, bands); none where one failed."""
    computed = []
    with threadpoolctl.threadpool_limits(1):
        for clip in task:
            made = {
                kind: np.empty(
                    (clip.rows, job.params.frames, bands_of(kind, job.params)), FEATURE_KINDS[kind].dtype
                )
                for kind in job.kinds
            }
            filled = _fill_clip(job, made, dataclasses.replace(clip, first_row=0))
            computed.append((filled, {} if filled.error else made))
    return computed


@contextlib.contextmanager
def _sigint_held_back() -> Iterator[None]:
    """Block Ctrl-C while workers are started: they inherit that, and leave Ctrl-C to the parent from the start."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _main_left_out() -> Iterator[None]:
    """Start workers without the main module, of which they need nothing.

    To import it is the default, and runs a script that has no guard, or a page of Streamlit, once more; a worker that
    dies of it before it has read what it is sent leaves its parent waiting for ever.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


_worker_job: _Job | None = None


def _start_worker(job: _Job) -> None:
    """Set up a worker: one thread (the pool is the parallelism); it ends when its parent does, however that ends."""
    global _worker_job
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threadpoolctl.threadpool_limits(1)
    _keep_freed_memory()
    _worker_job = job


def _keep_freed_memory() -> None:
    """Have this process keep what it frees for its next clip, where its C library can (glibc).

    Arrays of some hundred KB are given back to the kernel at once by default, and each clip's pages are mapped and
    zeroed anew: up to 40 % of a worker's time where a guest's page faults are dear.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _run_task(task: list[_Clip]) -> list[Filled]:
    return _fill_clips(_worker_job, task)


def _fill_clips(job: _Job, task: list[_Clip]) -> list[Filled]:
    """Fill the rows of a few clips; the arrays are opened anew so that written pages leave the process."""
    arrays = _open_arrays(job)
    return [_fill_clip(job, arrays, clip) for clip in task]


def _open_arrays(job: _Job) -> dict[str, np.ndarray]:
    return {kind: np.load(job.folder / f"{kind}.npy", mmap_mode="r+") for kind in job.kinds}


def _fill_clip(job: _Job, arrays: dict[str, np.ndarray], clip: _Clip) -> Filled:
    try:
        data, digest = job.load(clip.item)
        windows = _mel_windows(job, data, clip.rows)
    except SedcoreError as error:
        return Filled(clip.position, error=str(error))
    for offset, mel in enumerate(windows if arrays else ()):
        for kind, array in arrays.items():
            array[clip.first_row + offset] = convert(mel, "mel", kind, job.params)
    return Filled(clip.position, digest=digest, warning=_oddity(data))


def _oddity(data: np.ndarray) -> str:
    """What is allowed and yet likely a mistake, as a warning, or nothing."""
    if not np.any(data):
        return "holds only silence (all zeros); replace or remove it unless that is meant"
    if data.ndim == 2 and data.min() < 0:
        return "holds negative values, which mel power never has; if it is log-mel already, give linear mel power"
    return ""


def _mel_windows(job: _Job, data: np.ndarray, rows: int) -> Iterable[np.ndarray]:
    """Mel power of each window of a clip; SedcoreError where the data does not fill the rows it was given."""
    params = job.params
    if data.ndim == 2:
        if data.shape != (params.frames, params.bands):
            raise SedcoreError(f"mel power has shape {data.shape}, wanted {(params.frames, params.bands)}")
        return [data]
    # resampling rounds lengths up, so a clip at the edge of a further window may go either way
    if rows not in {window_count((len(data) + more) / params.sample_rate_hz, params) for more in (-2, 0, 2)}:
        raise SedcoreError(
            f"decodes to {len(data) / params.sample_rate_hz:.2f} s, unlike what its header says; re-encode it"
        )
    return (mel_power(window, params, job.basis) for window in split_windows(data, params, rows))
