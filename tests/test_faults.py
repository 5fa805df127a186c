"""What befalls jobs that are left alone: kills of all kinds, full and read-only disks, data that goes away."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from sedcore.artifacts import checkpoint, recording, runs
from sedcore.artifacts.checkpoint import (
    Checkpoint,
    drop_unfinished,
    has_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from sedcore.artifacts.files import write_json
from sedcore.artifacts.locks import is_locked, lock_holder
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import set_status, stored_status
from sedcore.data.demo_build import build_demo
from sedcore.errors import SedcoreError
from sedcore.jobs.queue import cancel, queued_runs, resume, submit
from sedcore.jobs.worker import Worker
from sedcore.jobs.workers import living_workers
from sedcore.training import start
from sedcore.training.config import TrainConfig
from tests.support import run_invariants, small_trainer
from tests.support.chaos import Chaos
from tests.support.small_sets import small_set
from tests.support.tiny import make_dataset
from tests.support.waiting import PATIENCE_S, end_trainers, wait_until

REPO = Path(__file__).parents[1]
SMALL = "tests.support.small_trainer"
FOR_EVER = 100_000


def small(epochs: int = 4, **settings) -> TrainConfig:
    return TrainConfig(small_trainer.SMALL, "ann", epochs=epochs, **settings)


def work(root: Path) -> list[str]:
    """Let a worker of this process empty the queue; return what it said."""
    said: list[str] = []
    Worker(root, jobs=2, trainer=SMALL, until_empty=True, announce=said.append).work()
    return said


@pytest.fixture(autouse=True)
def none_left(tmp_path):
    """What a failed test leaves training ends with it."""
    yield
    end_trainers(tmp_path, SMALL)


def storm(root: Path, seed: int, small: int, real: int, blows: int) -> Chaos:
    """Submit jobs, small and real ones mixed, and let chaos reign until all are finished."""
    make_dataset(root, small_trainer.SMALL)
    if real:
        build_demo(root, "demo", clips=20, workers=1)
    rng = random.Random(seed)
    configs = [TrainConfig("tiny", "ann", epochs=rng.randint(8, 20), seed=i) for i in range(small)]
    configs += [TrainConfig("demo", "ann", epochs=2, batch_size=8, patience=0, seed=i) for i in range(real)]
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
    chaos = storm(tmp_path, seed=1, small=27, real=3, blows=32)
    assert len(chaos.jobs) == 30
    struck = {blow for blow in chaos.counts if blow != "in vain"}
    assert {"kill trainer", "kill worker", "kill dashboard", "cancel", "resume"} <= struck


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 8))
def test_many_jobs_survive_much_more(tmp_path, seed):
    chaos = storm(tmp_path, seed, small=54, real=3, blows=150)
    assert len(chaos.jobs) == 57 and sum(chaos.counts.values()) == 150


# ---- the checker can fail -------------------------------------------------------------------------------------


@pytest.fixture
def finished(tiny):
    """A finished run that is whole."""
    run = submit(tiny, small(6))
    assert small_trainer.train_run(tiny, run) == "finished"
    run_invariants.ended_well(tiny, [run.run_id])
    return run


def _drop_epoch(run: Run) -> None:
    lines = (run.path / "history.jsonl").read_text().splitlines(keepends=True)
    (run.path / "history.jsonl").write_text("".join(lines[:2] + lines[3:]))


def _double_epoch(run: Run) -> None:
    lines = (run.path / "history.jsonl").read_text().splitlines(keepends=True)
    (run.path / "history.jsonl").write_text("".join(lines[:3] + lines[2:]))


def _other_trainer(run: Run) -> None:
    file = run.path.parents[1] / "witness" / f"{run.run_id}.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:2]) + '{"pid": 1, "began": 1, "epoch": 1}\n' + "".join(lines[2:]))


DAMAGE = {
    "lost": lambda run: shutil.rmtree(run.path),
    "not asked for": lambda run: shutil.copytree(run.path, run.path.with_name("twin")),
    "says it is another run": lambda run: write_json(run.path / "run.json", run.info | {"run_id": "x"}),
    "Expecting value": lambda run: (run.path / "status.json").write_bytes(b""),
    "epochs [1, 2, 4, 5, 6]": _drop_epoch,
    "epochs [1, 2, 3, 3, 4, 5, 6]": _double_epoch,
    "weights of another epoch": lambda run: run.weights_file.write_bytes(small_trainer.first_digest(0)),
    "test.parquet": lambda run: (run.path / "predictions" / "test.parquet").unlink(),
    "two processes at once": _other_trainer,
    "progress.json": lambda run: recording.write_progress(run, {"epoch": 1}),
    "checkpoint": lambda run: write_checkpoint(run, Checkpoint({}, {"epoch": 1, "best_epoch": 0})),
    "'interrupted'": lambda run: set_status(run.path, "interrupted"),
}


@pytest.mark.parametrize("words", DAMAGE)
def test_the_checker_sees(finished, words):
    root = finished.path.parents[1]
    DAMAGE[words](finished)
    with pytest.raises((run_invariants.Broken, FileNotFoundError)) as caught:
        run_invariants.ended_well(root, [finished.run_id])
    assert words in str(caught.value)


# ---- faults that end a job, and not the queue -----------------------------------------------------------------


def test_what_a_job_lacks_when_its_turn_comes_fails_it_and_the_queue_goes_on(tmp_path):
    """A data set that is gone; one replaced by another that the model cannot take; a loss that is no number."""
    make_dataset(tmp_path, "tiny")
    make_dataset(tmp_path, "gone")
    small_set(tmp_path, "replaced", clips=20, hop_s=0.1)
    gone = submit(tmp_path, TrainConfig("gone", "ann", epochs=1))
    misfit = submit(tmp_path, TrainConfig("replaced", "crnn", epochs=1))
    make_dataset(tmp_path, "other")
    config = TrainConfig("other", "rnn_time", epochs=1, learning_rate=100)
    explodes = submit(tmp_path, config, name=small_trainer.EXPLODES)
    last = submit(tmp_path, small(3))
    shutil.rmtree(tmp_path / "datasets" / "gone")
    shutil.rmtree(tmp_path / "datasets" / "replaced")
    make_dataset(tmp_path, "replaced")
    work(tmp_path)
    assert [run.status().state for run in (gone, misfit, explodes, last)] == ["failed"] * 3 + ["finished"]
    assert "'gone'" in gone.status().reason and "tiny" in gone.status().reason  # and which there are
    assert "model crnn needs at least" in misfit.status().reason
    assert (
        "the loss became nan in epoch 1, batch 1: try a learning rate below 100" in explodes.status().reason
    )


def test_features_that_hold_no_numbers_fail_a_run_that_would_hide_them(tmp_path):
    make_dataset(tmp_path, "other")
    run = submit(tmp_path, TrainConfig("other", "rnn_time", epochs=1))
    features = np.load(tmp_path / "datasets" / "other" / "features" / "logmel.npy", mmap_mode="r+")
    features[3, 5, 2] = np.nan
    features.flush()
    assert start.train_run(tmp_path, run) == "failed"
    assert "hold a value that is no number in row 3; import the data set again" in run.status().reason


def test_a_run_does_not_go_on_with_other_data_than_it_began_with(tmp_path):
    make_dataset(tmp_path, "other")
    run = submit(tmp_path, TrainConfig("other", "rnn_time", epochs=1))
    write_checkpoint(run, Checkpoint({}, {"epoch": 1, "best_epoch": 0}))
    shutil.rmtree(tmp_path / "datasets" / "other")
    make_dataset(tmp_path, "other", clips={"train": 30, "validation": 24, "test": 24})
    assert start.train_run(tmp_path, run) == "failed"
    assert "is no longer the one" in run.status().reason and "clone the run" in run.status().reason


@pytest.fixture
def mounted(tmp_path):
    """Mount something for the time of a test; skip where this user cannot."""
    points = []

    def mount(point: Path, *words: str) -> None:
        done = subprocess.run(["mount", *words, str(point)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"this user cannot mount: {done.stderr.strip()}")
        points.append(point)

    yield mount
    for point in reversed(points):
        subprocess.run(["umount", "--lazy", str(point)], check=True)


def remounted(point: Path, how: str) -> bool:
    """Make what was mounted read-only or writable; say whether it could be done."""
    command = ["mount", "-o", f"remount,bind,{how}", str(point)]
    return subprocess.run(command, capture_output=True).returncode == 0


def fill(file: Path) -> None:
    """Fill the disk to the last byte."""
    with contextlib.suppress(OSError), open(file, "wb", buffering=0) as rest:
        while True:
            rest.write(bytes(1 << 16))


@pytest.mark.skipif(not shutil.which("mount"), reason="there is no mount here")
def test_a_full_disk_fails_what_trains_and_what_comes_next_and_the_queue_goes_on(tmp_path, mounted):
    root = tmp_path / "disk"
    root.mkdir()
    mounted(root, "-t", "tmpfs", "-o", "size=3m", "tmpfs")
    make_dataset(root, "tiny", clips={"train": 8, "validation": 4, "test": 4})
    trains, waits = submit(root, small(FOR_EVER)), submit(root, small())
    said: list[str] = []
    worker = Worker(root, trainer=SMALL, until_empty=True, announce=said.append)
    thread = threading.Thread(target=worker.work, daemon=True)
    thread.start()
    wait_until(lambda: has_checkpoint(trains), lambda: (trains.status(), trains.log_tail()))
    before = read_history(trains)
    fill(root / "rest")
    thread.join(PATIENCE_S)
    assert not thread.is_alive() and living_workers(root) == [], said
    for run in (trains, waits):
        assert run.status().state == "failed", said
        assert "No space left on device; make room there, then resume it" in run.status().reason
    assert "to go on from its last checkpoint" in trains.status().reason
    assert len(read_history(trains)) >= len(before)
    fill(root / "more")  # what they gave back
    for refused in (lambda: submit(root, small()), lambda: resume(root, trains)):
        with pytest.raises(SedcoreError, match="No space left on device"):
            refused()
    assert trains.status().state == "failed" and not list((root / "runs").glob(".*"))
    (root / "rest").unlink()
    (root / "more").unlink()
    epochs = json.loads((trains.path / "run.json").read_text())["config"]
    runs.update_info(trains, config=epochs | {"epochs": len(read_history(trains)) + 5})
    for run in (trains, waits):
        resume(root, run)
    work(root)
    run_invariants.ended_well(root, [trains.run_id, waits.run_id])


def read_history(run: Run) -> list[dict]:
    return run_invariants.history(run.path)


@pytest.mark.skipif(not shutil.which("mount"), reason="there is no mount here")
def test_a_root_that_becomes_read_only_is_told_and_made_good_when_it_can_be_written(tmp_path, mounted):
    root = tmp_path / "root"
    root.mkdir()
    make_dataset(root, "tiny")
    trains, waits = submit(root, small(FOR_EVER)), submit(root, small())
    said: list[str] = []
    worker = Worker(root, jobs=1, trainer=SMALL, until_empty=False, announce=said.append)
    thread = threading.Thread(target=worker.work, daemon=True)
    thread.start()
    wait_until(lambda: has_checkpoint(trains), lambda: (trains.status(), trains.log_tail()))
    mounted(root, "--bind", str(root))
    wait_until(lambda: remounted(root, "ro"))  # not while a file is being written
    # The trainer cannot write its end, and the next cannot be started: the worker says both, once.
    wait_until(lambda: len([line for line in said if "could not be written yet" in line]) == 2, lambda: said)
    assert not is_locked(trains.path) and trains.status().state == "interrupted"  # what a reader can know
    told = [line for line in said if "could not be written yet" in line]
    assert all("Read-only file system" in line and "make the folder writable" in line for line in told)
    for refused in (lambda: submit(root, small()), lambda: resume(root, trains)):
        with pytest.raises(SedcoreError, match="Read-only file system"):
            refused()
    assert len(said) == 3, said  # it does not say so again and again
    assert remounted(root, "rw")
    wait_until(lambda: trains.status().state == waits.status().state == "failed", lambda: said)
    for run in (trains, waits):
        assert "Read-only file system" in run.status().reason
        assert "make the folder writable, then resume it" in run.status().reason
    third = submit(root, small())
    wait_until(lambda: third.status().state == "finished", lambda: said)  # the queue goes on
    worker._on_signal(signal.SIGTERM, None)
    thread.join(PATIENCE_S)


def test_a_worker_that_cannot_begin_says_why(tmp_path, mounted):
    (tmp_path / "workers").mkdir()
    mounted(tmp_path, "--bind", str(tmp_path))
    assert remounted(tmp_path, "ro")
    with pytest.raises(SedcoreError, match="cannot be written: Read-only file system"):
        work(tmp_path)


# ---- what a power cut leaves ----------------------------------------------------------------------------------


def cut_off(root: Path, epochs: int = 8) -> Run:
    """Return a run that was cut off with a checkpoint after its fourth epoch, and five in its history."""
    run = submit(root, small(5))
    assert small_trainer.train_run(root, run) == "finished"
    digest = np.frombuffer(run_invariants.digests(0, 4)[4], np.uint8)
    write_checkpoint(run, Checkpoint({"digest": digest}, {"epoch": 4, "best_epoch": 2}, [digest]))
    shutil.rmtree(run.path / "predictions")
    run.weights_file.unlink()
    runs.update_info(run, config=run.info["config"] | {"epochs": epochs})
    set_status(run.path, "running")
    return run


@pytest.mark.parametrize("left", [b'{"epoch": 6, "sec', bytes(700), b"\xff\xfe\n{}\n", b"[]\n"], ids=range(4))
def test_a_history_that_was_half_written_is_made_whole_by_resume(tiny, left):
    run = cut_off(tiny)
    with open(run.path / "history.jsonl", "ab") as file:
        file.write(left)
    if b"\n" in left:
        with pytest.raises(SedcoreError, match="Resume the run, or remove what is damaged"):
            run.history()
    else:
        assert len(run.history()) == 5
    assert run.status().state == "interrupted"
    resume(tiny, run)
    assert small_trainer.train_run(tiny, run) == "finished"
    run_invariants.ended_well(tiny, [run.run_id])


@pytest.mark.parametrize("content", [b"", bytes(90), b'{"schema": 1, "sta', b"\xff"], ids=range(4))
def test_a_damaged_status_is_told_with_what_to_write_and_the_queue_goes_on(tiny, content):
    damaged, other = cut_off(tiny), submit(tiny, small())
    file = damaged.path / "status.json"
    file.write_bytes(content)
    work(tiny)
    assert other.status().state == "finished"
    with pytest.raises(SedcoreError) as told:
        damaged.status()
    assert str(file) in str(told.value) and runs.broken_runs(tiny) == [(damaged.path, str(told.value))]
    advice = str(told.value).split("write ")[1].split(" into it")[0]
    file.write_text(advice)  # what the sentence says
    assert damaged.status().state == "interrupted"
    resume(tiny, damaged)
    work(tiny)
    run_invariants.ended_well(tiny, [damaged.run_id, other.run_id])


def test_a_checkpoint_of_another_version_is_not_gone_on_from(tiny, monkeypatch):
    run = cut_off(tiny)
    monkeypatch.setattr(checkpoint, "VERSION", checkpoint.VERSION + 1)
    with pytest.raises(
        SedcoreError, match="written by another version of sedcore; remove that folder and resume"
    ):
        read_checkpoint(run)


def test_a_damaged_checkpoint_fails_the_run_with_what_to_do_whatever_the_damage(tiny):
    run = cut_off(tiny)
    state, best = run.path / "checkpoint" / "state.npz", run.path / "checkpoint" / "best-2.npz"
    whole = {file: file.read_bytes() for file in (state, best)}
    rng = np.random.default_rng(0)
    for turn in range(60):
        file = (state, best)[turn % 2]
        content = bytearray(whole[file])
        kind = turn % 3
        if kind == 0:
            content = content[: rng.integers(len(content))] if turn else b""
        elif kind == 1:
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        else:
            start_at = rng.integers(len(content))
            content[start_at : start_at + 64] = bytes(len(content[start_at : start_at + 64]))
        file.write_bytes(bytes(content))
        with contextlib.suppress(SedcoreError):  # some damage lies where nobody reads
            found = read_checkpoint(run)
            assert (
                found.note["epoch"] == 4
                and found.arrays["digest"].tobytes() == run_invariants.digests(0, 4)[4]
            )
        file.write_bytes(whole[file])
    state.write_bytes(b"")
    other = submit(tiny, small())
    resume(tiny, run)
    work(tiny)
    assert run.status().state == "failed" and other.status().state == "finished"
    assert "is damaged" in run.status().reason
    assert "remove that folder and resume to begin again from the first epoch" in run.status().reason
    shutil.rmtree(run.path / "checkpoint")
    (tiny / "witness" / f"{run.run_id}.jsonl").unlink()
    resume(tiny, run)
    work(tiny)
    run_invariants.ended_well(tiny, [run.run_id, other.run_id])


def test_weights_of_a_best_epoch_whose_state_was_never_written_are_not_taken_for_those_of_its_next_try(tiny):
    run = submit(tiny, small(4))
    folder = run.path / "checkpoint"
    folder.mkdir()
    np.savez(folder / "best-2.npz", np.zeros(3))  # its writer was killed before it wrote the state
    assert small_trainer.train_run(tiny, run) == "finished"
    run = submit(tiny, small(4))
    write_checkpoint(run, Checkpoint({}, {"epoch": 1, "best_epoch": 1}, [np.ones(2)]))
    np.savez(run.path / "checkpoint" / "best-2.npz", np.zeros(3))
    drop_unfinished(run)
    assert sorted(f.name for f in (run.path / "checkpoint").iterdir()) == ["best-1.npz", "state.npz"]


def test_who_is_killed_after_the_finish_was_said_has_finished(tiny, monkeypatch):
    """The checkpoint goes after the word: in the other order a kill between the two would cost the whole training."""
    run = submit(tiny, small())
    states = []
    monkeypatch.setattr(
        "sedcore.training.supervision.remove_checkpoint",
        lambda run: states.append(stored_status(run.path).state),
    )
    small_trainer.train_run(tiny, run)
    assert states == ["finished"]
    assert run.progress() is None and has_checkpoint(run)  # it was killed before it could take this away
    stopped = submit(tiny, small())
    write_checkpoint(stopped, Checkpoint({}, {"epoch": 1, "best_epoch": 0}))
    cancel(stopped)
    work(tiny)  # whichever worker comes next does it, and leaves what can still be resumed
    assert not has_checkpoint(run) and has_checkpoint(stopped)


# ---- what a job survives --------------------------------------------------------------------------------------

# A dashboard's server as far as jobs are concerned: it queues a run and starts a worker as a page does.
SERVER = """
import subprocess, sys
from pathlib import Path
from sedcore.jobs import launch, workers
from sedcore.training.config import TrainConfig
start = subprocess.Popen
def popen(command, **how):
    return start(command + ["--trainer", "tests.support.small_trainer"] if "worker" in command else command, **how)
