"""A sweep begun from the page in a real browser: 3 learning rates x 3 batch sizes x 2 seeds, until its map is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from sedcore.artifacts.runs import list_runs
from sedcore.artifacts.sweeps import find_sweep
from sedcore.jobs.workers import living_workers
from tests.browser.conftest import REPO, Visitor
from tests.support.serving import WIDE, free_port, wait_until_served
from tests.support.small_sets import small_demo
from tests.support.warm_trainer import warm

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with 60 clips of the demo set (a tenth of the ANN's weights to train and store)."""
    folder = tmp_path_factory.mktemp("swept")
    small_demo(folder, "demo-small", 60)
    return folder


@pytest.fixture(scope="module")
def address(swept: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard on that root, and a worker that takes two runs at once and whose trainers start warm."""
    folder = tmp_path_factory.mktemp("sweep-server")
    settings = os.environ | {"SEDBOARD_TRAINING": "on", "SEDCORE_ARTIFACTS": str(swept)}
    port = free_port()
    page = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.address", "127.0.0.1"]
    page += ["--server.port", str(port), "--server.headless", "true"]
    trainer = "tests.support.warm_trainer"
    work = [sys.executable, "-m", "sedcore", "worker", "--jobs", "2", "--trainer", trainer]
    log = folder / "log.txt"
    with open(log, "wb") as words, warm(folder, 2) as environment:
        worker = subprocess.Popen(work, cwd=REPO, env=settings | environment, stdout=words, stderr=words)
        server = subprocess.Popen(page, cwd=REPO, env=settings, stdout=words, stderr=words)
        try:
            wait_until_served(f"http://127.0.0.1:{port}", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            for process in (server, worker):
                process.terminate()
                process.wait(timeout=60)
    assert "Traceback" not in log.read_text(errors="replace")


def test_a_sweep_from_the_page_ends_with_its_map(browser, address, swept):
    visitor = Visitor(browser, address, WIDE)
    page = visitor.open("sweeps")
    visitor.until(lambda: living_workers(swept), "the worker lives")
    page.get_by_role("button", name="New sweep").click()
    dialog = page.get_by_role("dialog")
    epochs = dialog.get_by_role("spinbutton", name="Epochs at most")
    epochs.fill("1")
    epochs.press("Enter")
    expect(dialog.get_by_text("9 points, 2 seeds each: 18 runs")).to_be_visible()
    begin = dialog.get_by_role("button", name="Begin")
    rates = dialog.get_by_role("textbox", name="Learning rates")
    rates.fill("1e-4, fast")
    rates.press("Enter")
    expect(dialog.get_by_text("is neither a list of numbers")).to_be_visible()
    expect(begin).to_be_disabled()
    rates.fill("1e-5, 1e-4, 1e-3")
    rates.press("Enter")
    expect(begin).to_be_enabled()
    begin.click()
    expect(page.get_by_text("of 18 runs finished")).to_be_visible()
    page.reload()  # what is shown comes from the folders
    visitor.settle()
    for number in range(1, 19):  # each within the time that a slow machine may take for one

        def finished(least: int = number) -> bool:
            return sum(run.status().state == "finished" for run in list_runs(swept)) >= least

        visitor.until(finished, f"training {number} of 18")
    visitor.until(lambda: find_sweep(swept, "ann-rate-batch").read()["state"] == "finished", "the end")
    assert find_sweep(swept, "ann-rate-batch").read()["reason"] == "9 complete"
    runs = {run.run_id: run for run in list_runs(swept)}
    assert len(runs) == 18 and {run.status().state for run in runs.values()} == {"finished"}
    expect(page.get_by_text("18 of 18 runs finished")).to_be_visible()
    expect(page.get_by_text(re.compile("does best at learning rate"))).to_be_visible()
    chart = page.locator("[class*=st-key-sweep-ann-rate-batch-map]")
    expect(chart.get_by_text("2 runs")).to_have_count(9)
    visitor.check()

    # a click on a cell, away from its middle, shows its runs; one of them opens
    area = chart.locator(".nsewdrag").first.bounding_box()
    page.mouse.click(area["x"] + 0.07 * area["width"], area["y"] + area["height"] / 6)
    picked = page.locator(".st-key-sweep-picked-box")
    expect(picked.get_by_text("2 runs with learning rate 0.001, batch size 8")).to_be_visible()
    picked.get_by_role("button", name="seed 1").click()
    expect(page.locator("h1").first).to_contain_text("seed 1")
    visitor.settle()
    opened = re.search(r"run=([\w.-]+)", page.url).group(1)
    config = runs[opened].info["config"]
    assert (config["learning_rate"], config["batch_size"], config["seed"]) == (1e-3, 8, 1)
    visitor.check()
    visitor.context.close()
