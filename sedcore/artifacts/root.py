"""The artifact root: an argument everywhere, never a module constant."""

from __future__ import annotations

import os
from pathlib import Path

from sedcore.artifacts.files import user_path
from sedcore.errors import SedcoreError


def artifact_root(given: str | os.PathLike | None = None) -> Path:
    """Return the artifact root: `given`, else ``$SEDCORE_ARTIFACTS``, else ``./artifacts``.

    The folder need not exist yet; the first write creates it.

    Raises
    ------
    SedcoreError
        The path exists and is not a folder.
    """
    root = user_path(given or os.environ.get("SEDCORE_ARTIFACTS") or "artifacts")
    if root.exists() and not root.is_dir():
        raise SedcoreError(f"the artifact root {root} is a file; give a folder")
    return root
