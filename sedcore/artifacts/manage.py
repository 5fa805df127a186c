"""Changing a run's name, tags and note, and deleting a run."""

from __future__ import annotations

import os
import secrets
import shutil

from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.runs import Run, update_info
from sedcore.errors import SedcoreError

NAME_LENGTH = 120


def display_name(name: str) -> str:
    """Return a name with its whitespace collapsed. Raises SedcoreError if it is empty or exceeds NAME_LENGTH."""
    name = " ".join(name.split())
    if not 0 < len(name) <= NAME_LENGTH:
        raise SedcoreError(f"a run's name has 1 to {NAME_LENGTH} characters; given {len(name)}")
    return name


def rename_run(run: Run, name: str) -> None:
    """Give the run another display name (1 to 120 characters on one line)."""
    update_info(run, name=display_name(name))


def tag_run(run: Run, tags: list[str]) -> None:
    """Replace the run's tags; an empty list removes them."""
    update_info(run, tags=sorted({" ".join(tag.split()) for tag in tags if tag.strip()}))


def note_run(run: Run, text: str) -> None:
    """Replace the run's note."""
    update_info(run, note=text.strip())


def delete_run(run: Run) -> None:
    """Delete the run folder for good; a queued run leaves the queue.

    Raises
    ------
    SedcoreError
        A process is training it.
    """
    going = run.path.with_name(f".deleted-{run.run_id}-{secrets.token_hex(2)}")
    try:
        # The lock keeps a trainer from claiming the run; after the rename a listing sees it whole or not at all.
        with RunLock(run.path, taken=f"run {run.name} is being trained; stop it first"):
            os.rename(run.path, going)
    except OSError as error:
        raise SedcoreError(f"run {run.name} could not be deleted: {error.strerror or error}") from error
    shutil.rmtree(going, ignore_errors=True)
