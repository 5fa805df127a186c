"""Small versions of the benchmarks, so that they cannot rot: they run, and say what they should."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks import evaluation, features, quality, quality_table, scale, training
from benchmarks.made_runs import make_many
from sedcore.artifacts import recording, runs
from sedcore.artifacts.index import RunIndex
from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import default_info, list_runs
from sedcore.artifacts.seeds import seed_groups
from sedcore.artifacts.status import set_status
from tests.support.small_sets import small_set


def table(text: str) -> pd.DataFrame:
    """Return the Markdown table in a text."""
    rows = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    return pd.DataFrame([row + [""] * (len(cells[0]) - len(row)) for row in cells[2:]], columns=cells[0])


def test_made_roots_are_as_trainings_leave_them(tmp_path):
    ids = make_many(tmp_path, runs=62, clips=40, epochs=3)
    runs = list_runs(tmp_path)
    assert sorted(ids) == sorted(run.run_id for run in runs) and set(runs[0].info) - {"schema"} == set(
        default_info()
    )
    assert all(run.status().state == "finished" for run in runs)
    assert len(runs[0].history()) == 3 and runs[0].class_history("tp").shape == (3, 10)
    index = RunIndex(tmp_path, keep=False)
    index.refresh()
    index.count(runs, "test")
    assert len({index.counted(run, "test").key for run in runs}) == 1
    assert len({index.counted(run, "test").summary.mAP for run in runs}) == 62
    assert max(map(len, seed_groups(runs))) == 3


def test_scale(tmp_path, capsys):
    scale.main(["--runs=70", "--chosen=3", "--epochs=5", "--no-browser", f"--artifacts={tmp_path}"])
    found = table(capsys.readouterr().out)
    assert (found["seconds"].str.strip("*").astype(float) >= 0).all()
    assert [what for what in found["what"] if "Overview" in what and "warm" in what] and "70 runs" in set(
        found["size"]
    )
    assert found["what"].str.startswith("Curves").sum() == 3


def test_curves_next_to_tensorboard():
    command = [sys.executable, "-m", "benchmarks.tensorboard_curves", "--runs=3", "--epochs=4", "--repeats=1"]
    # in a process of its own: this one may have a browser already
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "3 runs, 156 scalars" in said  # 13 numbers an epoch
    found = table(said)
    assert (
        list(found["side"]) == ["Curves", "TensorBoard"]
        and (found["all runs in a chart"].astype(float) > 0).all()
    )


def test_evaluation_equals_the_loop(capsys):
    evaluation.main(["--clips=300", "--classes=7", "--looped=2"])
    said = capsys.readouterr().out
    assert list(table(said)["side"]) == ["sedcore", "scikit-learn loop"]
    apart = float(said.rpartition("at most ")[2].rstrip(".\n"))
    assert apart < 1e-12
    with pytest.raises(SystemExit):
        evaluation.main(["--clips=few"])


def test_training_of_both_sides(capsys, tmp_path):
    training.make_data(tmp_path, clips=64, frames=80)
    for side in training.SIDES:
        speed = training.measure(side, "crnn", tmp_path, 64, 80)
        assert set(speed) == {"training", "prediction"} and min(map(min, speed.values())) > 0
    assert training.peak_gflops(size=64) > 0
    # five dense layers, each weight multiplied and added once
    assert training.gflop("ann", 20) == pytest.approx(
        2e-9 * (64 * 20 * 512 + 512 * 256 + 256 * 128 + 128 * 32 + 320)
    )
    # four convolutions of 3 x 3 at full, half, quarter and eighth resolution, two dense layers
    values = [64 * 80 * 32, 32 * 40 * 32 * 128, 16 * 20 * 128 * 128, 8 * 10 * 128 * 256]
    assert training.gflop("cnn", 80) == pytest.approx(2e-9 * (9 * sum(values) + 256 * 128 + 1280))


def test_features_of_both_sides(tmp_path):
    features.write_mel_files(tmp_path / "source", 4)
    assert features.mfcc_loop(tmp_path, 3) > 0 and len(list((tmp_path / "mfcc").iterdir())) == 3
    assert features.mfcc_import(tmp_path, 4) > 0 and features.mfcc_added(tmp_path, 4) > 0
    (tmp_path / "audio").mkdir()
    features.write_audio(tmp_path / "audio" / "source", 12)
    assert (
        features.logmel_loop(tmp_path / "audio", 12) > 0
        and features.logmel_import(tmp_path / "audio", 12) > 0
    )
    assert features.logmel_difference(tmp_path / "audio", 12) < 1e-4


def test_quality_goes_on_where_it_was(tmp_path, capsys):
    data = small_set(tmp_path, "birds", clips=30, hop_s=0.5)
    quality.plain(tmp_path, data, "ann", epochs=2)
    run = quality_table.run_of(tmp_path, "ann")
    assert run.status().state == "finished" and list(run.history()["epoch"]) == [1, 2]
    assert not (run.path / "backup").exists()
    quality.main([f"--artifacts={tmp_path}", "--data=birds", "--epochs=1", "--parts=ann,compact-0"])
    said = capsys.readouterr().out
    rows = table(said).set_index("run")
    assert list(rows.index) == ["ann", "compact-0"] and rows.loc["ann", "best epoch of"].endswith("of 2")
    assert float(rows.loc["compact-0", "test"]) == pytest.approx(
        quality_table.macro_ap(quality_table.run_of(tmp_path, "compact-0")), abs=5e-4
    )
    assert "compact, 1 seeds: test macro AP" in said


def test_an_epoch_that_was_killed_while_it_was_looked_at_is_trained_again(tmp_path, monkeypatch):
    data, look = small_set(tmp_path, "birds", clips=30, hop_s=0.5), quality.evaluate
    looks = []

    def killed_at_the_second(*args):
        looks.append(args)
        if len(looks) == 2:
            raise KeyboardInterrupt
        return look(*args)

    monkeypatch.setattr(quality, "evaluate", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        quality.plain(tmp_path, data, "ann", epochs=3)
    run = quality_table.run_of(tmp_path, "ann")
    assert list(run.history()["epoch"]) == [1]
    quality.plain(tmp_path, data, "ann", epochs=3)
    assert list(run.history()["epoch"]) == [1, 2, 3] and run.status().state == "finished"
    assert not list(run.path.glob("*.h5"))


def test_when_compact_passes_the_best_of_the_four(tmp_path):
    def trained(part, seconds, values):
        run = quality_table.run_of(tmp_path, part)
        runs.create_run(
            tmp_path, {"kind": "trained", "run_id": run.run_id, "name": part, "model": part, "best_epoch": 2}
        )
        for epoch, value in enumerate(values, 1):
            recording.append_history(run, {"epoch": epoch, "seconds": seconds, "validation": {"mAP": value}})
        truth = np.eye(4, 2, dtype=bool)
        for split in ("validation", "test"):
            scores = np.eye(4, 2) * value
            runs.save_predictions(
                run, Predictions(split, np.array(list("abcd")), ("cat", "dog"), truth, scores)
            )
        set_status(run.path, "finished")
        return run

    trained("crnn", 60.0, [0.5, 0.7, 0.6])
    compact = [
        trained("compact-0", 6.0, [0.4, 0.6, 0.7]),
        trained("compact-1", 6.0, [0.7, 0.8]),
        trained("compact-2", 6.0, [0.1]),
    ]
    said = quality_table.overtaking(tmp_path, compact)
    # two epochs of a minute; three and one of 6 s, in the middle 12 s
    assert "0.700 after 2.0 minutes" in said and "after 0.2 (0.10 of it; epochs 3, 1; 2 of 3 seeds)" in said
    assert "no seed" in quality_table.overtaking(tmp_path, compact[2:])
    without = {"compact without mixup": trained("compact without mixup", 6.0, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5])}
    rows = table("\n".join(quality_table.ablation_table({"compact-0": compact[0]}, without))).set_index(
        "recipe"
    )
    assert rows["mean of the last 5"].to_dict() == {"compact-0": "0.567", "compact without mixup": "0.300"}
    assert set(rows["test, best epoch"]) == {"1.000"}
