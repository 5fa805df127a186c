"""A trainer for tests that train often: the real one, forked from a process that has TensorFlow loaded already.

Loading TensorFlow costs ten times what a tiny training does. `serve` loads it once and forks for each run that
``python -m tests.warm_trainer RUN --artifacts DIR`` asks for; the worker sees a trainer like any other.
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
REPO = Path(__file__).parents[1]


@contextlib.contextmanager
def warm(folder: Path) -> Iterator[dict[str, str]]:
    """Run the loaded process; yields what a worker needs in its environment."""
    address = str(folder / "warm.sock")
    command = [sys.executable, "-m", "tests.warm_trainer", "serve", address]
    process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        yield {SOCKET: address}
    finally:
        process.terminate()
        process.wait(timeout=30)


def serve(address: str) -> None:
    """Fork a trainer for each line that arrives, and answer with its exit status."""
    from sedcore.models.backend import load_keras

    load_keras()
    import sedcore.training.fit  # noqa: F401  what a training imports

    waiting: dict[int, socket.socket] = {}
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen(16)
        print("ready", flush=True)
        door.settimeout(0.05)
        while True:
            with contextlib.suppress(TimeoutError):
                asker, _ = door.accept()
                words = asker.makefile().readline().split("\t")
                child = os.fork()
                if not child:
                    door.close()
                    os._exit(train([word.strip() for word in words]))
                waiting[child] = asker
            with contextlib.suppress(ChildProcessError):
                child, status = os.waitpid(-1, os.WNOHANG)
                if child in waiting:
                    asker = waiting.pop(child)
                    asker.sendall(str(os.waitstatus_to_exitcode(status)).encode())
                    asker.close()


def train(arguments: list[str]) -> int:
    from sedcore.training.course import trainer_main
    from sedcore.training.start import train_run

    return trainer_main(train_run, arguments)


def ask(arguments: list[str]) -> int:
    """Have a run trained and return the exit status."""
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(os.environ[SOCKET])
        door.sendall(("\t".join(arguments) + "\n").encode())
        return int(door.makefile().read())


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        sys.exit(ask(sys.argv[1:]))
