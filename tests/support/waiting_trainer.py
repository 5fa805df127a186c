"""A trainer without TensorFlow, for tests: it waits until it is asked to end. One named "stubborn" hears nothing."""

import sys
import time

from sedcore.training.course import Course, follow, trainer_main


def wait(course: Course) -> tuple[str, str]:
    course.progress.begin(1, 1, 1)
    while not course.stop.wanted() or course.run.name == "stubborn":
        time.sleep(0.02)  # its work
    return "cancelled", "asked to end"


if __name__ == "__main__":
    sys.exit(trainer_main(lambda root, run: follow(wait, root, run)))
