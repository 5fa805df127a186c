"""``python -m sedcore``."""

import signal
import sys


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


signal.signal(signal.SIGTERM, _end)  # an exception, unlike the default, lets half-written files be removed
try:
    from sedcore.cli import main  # here, because Ctrl-C may come while libraries are still loading

    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(130)
