"""A batch divided among devices gives the numbers of one device: on two devices that the processor is made to be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

REPO = Path(__file__).parents[1]
# In a process of its own: what devices there are is settled when TensorFlow begins.
CODE = """
import json, sys
from pathlib import Path
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from sedcore.training.devices import devices
from sedcore.training.start import train_now
from sedcore.training.config import TrainConfig
from sedcore.training.optimizer import FusedAdam
from tests.support.tiny import make_dataset

def trained(which):
    keras.utils.set_random_seed(1)
    where = devices(which)
    with where.scope():
        model = keras.Sequential([
            keras.layers.Input((6, 4)), keras.layers.Flatten(),
            keras.layers.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(0.1)),
            keras.layers.Dense(3, "sigmoid")])
        model.compile(optimizer=FusedAdam(1e-2, use_ema=True, ema_momentum=0.5), loss="binary_crossentropy")
    rng, losses = np.random.default_rng(0), []
    for clips in (8, 8, 7, 1, 8):  # batches that cannot be divided evenly, and one with a clip for one device only
        x, y = rng.normal(size=(clips, 6, 4)).astype("f4"), (rng.random((clips, 3)) < 0.4).astype("f4")
        losses.append(where.step(model, x, y))
    scores = where.scoring(model).predict_on_batch(rng.normal(size=(5, 6, 4)).astype("f4"))
    averages = model.optimizer._model_variables_moving_average
    return {"number": where.number, "losses": losses, "scores": np.asarray(scores).tolist(),
            "averages": [np.asarray(v).ravel().tolist() for v in averages],
            "weights": [np.asarray(v).ravel().tolist() for v in model.variables]}

root = Path(sys.argv[1])
make_dataset(root, clips={"train": 10, "validation": 6})
run, state = train_now(root, TrainConfig(
    "tiny", "ann", epochs=2, batch_size=8, devices="all", averaging=0.9, mixup=0.2, schedule="cosine"))
print(json.dumps({"one": trained("one"), "all": trained("all"), "state": state, "log": run.log_tail(),
                  "clips": len(run.predictions("validation").scores)}))
"""


def test_two_devices_train_as_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)],
        cwd=REPO,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    one, both = found["one"], found["all"]
    assert (one["number"], both["number"]) == (1, 2)
    np.testing.assert_allclose(both["losses"], one["losses"], rtol=1e-5)
    np.testing.assert_allclose(both["scores"], one["scores"], rtol=1e-4)
    for what in ("weights", "averages"):
        assert both[what]
        for mine, other in zip(both[what], one[what], strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-5)
    assert any(not np.array_equal(a, b) for a, b in zip(one["weights"], one["averages"]))
    assert found["state"] == "finished", found["log"]
    assert "on 2 devices" in found["log"] and found["clips"] == 6
