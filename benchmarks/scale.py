"""The dashboard with thousands of runs: seconds and memory. `python -m benchmarks.scale`

Made roots: 5,000 runs with histories of 100 epochs (10 classes, 2,000 clips), and 100 runs with 1,000 epochs.
*From nothing* counts the scores of all runs without an index; all other rows have one. Script runs are those of one
session in a process of its own (what the server does, without the browser). *In a new process* is from its start to
the script's end, all imports included; the *first* script run has its modules imported and nothing of the root read, a
*warm* one follows with nothing changed; *the very first* is the first ever on a root. *In Chromium* is from opening the
address of a new server until the leaderboard is shown, with the static files in the browser's cache. Memory is the
peak of the process.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).parents[1]
LONG = 600_000  # milliseconds to wait at most
MEMORY = 600  # MB that a page process may hold
# what, seconds wanted
FROM_NOTHING, COLD, WARM, CURVES = 90, 3, 0.5, 1.5
CHOSEN = 100
LEADERBOARD = '[data-testid="stDataFrame"] canvas'


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5_000)
    parser.add_argument("--chosen", type=int, default=CHOSEN, help="runs whose curves are drawn")
    parser.add_argument("--epochs", type=int, default=1_000, help="of these")
    parser.add_argument("--artifacts", type=Path, help="keep the made roots here, or use those made before")
    parser.add_argument("--no-browser", action="store_true", help="script runs only")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(STEPS[options.one[0]](*options.one[1:])))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = options.artifacts or Path(folder)
        print("| what | size | seconds | wanted | peak memory | wanted |\n|---|---|---|---|---|---|")
        for line in measured(root, options):
            print(line, flush=True)


def measured(root: Path, options: argparse.Namespace):
    """Yield the rows of the table."""
    from benchmarks.made_runs import make_many

    many, long = root / "many", root / "long"
    size = f"{options.runs:,} runs"
    if not many.exists():
        start = time.perf_counter()
        make_many(many, runs=options.runs)
        yield row("root made", size, time.perf_counter() - start)
    if not long.exists():
        make_many(long, runs=options.chosen, clips=200, epochs=options.epochs)
    (many / "index.sqlite").unlink(missing_ok=True)
    found = in_own_process("index", many)
    yield row("index from nothing", size, found["seconds"], FROM_NOTHING, found["peak"])
    found = in_own_process("page", many, "overview")  # from here on the chosen runs' draws are cached
    yield row("Overview, the very first script run", size, found["first"])
    found = in_own_process("page", many, "overview")
    start = time.time()
    seconds = in_own_process("new", many, "overview")["ended"] - start
    yield row("Overview, cold: in a new process", size, seconds, COLD)
    yield row("Overview, first script run", size, found["first"])
    yield row("Overview, warm script run", size, found["warm"], WARM, found["peak"])
    found = in_own_process("page", many, "overview", "t=0.5003")
    yield row("Overview, a threshold between the stops, first", size, found["first"])
    yield row("Overview, a threshold between the stops, warm", size, found["warm"], WARM, found["peak"])
    if not options.no_browser:
        seconds, peak = opened_cold(many)
        yield row("Overview, cold: in Chromium", size, seconds, COLD, peak)
    size = f"{options.chosen:,} runs x {options.epochs:,} epochs"
    ids = sorted(path.name for path in (long / "runs").iterdir())[: options.chosen]
    found = in_own_process("page", long, "curves", f"runs={','.join(ids)}")  # histories are cached from now
    yield row("Curves, the very first script run", size, found["first"], CURVES)
    found = in_own_process("page", long, "curves", f"runs={','.join(ids)}")
    yield row("Curves, first script run", size, found["first"], CURVES)
    yield row("Curves, warm script run", size, found["warm"], CURVES, found["peak"])


def row(what: str, size: str, seconds: float, wanted: float | None = None, peak: float | None = None) -> str:
    """Return a row of the table; figures that miss what is wanted are bold."""
    took, held = f"{seconds:.2f}", "" if peak is None else f"{peak:.0f} MB"
    took = f"**{took}**" if wanted is not None and seconds > wanted else took
    held = f"**{held}**" if peak is not None and peak > MEMORY else held
    limit = "" if peak is None else f"{MEMORY} MB"
    return f"| {what} | {size} | {took} | {'' if wanted is None else wanted} | {held} | {limit} |"


def in_own_process(step: str, root: Path, *more: str) -> dict[str, float]:
    """Return the measurements of one of STEPS, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scale", "--one", step, str(root), *more]
    settings = os.environ | {"SEDCORE_ARTIFACTS": str(root), "SEDBOARD_TRAINING": "on"}
    done = subprocess.run(command, cwd=REPO, env=settings, check=True, capture_output=True)
    return json.loads(done.stdout.splitlines()[-1])


