"""``python -m sedcore``, and the program ``sedcore`` that an installation puts on the path."""

import signal
import sys


def main() -> int:
    """Run the command line of `sedcore.cli` in a process of its own; return the exit code."""
    signal.signal(
        signal.SIGTERM, _end
    )  # an exception, unlike the default, lets half-written files be removed
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup has it ignored
        signal.signal(signal.SIGHUP, _end)
    try:
        from sedcore.cli import main as run  # here, because Ctrl-C may come while libraries are still loading

        return run()
    except KeyboardInterrupt:
        return 130


def _end(number: int, _frame: object) -> None:
    if number == signal.SIGHUP:
        # a lost terminal and its shell both send it: the second must not stop the clearing up
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
