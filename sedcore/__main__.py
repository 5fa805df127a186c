"""``python -m sedcore``."""

import sys

from sedcore.cli import main

sys.exit(main())
