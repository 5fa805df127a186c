"""Trains one queued run: ``python -m sedcore.training RUN_ID --artifacts DIR``. What launchers start."""

import argparse
import sys

from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import find_run
from sedcore.errors import SedcoreError


def main() -> int:
    """Train the run named on the command line; 0 unless it failed."""
    parser = argparse.ArgumentParser(prog="python -m sedcore.training", description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--artifacts")
    args = parser.parse_args()
    try:
        root = artifact_root(args.artifacts)
        run = find_run(root, args.run)
        from sedcore.training.start import train

        return 1 if train(root, run) == "failed" else 0
    except SedcoreError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
