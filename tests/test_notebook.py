"""docs/compare.ipynb runs from a clean kernel, and lies in the repository without outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]
NOTEBOOK = REPO / "docs" / "compare.ipynb"


def test_the_notebook_says_which_model_is_better(tmp_path, monkeypatch):
    nbformat, nbclient = (pytest.importorskip(name) for name in ("nbformat", "nbclient"))
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert len(notebook.cells) < 15
    for cell in notebook.cells:
        assert not cell.get("outputs") and not cell.get("execution_count")  # made by whoever opens it
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    data = [output["data"] for output in shown if "data" in output]
    text = "\n".join(one.get("text/plain", "") for one in data)
    assert "large is better than small" in text and "'macro_ap': 'better'" in text
    assert "Evaluation(600 clips, 5 classes" in text
    assert any("application/vnd.plotly.v1+json" in one for one in data), [list(one) for one in data]
    assert not [
        output for output in shown if output["output_type"] == "error" or output.get("name") == "stderr"
    ]
    assert list(tmp_path.iterdir()) == []
