"""What an address asks for and cannot be had is said on every page, for every parameter; nothing in it does harm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pages.widgets.runs.address import quoted
from tests.support.opened import ENTRY, texts

PAGES = sorted(page.stem for page in (Path(ENTRY).parent / "pages").glob("[!_]*.py"))
LEADER = "20250301-150000-crnn-time-a005"
# parameters of all pages: a value that cannot be had, and what is said of it
OF_ALL = {
    "runs": (f"{LEADER},nobody,../x", ["nobody", "run id that cannot be one: '../x'"]),
    "baseline": ("gone", ["gone, which are not in this artifact root"]),
    "split": ("nights", ["No chosen run has a split named nights"]),
    "t": ("nan", ["t='nan', which is not a threshold"]),
    "tc": ("Cat:abc,Dog", ["tc='Cat:abc', 'Dog'; wanted is Class:0.3"]),
    "common": ("x", ["common='x'; wanted is 1 or 0"]),
    "threshold": ("nan", ["threshold=nan"]),
    "tab": ("<b>#", ["tab=<b>#, which this page does not know"]),
}
# parameters of one page: values that are known, by the parameter
OWN = {
    "curves": {"measures": "Loss", "axis": "Minutes", "layout": "A panel a run"},
    "metrics": {"average": "Macro", "measure": "Recall"},
    "confusion": {"view": "Hits and errors", "by": "A panel a class", "numbers": "Rates"},
    "thresholds": {"class": "Weighted average"},
    "verdicts": {"judge": "Macro F1"},
    "new_run": {"model": "cnn"},
}
ON_DISK = [
    ("run", "run", "The link names the run zzz"),
    ("data_sets", "data", "There is no data set zzz"),
    ("new_run", "data", "There is no data set zzz"),
    ("new_run", "like", "there is no training 'zzz'"),
    ("new_run", "edit", "there is no training 'zzz'"),
    ("sweeps", "data", "There is no data set zzz"),
    ("sweeps", "sweep", "There is no sweep zzz"),
]


def plain(app) -> str:
    """Return what a page says, without the marks that keep people's text from formatting it."""
    return texts(app).replace("\\", "").replace("\u2060", "")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_what_of_its_address_cannot_be_had(visit, full_root, page):
    app = visit(full_root, page, training=True, **{name: value for name, (value, _) in OF_ALL.items()})
    assert not app.exception
    said = plain(app)
    missing = [words for _, sentences in OF_ALL.values() for words in sentences if words not in said]
    assert not missing
    assert texts(app).count("which this page does not know") == 1
    again = plain(app.run())
    assert "which this page does not know" in again and "t='nan'" in again, "it stays said"


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_said_of_an_address_that_can_be_had(visit, full_root, page):
    known = {
        "runs": LEADER,
        "baseline": LEADER,
        "split": "validation",
        "t": "0.3",
        "tc": "Dog:0.2",
        "common": "1",
    }
    own = {"run": LEADER} if page == "run" else {}
    app = visit(full_root, page, training=True, embed="true", embed_options="dark_theme", **known, **own)
    assert not app.exception and ":material/link_off:" not in texts(app)


@pytest.mark.parametrize(("page", "name"), [(page, name) for page, names in OWN.items() for name in names])
def test_a_page_says_which_values_it_knows(visit, full_root, page, name):
    right, wrong = OWN[page][name], "zz<b>z"
    asked = {} if page == "new_run" else {"runs": LEADER}
    app = visit(full_root, page, training=True, **asked, **{name: wrong})
    assert not app.exception
    assert f"The link has {name}=zz<b>z, which this page cannot read;" in plain(app) or page == "new_run"
    said = plain(app.run())
    assert f"{name}=zz<b>z" in said and right in said, "the widget's own values are those that are named"
    assert "link_off" not in texts(visit(full_root, page, training=True, **asked, **{name: right}))


def test_a_value_is_no_longer_said_when_its_control_is_turned(visit, full_root):
    app = visit(full_root, "curves", runs=LEADER, axis="zzz")
    assert "axis=zzz" in texts(app)
    app.get_by_key("measures").set_value(["loss"]).run()
    assert "axis=zzz" in texts(app)
    app.get_by_key("axis").set_value("minutes").run()
    assert "axis=zzz" not in texts(app)


@pytest.mark.parametrize(("page", "name", "words"), ON_DISK)
def test_what_is_not_on_disk_is_said(visit, full_root, page, name, words):
    app = visit(full_root, page, training=True, **{name: "zzz"})
    assert not app.exception and words in plain(app)
    assert "does not know" not in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_hostile_address_is_cut_and_escaped(visit, full_root, page):
    long, markup = "w" * 10_000, "<img src=x onerror=1>\x00\x1b[31m\u202e\n\n# H :red[x] $a$ ![](http://x)"
    names = [*OF_ALL, *OWN.get(page, ()), *(name for where, name, _ in ON_DISK if where == page)]
    for value in (long, markup):
        app = visit(
            full_root, page, training=True, **{long: value, markup: "1"}, **dict.fromkeys(names, value)
        )
        assert not app.exception
        said = texts(app)
        assert "w" * 100 not in said and not re.search(r"(?<!\\)(<img|:red|\$a|!\[)", said)
        assert not any(mark in said for mark in "\x00\x1b\u202e") and "\n# H" not in said


def test_quoted_text_is_one_cut_line_that_formats_nothing():
    assert quoted("a" * 41) == "a" * 40 + "…"
    assert quoted("a\nb\x00<b>") == "a�b�\\<b\\>"
