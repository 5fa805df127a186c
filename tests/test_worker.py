"""The worker and its trainers: locks, starts, deaths and stops, each by what the run folders say."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sedcore.artifacts import recording, runs
from sedcore.artifacts.checkpoint import has_checkpoint
from sedcore.artifacts.locks import is_locked, kill_holder
from sedcore.artifacts.manage import delete_run
from sedcore.artifacts.runs import Run
from sedcore.artifacts.status import set_status, stored_status
from sedcore.errors import SedcoreError
from sedcore.jobs import worker as worker_module
from sedcore.jobs import workers
from sedcore.jobs.listing import queue_rows
from sedcore.jobs.queue import cancel, move, queued_runs, resume, submit
from sedcore.jobs.worker import Worker
from sedcore.jobs.workers import ensure_worker, living_workers, register
from sedcore.training.supervision import TAKEN, trainer_main
from tests.support import small_trainer
from tests.support.queue_tools import FOR_EVER, REPO, SMALL, Processes, python, small, work
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.usefixtures("none_left")


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
    work(tiny, trainer="tests.support.tiny")  # does nothing, without a word
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
