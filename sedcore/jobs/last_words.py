"""How a run ended whose trainer died without recording it: final state and reason."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import KILL_REQUESTED, KILLED, STOP_REQUESTED, Status


@dataclass(frozen=True)
class LastWord:
    """End of a run whose trainer died: state and reason, and the state and attempt that they apply to."""

    state: str
    reason: str
    only_from: str
    attempt: int


def last_word(run: Run, status: Status, code: int, log_from: int) -> LastWord:
    """Return how a run ended whose trainer left it in a state that is not final.

    code : exit status of the trainer, negative for a signal; log_from : where its lines begin in log.txt.
    """
    if code < 0:
        how = f"the training process was ended by {_signal_name(-code)}"
        how += " (killed, or out of memory)" if code == -signal.SIGKILL else ""
    else:
        how = _words(run, log_from) or f"the training process ended with exit status {code}"
    if code < 0 and status.state == "cancelling":
        on_request = status.reason == KILL_REQUESTED and code == -signal.SIGKILL
        state, reason = "cancelled", KILLED if on_request else f"{status.reason or STOP_REQUESTED}; {how}"
    elif code < 0 and status.state == "running":
        state, reason = "interrupted", how
    else:
        state, reason = "failed", how
    return LastWord(state, reason, status.state, status.attempt)


def _words(run: Run, start: int) -> str:
    """Return the last line that a trainer left in the log."""
    try:
        with open(run.path / "log.txt", "rb") as file:
            file.seek(max(start, file.seek(0, os.SEEK_END) - 10_000))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
