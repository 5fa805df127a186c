"""What pages start in place of a process: nothing, or an error."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from sedcore.jobs import build, workers


class NoProcess:
    """Stands in for a process that a page starts."""

    started: list[list[str]] = []

    def __init__(self, command: list[str], **_: object):
        self.started.append(command)


def replace_process(monkeypatch: pytest.MonkeyPatch, popen: object = NoProcess) -> None:
    """Put `popen` in place of subprocess.Popen, where workers and builds start and nowhere else."""
    NoProcess.started.clear()
    for module in (workers, build):
        fake = SimpleNamespace(Popen=popen, DEVNULL=subprocess.DEVNULL)
        monkeypatch.setattr(module, "subprocess", fake)


def no_memory(*_: object, **__: object) -> None:
    """A process that cannot be started."""
    raise OSError(12, "no memory")
