"""A real Ray cluster on this machine: features of 200 clips, three trainings, cancelling, killing, deaths, resuming."""

from __future__ import annotations

import contextlib
import filecmp
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sedcore.artifacts.locks import kill_holder
from sedcore.artifacts.status import stored_status
from sedcore.cli import main
from sedcore.data.importing import import_dataset
from sedcore.data.store import open_dataset
from sedcore.errors import SedcoreError
from sedcore.jobs import cluster
from sedcore.jobs.cluster_api import RayJobs
from sedcore.jobs.cluster_worker import ClusterWorker, train_on_cluster
from sedcore.jobs.engine import ray_job
from sedcore.jobs.queue import cancel, resume, submit
from sedcore.jobs.worker import Worker
from sedcore.training.config import TrainConfig
from tests.support.tiny import make_dataset
from tests.support.waiting import PATIENCE_S, wait_until

REPO = Path(__file__).parents[1]
WAITING = "tests.support.waiting_trainer"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="Ray is not installed: pip install -r requirements-cluster.txt",
)


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def answers(jobs: RayJobs) -> bool:
    try:
        return bool(jobs.version())
    except SedcoreError:
        return False


@pytest.fixture(scope="module")
def address():
    """A cluster of one node with two cores, for this module alone; the address of its dashboard."""
    port, dashboard, client, agent = free_ports(4)
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # Ray's sockets need a short path
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus", "2"]
    command += ["--num-gpus", "0", "--node-ip-address", "127.0.0.1", "--port", str(port)]
    command += ["--dashboard-host", "127.0.0.1", "--dashboard-port", str(dashboard)]
    command += ["--ray-client-server-port", str(client), "--dashboard-agent-listen-port", str(agent)]
    command += ["--temp-dir", str(folder), "--object-store-memory", "100000000", "--disable-usage-stats"]
    bin_first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    log = open(folder / "log", "wb")
    # How much memory others use is not for this cluster to judge.
    settings = os.environ | {"PATH": bin_first, "RAY_memory_monitor_refresh_ms": "0"}
    head = subprocess.Popen(command, env=settings, stdout=log, stderr=log, start_new_session=True)
    try:
        jobs = RayJobs(f"http://127.0.0.1:{dashboard}", 2)
        wait_until(
            lambda: answers(jobs) or head.poll() is not None, lambda: (folder / "log").read_text()[-3000:]
        )
        assert head.poll() is None, (folder / "log").read_text()[-3000:]
        yield jobs.address
    finally:
        head.terminate()  # which ends what it started
        with contextlib.suppress(subprocess.TimeoutExpired):
            head.wait(5)
        for process in {head.pid} | of_cluster(head.pid, folder):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        head.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def of_cluster(session: int, folder: Path) -> set[int]:
    """Return the processes of the cluster's session, and those whose command line names its folder."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            its_session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
            if its_session == session or f"{folder}/".encode() in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
    return found - {os.getpid()}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """An artifact root whose path wants quoting."""
    root = tmp_path_factory.mktemp("on $HOME; it's shared")
    make_dataset(root)
    return root


def test_features_of_200_clips_are_the_same_bytes_as_here(address, root, tmp_path, capsys):
    folder = tmp_path / "sounds of 'one' day"
    folder.mkdir()
    rng, rows = np.random.default_rng(0), ["filename\tevent_labels"]
    for i in range(200):
        samples = rng.normal(0, 0.1, 4000 * (1 + i % 2)).astype(np.float32)  # some are two windows
        soundfile.write(folder / f"{i:03d}.wav", samples, 8000)
        rows.append(f"{i:03d}.wav\t{('cat', 'dog', 'cat,dog')[i % 3]}")
    (folder / "labels.tsv").write_text("\n".join(rows) + "\n")
    settings = {
        "clip_s": 0.5,
        "sample_rate_hz": 8000,
        "n_fft": 512,
        "bands": 32,
        "features": ("mel", "logmel"),
    }
    here = import_dataset(root, "here", folder, **settings, workers=1, announce=lambda line: None)
    words = ["--clip-seconds", "0.5", "--sample-rate", "8000", "--fft", "512", "--bands", "32"]
    words += ["--features", "mel,logmel", "--engine", "ray", "--ray-address", address]
    assert main(["--artifacts", str(root), "data", "import", "there", "--train", str(folder), *words]) == 0
    said = capsys.readouterr()
    assert said.out == "there: 2 classes; clips: train 140, validation 30, test 30; features: logmel, mel\n"
    assert "handed over" in said.err
    for kind in ("mel", "logmel"):
        files = [root / "datasets" / name / "features" / f"{kind}.npy" for name in ("here", "there")]
        assert filecmp.cmp(*files, shallow=False)
        assert np.load(files[0], mmap_mode="r").shape[0] == 300
    assert open_dataset(root, "there").fingerprint == here.fingerprint


def test_three_jobs_are_trained_and_a_worker_of_this_machine_leaves_them_alone(address, root):
    config = TrainConfig("tiny", "ann", epochs=1, deterministic=True)
    runs = [submit(root, config, job=ray_job()), submit(root, config, job=ray_job(address=address))]
    elsewhere = submit(root, config, job=ray_job(address="http://127.0.0.1:9"))
    Worker(root, until_empty=True, announce=lambda line: None).work()
    assert [stored_status(run.path).state for run in (*runs, elsewhere)] == ["queued"] * 3
    assert cancel(elsewhere) == "cancelled"
    said = []
    worker = threading.Thread(
        target=ClusterWorker(root, address, until_empty=True, announce=said.append).work, daemon=True
    )
    worker.start()
    third, state = train_on_cluster(root, config, ray_job(address=address), address, announce=said.append)
    worker.join(PATIENCE_S)
    assert not worker.is_alive() and state == "finished", said
    for run in (*runs, third):
        status = run.status()
        assert (status.state, status.remote["address"]) == ("finished", address), (status, run.log_tail())
        assert run.has_weights and run.splits() == ["test", "validation"] and len(run.history()) == 1
        remote_job = status.remote["job"]  # Ray hears of the end a little after the run says so
        wait_until(lambda name=remote_job: RayJobs(address).look(name).state == "SUCCEEDED")
    scores = [run.predictions("test").scores for run in (*runs, third)]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])
    assert any("epoch 1" in line for line in said)


def test_cancel_ends_it_after_the_batch_and_outlives_the_death_of_the_worker(address, root):
    run = submit(root, TrainConfig("tiny", "ann"), name="patient", job=ray_job())
    words = ["--artifacts", str(root), "worker", "--engine", "ray", "--ray-address", address]
    worker = subprocess.Popen(
        [sys.executable, "-m", "sedcore", *words, "--trainer", WAITING], cwd=REPO, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: run.status().state == "running", run.log_tail)
    finally:
        worker.kill()
        worker.wait()
    assert run.status().state == "running"  # whether or not a lock of that machine reaches here
    assert cluster.refresh(root) == [] and run.status().state == "running"
    assert cancel(run) == "cancelling"
    # The next worker takes the run up by its status, and does not begin it again.
    ClusterWorker(root, address, until_empty=True, announce=lambda line: None).work()
    assert (run.status().state, run.status().reason) == ("cancelled", "asked to end")


def test_a_second_cancel_kills_and_a_death_is_an_interruption_that_can_be_resumed(address, root):
    jobs = RayJobs(address)
    run = submit(root, TrainConfig("tiny", "ann"), name="stubborn", job=ray_job())
    waiting = submit(root, TrainConfig("tiny", "ann"), name="waits", job=ray_job(cores=1000))
    assert cluster.start(run, root, jobs, WAITING) and not cluster.start(run, root, jobs, WAITING)
    wait_until(lambda: run.status().state == "running", run.log_tail)
    # There is no node with so many cores: it waits at the cluster. Ray ends such a job when it is about to begin.
    assert cluster.start(waiting, root, jobs, WAITING) and cluster.settle(waiting, jobs) == "waiting"
    assert cancel(waiting) == "cancelled"
    assert cluster.settle(waiting, jobs) == "ended"
    assert cancel(run) == "cancelling" and cancel(run) == "killed"
    assert run.status().state == "cancelled"
    resume(root, run)
    assert run.status().state == "queued" and run.status().remote is None
    assert cluster.start(run, root, jobs, WAITING)
    wait_until(lambda: run.status().state == "running", run.log_tail)
    assert kill_holder(run.path / "lock")
    wait_until(lambda: cluster.refresh(root) == [] and run.status().state != "running", run.log_tail)
    assert run.status().state == "interrupted" and "signal 9" in run.status().reason
    resume(root, run)
    assert run.status().state == "queued" and cancel(run) == "cancelled"


def test_a_job_that_cannot_begin_fails_with_its_own_words(address, root):
    run = submit(root, TrainConfig("tiny", "ann"), job=ray_job())
    ClusterWorker(
        root, address, until_empty=True, trainer="sedcore.nowhere", announce=lambda line: None
    ).work()
    assert run.status().state == "failed" and "No module named sedcore.nowhere" in run.status().reason
