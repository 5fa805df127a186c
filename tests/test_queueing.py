"""The queue: order, claims, ends and second chances, each by what the run folders say."""

import json
import os
import signal

import pytest

from sedcore.artifacts import recording, runs
from sedcore.artifacts.checkpoint import Checkpoint, write_checkpoint
from sedcore.artifacts.locks import LockTaken, RunLock, is_locked, kill_holder, lock_holder
from sedcore.artifacts.manage import delete_run
from sedcore.artifacts.runs import Run
from sedcore.artifacts.states import stored_states
from sedcore.artifacts.status import set_status
from sedcore.cli import main
from sedcore.errors import SedcoreError
from sedcore.jobs.listing import queue_rows
from sedcore.jobs.queue import cancel, edit, move, queued_runs, resume, submit
from sedcore.training.config import TrainConfig
from tests.support.queue_tools import SMALL, ids, small, work

pytestmark = pytest.mark.usefixtures("none_left")


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
    monkeypatch.setattr("sedcore.artifacts.states.stored_status", None)  # whoever calls it fails
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


def test_a_queued_run_that_is_damaged_stops_no_command_and_is_named(tiny, command):
    new = ("submit", "tiny", "--model", "ann", "--run-id")
    assert command(*new, "broken")[0] == 0
    (tiny / "runs" / "broken" / "run.json").write_bytes(b"")
    code, out, err = command(*new, "whole")
    assert (code, out) == (0, "whole\n")  # though it waits behind the other
    assert "no worker takes from this queue" in err
    code, out, err = command("queue")
    assert code == 0 and "whole" in out and "broken left out: " in err and "run.json is empty" in err
    assert "no worker takes from this queue" in err
    assert [row["run_id"] for row in queue_json(command)["runs"]] == ["whole"]
    assert command("cancel", "whole")[0] == 0 == command("resume", "whole")[0]


def test_the_id_of_a_run_is_printed_before_anything_that_can_fail(tiny, command, monkeypatch):
    def fails(root):
        raise SedcoreError("the workers cannot be read")

    monkeypatch.setattr("sedcore.jobs.workers.living_workers", fails)
    code, out, err = command("submit", "tiny", "--model", "ann", "--run-id", "one")
    assert (code, out, err) == (2, "one\n", "the workers cannot be read\n")
    assert ids(queued_runs(tiny)) == ["one"]
