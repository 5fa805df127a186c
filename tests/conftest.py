"""Fixtures that several test modules share."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

from sedcore.artifacts.runs import Run
from tests.support import queue_tools
from tests.support.tiny import make_dataset
from tests.support.waiting import end_trainers

# A slow machine is no failure; and where all tests run together, the same commit gives the same answer.
settings.register_profile("sedcore", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("sedcore")


@pytest.fixture
def tiny(tmp_path):
    """A root with the data set "tiny"."""
    make_dataset(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings and published predictions; tests that need it skip where there is none."""
    given = os.environ.get("SEDCORE_SHARED")
    if not given:
        pytest.skip("SEDCORE_SHARED is not set: no real recordings here")
    if not Path(given).is_dir():
        pytest.fail(f"SEDCORE_SHARED={given} is not a folder")
    return Path(given)


@pytest.fixture
def none_left(tmp_path):
    """What a failed test leaves training ends with it."""
    yield
    end_trainers(tmp_path, queue_tools.SMALL)


@pytest.fixture
def holder():
    """Hold the lock of a run in another process, as a trainer would; what is still held ends with the test."""
    processes = []

    def hold(run: Run, **note) -> subprocess.Popen:
        process = queue_tools.python(queue_tools.HOLD, str(run.path), json.dumps(note))
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in processes:
        process.kill()
        process.communicate()
