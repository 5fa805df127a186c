"""Versions of libraries, as a run records them."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable


def versions_of(libraries: Iterable[str]) -> dict[str, str]:
    """Return the version of Python, and of those libraries (names of distributions) that are installed."""
    numbers = {"python": platform.python_version()}
    for library in libraries:
        try:
            numbers[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return numbers
