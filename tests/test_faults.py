"""What befalls jobs that are left alone: kills of all kinds, full and read-only disks, data that goes away."""

import random
from pathlib import Path

import pytest

from sedcore.data.demo_build import build_demo
from sedcore.training.config import TrainConfig
from tests import small_trainer
from tests.chaos import Chaos
from tests.tiny import make_dataset


def storm(root: Path, seed: int, small: int, real: int, blows: int) -> Chaos:
    """Submit jobs, small and real ones mixed, and let chaos reign until all are finished."""
    make_dataset(root, small_trainer.SMALL)
    if real:
        build_demo(root, "demo", clips=20, workers=1)
    rng = random.Random(seed)
    configs = [TrainConfig("tiny", "ann", epochs=rng.randint(8, 24), seed=i) for i in range(small)]
    configs += [TrainConfig("demo", "ann", epochs=3, batch_size=8, patience=0, seed=i) for i in range(real)]
    rng.shuffle(configs)
    chaos = Chaos(root, seed)
    try:
        chaos.start_dashboard(wait=True)
        for config in configs:
            chaos.submit(config)
        chaos.run(blows)
    finally:
        chaos.stop()
    return chaos


def test_thirty_jobs_survive_what_is_done_to_them(tmp_path):
    chaos = storm(tmp_path, seed=1, small=27, real=3, blows=36)
    assert len(chaos.jobs) == 30
    struck = {blow for blow in chaos.counts if blow != "in vain"}
    assert {"kill trainer", "kill worker", "kill dashboard", "cancel", "resume"} <= struck


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 8))
def test_many_jobs_survive_much_more(tmp_path, seed):
    chaos = storm(tmp_path, seed, small=54, real=3, blows=150)
    assert len(chaos.jobs) == 57 and sum(chaos.counts.values()) == 150
