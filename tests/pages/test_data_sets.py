"""The page of data sets, run without a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from sedcore.data.checks import Problem
from tests.support.small_sets import small_set

PAGE = str(Path(__file__).parents[2] / "pages" / "data_sets.py")


def run_page(root: Path, monkeypatch: pytest.MonkeyPatch, **params: str) -> AppTest:
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(root))
    page = AppTest.from_file(PAGE, default_timeout=60)
    for key, value in params.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def text_of(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.warning, page.error, page.code)
    return "\n".join(element.value for kind in kinds for element in kind)


def figures(page: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    small_set(folder, "birds", clips=60, problems=(Problem("warning", "a.wav", "was cut; mend the table"),))
    small_set(folder, "weak", clips=20, strong=False)
    return folder


def test_first_line_is_the_answer(root, monkeypatch):
    page = run_page(root, monkeypatch, data="birds")
    answer = page.markdown[0].value
    assert "**birds** has 60 clips in 3 splits and 5 classes" in answer
    assert "Speech is in" in answer and "The import found 1 problem." in answer
    assert [box.value for box in page.selectbox][0] == "birds"


def test_tables_hold_counts_and_shares(root, monkeypatch):
    page = run_page(root, monkeypatch, data="birds")
    sizes, problems, balance = (page.dataframe[i].value for i in range(3))
    assert sizes["Clips"].tolist() == [36, 12, 12]
    assert problems["Where"].tolist() == ["a.wav"]
    speech = balance.set_index("Class").loc["Speech"]
    assert speech["train %"] == pytest.approx(speech["train"] / 36)


def test_pictures_of_clips_with_their_events(root, monkeypatch):
    page = run_page(root, monkeypatch, data="birds")
    with_picture = [f for f in figures(page) if f["layout"].get("images")]
    assert len(with_picture) == 4
    page.selectbox(key="data-clips-class").select("Frying").run()
    assert not page.exception
    for figure in (f for f in figures(page) if f["layout"].get("images")):
        assert "Frying" in figure["layout"]["yaxis"]["categoryarray"]


def test_weak_labels_say_so(root, monkeypatch):
    page = run_page(root, monkeypatch, data="weak")
    assert "The labels are weak" in text_of(page)
    assert "Events" not in page.dataframe[0].value


def test_an_unknown_name_in_the_link_is_said(root, monkeypatch):
    page = run_page(root, monkeypatch, data="<b>none</b>")
    assert "There is no data set" in text_of(page)
    assert "<b>" not in text_of(page)
    assert page.selectbox[0].value in ("birds", "weak")


def test_choosing_another_set_changes_the_link(root, monkeypatch):
    page = run_page(root, monkeypatch, data="birds")
    page.selectbox[0].select("weak").run()
    assert page.query_params["data"] in ("weak", ["weak"])
    assert "**weak** has 20 clips" in page.markdown[0].value


def test_works_with_the_committed_files_alone(root, tmp_path, monkeypatch):
    source = root / "datasets" / "birds"
    target = tmp_path / "datasets" / "demo"
    target.mkdir(parents=True)
    for name in ("dataset.json", "clips.parquet", "events.parquet"):
        shutil.copy(source / name, target / name)
    page = run_page(tmp_path, monkeypatch)
    assert "**demo** has 60 clips" in page.markdown[0].value
    assert "Features are not built" in text_of(page)
    assert not page.button  # nothing on the page writes


def test_the_demo_set_can_be_built_where_writing_is_on(root, tmp_path, monkeypatch):
    target = tmp_path / "datasets" / "demo"
    shutil.copytree(root / "datasets" / "birds", target)
    shutil.rmtree(target / "features")
    info = json.loads((target / "dataset.json").read_text()) | {"source": {"kind": "demo", "seed": 0}}
    (target / "dataset.json").write_text(json.dumps(info))
    monkeypatch.setenv("SEDBOARD_TRAINING", "on")
    page = run_page(tmp_path, monkeypatch)
    assert "python -m sedcore demo-data" in text_of(page)
    assert [button.key for button in page.button] == ["build-demo"]


def test_no_data_sets_says_what_to_do(tmp_path, monkeypatch):
    page = run_page(tmp_path, monkeypatch)
    assert "No data set yet" in text_of(page)
    assert "python -m sedcore demo-data" in page.code[0].value


def test_a_damaged_set_is_named_and_the_others_work(root, tmp_path, monkeypatch):
    shutil.copytree(root / "datasets" / "weak", tmp_path / "datasets" / "weak")
    (tmp_path / "datasets" / "torn").mkdir()
    (tmp_path / "datasets" / "torn" / "dataset.json").write_text("{")
    page = run_page(tmp_path, monkeypatch)
    assert "torn" in text_of(page)
    assert "**weak** has 20 clips" in text_of(page)


def test_damaged_clips_are_an_error_in_words(root, tmp_path, monkeypatch):
    shutil.copytree(root / "datasets" / "weak", tmp_path / "datasets" / "weak")
    (tmp_path / "datasets" / "weak" / "clips.parquet").write_bytes(b"no")
    page = run_page(tmp_path, monkeypatch)
    assert "could not be read as parquet" in page.error[0].value
