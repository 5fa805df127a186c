"""How the dashboard is served: on this machine's own address alone, and in little memory."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sedcore.artifacts.runs import list_runs
from tests.support.serving import chromium_path, free_port, wait_until_served

REPO = Path(__file__).parents[1]
MOST_MB = 350
LISTEN, LOOPBACK = "0A", "0100007F"  # as /proc/net/tcp writes a state, and 127.0.0.1
DEMO_RUNS = [run for run in list_runs(REPO / "artifacts") if run.splits() and not run.status().live]
# opens every page and leaves the browser
VISIT = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[2] or None, args=["--no-sandbox"])
    page = browser.new_page()
    page.set_default_timeout(180_000)
    for name in ("", "curves", "metrics", "thresholds", "confusion", "new_run", "data_sets"):
        page.goto(f"{sys.argv[1]}/{name}")
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning] h1")
    browser.close()
"""

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="no /proc/net/tcp on this system")


def make_dashboard_command(port: int) -> tuple[list[str], dict[str, str]]:
    """Return the command of `make dashboard` that serves, and the settings it gives, from the Makefile itself."""
    make = ["make", "--no-print-directory", "-n", "dashboard", f"PORT={port}", "SEDCORE_ARTIFACTS=artifacts"]
    lines = subprocess.run(make, cwd=REPO, capture_output=True, text=True, check=True).stdout
    served = [line for line in lines.replace("\\\n", " ").splitlines() if "streamlit run" in line]
    assert len(served) == 1, lines
    words = shlex.split(served[0])
    settings = {}
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, _, settings[name] = words.pop(0).partition("=")
    return [sys.executable, *words[1:]], settings


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[tuple[subprocess.Popen, int]]:
    """The dashboard, started as the Makefile does, on a copy of the demo runs."""
    port = free_port()
    command, settings = make_dashboard_command(port)
    root = tmp_path_factory.mktemp("artifacts")
    for run in DEMO_RUNS:
        shutil.copytree(run.path, root / "runs" / run.run_id)
    log = root / "server.txt"
    settings = os.environ | settings | {"SEDCORE_ARTIFACTS": str(root)}
    with open(log, "wb") as words:
        process = subprocess.Popen(command, cwd=REPO, env=settings, stdout=words, stderr=words)
    try:
        wait_until_served(f"http://127.0.0.1:{port}", process, log)
        yield process, port
    finally:
        process.terminate()
        process.wait(timeout=30)


def listening(port: int) -> list[str]:
    """Return the addresses, as the kernel writes them, that somebody listens on at a port."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            host, _, number = address.partition(":")
            if state == LISTEN and int(number, 16) == port:
                found.append(host)
    return found


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    (kb,) = re.findall(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(kb) / 1000


def test_make_dashboard_switches_training_on():
    assert make_dashboard_command(1)[1]["SEDBOARD_TRAINING"] == "on"


def test_the_dashboard_listens_on_this_machine_alone(served):
    assert listening(served[1]) == [LOOPBACK]


@pytest.mark.browser
@pytest.mark.skipif(len(DEMO_RUNS) < 2, reason="artifacts/runs holds no demo runs")
def test_the_server_stays_small_with_the_demo_runs_open(served):
    process, port = served
    # In a process of its own: playwright allows one session a process, and the browser tests may have it.
    visit = [sys.executable, "-c", VISIT, f"http://127.0.0.1:{port}", chromium_path() or ""]
    subprocess.run(visit, check=True, timeout=600)
    used = resident_mb(process.pid)
    assert used < MOST_MB, f"{used:.0f} MB resident"
