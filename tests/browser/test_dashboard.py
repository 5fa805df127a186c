"""The dashboard in a real browser: every page, a threshold that moves, links that hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from sedcore.artifacts.runs import create_run, list_runs
from sedcore.data.store import list_datasets
from sedcore.evaluation.evaluate import evaluate
from tests.support.serving import PHONE, SMALL_CLIPS, SMALL_DEMO, WIDE

pytestmark = pytest.mark.browser


def menu_of(entry: Path) -> dict[str, str]:
    """Return the title of each page by its address, as the entry has them; importing it would run it."""
    tables = [
        ast.literal_eval(node.value)
        for node in ast.parse(entry.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["PAGES"]
    ]
    pages = {name: title for entries in tables[0].values() for name, title, _ in entries}
    return {"" if name == "overview" else name: title for name, title in pages.items()}


PAGES = menu_of(Path(__file__).parents[2] / "dashboard.py")


def scored(root) -> list:
    """Return the trained runs of the demo data set that have scores of test, newest first."""
    runs = [run for run in list_runs(root) if run.info["kind"] == "trained" and "test" in run.splits()]
    return [run for run in runs if run.info["dataset"] == runs[-1].info["dataset"]]


def macro_f1(run, threshold: float) -> float:
    found = run.predictions("test")
    return evaluate(found.truth, found.scores, found.classes, threshold).averages["macro"].f1


def shown_f1(visitor) -> dict[str, float]:
    """Return macro F1 by run id, as the page Metrics shows it."""
    rows = visitor.table("Macro F1", "Macro P")
    return {row[""]: float(row["Macro F1"]) for row in rows if row[""]}  # not the trivial baselines


# First of all tests: a link into a page of a server that nobody has visited yet.
def test_the_first_visit_may_be_a_deep_link(visitors, root):
    visitor = visitors()
    visitor.open(f"data_sets?data={SMALL_DEMO}")
    expect(visitor.page.get_by_text(f"{SMALL_DEMO} has {SMALL_CLIPS} clips")).to_be_visible()
    expect(visitor.page.get_by_role("link", name="Overview")).to_be_visible()
    visitor.check()


def check_page(visitor, title: str, width: int) -> None:
    """The page stands: its title, its first words, no wider than the screen, nothing went wrong."""
    assert visitor.title() == title
    expect(visitor.page.locator("[data-testid=stMain] [data-testid=stMarkdown] p").first).not_to_be_empty()
    wide = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, f"{title} is {wide} px wide on a screen of {width}"
    visitor.check()


def test_every_page_opens_on_a_phone_by_its_address(visitors):
    visitor = visitors(PHONE)
    for path, title in PAGES.items():
        visitor.open(path)
        check_page(visitor, title, PHONE[0])


def test_the_menu_leads_through_all_pages(visitors):
    visitor = visitors(WIDE)
    visitor.open("")
    for title in PAGES.values():
        visitor.page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True).click()
        expect(visitor.page.locator("h1").first).to_have_text(title)
        visitor.settle()
        check_page(visitor, title, WIDE[0])


def test_every_data_set_and_kind_of_run_has_its_page(visitors, root):
    visitor = visitors()
    for dataset in list_datasets(root):
        page = visitor.open(f"data_sets?data={dataset.name}")
        expect(page.get_by_text(f"{dataset.name} has")).to_be_visible()
        visitor.check()
    every_kind = {(run.info["kind"], run.status().state, tuple(run.splits())): run for run in list_runs(root)}
    for run in every_kind.values():
        visitor.open(f"run?run={run.run_id}")
        visitor.check()


def test_a_run_is_deleted_from_its_page_after_it_has_asked(visitors, root):
    run = create_run(root, {"kind": "imported", "run_id": "unwanted", "name": "unwanted"}, state="finished")
    visitor = visitors()
    page = visitor.open("run?run=unwanted")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert run.path.exists()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("h1").first).to_have_text("Overview")
    assert not run.path.exists()
    visitor.check()


def test_moving_a_threshold_changes_the_table(visitors, root):
    runs = {run.run_id: run for run in scored(root)}
    visitor = visitors()
    page = visitor.open(f"metrics?split=test&runs={','.join(list(runs)[:2])}")
    expected = {run_id: pytest.approx(macro_f1(runs[run_id], 0.5)) for run_id in list(runs)[:2]}
    visitor.until(lambda: shown_f1(visitor) == expected, "the table shows macro F1 at 0.5")
    before = shown_f1(visitor)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Thresholds", exact=True).click()
    page.get_by_role("slider", name="Threshold for all classes").press("PageDown")
    page.wait_for_url(re.compile(r"[?&]t=0\.4(&|$)"))
    visitor.settle()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Metrics", exact=True).click()
    expected = {run_id: pytest.approx(macro_f1(runs[run_id], 0.4)) for run_id in before}
    visitor.until(lambda: shown_f1(visitor) == expected, "the table shows macro F1 at 0.4")
    assert shown_f1(visitor) != before
    visitor.check()


def test_a_reload_keeps_runs_and_threshold(visitors, root):
    chosen = [run.run_id for run in scored(root)[:2]]
    visitor = visitors()
    page = visitor.open(f"metrics?split=test&runs={','.join(chosen)}&t=0.2")
    visitor.until(lambda: set(shown_f1(visitor)) == set(chosen), "the table of the chosen runs")
    before = shown_f1(visitor)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Data sets", exact=True).click()
    expect(page.locator("h1").first).to_have_text("Data sets")
    visitor.settle()
    page.reload()
    visitor.settle()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Metrics", exact=True).click()
    expect(page.locator("h1").first).to_have_text("Metrics")
    visitor.until(lambda: shown_f1(visitor) == before, "the same runs at the same threshold")
    page.reload()
    visitor.settle()
    visitor.until(lambda: shown_f1(visitor) == before, "the same after a reload of the page itself")
    visitor.check()


def test_a_link_works_for_somebody_else(visitors, root):
    one = visitors()
    run = scored(root)[0]
    one.open(f"metrics?split=test&runs={run.run_id}&t=0.15")
    address = one.page.url
    other = visitors()
    other.page.goto(address)
    other.settle()

    def shown() -> list[float]:
        rows = other.table("Macro P", "Macro R", "Macro F1")
        return [float(row["Macro F1"]) for row in rows if row[""] == run.run_id]

    other.until(lambda: shown() == [pytest.approx(macro_f1(run, 0.15))], "macro F1 of the run at 0.15")
    other.check()
