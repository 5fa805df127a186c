"""Starting the dashboard as a process, for tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE_S = 180  # a slow machine with all processors busy
WIDE, PHONE = (1440, 900), (390, 844)
SMALL_DEMO, SMALL_CLIPS = "demo-small", 60


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_served(
    address: str, process: subprocess.Popen, log: Path, path: str = "/_stcore/health"
) -> None:
    """Return when the server answers; fail with its words when it ends or does not come."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"{address}{path}", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        assert process.poll() is None, f"the server ended: {log.read_text(errors='replace')[-2000:]}"
        assert time.monotonic() < end, f"the server did not answer in {PATIENCE_S} s"
        time.sleep(0.1)  # between two looks


def chromium_path() -> str | None:
    """Return the Chromium to drive; None for the one that playwright brings."""
    named = os.environ.get("SEDBOARD_CHROMIUM")
    found = (shutil.which(name) for name in (named, "chromium", "chromium-browser", "google-chrome") if name)
    return next((path for path in found if path), None)
