"""The audit page, run without a browser: the example, pasted tables, bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

PAGE = str(Path(__file__).parents[2] / "pages" / "audit.py")
TABLE = "## CNN <b>x</b> test\nP R F1\nmicro 0.80 0.70 0.79\nmacro 0.70 0.60 0.60"


@pytest.fixture
def page(tmp_path, monkeypatch) -> AppTest:
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    app = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not app.exception
    return app


def own(app: AppTest, text: str) -> AppTest:
    app.segmented_control[0].select("Your own").run()
    app.text_area[0].input(text).run()
    assert not app.exception
    return app


def test_the_report_is_shown_first(page):
    assert page.markdown[0].value.startswith("**5 of 8 tables cannot be right as printed")
    headings = [m.value for m in page.markdown if m.value.startswith("####")]
    assert headings[:2] == ["#### ANN validation: suspicious", "#### CNN validation: exchanged"]
    cnn = page.dataframe[1].value
    assert cnn["micro"].tolist() == ["0.90 ⇄", "0.84 ⇄", "0.87 ✓"]
    assert cnn["micro computed"].tolist() == ["0.839", "0.902", "0.869"]
    assert page.dataframe[-1].value["micro F1"].tolist() == ["0.315", "0.434"]


def test_a_pasted_table_is_answered(page):
    page.segmented_control[0].select("Your own").run()
    assert "Paste or upload" in page.markdown[0].value and not page.dataframe
    own(page, TABLE)
    assert "1 of 1 table cannot be right as printed" in page.markdown[0].value
    assert page.dataframe[0].value["micro"].tolist() == ["0.80", "0.70", "0.79 ×"]
    said = "\n".join(m.value for m in page.markdown)
    assert "0\\.742" in said and "<b>" not in said


def test_numbers_that_the_print_leaves_out_can_be_given(page):
    own(page, "precision recall f1 support\nDog 0.01 1.00 0.02 5")
    assert "No number" in page.markdown[0].value
    page.number_input(key="audit-clips").set_value(100).run()
    assert "1 of 1 table cannot be right" in page.markdown[0].value


def test_what_cannot_be_read_is_one_sentence(page):
    own(page, "hello\n1 2 3")
    assert "could not be read" in page.markdown[0].value
    assert "Line 2" in page.error[0].value and len(page.error) == 1
