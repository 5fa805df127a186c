"""The threshold board in Chromium: first paint, and the time of a drag step. `python -m benchmarks.board`

A step is what runs between a move of the slider and the numbers on screen: the component's own work (`step`) and
the time from one frame to the next while the slider moves (`frame`: work, layout and paint). First paint is from
opening the address to numbers in the ranking, with the page's static files in the browser's cache.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.made_runs import make_runs
from tests.support.serving import chromium_path, free_port, wait_until_served

REPO = Path(__file__).parents[1]
SIZES = {  # name: runs, classes, clips
    "20 runs x 10 classes x 2 000 clips": (20, 10, 2_000),
    "8 runs x 527 classes x 20 000 clips": (8, 527, 20_000),
}
STEPS = 120
DRAG = """async ([selector, steps]) => {
  const slider = deep(selector);
  function deep(selector) {
    const look = root => {
      const found = root.querySelector(selector);
      if (found) return found;
      for (const one of root.querySelectorAll('*')) {
        const inner = one.shadowRoot && look(one.shadowRoot);
        if (inner) return inner;
      }
      return null;
    };
    return look(document);
  }
  const board = slider.closest('.board'), frames = [], work = [];
  slider.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true}));
  let before = await new Promise(requestAnimationFrame);
  for (let k = 0; k < steps; k++) {
    slider.valueAsNumber = (k * 7) % Number(slider.max);
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before); before = now; work.push(Number(board.dataset.stepMs));
  }
  slider.dispatchEvent(new PointerEvent('pointerup', {bubbles: true}));
  return {frames, work};
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=[*SIZES, "both"], default="both")
    wanted = parser.parse_args().size
    drags = "drag of all: step, frame (ms, median) | drag of a class: step, frame"
    print(f"| size | first look, nothing cached | first paint | {drags} | page process, peak |")
    print("|---|---|---|---|---|---|")
    for name, size in SIZES.items():
        if wanted in (name, "both"):
            print(measured(name, *size), flush=True)


def measured(name: str, runs: int, classes: int, clips: int) -> str:
    """Return a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        made = make_runs(Path(folder), runs=runs, clips=clips, classes=classes)
        path = f"thresholds?runs={','.join(run.run_id for run in made)}"
        with Served(Path(folder)) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{server.address}/data_sets")  # starts the server and the browser, unmeasured
            page.wait_for_selector("h1")
            first = painted(page, f"{server.address}/{path}")
        with Served(Path(folder)) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{server.address}/data_sets")
            page.wait_for_selector("h1")
            again = painted(page, f"{server.address}/{path}")
            page.wait_for_timeout(1500)
            every = page.evaluate(DRAG, [".common input[type=range]", STEPS])
            page.wait_for_timeout(1500)
            one = page.evaluate(DRAG, [".classes input[type=range]", STEPS])
            memory = peak_mb(server.process.pid)
    drags = [
        f"{statistics.median(d['work']):.1f}, {statistics.median(d['frames']):.1f}" for d in (every, one)
    ]
    return f"| {name} | {first:.1f} s | {again:.1f} s | {drags[0]} | {drags[1]} | {memory:.0f} MB |"


def peak_mb(pid: int) -> float:
    """Return the most memory that a process has held, in MB (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def painted(page: Page, address: str) -> float:
    """Return the seconds from opening an address to numbers in the board's ranking."""
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".board:not(.waiting) .ranking [data-run] .cell:not(:empty)", timeout=300_000)
    return time.perf_counter() - start


class Served:
    """A dashboard of its own on an artifact root, as `make dashboard` serves it."""

    def __init__(self, root: Path, port: int | None = None):
        self.address = f"http://127.0.0.1:{(port := port or free_port())}"
        command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.address", "127.0.0.1"]
        command += ["--server.port", str(port), "--server.headless", "true"]
        settings = os.environ | {"SEDBOARD_TRAINING": "on", "SEDCORE_ARTIFACTS": str(root)}
        self.log = root / "server.txt"
        with open(self.log, "wb") as words:
            self.process = subprocess.Popen(command, cwd=REPO, env=settings, stdout=words, stderr=words)

    def __enter__(self) -> Served:
        wait_until_served(self.address, self.process, self.log)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


if __name__ == "__main__":
    main()
