"""The page that imports scores, run without a browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from sedcore.artifacts.runs import list_runs
from tests.support.small_sets import small_set

PAGE = str(Path(__file__).parents[2] / "pages" / "import_scores.py")
WEAK = b"filename\tevent_labels\na.wav\tDog\nb.wav\tCat,Dog\nc.wav\t\n"
COLUMNS = b"filename,Cat,Dog\na.wav,0.25,0.5\nb.wav,0.75,0.1\nc.wav,0,1e-3\n"


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("SEDBOARD_TRAINING", "on")
    return AppTest.from_file(PAGE, default_timeout=60).run()


def upload(
    page: AppTest, scores: bytes | None = None, truth: bytes | None = None, name: str = "theirs.csv"
) -> AppTest:
    if scores is not None:
        page.file_uploader[0].set_value([(name, scores, "text/csv")])
    if truth is not None:
        page.file_uploader[1].set_value(("weak.tsv", truth, "text/plain"))
    page.run()
    assert not page.exception
    return page


def text_of(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.warning, page.error)
    return "\n".join(element.value for kind in kinds for element in kind)


def test_scores_are_shown_before_they_are_written(page, tmp_path):
    assert "Nothing is written before you see it" in text_of(page)
    upload(page, COLUMNS)
    assert "now it needs the truth" in text_of(page)
    upload(page, truth=WEAK)
    assert "can be imported: 3 clips, 2 classes, macro AP" in text_of(page) and list_runs(tmp_path) == []
    [name] = [box for box in page.text_input if box.label == "Name of the run"]
    assert name.value == "theirs"
    name.set_value("Their *model*")
    page.button(key="import-write").click().run()
    assert not page.exception
    [run] = list_runs(tmp_path)
    assert (run.name, run.info["kind"]) == ("Their *model*", "imported")
    assert "Their \\*model\\*** is imported" in text_of(page)
    assert run.predictions("test").scores[1].tolist() == [0.75, 0.1]
    upload(page, COLUMNS, name="another.csv")  # the truth is still there
    assert "**another\\.csv** can be imported" in text_of(page)


def test_a_data_set_is_the_truth(page, tmp_path):
    dataset = small_set(tmp_path, "birds", clips=20)
    ids = dataset.clips_of("validation")["clip_id"]
    rows = ["filename," + ",".join(dataset.classes)]
    rows += [
        f"{clip}," + ",".join(map(str, row))
        for clip, row in zip(ids, np.random.default_rng(0).random((len(ids), 5)))
    ]
    page.run()
    page.segmented_control[0].set_value("A data set").run()
    page.selectbox(key="import-data-split").set_value("validation")
    upload(page, "\n".join(rows[:-1]).encode())
    assert "1 left out" in "".join(str(table.value) for table in page.table)
    page.button(key="import-write").click().run()
    [run] = list_runs(tmp_path)
    assert run.info["dataset"] == "birds" and run.splits() == ["validation"]


def test_classes_without_a_counterpart_are_asked_about(page, tmp_path):
    upload(page, COLUMNS.replace(b"Dog", b"Bark"), WEAK)
    assert "2 classes have no sure counterpart" in text_of(page)
    assert not [button for button in page.button if button.key == "import-write"]
    [box] = [box for box in page.selectbox if "Bark" in box.label]
    box.set_value(box.options.index("Dog")).run()
    page.button(key="import-write").click().run()
    assert list_runs(tmp_path)[0].info["config"]["classes_renamed"] == {"Bark": "Dog"}


def test_truth_in_the_file_itself(page, tmp_path):
    upload(page, b"clip_id,y_Dog,p_Dog\na,1,.7\nb,0,.2\n")
    assert "can be imported: 2 clips, 1 class" in text_of(page)
    page.button(key="import-write").click().run()
    assert len(list_runs(tmp_path)) == 1


def test_a_folder_is_uploaded_as_its_files(page):
    head = b"event_label\tonset\toffset\tfilename\n"
    files = [
        (f"predictions_th_0.{n}.tsv", head + b"Dog\t0\t1\ta.wav\nCat\t0\t1\tb.wav\n", "x") for n in (3, 5)
    ]
    page.file_uploader[0].set_value(files)
    upload(page, truth=WEAK)
    assert "**2 files** can be imported: 3 clips, 2 classes" in text_of(page)


@pytest.mark.parametrize(
    "content, name, words",
    [
        (b"", "x.csv", "is empty"),
        (COLUMNS.replace(b"0.75", b"NaN"), "x.csv", "class Cat has no score"),
        (b"\x80\x04", "x.pkl", "is not read"),
        (COLUMNS, "..", "cannot be taken"),
    ],
)
def test_what_is_wrong_is_said_in_words(page, tmp_path, content, name, words):
    upload(page, content, WEAK, name)
    assert words in text_of(page).replace("\\", "") and list_runs(tmp_path) == []


def test_without_the_switch_there_is_no_import(tmp_path, monkeypatch):
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    monkeypatch.delenv("SEDBOARD_TRAINING", raising=False)
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    assert "switched off" in page.markdown[0].value and not page.file_uploader
