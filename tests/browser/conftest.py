"""A dashboard served as `make dashboard` serves it, on a root of its own, and a real Chromium to look at it.

Waits are for conditions and generous: the machine may be slow and busy.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from sedcore.artifacts.runs import list_runs
from sedcore.jobs.queue import cancel
from tests.support.serving import (
    PATIENCE_S,
    SMALL_CLIPS,
    SMALL_DEMO,
    WIDE,
    chromium_path,
    free_port,
    wait_until_served,
)
from tests.support.small_sets import small_demo

REPO = Path(__file__).parents[2]
NOT_OURS = "/_stcore/"  # Streamlit asks for these next to a page before it asks at the root


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact root: the committed demo runs and data set (else made-up runs), and a small demo set to train on."""
    folder = tmp_path_factory.mktemp("artifacts")
    shipped = REPO / "artifacts"
    runs = [run for run in list_runs(shipped) if run.splits() and not run.status().live]
    for run in runs:
        shutil.copytree(run.path, folder / "runs" / run.run_id)
    for table in (shipped / "datasets" / "demo").glob("*.*"):  # without the features, as in a fresh clone
        if table.is_file():
            (folder / "datasets" / "demo").mkdir(parents=True, exist_ok=True)
            shutil.copy(table, folder / "datasets" / "demo" / table.name)
    if len(runs) < 2:
        from tests.pages.conftest import build_full

        build_full(folder)
    small_demo(folder, SMALL_DEMO, SMALL_CLIPS)
    return folder


@contextlib.contextmanager
def serving(root: Path, log: Path) -> Iterator[str]:
    """Serve a root from a new process and yield the dashboard's address."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.address", "127.0.0.1"]
    command += ["--server.port", str(port), "--server.headless", "true"]
    settings = os.environ | {"SEDBOARD_TRAINING": "on", "SEDCORE_ARTIFACTS": str(root)}
    with open(log, "wb") as words:
        process = subprocess.Popen(command, cwd=REPO, env=settings, stdout=words, stderr=words)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_served(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert "Traceback" not in log.read_text(errors="replace")


@pytest.fixture(scope="session")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the dashboard."""
    with serving(root, tmp_path_factory.mktemp("server") / "log.txt") as address:
        try:
            yield address
        finally:
            for run in list_runs(root):
                if run.status().live:
                    cancel(run)  # a trainer of a test that failed


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's sandbox does not run as root, as in many containers.
        expect.set_options(timeout=1000 * PATIENCE_S / 2)
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Visitor:
    """A reader with a browser of their own: opens pages, waits until they stand, keeps what went wrong."""

    def __init__(self, browser: Browser, address: str, size: tuple[int, int]):
        self.address, self.errors = address, []
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(1000 * PATIENCE_S)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        if message.type == "error" and NOT_OURS not in url:
            self.errors.append(f"{message.text} ({url})")

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.address}/{path}")
        return self.settle()

    def settle(self) -> Page:
        """Wait until the script has run and what it sent is drawn."""
        self.page.wait_for_selector("[data-testid=stApp] h1")
        self.page.wait_for_function(
            "document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"
            " && !document.querySelector('[data-testid=stMain] [data-testid=stSkeleton]')"
        )
        return self.page

    def title(self) -> str:
        return self.page.locator("h1").first.inner_text()

    def check(self) -> None:
        """Nothing went wrong up to here."""
        assert self.page.locator("[data-testid=stException]").count() == 0
        assert self.page.get_by_text("This app has encountered an error").count() == 0
        assert self.errors == []

    def table(self, *columns: str) -> list[dict[str, str]]:
        """Return the rows of the first table that has these columns, as text by column title; [] while none has.

        A table is drawn on a canvas; these are the cells that it keeps for screen readers, numbers unrounded.
        Columns and rows that are scrolled away are not among them.
        """
        return self.page.evaluate(
            """wanted => {
                for (const grid of document.querySelectorAll('[data-testid=stDataFrame] [role=grid]')) {
                    const names = {};
                    for (const head of grid.querySelectorAll('[role=columnheader]'))
                        names[head.getAttribute('aria-colindex')] = head.textContent;
                    if (!wanted.every(name => Object.values(names).includes(name))) continue;
                    return [...grid.querySelectorAll('tr')]
                        .map(row => [...row.querySelectorAll('[role=gridcell]')])
                        .filter(cells => cells.length)
                        .map(cells => Object.fromEntries(
                            cells.map(cell => [names[cell.getAttribute('aria-colindex')], cell.textContent])));
                }
                return [];
            }""",
            columns,
        )

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition that only Python can tell."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, f"waited {PATIENCE_S} s in vain: {what}"
            self.page.wait_for_timeout(100)  # lets the browser's events come in


@pytest.fixture
def visitors(browser: Browser, server: str) -> Iterator[Callable[..., Visitor]]:
    """Make visitors; their browsers are closed at the end."""
    made: list[Visitor] = []

    def visitor(size: tuple[int, int] = WIDE) -> Visitor:
        made.append(Visitor(browser, server, size))
        return made[-1]

    yield visitor
    for one in made:
        one.context.close()
