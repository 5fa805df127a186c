"""The queue and the worker: order, claims, ends and second chances, each by what the run folders say."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sedcore.artifacts import recording, runs
from sedcore.artifacts.checkpoint import Checkpoint, has_checkpoint, write_checkpoint
from sedcore.artifacts.locks import LockTaken, RunLock, is_locked, kill_holder, lock_holder
from sedcore.artifacts.manage import delete_run
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import set_status, stored_status
from sedcore.cli import main, parser
from sedcore.errors import SedcoreError
from sedcore.jobs import launch, workers
from sedcore.jobs import worker as worker_module
from sedcore.jobs.listing import queue_rows
from sedcore.jobs.queue import cancel, edit, move, queued_runs, resume, stored_states, submit
from sedcore.jobs.worker import Worker
from sedcore.jobs.workers import ensure_worker, living_workers, register
from sedcore.training.config import TrainConfig
from sedcore.training.course import TAKEN, trainer_main
from tests import small_trainer
from tests.waiting import PATIENCE_S, end_trainers, wait_until

REPO = Path(__file__).parents[1]
SMALL = "tests.small_trainer"
FOR_EVER = 100_000

# Takes the lock of a run folder as a trainer does, says so, and holds it until its input ends.
HOLD = """
import json, sys
from pathlib import Path
from sedcore.artifacts.locks import RunLock
with RunLock(Path(sys.argv[1]), note=json.loads(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def small(epochs: int = 4, **settings) -> TrainConfig:
    return TrainConfig(small_trainer.SMALL, "ann", epochs=epochs, **settings)


def ids(found: list[Run]) -> list[str]:
    return [run.run_id for run in found]


def python(code: str, *arguments: str) -> subprocess.Popen:
    """Start code as a process of its own; it is told to end by the end of its input."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=REPO, stdin=pipe, stdout=pipe, text=True
    )


@pytest.fixture(autouse=True)
def none_left(tmp_path):
    """What a failed test leaves training ends with it."""
    yield
    end_trainers(tmp_path, SMALL)


@pytest.fixture
def holder():
    """Hold the lock of a run in another process, as a trainer would; what is still held ends with the test."""
    processes = []

    def hold(run: Run, **note) -> subprocess.Popen:
        process = python(HOLD, str(run.path), json.dumps(note))
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def switched_on(monkeypatch):
    monkeypatch.setenv("SEDBOARD_TRAINING", "on")


def work(root: Path, trainer: str = SMALL, **settings) -> list[str]:
    """Let a worker of this process empty the queue; return what it said."""
    said: list[str] = []
    Worker(root, trainer=trainer, until_empty=True, announce=said.append, **settings).work()
    return said


# ---- the queue ------------------------------------------------------------------------------------------------


def test_what_is_submitted_waits_in_order_with_all_that_it_needs(tiny):
    first, second = submit(tiny, small(), name=" a  name "), submit(tiny, small(), "my-id", job={"cores": 2})
    assert ids(queued_runs(tiny)) == [first.run_id, "my-id"]
    assert first.name == "a name" and second.info["job"] == {"cores": 2}
    assert second.info["config"]["learning_rate"] == 0.01  # filled in: what a person sees is what is trained
    assert [(row["position"], row["state"]) for row in queue_rows(tiny)] == [(1, "queued"), (2, "queued")]
    with pytest.raises(SedcoreError, match="'my-id' is taken"):
        submit(tiny, small(), "my-id")
    assert len(queued_runs(tiny)) == 2 and not list((tiny / "runs").glob(".*"))


def test_places_change_as_asked_and_waiting_times_stay(tiny):
    a, b, c = (submit(tiny, small(), run_id) for run_id in "abc")
    set_status(a.path, "queued", "as it was", place=1)
    since = a.status().since
    move(tiny, c, 1)
    assert ids(queued_runs(tiny)) == ["c", "a", "b"]
    move(tiny, c, 99)
    assert ids(queued_runs(tiny)) == ["a", "b", "c"]
    move(tiny, b, -5)
    assert ids(queued_runs(tiny)) == ["b", "a", "c"]
    assert (a.status().since, a.status().reason, a.status().place) == (since, "as it was", 2)
    set_status(a.path, "running", only_from=("queued",))
    with pytest.raises(SedcoreError, match="only a queued one can be moved"):
        move(tiny, a, 1)
    assert submit(tiny, small()).status().place == 4  # behind all, whatever has gone


def test_a_run_that_goes_while_others_are_moved_does_not_stop_that(tiny, monkeypatch):
    a, b, c = (submit(tiny, small(), run_id) for run_id in "abc")
    listed = queued_runs(tiny)
    delete_run(b)
    monkeypatch.setattr("sedcore.jobs.queue.queued_runs", lambda root: list(listed))
    move(tiny, c, 1)
    monkeypatch.undo()
    assert ids(queued_runs(tiny)) == ["c", "a"]


def test_only_what_waits_and_has_not_begun_is_edited(tiny, holder):
    run = submit(tiny, small(), name="before", sweep={"name": "s", "trial": 1})
    edit(tiny, run, small(epochs=7), "after")
    assert run.info["config"]["epochs"] == 7 and run.name == "after" and run.info["sweep"]["trial"] == 1
    assert run.status().state == "queued" and run.status().place == 1
    with pytest.raises(SedcoreError, match="epochs is a whole number"):
        edit(tiny, run, small(epochs=0))
    with pytest.raises(SedcoreError, match="'gone'"):
        edit(tiny, run, TrainConfig("gone", "ann"))
    process = holder(run)
    with pytest.raises(SedcoreError, match="has begun"):
        edit(tiny, run, small(epochs=8))
    process.communicate()
    write_checkpoint(run, Checkpoint({}, {"epoch": 1, "best_epoch": 0}))
    with pytest.raises(SedcoreError, match="has begun"):
        edit(tiny, run, small(epochs=8))
    assert run.info["config"]["epochs"] == 7 and run.name == "after"


def test_a_queued_run_that_is_cancelled_or_deleted_waits_no_more(tiny):
    a, b, c = (submit(tiny, small(), run_id) for run_id in "abc")
    assert cancel(a) == "cancelled" and a.status().reason == "cancelled before it began"
    assert not (a.path / "reserve").exists()
    delete_run(b)
    assert ids(queued_runs(tiny)) == ["c"] and work(tiny) == [
        "c started",
        "c finished: all 4 epochs done",
    ]
    assert a.status().state == "cancelled" and not b.path.exists()


@pytest.mark.parametrize("state", ["cancelled", "interrupted", "failed", "finished"])
def test_nothing_is_cancelled_that_has_ended(tiny, state):
    run = submit(tiny, small())
    set_status(run.path, state, "as it ended")
    assert cancel(run) == "" == cancel(run, at_once=True)
    assert (run.status().state, run.status().reason) == (state, "as it ended")


def test_the_second_press_kills(tiny, holder):
    run = submit(tiny, small())
    process = holder(run)
    set_status(run.path, "running")
    assert cancel(run) == "cancelling" and process.poll() is None
    assert run.status().state == "cancelling"
    assert cancel(run) == "killed"
    assert process.wait() == -signal.SIGKILL
    assert (run.status().state, run.status().reason) == ("cancelled", "killed on request")


def test_who_holds_a_lock_to_change_a_file_is_not_killed(tiny, holder):
    """Resume holds the lock of a run that is stored as running; what it says of a former holder is not true of it."""
    run = submit(tiny, small())
    bystander = holder(submit(tiny, small()))
    (run.path / "lock").write_text(json.dumps({"pid": bystander.pid, "host": os.uname().nodename}))
    with RunLock(run.path):
        assert is_locked(run.path) and lock_holder(run.path / "lock") == {}
        assert not kill_holder(run.path / "lock")
    assert bystander.poll() is None


@pytest.mark.parametrize("state", ["cancelled", "interrupted", "failed", "running", "cancelling"])
def test_what_ended_early_is_resumed_at_the_end_of_the_queue(tiny, state):
    """Stored as running or cancelling with a free lock it was interrupted."""
    run, other = submit(tiny, small(), "a"), submit(tiny, small(), "b")
    set_status(run.path, state, "because")
    resume(tiny, run)
    assert ids(queued_runs(tiny)) == ["b", "a"]
    assert run.status().reason == "resumed; begins again" and run.status().attempt == 2
    assert other.status().attempt == 1 and (run.path / "reserve").exists()
    with pytest.raises(SedcoreError, match="is queued; only"):
        resume(tiny, run)


def test_what_trains_finished_or_was_imported_is_not_resumed(tiny, holder):
    run = submit(tiny, small())
    set_status(run.path, "failed")
    holder(run)  # its process has not quite gone
    with pytest.raises(LockTaken, match="another process"):
        resume(tiny, run)
    set_status(run.path, "running")
    with pytest.raises(SedcoreError, match="is running; only"):
        resume(tiny, run)
    set_status(run.path, "finished")
    with pytest.raises(SedcoreError, match="is finished; only"):
        resume(tiny, run)
    with pytest.raises(SedcoreError, match="only a training"):
        resume(tiny, runs.create_run(tiny, {"kind": "imported"}, state="failed"))


def test_a_change_within_one_tick_of_the_clock_is_seen(tiny):
    run, seen = submit(tiny, small()), {}
    file = run.path / "status.json"
    assert stored_states(tiny, seen)[run.run_id].state == "queued"
    stamp = os.stat(file).st_mtime_ns
    file.write_text('{"schema": 1, "state": "failed"}')
    os.utime(file, ns=(stamp, stamp))
    assert stored_states(tiny, seen)[run.run_id].state == "failed"


def test_an_old_file_is_read_once(tiny, monkeypatch):
    run, seen = submit(tiny, small()), {}
    os.utime(run.path / "status.json", ns=(10**18, 10**18))
    stored_states(tiny, seen)
    monkeypatch.setattr("sedcore.jobs.queue.stored_status", None)  # whoever calls it fails
    assert stored_states(tiny, seen)[run.run_id].state == "queued"


def test_a_run_that_vanishes_while_runs_are_listed_is_left_out(tiny, monkeypatch):
    gone, kept = submit(tiny, small(), "a"), submit(tiny, small(), "b")
    status = Run.status

    def then_delete(run):
        found = status(run)
        if run.run_id == "a" and run.path.exists():
            delete_run(Run(run.path))
        return found

    monkeypatch.setattr(Run, "status", then_delete)
    assert kept.run_id in ids(runs.list_runs(tiny)) and not gone.path.exists()
    assert ids(runs.list_runs(tiny)) == ["b"] and runs.broken_runs(tiny) == []


# ---- locks and processes --------------------------------------------------------------------------------------

FORK = r"""
import os, subprocess, sys
from pathlib import Path
from sedcore.artifacts.locks import RunLock
lock = RunLock(Path(sys.argv[1]), note={}).acquire()
child = os.fork()
if child == 0:
    os.write(1, b"forked\n")
    sys.stdin.read()
    os._exit(0)
other = subprocess.Popen(["sleep", "600"], close_fds=False)
os.write(1, b"started %d\n" % other.pid)
os.waitpid(child, 0)
"""


def test_no_child_of_a_trainer_inherits_its_lock(tiny):
    """Neither a fork of it nor another program that it starts with its files open keeps the lock when it is dead."""
    run = submit(tiny, small())
    process = python(FORK, str(run.path))
    words = sorted(process.stdout.readline().split() for _ in range(2))
    try:
        assert words[0] == ["forked"] and is_locked(run.path)
        process.kill()
        process.wait()
        assert Path(f"/proc/{words[1][1]}").exists()
        assert not is_locked(run.path)
    finally:
        os.kill(int(words[1][1]), signal.SIGKILL)
        process.communicate()  # its input ends, and so does the fork


def trainer(root: Path, run: Run) -> subprocess.Popen:
    command = [sys.executable, "-m", SMALL, run.run_id, "--artifacts", str(root)]
    return subprocess.Popen(command, cwd=REPO, stderr=subprocess.DEVNULL)


def test_of_trainers_that_come_at_once_one_takes_the_run(tiny):
    run = submit(tiny, small(epochs=30))
    codes = sorted(process.wait(PATIENCE_S) for process in [trainer(tiny, run) for _ in range(3)])
    assert codes == [0, TAKEN, TAKEN] and run.status().state == "finished"
    assert list(run.history()["epoch"]) == list(range(1, 31))


@pytest.mark.parametrize("state", ["running", "cancelled", "finished", "failed"])
def test_a_trainer_leaves_alone_what_does_not_wait(tiny, state, capsys):
    run = submit(tiny, small())
    set_status(run.path, state, "as it was")
    assert trainer_main(small_trainer.train_run, [run.run_id, "--artifacts", str(tiny)]) == TAKEN
    assert f"is {state}, and only a queued run can be trained" in capsys.readouterr().err
    assert (stored_status(run.path).state, stored_status(run.path).reason) == (state, "as it was")


# ---- the worker -----------------------------------------------------------------------------------------------


def test_a_worker_trains_what_waits_and_leaves(tiny):
    first, second = submit(tiny, small(seed=1)), submit(tiny, small(seed=2))
    move(tiny, second, 1)
    said = work(tiny)
    assert said == [
        f"{run.run_id} {word}"
        for run in (second, first)
        for word in ("started", "finished: all 4 epochs done")
    ]
    for run in (first, second):
        assert run.status().state == "finished" and run.splits() == ["test", "validation"]
        assert not has_checkpoint(run) and not (run.path / "reserve").exists() and run.progress() is None
    assert living_workers(tiny) == [] and queue_rows(tiny) == []


def test_a_trainer_that_cannot_begin_leaves_a_failed_run_with_the_reason_from_its_log(tiny):
    run, other = submit(tiny, small()), submit(tiny, small())
    set_status(run.path, "failed")
    resume(tiny, run)
    recording.append_log(run, "words of an earlier attempt")
    work(tiny, trainer="tests.nowhere")
    for failed in (run, other):
        assert failed.status().state == "failed"
        assert failed.status().reason.endswith("No module named tests.nowhere")


def test_a_trainer_that_says_nothing_is_told_by_its_exit_status(tiny):
    run = submit(tiny, small())
    recording.append_log(run, "words of an earlier attempt")
    work(tiny, trainer="tests.tiny")  # does nothing, without a word
    assert run.status().reason == "the training process ended with exit status 0"


def test_without_a_python_each_run_fails_and_the_worker_lives(tiny, monkeypatch):
    submit(tiny, small()), submit(tiny, small())
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    work(tiny)
    reasons = [run.status().reason for run in runs.list_runs(tiny) if run.status().state == "failed"]
    assert reasons == ["the training process could not be started: No such file or directory"] * 2


class Background:
    """A worker in a thread, with a hook for the moment after it started a trainer."""

    def __init__(self, root: Path, started=lambda run_id: None, **settings):
        self.said: list[str] = []

        def announce(line: str) -> None:
            self.said.append(line)
            if line.endswith(" started"):
                started(line.split()[0])

        self.worker = Worker(root, trainer=SMALL, until_empty=True, announce=announce, **settings)
        self._thread = threading.Thread(target=self.worker.work, daemon=True)
        self._thread.start()

    def join(self) -> list[str]:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), self.said
        return self.said


class Processes:
    """Stands for the module subprocess where a worker is started: notes it only."""

    DEVNULL = subprocess.DEVNULL

    def __init__(self, started: list):
        self._started = started

    def Popen(self, command, **how):  # noqa: N802, as the module names it
        self._started.append((command, how))


def kill_trainer(run: Run, number: int = signal.SIGKILL) -> None:
    """Kill the trainer of a run after its second epoch."""
    wait_until(lambda: len(run.history()) >= 2, lambda: (run.status(), run.log_tail()))
    assert kill_holder(run.path / "lock", number)
    wait_until(lambda: not is_locked(run.path))


def test_a_killed_trainer_is_interrupted_with_the_signals_name_and_waits_for_resume(tiny):
    run = submit(tiny, small(FOR_EVER))
    worker = Background(tiny)
    kill_trainer(run)
    worker.join()  # it does not try again by itself
    assert run.status().state == "interrupted" and "SIGKILL" in run.status().reason
    edited = run.info["config"] | {"epochs": 6}
    runs.update_info(run, config=edited)
    resume(tiny, run)
    work(tiny)
    assert run.status().state == "finished" and "goes on" not in run.status().reason


def test_a_run_resumed_before_its_dead_trainer_is_noticed_is_trained_and_not_failed(tiny):
    run, times = submit(tiny, small(FOR_EVER)), []

    def started(_):  # the worker waits here: it cannot notice before
        times.append(1)
        if len(times) == 1:
            kill_trainer(run)
            runs.update_info(run, config=run.info["config"] | {"epochs": 6})
            resume(tiny, run)

    said = Background(tiny, started).join()
    assert len(times) == 2 and run.status().state == "finished", said
    assert stored_status(run.path).attempt == 2


def test_a_stop_keeps_what_was_learned_and_a_kill_the_checkpoint(tiny):
    stopped, killed = submit(tiny, small(FOR_EVER)), submit(tiny, small(FOR_EVER))
    worker = Background(tiny)
    wait_until(lambda: has_checkpoint(stopped), lambda: worker.said)
    assert cancel(stopped) == "cancelling"
    wait_until(lambda: has_checkpoint(killed), lambda: worker.said)
    assert cancel(killed, at_once=True) == "killed"
    worker.join()
    assert stopped.status().state == killed.status().state == "cancelled"
    assert stopped.has_weights and "test" in stopped.splits() and has_checkpoint(stopped)
    assert killed.status().reason == "killed on request" and has_checkpoint(killed) and not killed.has_weights


def test_what_was_cancelled_or_deleted_while_its_trainer_started_is_not_trained(tiny):
    cancelled, deleted = submit(tiny, small()), submit(tiny, small())

    def started(run_id):
        if run_id == cancelled.run_id:
            assert cancel(cancelled) == "cancelled"
        else:
            delete_run(deleted)

    said = Background(tiny, started, jobs=2).join()
    assert cancelled.status().reason == "cancelled before it began" and cancelled.history().empty
    assert not deleted.path.exists() and len(said) == 3, said


def test_what_is_deleted_between_look_and_start_is_passed_over(tiny, monkeypatch):
    gone, kept = submit(tiny, small(), "a"), submit(tiny, small(), "b")
    listed = worker_module.queued_runs

    def then_delete(*arguments):
        found = listed(*arguments)
        if gone.path.exists():
            delete_run(gone)
        return found

    monkeypatch.setattr(worker_module, "queued_runs", then_delete)
    assert work(tiny) == ["b started", "b finished: all 4 epochs done"] and kept.status().state == "finished"


def test_trainings_that_a_dead_worker_left_count_towards_the_limit(tiny, holder):
    orphan, waits = submit(tiny, small()), submit(tiny, small())
    set_status(orphan.path, "running")
    process = holder(orphan, worker="host-1-dead")
    worker = Background(tiny)
    wait_until(lambda: living_workers(tiny))
    worker.worker._start()
    assert worker.said == [] and waits.status().state == "queued"
    process.communicate()
    worker.join()
    assert waits.status().state == "finished" and orphan.status().state == "interrupted"


def test_what_trains_for_a_living_worker_or_for_none_does_not_count(tiny, holder):
    lock = register(tiny, {"jobs": 1})
    for note in ({"worker": lock.path.stem}, {}):
        run = submit(tiny, small())
        set_status(run.path, "running")
        holder(run, **note)
    waits = submit(tiny, small())
    work(tiny)
    assert waits.status().state == "finished"
    lock.release()


def test_who_submits_while_the_last_worker_leaves_gets_another(tiny, monkeypatch):
    """Submitted after the worker's last look: the page finds it still there, and must wait until it is gone."""
    asked, started = threading.Event(), []
    listed = worker_module.queued_runs
    pages = []

    def page():
        submit(tiny, small())
        asked.set()
        ensure_worker(tiny)

    def look_then_submit(*arguments):
        found = listed(*arguments)
        if worker._children == {} and guarded and not pages:
            pages.append(threading.Thread(target=page))
            pages[0].start()
            assert asked.wait(PATIENCE_S)
        return found

    guarded = []
    guard = worker_module.workers_guard

    class Guard:
        def __init__(self, root):
            self._guard = guard(root)

        def __enter__(self):
            self._guard.__enter__()
            guarded.append(1)

        def __exit__(self, *error):
            guarded.pop()
            return self._guard.__exit__(*error)

    monkeypatch.setattr(worker_module, "workers_guard", Guard)
    monkeypatch.setattr(worker_module, "queued_runs", look_then_submit)
    monkeypatch.setattr(workers, "subprocess", Processes(started))
    worker = Worker(tiny, until_empty=True, trainer=SMALL, announce=lambda line: None)
    worker.work()
    pages[0].join(PATIENCE_S)
    assert len(queued_runs(tiny)) == 1 and living_workers(tiny) == [] and len(started) == 1


def test_a_worker_told_to_go_takes_no_more_and_ends_with_what_it_has(tiny):
    trains, waits = submit(tiny, small(FOR_EVER)), submit(tiny, small())
    command = [sys.executable, "-m", "sedcore", "--artifacts", str(tiny), "worker", "--trainer", SMALL]
    process = subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: not trains.history().empty, lambda: trains.status())
    assert [w["pid"] for w in living_workers(tiny)] == [process.pid]
    process.terminate()
    wait_until(lambda: not living_workers(tiny))  # whoever queues a run now starts another worker
    assert process.poll() is None and trains.status().state == "running"
    cancel(trains)
    said = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0 and "takes no more" in said and "cancelled" in said
    assert waits.status().state == "queued" and trains.status().state == "cancelled"


def test_workers_know_of_each_other(tiny):
    dead = tiny / "workers" / "host-1-dead.lock"
    dead.parent.mkdir()
    dead.write_text('{"worker": "host-1-dead", "pid": 1}')
    assert living_workers(tiny) == []
    lock = register(tiny, {"jobs": 2}, alone=True)
    assert not dead.exists() and register(tiny, {}, alone=True) is None
    assert [(w["pid"], w["jobs"], w["worker"]) for w in living_workers(tiny)] == [
        (os.getpid(), 2, lock.path.stem)
    ]
    Worker(tiny, if_none=True).work()  # returns at once
    with pytest.raises(SedcoreError, match="at least 1 job"):
        Worker(tiny, jobs=0)
    lock.release()
    assert living_workers(tiny) == []


# ---- from the page --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, "", "off", "1", "ON"])
def test_training_is_off_unless_switched_on(tiny, monkeypatch, value):
    monkeypatch.delenv("SEDBOARD_TRAINING", raising=False)
    if value is not None:
        monkeypatch.setenv("SEDBOARD_TRAINING", value)
    with pytest.raises(SedcoreError, match="switched off"):
        launch.start_training(tiny, small())
    with pytest.raises(SedcoreError, match="switched off"):
        launch.resume_training(tiny, submit(tiny, small()))
    assert len(runs.list_runs(tiny)) == 1


def test_a_training_started_from_a_page_runs_in_a_process_of_its_own_and_stops_when_asked(tiny, switched_on):
    config = TrainConfig("tiny", "rnn_time", epochs=FOR_EVER, patience=0)
    run = launch.start_training(tiny, config, name=" my run ")
    assert run.name == "my run" and run.status().live
    wait_until(lambda: not run.history().empty, lambda: (run.status(), run.log_tail()))
    assert run.status().state == "running"
    holder = lock_holder(run.path / "lock")
    words = Path(f"/proc/{holder['pid']}/cmdline").read_bytes().split(b"\0")
    assert run.run_id.encode() in words and [w["worker"] for w in living_workers(tiny)] == [holder["worker"]]
    assert cancel(run) == "cancelling"
    wait_until(lambda: not run.status().live, lambda: (run.status(), run.log_tail()))
    assert run.status().state == "cancelled" and run.has_weights and "test" in run.splits()
    wait_until(lambda: not living_workers(tiny))  # it goes when the queue is empty


def test_what_cannot_be_trained_is_refused_before_a_run_exists(tiny, switched_on):
    refused = (TrainConfig("tiny", "crnn"), TrainConfig("gone", "ann"), small(epochs=0))
    for config in refused:
        with pytest.raises(SedcoreError):
            launch.start_training(tiny, config)
    assert runs.list_runs(tiny) == []


def test_without_a_worker_the_run_waits_and_the_page_is_told(tiny, switched_on, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(SedcoreError, match="the worker could not be started"):
        launch.start_training(tiny, small())
    assert len(queued_runs(tiny)) == 1


def test_a_page_starts_one_worker_and_no_second(tiny, monkeypatch):
    started = []
    monkeypatch.setattr(workers, "subprocess", Processes(started))
    ensure_worker(tiny)
    [(command, how)] = started
    assert parser().parse_args(command[3:]).until_empty and how["start_new_session"]
    lock = register(tiny, {})
    ensure_worker(tiny)
    lock.release()
    assert len(started) == 1


def test_the_command_line_shown_trains_the_same():
    config = TrainConfig("my-set", "cnn", "mfcc", epochs=7, learning_rate=0.002, seed=3)
    words = shlex.split(launch.command_line(config))
    assert words[:3] == ["python", "-m", "sedcore"]
    args = parser().parse_args(words[3:])
    settings = {key: getattr(args, key) for key in config.to_json()}
    assert TrainConfig(**settings) == config
    assert (
        launch.command_line(TrainConfig("d", "ann"))
        == "python -m sedcore train d --model ann --features logmel"
    )


# ---- from the command line ------------------------------------------------------------------------------------


@pytest.fixture
def command(tiny, capsys):
    """Give a command and return exit code, stdout and stderr."""

    def give(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--artifacts", str(tiny)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return give


def queue_json(command) -> dict:
    code, out, _ = command("queue", "--json")
    assert code == 0
    return json.loads(out)


def test_the_queue_from_the_command_line(tiny, command, holder):
    new = ("submit", "tiny", "--model", "ann", "--epochs", "3")
    code, out, err = command(*new, "--run-id", "one", "--name", "The first")
    assert (code, out) == (0, "one\n") and "no worker takes from this queue" in err
    assert command(*new, "--run-id", "two")[1] == "two\n"
    assert command("queue", "move", "two", "1")[0] == 0
    shown = queue_json(command)
    assert shown["workers"] == [] and [row["run_id"] for row in shown["runs"]] == ["two", "one"]
    row = shown["runs"][1]
    assert row | {"since": ""} == {
        "position": 2, "run_id": "one", "name": "The first", "state": "queued", "since": "", "reason": "", "place": 2,
        "model": "ann", "features": "logmel", "dataset": "tiny", "sweep": None,
        "epoch": None, "epochs": None, "seconds_left": None,
    }  # fmt: skip
    process = holder(Run(tiny / "runs" / "two"))
    set_status(tiny / "runs" / "two", "running")
    recording.write_progress(Run(tiny / "runs" / "two"), {"epoch": 2, "epochs": 3, "seconds_left": 1.5})
    assert [(r["position"], r["epoch"], r["seconds_left"]) for r in queue_json(command)["runs"]] == [
        (None, 2, 1.5),
        (1, None, None),
    ]
    assert "epoch 2 of 3" in command("queue")[1]
    assert "ends after the batch in hand" in command("cancel", "two")[2]
    assert "killed" in command("cancel", "two", "--now")[2] and process.wait() == -signal.SIGKILL
    code, out, err = command("cancel", "two")
    assert code == 2 and "is cancelled; there is nothing to cancel" in err and "Traceback" not in err
    assert "cancelled" in command("cancel", "The first")[2] and queue_json(command)["runs"] == []
    assert "nothing trains and nothing waits" in command("queue")[2]
    code, _, err = command("queue", "move", "one", "1")
    assert code == 2 and "only a queued one can be moved" in err
    assert command("resume", "one")[0] == 0 and command("resume", "two")[0] == 0
    assert [row["run_id"] for row in queue_json(command)["runs"]] == ["one", "two"]
    code, _, err = command("worker", "--until-empty", "--trainer", SMALL, "--jobs", "2")
    assert code == 0 and err.count("finished: all 3 epochs done") == 2
    code, _, err = command("resume", "one")
    assert code == 2 and "is finished; only a training" in err
    code, _, err = command("worker", "--jobs", "0")
    assert code == 2 and "at least 1 job" in err
