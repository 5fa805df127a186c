"""What tests of the queue, the worker and the pages that start trainings share."""

import subprocess
import sys
from pathlib import Path

from sedcore.artifacts.runs import Run
from sedcore.jobs.worker import Worker
from sedcore.training.config import TrainConfig
from tests.support import small_trainer

REPO = Path(__file__).parents[2]
SMALL = "tests.support.small_trainer"
FOR_EVER = 100_000

# Takes the lock of a run folder as a trainer does, says so, and holds it until its input ends.
HOLD = """
import json, sys
from pathlib import Path
from sedcore.artifacts.locks import RunLock
with RunLock(Path(sys.argv[1]), note=json.loads(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def small(epochs: int = 4, **settings) -> TrainConfig:
    return TrainConfig(small_trainer.SMALL, "ann", epochs=epochs, **settings)


def ids(found: list[Run]) -> list[str]:
    return [run.run_id for run in found]


def python(code: str, *arguments: str) -> subprocess.Popen:
    """Start code as a process of its own; it is told to end by the end of its input."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=REPO, stdin=pipe, stdout=pipe, text=True
    )


def work(root: Path, trainer: str = SMALL, **settings) -> list[str]:
    """Let a worker of this process empty the queue; return what it said."""
    said: list[str] = []
    Worker(root, trainer=trainer, until_empty=True, announce=said.append, **settings).work()
    return said


class Processes:
    """Stands for the module subprocess where a worker is started: notes it only."""

    DEVNULL = subprocess.DEVNULL

    def __init__(self, started: list):
        self._started = started

    def Popen(self, command, **how):  # noqa: N802, as the module names it
        self._started.append((command, how))
