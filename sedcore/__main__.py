"""``python -m sedcore``."""

import signal
import sys


def _end(number: int, _frame: object) -> None:
    if number == signal.SIGHUP:
        # a lost terminal and its shell both send it: the second must not stop the clearing up
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.exit(128 + number)


signal.signal(signal.SIGTERM, _end)  # an exception, unlike the default, lets half-written files be removed
if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup has it ignored
    signal.signal(signal.SIGHUP, _end)
try:
    from sedcore.cli import main  # here, because Ctrl-C may come while libraries are still loading

    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(130)
