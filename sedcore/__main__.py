"""``python -m sedcore``, and the installed program ``sedcore``."""

import signal
import sys


def main() -> int:
    """Run the command line as the whole process; return the exit code."""
    # Unlike the default, an exception lets half-written files be removed.
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup ignores it
        signal.signal(signal.SIGHUP, _end)
    try:
        from sedcore.cli import main as run  # here, because Ctrl-C may come while libraries are still loading

        return run()
    except KeyboardInterrupt:
        return 130


def _end(number: int, _frame: object) -> None:
    if number == signal.SIGHUP:
        # A lost terminal and its shell both send it: the second must not interrupt the cleanup.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
