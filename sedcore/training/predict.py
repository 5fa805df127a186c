"""Scores of new recordings by a trained run: audio file to one score a class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sedcore.artifacts.runs import Run
from sedcore.data.audio import audio_info, read_audio
from sedcore.data.checks import Problem, raise_errors
from sedcore.data.features import clip_features
from sedcore.data.mel import FeatureParams, split_windows
from sedcore.errors import SedcoreError
from sedcore.models.backend import load_keras


def predict_files(run: Run, files: list[Path]) -> Iterator[tuple[Path, np.ndarray]]:
    """Yield each file with its scores (classes,) float32, the maximum over its windows.

    The recording is resampled and cut into windows exactly as on import, and normalised as in training.

    Raises
    ------
    SedcoreError
        The run has no weights, or files are not audio: all that their headers show is told before the first score.
    """
    if run.info["kind"] != "trained":
        raise SedcoreError(f"run {run.name} is {run.info['kind']}: only a trained run can score audio")
    if not run.has_weights:
        raise SedcoreError(
            f"run {run.name} has no weights, so it cannot score audio: they were not kept, or it has not finished; "
            "train it again to get them"
        )
    _check_headers(run, files)
    load_keras()
    import keras

    import sedcore.models.registry  # noqa: F401  (registers the layers that a saved model names)

    try:
        model = keras.models.load_model(run.weights_file, compile=False)
    except Exception as error:  # Keras raises many unrelated types for a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SedcoreError(
            f"{run.weights_file} could not be loaded; is it damaged? Train the run again ({reason})"
        ) from error
    taken = run.info["input"]
    try:
        kind, params = taken["features"]["kind"], FeatureParams.from_json(taken["features"]["params"])
        mean, std = np.asarray(taken["mean"], np.float32), np.asarray(taken["std"], np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise SedcoreError(
            f"{run.path / 'run.json'} does not say how features were made (input), so audio cannot be scored"
        ) from error
    for file in files:
        windows = split_windows(read_audio(file, params.sample_rate_hz), params)
        scores = [
            model.predict_on_batch(((clip_features(w, kind, params) - mean) / std)[None]) for w in windows
        ]
        yield file, np.max(np.concatenate(scores), axis=0).astype(np.float32)


def _check_headers(run: Run, files: list[Path]) -> None:
    """SedcoreError that names all files that cannot be scored, as far as headers tell."""
    problems = []
    for file in files:
        try:
            if not Path(file).is_file():
                raise SedcoreError(f"{file} is not a file; give audio files to score")
            audio_info(file)
        except SedcoreError as error:
            problems.append(Problem("error", str(file), str(error)))
    if len(problems) == 1:
        raise SedcoreError(problems[0].message)
    raise_errors(problems, f"nothing was scored with run {run.name}")
