"""Versions of libraries and revision of the code: what a result depends on beyond its configuration."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sedcore.artifacts.versions import versions_of

_LIBRARIES = ("tensorflow", "keras", "numpy", "scikit-learn", "librosa", "pandas")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that can affect a result."""
    return versions_of(_LIBRARIES)


def git_revision() -> str | None:
    """Return the revision of the checkout that contains this package, None where there is none."""
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
