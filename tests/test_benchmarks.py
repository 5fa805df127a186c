"""Small versions of the benchmarks, so that they cannot rot: they run, and say what they should."""

import pandas as pd
import pytest

from benchmarks import evaluation, scale
from benchmarks.made_runs import make_many
from sedcore.artifacts.index import RunIndex
from sedcore.artifacts.runs import default_info, list_runs
from sedcore.artifacts.seeds import seed_groups


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
    assert found["what"].str.startswith("Curves").sum() == 2


def test_evaluation_equals_the_loop(capsys):
    evaluation.main(["--clips=300", "--classes=7", "--looped=2"])
    said = capsys.readouterr().out
    assert list(table(said)["side"]) == ["sedcore", "scikit-learn loop"]
    apart = float(said.rpartition("at most ")[2].rstrip(".\n"))
    assert apart < 1e-12
    with pytest.raises(SystemExit):
        evaluation.main(["--clips=few"])