def index_from_nothing(root: str) -> dict[str, float]:
    """Find and count all runs of a root that has no index."""
    from sedcore.artifacts.index import RunIndex

    start = time.perf_counter()
    index = RunIndex(Path(root), keep=True)
    index.refresh()
    index.count(index.uncounted("test"), "test", lambda done, total: None)
    return {"seconds": time.perf_counter() - start, "peak": own_peak()}


def new_process(root: str, page: str) -> dict[str, float]:
    """Open a page as a session in a process that has imported nothing; return the time its script ended."""
    check_shown(opener()(page), page)
    return {"ended": time.time()}


def opener():
    """Return a function that opens a page as a session, as a server does."""
    from streamlit.components.v2 import manifest_scanner

    from tests.support.opened import open_page

    # else each session scans all installed packages, which a server does once
    scan = functools.cache(manifest_scanner.scan_component_manifests)
    manifest_scanner.scan_component_manifests = scan
    return open_page


def check_shown(app, page: str) -> None:
    if app.exception or app.error:
        raise SystemExit(f"{page}: {[one.message for one in app.exception] or app.error[0].value}")


def page_runs(root: str, page: str, *params: str) -> dict[str, float]:
    """Open a page of a root as a session, and run its script again."""
    open_page = opener()
    with tempfile.TemporaryDirectory() as empty:
        os.environ["SEDCORE_ARTIFACTS"] = empty
        open_page(page)  # imports its modules, unmeasured
    os.environ["SEDCORE_ARTIFACTS"] = root
    start = time.perf_counter()
    app = open_page(page, **dict(param.split("=", 1) for param in params))
    first = time.perf_counter() - start
    start = time.perf_counter()
    app.run()
    warm = time.perf_counter() - start
    check_shown(app, page)
    return {"first": first, "warm": warm, "peak": own_peak()}


def own_peak() -> float:
    """Return the most memory that this process has held, in MB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def opened_cold(root: Path) -> tuple[float, float]:
    """Return the seconds until the leaderboard is shown by a new server, and the server's peak memory in MB."""
    from playwright.sync_api import sync_playwright

    from benchmarks.board import Served, peak_mb
    from tests.support.serving import chromium_path, free_port

    port = free_port()  # one address for both servers: the browser has the page's files from the first
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        with Served(root, port) as server:
            page.goto(server.address)
            page.wait_for_selector(LEADERBOARD, timeout=LONG)
        page.goto("about:blank")
        with Served(root, port) as server:
            start = time.perf_counter()
            page.goto(server.address)  # Overview is the first page
            page.wait_for_selector(LEADERBOARD, timeout=LONG)
            seconds = time.perf_counter() - start
            page.wait_for_function(
                "() => document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'",
                timeout=LONG,
            )
            peak = peak_mb(server.process.pid)
        browser.close()
    return seconds, peak


STEPS = {"index": index_from_nothing, "new": new_process, "page": page_runs}

if __name__ == "__main__":
    main()
