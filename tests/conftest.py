"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.tiny import make_dataset

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