subprocess.Popen = popen
run = launch.start_training(Path(sys.argv[1]), TrainConfig("tiny", "ann", epochs=100_000))
print(run.run_id, flush=True)
sys.stdin.read()
"""


def queue_says(root: Path) -> dict[str, str]:
    """Return what another process, the command line, says of each run."""
    command = [sys.executable, "-m", "sedcore", "--artifacts", str(root), "runs", "--json"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    return {row["run_id"]: row["state"] for row in json.loads(done.stdout)}


@pytest.fixture
def server(tiny):
    """A run that trains, queued by a server process, and the pids: server, worker, trainer."""
    command = [sys.executable, "-c", SERVER, str(tiny)]
    settings = os.environ | {"SEDBOARD_TRAINING": "on"}
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command,
        cwd=REPO,
        env=settings,
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,
    )
    pids = {"server": process.pid}
    try:
        run = Run(tiny / "runs" / process.stdout.readline().strip())
        wait_until(lambda: has_checkpoint(run), lambda: (run.status(), run.log_tail()))
        pids |= {"trainer": lock_holder(run.path / "lock")["pid"], "worker": living_workers(tiny)[0]["pid"]}
        yield tiny, run, pids
    finally:
        for pid in pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


def epochs_go_on(run: Run) -> None:
    now = len(read_history(run))
    wait_until(lambda: len(read_history(run)) > now, lambda: (run.status(), run.log_tail()))


def test_a_training_survives_ctrl_c_and_death_of_the_dashboard(server):
    _, run, pids = server
    os.killpg(pids["server"], signal.SIGINT)  # what Ctrl-C in its terminal does
    epochs_go_on(run)
    os.kill(pids["server"], signal.SIGKILL)
    epochs_go_on(run)
    assert run.status().state == "running" and len(living_workers(run.path.parents[1])) == 1


def test_a_training_survives_the_death_of_its_worker_and_another_waits_for_it(server):
    root, run, pids = server
    os.kill(pids["worker"], signal.SIGKILL)
    wait_until(lambda: not living_workers(root))
    epochs_go_on(run)
    assert run.status().state == "running"
    waits, said = submit(root, small()), []
    worker = Worker(root, trainer=SMALL, until_empty=True, announce=said.append)
    thread = threading.Thread(target=worker.work, daemon=True)
    thread.start()
    epochs_go_on(run)
    assert waits.status().state == "queued" and said == []
    assert cancel(run) == "cancelling"
    thread.join(PATIENCE_S)
    assert (run.status().state, waits.status().state) == ("cancelled", "finished"), said


def test_after_a_restart_of_the_machine_all_is_told_as_it_is_and_can_be_resumed(server):
    root, run, pids = server
    waits = submit(root, small())
    words = Path(f"/proc/{pids['trainer']}/cmdline").read_bytes().split(b"\0")
    assert run.run_id.encode() in words  # the command line names the run
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_locked(run.path))  # the kernel's part
    assert run.status().state == "interrupted"  # at once, from the files alone
    assert queue_says(root) == {run.run_id: "interrupted", waits.run_id: "queued"}
    assert living_workers(root) == [] and [r.run_id for r in queued_runs(root)] == [waits.run_id]
    runs.update_info(run, config=run.info["config"] | {"epochs": len(read_history(run)) + 3})
    resume(root, run)
    work(root)
    run_invariants.ended_well(root, [run.run_id, waits.run_id])


def test_the_death_of_a_trainer_is_told_by_its_worker(server):
    root, run, pids = server
    os.kill(pids["trainer"], signal.SIGKILL)
    wait_until(lambda: stored_status(run.path).state == "interrupted", lambda: stored_status(run.path))
    assert "SIGKILL (killed, or out of memory)" in run.status().reason
    wait_until(lambda: not living_workers(root))  # the queue is empty, and it goes
