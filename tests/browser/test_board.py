"""The threshold board in a real browser: what it shows is what `evaluation` says, to the last digit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from playwright.sync_api import expect

from pages.widgets.base.format import score
from sedcore.artifacts.runs import Run, list_runs
from sedcore.evaluation.evaluate import Evaluation, evaluate
from sedcore.evaluation.measures import OF_DECISIONS
from tests.support.serving import PHONE

pytestmark = pytest.mark.browser
TALL = (1440, 1700)  # all of the board is in sight: what is not is written on release
SHOWN = {m.short: m for m in OF_DECISIONS}

# While a finger holds a slider, the numbers of a panel are drawn on its sheet: each cell's `shown`.
READ = """board => ({
  drawn: board.querySelectorAll('.drawn > canvas.sheet').length,
  threshold: board.querySelector('.common .number').value,
  lines: Object.fromEntries([...board.querySelectorAll('.ranking .numbers [data-run]')].map(line => [line.dataset.run,
    Object.fromEntries([...line.querySelectorAll('[data-cell]')].map(cell => [cell.dataset.cell,
      {value: String(cell.value), text: cell.closest('.drawn') ? cell.shown : cell.textContent,
       later: cell.later}]))])),
  ranks: Object.fromEntries([...board.querySelectorAll('.ranking .lefts [data-run]')].map(line =>
    [line.dataset.run, Number(line.querySelector('.rank').textContent)])),
  classes: Object.fromEntries([...board.querySelectorAll('.classes .lefts [data-class]')].map((row, k) => [
    row.dataset.class,
    {threshold: row.querySelector('.number').value, held: row.classList.contains('held'),
     cells: [...board.querySelectorAll('.classes .numbers [data-class]')[k].querySelectorAll('.cell')].map(
       cell => 'value' in cell ? String(cell.value) : cell.innerText.split(/\\s+/))}])),
})"""


def runs_on(root) -> list[Run]:
    runs = [run for run in list_runs(root) if run.info["kind"] == "trained" and "test" in run.splits()]
    return [run for run in runs if run.info["dataset"] == runs[-1].info["dataset"]][:6]


def open_board(visitor, runs: list[Run], more: str = ""):
    visitor.open(f"thresholds?runs={','.join(run.run_id for run in runs)}{more}")
    board = visitor.page.locator(".board:not(.waiting)")
    expect(board.locator(".ranking .numbers [data-run]")).to_have_count(len(runs))
    return board


def evaluated(runs: list[Run], thresholds: dict[str, float]) -> dict[str, Evaluation]:
    found = {}
    for run in runs:
        p = run.predictions("test")
        found[run.run_id] = evaluate(p.truth, p.scores, p.classes, [thresholds[c] for c in p.classes])
    return found


def same(shown: str, value: float) -> bool:
    return (np.isnan(value) and shown == "NaN") or float(shown) == float(value)


def differences(shown: dict, runs: list[Run], thresholds: dict[str, float], samples: bool) -> list[str]:
    """Return the cells that differ from `evaluate` in any digit."""
    found, wrong = evaluated(runs, thresholds), []
    for run_id, e in found.items():
        cells = shown["lines"][run_id]
        for average in ("macro", "micro", "weighted") + (("samples",) if samples else ()):
            for part, m in SHOWN.items():
                if average not in m.averages:
                    assert f"{average} {part}" not in cells
                    continue
                cell, value = cells[f"{average} {part}"], e.averages[average][m.name]
                exact = average != "samples"  # a mean over clips: its digits depend on the order of adding
                right = same(cell["value"], value) if exact else abs(float(cell["value"]) - value) < 1e-12
                if not right or cell["text"] != score(value) or cell["later"]:
                    wrong.append(f"{run_id} {average} {part}: {cell} instead of {value!r}")
    for name, row in shown["classes"].items():
        for cell, run in zip(row["cells"], runs):
            e = found[run.run_id]
            value = e.f1[e.classes.index(name)]
            if not same(cell, value):
                wrong.append(f"{run.run_id} {name}: {cell} instead of {value!r}")
    f1 = {run_id: round(e.averages["macro"].f1, 3) for run_id, e in found.items()}
    for run_id, rank in shown["ranks"].items():
        if rank != 1 + sum(other > f1[run_id] for other in f1.values()):
            wrong.append(f"{run_id} has rank {rank}: {f1}")
    return wrong


def middle(slider, share: float) -> tuple[float, float]:
    box = slider.bounding_box()
    return box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2


def settled(visitor, parameter: str) -> None:
    visitor.until(lambda: parameter in visitor.page.url, f"{parameter} in the address")
    visitor.settle()


def test_dragging_over_every_class_shows_what_evaluation_says(visitors, root):
    visitor, runs = visitors(TALL), runs_on(root)
    board = open_board(visitor, runs)
    classes = runs[0].info["classes"]
    thresholds = dict.fromkeys(classes, 0.5)
    assert differences(board.evaluate(READ), runs, thresholds, samples=True) == []
    generator = np.random.default_rng(0)
    for name in classes:
        row = board.locator(f'.lefts [data-class="{name}"]')
        slider = row.locator("input[type=range]")
        slider.scroll_into_view_if_needed()
        visitor.page.mouse.move(*middle(slider, 0.5))
        visitor.page.mouse.down()
        for share in generator.random(3):
            visitor.page.mouse.move(*middle(slider, share), steps=4)
            visitor.page.wait_for_function(
                "() => new Promise(done => requestAnimationFrame(() => done(true)))"
            )
            shown = board.evaluate(READ)  # under the finger, before the page knows
            assert shown["drawn"] == 2
            thresholds[name] = float(shown["classes"][name]["threshold"])
            assert differences(shown, runs, thresholds, samples=False) == []
        visitor.page.mouse.up()
        assert board.evaluate(READ)["drawn"] == 0
        settled(visitor, name)
    visitor.until(
        lambda: differences(board.evaluate(READ), runs, thresholds, samples=True) == [],
        "the page's own numbers, samples too",
    )
    visitor.check()


def test_the_common_slider_moves_all_that_are_not_locked(visitors, root):
    visitor, runs = visitors(TALL), runs_on(root)
    board = open_board(visitor, runs)
    classes = runs[0].info["classes"]
    thresholds = dict.fromkeys(classes, 0.5)
    board.get_by_role("button", name=f"Lock {classes[0].replace('_', ' ')}").click()
    settled(visitor, classes[0])
    slider = board.get_by_role("slider", name="Threshold for all classes")
    slider.focus()
    for key, value in (
        ("ArrowLeft", 0.49),
        ("PageDown", 0.39),
        ("PageUp", 0.49),
        ("Home", 0.0),
        ("ArrowRight", 0.01),
    ):
        visitor.page.keyboard.press(key)
        expect(board.locator(".common .number")).to_have_value(f"{value:.2f}")
        visitor.page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => done(true)))")
        thresholds |= dict.fromkeys(classes[1:], value)
        assert differences(board.evaluate(READ), runs, thresholds, samples=False) == []
    settled(visitor, "t=0.01")
    board.get_by_role("button", name="Unlock all").click()
    visitor.until(lambda: classes[0] not in visitor.page.url, "no class has its own threshold")
    thresholds[classes[0]] = 0.01
    visitor.until(
        lambda: differences(board.evaluate(READ), runs, thresholds, samples=True) == [], "all at 0.01"
    )
    board.get_by_role("button", name="Undo").click()
    settled(visitor, classes[0])
    thresholds[classes[0]] = 0.5
    visitor.until(
        lambda: differences(board.evaluate(READ), runs, thresholds, samples=True) == [], "the lock again"
    )
    visitor.check()


def test_a_typed_threshold_between_the_stops_gets_its_exact_counts(visitors, root):
    visitor, runs = visitors(TALL), runs_on(root)
    board = open_board(visitor, runs)
    classes = runs[0].info["classes"]
    number = board.get_by_role("textbox", name=f"Threshold of {classes[1].replace('_', ' ')}, as a number")
    number.fill("0,3171")
    number.press("Enter")
    settled(visitor, "0.3171")
    common = board.get_by_role("textbox", name="Threshold for all classes, as a number")
    common.fill("0.1234")
    common.press("Enter")
    settled(visitor, "t=0.1234")
    thresholds = dict.fromkeys(classes, 0.1234) | {classes[1]: 0.3171}
    visitor.until(
        lambda: differences(board.evaluate(READ), runs, thresholds, samples=True) == [], "the exact numbers"
    )
    common.fill("nonsense")
    common.press("Enter")
    expect(common).to_have_value("0.1234")
    visitor.check()


def test_counts_and_measures_of_every_class(visitors, root):
    visitor, runs = visitors(TALL), runs_on(root)
    board = open_board(visitor, runs, "&t=0.3")
    found = evaluated(runs, dict.fromkeys(runs[0].info["classes"], 0.3))
    for m in SHOWN.values():
        board.get_by_role("button", name=m.title, exact=True).click()
        for name, row in board.evaluate(READ)["classes"].items():
            for cell, run in zip(row["cells"], runs):
                e = found[run.run_id]
                assert same(cell, e.by_class[m.name][e.classes.index(name)])
    board.get_by_role("button", name="Counts", exact=True).click()
    for name, row in board.evaluate(READ)["classes"].items():
        for cell, run in zip(row["cells"], runs):
            e = found[run.run_id]
            c = e.classes.index(name)
            assert [int(text) for text in cell] == [e.tp[c], e.fn[c], e.fp[c], e.tn[c]]
    visitor.check()


def test_the_board_on_a_phone_and_as_json(visitors, root):
    visitor, runs = visitors(PHONE), runs_on(root)[:2]
    board = open_board(visitor, runs, "&t=0.2")
    expect(board.get_by_role("slider", name="Threshold for all classes")).to_be_visible()
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    board.get_by_role("button", name="Copy JSON").click()
    expect(board.get_by_text("Copied")).to_be_visible()
    text = visitor.page.evaluate("navigator.clipboard.readText()")
    assert json.loads(text)["thresholds"] == dict.fromkeys(runs[0].info["classes"], 0.2)
    visitor.check()
