"""Progress bars: drawn on a terminal, which gets its cursor back whatever happens; silent in a pipe."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sedcore.artifacts.runs import create_run

REPO = Path(__file__).parents[1]
DATA = """
from sedcore.commands.common import progress_bar, tell
with progress_bar() as show:
    for kind in ("logmel", "mfcc"):
        for done in range(1, 6):
            show and show(done, 5)
        tell(f"{kind} built")
    WHAT
"""
TRAINING = """
import sys
from pathlib import Path
from sedcore.artifacts.runs import Run
from sedcore.training.progress import Progress
with Progress(Run(Path(sys.argv[1])), bar=True) as progress:
    progress.begin(2, 3, 4)
    progress.step(4, 32)
    print("epoch 2: loss 0.1", file=sys.stderr)
    progress.phase("scoring")
"""
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"  # the cursor


def on_a_terminal(code: str, *arguments: str) -> str:
    """Run code with a terminal as stderr and return what stands there, with its control sequences."""
    ours, theirs = pty.openpty()
    settings = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.Popen(command, cwd=REPO, env=settings, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    told = b""
    with contextlib.suppress(OSError):  # how Linux says that nobody holds the other end any more
        while part := os.read(ours, 1 << 16):
            told += part
    os.close(ours)
    assert process.communicate(timeout=60)[0] == b""  # results alone go to stdout
    return told.decode()


@pytest.mark.parametrize("what", ["pass", "raise KeyboardInterrupt"])
def test_a_terminal_shows_a_bar_and_gets_its_cursor_back(what):
    told = on_a_terminal(DATA.replace("WHAT", what))
    assert "100%" in told and re.search(r"^.*logmel built\r?$", told, re.MULTILINE)
    assert told.rindex(SHOWN) > told.rindex(HIDDEN)
    assert ("KeyboardInterrupt" in told) == (what != "pass")


def test_a_pipe_gets_the_lines_and_no_bar():
    done = subprocess.run(
        [sys.executable, "-c", DATA.replace("WHAT", "print(__import__('sys').modules.get('rich'))")],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == "logmel built\nmfcc built\n"
    assert done.stdout == "None\n"  # nobody paid for what draws bars


def test_a_training_on_a_terminal_shows_its_epoch_and_keeps_its_lines(tmp_path):
    run = create_run(tmp_path, {"kind": "trained", "model": "ann"}, "running")
    told = on_a_terminal(TRAINING, str(run.path))
    assert "epoch 2/3" in told and "clips/s, scoring" in told and "left at most" in told
    assert "epoch 2: loss 0.1" in told
    assert told.rindex(SHOWN) > told.rindex(HIDDEN)
    assert run.progress() is None
