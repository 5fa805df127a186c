"""Trains one queued run: ``python -m sedcore.training RUN_ID --artifacts DIR``. What a worker starts."""

import sys

from sedcore.training.course import trainer_main
from sedcore.training.start import train_run

if __name__ == "__main__":
    sys.exit(trainer_main(train_run))
