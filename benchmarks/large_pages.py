"""Intervals and verdicts of large runs in Chromium: seconds and memory. `python -m benchmarks.large_pages`

Eight runs of AudioSet's size (527 classes x 20 000 clips). Verdicts is opened with nothing cached, then resampling
is asked for; Metrics is opened on a fresh server, with the runs' counts cached but none of their draws, and
asked for intervals of F1, then of AP. Memory is the peak of the page process so far.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.board import Served, peak_mb
from benchmarks.made_runs import make_runs
from sedcore.artifacts.runs import list_runs
from tests.support.serving import chromium_path

LONG = 600_000  # milliseconds to wait at most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artifacts", type=Path, help="runs made before; what they keep is deleted")
    given = parser.parse_args().artifacts
    with tempfile.TemporaryDirectory() as folder:
        root = given or Path(folder)
        if given is None:
            make_runs(root, runs=8, clips=20_000, classes=527)
        forget(root, "*.npz")
        print("| page | step | seconds | page process, peak so far |\n|---|---|---|---|")
        measure(root, "verdicts", verdicts)
        forget(root, "*-bootstrap.npz")
        measure(root, "metrics", metrics)


def measure(root: Path, name: str, steps) -> None:
    """Walk through a page on a server of its own; print a row a step."""
    runs = ",".join(sorted(run.run_id for run in list_runs(root)))
    with Served(root) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{server.address}/data_sets")  # starts the server and the browser, unmeasured
        page.wait_for_selector("h1")
        start = time.perf_counter()
        for step in steps(page, f"{server.address}/{name}?runs={runs}"):
            seconds = time.perf_counter() - start
            print(f"| {name} | {step} | {seconds:.1f} | {peak_mb(server.process.pid):.0f} MB |", flush=True)
            start = time.perf_counter()
        browser.close()


def verdicts(page: Page, address: str):
    """Yield after each step on Verdicts."""
    page.goto(address)
    wait(page, page.get_by_role("button", name="Resample"))
    yield "opened, nothing cached"
    page.get_by_role("button", name="Resample").click()
    wait(page, page.get_by_text("A pair, class by class"))
    settle(page)
    yield "resampled"


def metrics(page: Page, address: str):
    """Yield after each step on Metrics."""
    page.goto(address)
    settle(page)
    yield "opened"
    page.get_by_text("Intervals (", exact=False).click()
    wait(page, page.get_by_text("marginal intervals, each of its own number alone"))
    settle(page)
    yield "intervals of F1"
    page.get_by_role("radio", name="AP", exact=True).click()
    wait(page, page.get_by_role("button", name="Resample"))
    page.get_by_role("button", name="Resample").click()
    wait(page, page.get_by_text("marginal intervals, each of its own number alone"))
    settle(page)
    yield "intervals of AP"


def wait(page: Page, what) -> None:
    what.first.wait_for(timeout=LONG)


def settle(page: Page) -> None:
    """Wait until the page has finished its run."""
    page.wait_for_function(
        "() => document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'", timeout=LONG
    )


def forget(root: Path, pattern: str) -> None:
    """Delete files from the caches of a root's runs."""
    for file in root.glob(f"runs/*/cache/{pattern}"):
        file.unlink()


if __name__ == "__main__":
    sys.exit(main())
