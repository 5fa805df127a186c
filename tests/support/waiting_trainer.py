"""A trainer without TensorFlow, for tests: it waits until it is asked to end. One named "stubborn" hears nothing."""

import sys
import time

from sedcore.training.supervision import TrainingContext, supervise, trainer_main


def wait(context: TrainingContext) -> tuple[str, str]:
    context.progress.begin(1, 1, 1)
    while not context.stop.wanted() or context.run.name == "stubborn":
        time.sleep(0.02)  # its work
    return "cancelled", "asked to end"


if __name__ == "__main__":
    sys.exit(trainer_main(lambda root, run: supervise(wait, root, run)))
