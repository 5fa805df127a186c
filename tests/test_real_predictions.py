"""Published predictions of real systems import as they are, and give the numbers that others found for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sedcore.artifacts.files import EXACT_FLOATS
from sedcore.artifacts.frames import read_frames
from sedcore.artifacts.imports.understand import read_source, write_run
from sedcore.cli import main
from sedcore.data.truth import read_truth
from sedcore.evaluation.counts import counts
from sedcore.evaluation.evaluate import evaluate
from sedcore.evaluation.ranking import equal_error_rate

# EXPECTED.md: mAP, ROC-AUC, lwlrap, micro and macro F1 at .5, micro F1 at .1 (scikit-learn 1.9)
SYSTEMS = {
    "dcase21_student": (0.7957, 0.9442, 0.8951, 0.8074, 0.7560, 0.7424),
    "dcase21_teacher": (0.8079, 0.9496, 0.9035, 0.8159, 0.7621, 0.7478),
    "fdy_student": (0.8563, 0.9603, 0.9180, 0.8433, 0.8094, 0.8129),
}
# The official result of DCASE 2016 task 4, equal error rates in %
CHIME = {
    "child speech": 19.1,
    "adult male speech": 32.6,
    "adult female speech": 31.4,
    "video game/tv": 5.6,
    "percussive sound": 21.2,
    "broadband noise": 11.7,
    "other": 24.9,
}


@pytest.fixture(scope="module")
def real(shared) -> Path:
    return shared / "real_predictions"


@pytest.mark.parametrize("table", ["ground_truth.tsv", "weak.tsv"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_tagging_systems_have_their_published_numbers(real, system, table):
    folder = real / "desed_validation"
    understood = read_source(folder / "tagging" / f"{system}.csv", read_truth(folder / table))
    assert (understood.clips, understood.without_truth, understood.without_scores) == (1168, (), ())
    p = understood.predictions
    half, tenth = (evaluate(p.truth, p.scores, p.classes, threshold) for threshold in (0.5, 0.1))
    found = (half.mAP, half.macro_roc_auc, half.lwlrap, half.averages["micro"].f1, half.averages["macro"].f1)
    assert (*found, tenth.averages["micro"].f1) == pytest.approx(SYSTEMS[system], abs=0.5e-4)


def test_equal_error_rates_of_the_challenge(real):
    folder = real / "chime_home_tagging"
    understood = read_source(folder / "estimated.txt", read_truth(folder / "reference.txt"))
    p = understood.predictions
    assert p.scores.shape == (816, 7) and understood.lowest < -14_000  # not probabilities, and left so
    rates = dict(zip(p.classes, 100 * equal_error_rate(counts(p.truth, p.scores))))
    assert rates == pytest.approx(CHIME, abs=0.05)
    assert np.mean(list(rates.values())) == pytest.approx(20.9, abs=0.05)


def test_frame_scores_give_clip_scores_and_are_kept(real, tmp_path):
    folder = real / "frame_scores"
    understood = read_source(folder / "scores", read_truth(folder / "metadata" / "ground_truth.tsv"))
    assert understood.clips == 20 and len(understood.without_scores) == 672
    assert any("extensions are left aside" in note for note in understood.notes)
    p = understood.predictions
    assert evaluate(p.truth, p.scores, p.classes, 0.5).mAP == pytest.approx(0.9148, abs=0.5e-4)
    run = write_run(tmp_path, understood, "frames")
    frames = read_frames(run.path / "predictions", "test")
    assert run.info["config"]["clips_without_scores"]["count"] == 672
    stored = run.predictions("test")
    assert frames.clip_ids == tuple(stored.clip_ids) and frames.classes == stored.classes
    for clip, scores in zip(stored.clip_ids, stored.scores):
        edges, values = frames.of(clip)
        table = pd.read_csv(folder / "scores" / f"{Path(clip).stem}.tsv", sep="\t", **EXACT_FLOATS)
        np.testing.assert_array_equal(values, table[list(frames.classes)])
        np.testing.assert_array_equal(edges, [*table["onset"], table["offset"].iloc[-1]])
        np.testing.assert_array_equal(values.max(axis=0), scores)


def test_events_at_fifty_thresholds_are_the_tagging_scores(real, tmp_path):
    folder = real / "desed_validation"
    truth = read_truth(folder / "ground_truth.tsv")
    tags = read_source(folder / "tagging" / "dcase21_student.csv", truth).predictions
    understood = read_source(folder / "events" / "dcase21_student_50_thresholds", truth)
    run = write_run(tmp_path, understood, "events")
    stored = run.predictions("test")
    assert stored.comparison_key() == tags.comparison_key()
    np.testing.assert_array_equal(stored.scores, tags.scores)
    events = pd.read_parquet(run.path / "predictions" / "test_events.parquet")
    assert list(events.columns) == ["clip_id", "threshold", "onset_s", "offset_s", "label"]
    at_half = pd.read_csv(
        folder / "events" / "dcase21_student_50_thresholds" / "predictions_th_0.49.tsv", sep="\t"
    )
    assert (events["threshold"] == 0.49).sum() == len(at_half) and run.splits() == ["test"]


def test_events_at_one_threshold_are_no_scores(real, capsys):
    folder = real / "desed_validation"
    given = ["--truth", str(folder / "weak.tsv"), "--name", "x"]
    assert main(["predictions", "import", str(folder / "events" / "dcase21_student_at_0.5.tsv"), *given]) == 2
    assert "holds events" in capsys.readouterr().err
