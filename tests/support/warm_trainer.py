"""A trainer for tests that train often: it has a run trained by a process that has TensorFlow loaded already.

Loading TensorFlow costs ten times what a tiny training does. The warm processes load it once and train the runs
that ``python -m tests.support.warm_trainer RUN --artifacts DIR`` brings, one after the other, by the real trainer's
code; the worker sees a trainer like any other. (To fork them would be simpler, but TensorFlow hangs then.)
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SOCKET = "SEDCORE_TEST_WARM"  # the variable that says where the loaded process listens
REPO = Path(__file__).parents[2]


@contextlib.contextmanager
def warm(folder: Path, number: int) -> Iterator[dict[str, str]]:
    """Run so many warm processes; yields what a worker needs in its environment."""
    address = str(folder / "warm.sock")
    with socket.socket(socket.AF_UNIX) as door, contextlib.ExitStack() as stack:
        door.bind(address)
        door.listen(16)
        command = [sys.executable, "-m", "tests.support.warm_trainer", "serve", str(door.fileno())]
        for _ in range(number):
            process = subprocess.Popen(command, cwd=REPO, pass_fds=(door.fileno(),))
            stack.callback(process.wait, timeout=30)
            stack.callback(process.kill)
        yield {SOCKET: address}


def serve(descriptor: int) -> None:
    """Train each run that arrives, and answer with the exit status."""
    from sedcore.models.backend import load_keras

    load_keras()
    with socket.socket(fileno=descriptor) as door:
        while True:
            asker, _ = door.accept()
            with asker:
                words = asker.makefile().readline().strip().split("\t")
                asker.sendall(str(train(words)).encode())


def train(arguments: list[str]) -> int:
    from sedcore.training.start import train_run
    from sedcore.training.supervision import trainer_main

    return trainer_main(train_run, arguments)


def ask(arguments: list[str]) -> int:
    """Have a run trained and return the exit status."""
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(os.environ[SOCKET])
        door.sendall(("\t".join(arguments) + "\n").encode())
        return int(door.makefile().read())


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        sys.exit(ask(sys.argv[1:]))
