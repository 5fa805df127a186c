"""Trains one queued run: ``python -m sedcore.training RUN_ID --artifacts DIR``. What a worker starts."""

import sys

from sedcore.training.start import train_run
from sedcore.training.supervision import trainer_main

if __name__ == "__main__":
    sys.exit(trainer_main(train_run))
