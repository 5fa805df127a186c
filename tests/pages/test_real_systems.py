"""Three published systems on one page: which differences are proven, and what a fixed threshold costs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sedcore.cli import main
from tests.support.opened import open_page

SYSTEMS = ("fdy_student", "dcase21_teacher", "dcase21_student")


@pytest.fixture(scope="module")
def root(shared, tmp_path_factory) -> Path:
    folder, data = tmp_path_factory.mktemp("real"), shared / "real_predictions" / "desed_validation"
    for system in SYSTEMS:
        scores, truth = data / "tagging" / f"{system}.csv", data / "weak.tsv"
        words = ["predictions", "import", scores, "--truth", truth, "--name", system, "--run-id", system]
        assert main(["--artifacts", str(folder), *map(str, words)]) == 0
    return folder


def test_differences_of_published_systems_are_proven_and_a_fixed_threshold_costs_each(root, monkeypatch):
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(root))
    monkeypatch.delenv("SEDBOARD_TRAINING", raising=False)
    app = open_page("verdicts", runs=",".join(SYSTEMS))
    assert not app.exception
    words = "\n".join(element.value for element in app.markdown)
    assert "leads" in words and "of all 3 pairs 3 differ beyond doubt" in words
    # EXPECTED.md: .7424 - .8074, .7478 - .8159, .8129 - .8433
    assert "A fixed 0.1 costs each run micro F1 against a fixed 0.5: −0.068 to −0.030." in words
