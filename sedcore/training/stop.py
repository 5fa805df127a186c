"""Stopping a training after the current batch: by the run's status, or by a signal to its process."""

from __future__ import annotations

import signal
import threading
import time

from sedcore.artifacts.files import read_json
from sedcore.artifacts.runs import Run

_LOOK_EVERY_S = 0.25


class StopRequest:
    """Whether this training was asked to end. Use it as a context manager around the training.

    The first SIGINT or SIGTERM is a request, as a page would make; a second one ends the process at once.
    """

    def __init__(self, run: Run):
        self._status_file = run.path / "status.json"
        self._wanted = False
        self._looked = 0.0
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        # Python delivers signals only to the main thread; in others only the status counts.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: object) -> None:
        self._wanted = True
        signal.signal(number, signal.SIG_DFL)

    def wanted(self) -> bool:
        """Whether to end now. Cheap: reads the status at most four times a second."""
        if not self._wanted and time.monotonic() - self._looked > _LOOK_EVERY_S:
            self._looked = time.monotonic()
            self._wanted = read_json(self._status_file, "run").get("state") == "cancelling"
        return self._wanted
