"""Curves of many runs next to TensorBoard on the same numbers. `python -m benchmarks.tensorboard_curves`

The made runs' scalars of every epoch are written twice: as histories, and as the event files that a training with
Keras' callback leaves. Both servers are started fresh, with their static files in the browser's cache; the time is
from starting the server until Chromium shows the validation loss of all runs in one chart: in Curves the page, in
TensorBoard the card of that tag (by its defaults: its data server, and a limit on the points of a chart).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.board import Served
from benchmarks.made_runs import make_many
from sedcore.artifacts.runs import Run
from tests.support.serving import chromium_path, free_port, wait_until_served

TAG = "validation.loss"
LONG = 300_000  # milliseconds to wait at most


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=250)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root, events = Path(folder) / "root", Path(folder) / "events"
        ids = make_many(root, runs=given.runs, clips=50, epochs=given.epochs, alike=False)
        scalars = write_events(root, events, ids)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        ports = {side: free_port() for side in SIDES}  # fixed, so that the browser's cache serves each side
        found: dict[str, list[float]] = {side: [] for side in SIDES}
        for turn in range(given.repeats + 1):
            for side in SIDES if turn % 2 else reversed(SIDES):
                took = SIDES[side](page, root if side == "Curves" else events, ids, ports[side])
                page.goto("about:blank")
                if turn:  # the first turn fills the browser's cache
                    found[side].append(took)
        browser.close()
    print(
        f"{given.runs} runs, {scalars:,} scalars; seconds from starting the server, median of {given.repeats}.\n"
    )
    print("| side | all runs in a chart |\n|---|---|")
    for side, seconds in found.items():
        print(f"| {side} | {sorted(seconds)[len(seconds) // 2]:.1f} |")


def write_events(root: Path, events: Path, ids: list[str]) -> int:
    """Write the scalars of runs as event files, a folder a run; return how many there are."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    number = 0
    for run_id in ids:
        history = Run(root / "runs" / run_id).history().set_index("epoch")
        writer = EventFileWriter(str(events / run_id))
        for epoch, row in history.iterrows():
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in row.items()]
            writer.add_event(Event(step=int(epoch), wall_time=1.7e9 + epoch, summary=Summary(value=values)))
            number += len(values)
        writer.close()
    return number


def curves(page: Page, root: Path, ids: list[str], port: int) -> float:
    start = time.perf_counter()
    with Served(root, port) as server:
        page.goto(f"{server.address}/curves?runs={','.join(ids)}")
        page.wait_for_function(
            """number => [...document.querySelectorAll('.js-plotly-plot')].some(
                 plot => plot.querySelectorAll('.scatterlayer .trace path.js-line').length >= number)""",
            arg=len(ids),
            timeout=LONG,
        )
        return time.perf_counter() - start


def tensorboard(page: Page, events: Path, ids: list[str], port: int) -> float:
    start = time.perf_counter()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(events), "--port", str(port)]
    log = events.parent / "tensorboard.txt"
    with open(log, "wb") as words:
        process = subprocess.Popen(command, stdout=words, stderr=words)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_served(address, process, log, "/data/runs")
        while len(json.loads(urllib.request.urlopen(f"{address}/data/runs").read())) < len(ids):
            time.sleep(0.1)  # still reading; a page opened now would show part of the data
        page.goto(f"{address}/?tagFilter={TAG}#timeseries")
        page.wait_for_function(  # the card's table, which has a row for each run that is drawn
            "number => document.querySelectorAll('scalar-card tb-data-table-content-row').length >= number",
            arg=len(ids),
            timeout=LONG,
        )
        return time.perf_counter() - start
    finally:
        process.terminate()
        process.wait(timeout=30)


SIDES = {"Curves": curves, "TensorBoard": tensorboard}

if __name__ == "__main__":
    main()
