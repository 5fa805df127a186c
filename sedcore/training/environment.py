"""What a result may depend on beyond its configuration: versions of libraries, revision of the code."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

_LIBRARIES = ("tensorflow", "keras", "numpy", "scikit-learn", "librosa", "pandas")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a result may depend on."""
    numbers = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            numbers[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return numbers


def git_revision() -> str | None:
    """Return the revision of the checkout that this package lies in, None where it is not one."""
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
