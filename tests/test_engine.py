"""Handing runs over to a cluster, without one: addresses, resources, what each word of Ray makes of a run."""

from __future__ import annotations

import dataclasses
import http.server
import json
import shlex
import socket
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sedcore.artifacts import runs
from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.manage import delete_run
from sedcore.artifacts.status import hand_over, set_place, set_status, stored_status
from sedcore.cli import main
from sedcore.data.mel import FeatureParams
from sedcore.data.store import open_dataset
from sedcore.data.writing import write_dataset
from sedcore.errors import SedcoreError
from sedcore.jobs import cluster
from sedcore.jobs.cluster_api import NO_ROOM, ClusterSilent, RayJob, RayJobs
from sedcore.jobs.engine import checked_address, engine_of, ray_address, ray_job, takes
from sedcore.jobs.launch import command_line
from sedcore.jobs.queue import cancel, move, queued_runs
from sedcore.jobs.workers import same_work
from sedcore.training.config import TrainConfig
from tests.support.tiny import make_dataset, mel_of

HERE = "http://127.0.0.1:8265"
REMOTE = {"engine": "ray", "address": HERE, "job": "j"}


class Ray:
    """A cluster that answers as it is told; None: it does not know the job."""

    address = HERE

    def __init__(self, job: RayJob | None | Exception = None, log: str = ""):
        self.job, self._log, self.submitted, self.stopped = job, log, [], []

    def look(self, _job_id):
        if isinstance(self.job, Exception):
            raise self.job
        return self.job

    def log(self, _job_id):
        return self._log

    def submit(self, *arguments):
        self.submitted.append(arguments)
        if isinstance(self.job, Exception):
            raise self.job

    def stop(self, job_id):
        self.look(job_id)
        self.stopped.append(job_id)
        self.job = dataclasses.replace(self.job, state="STOPPED")


def waiting(root, **info):
    return runs.create_run(root, {"kind": "trained", "model": "ann", "job": ray_job(2, 1)} | info, place=3)


def handed_over(root, state="queued"):
    run = waiting(root)
    assert hand_over(run.path, REMOTE)
    if state != "queued":
        set_status(run.path, state)
    return run


def a_minute_passes(run):
    """Let the run have been handed over a minute earlier."""
    file = run.path / "status.json"
    stored = json.loads(file.read_text())
    earlier = datetime.fromisoformat(stored["remote"]["at"]) - timedelta(minutes=1)
    stored["remote"]["at"] = earlier.strftime("%Y-%m-%dT%H:%M:%SZ")
    file.write_text(json.dumps(stored))


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://node7:8265", "http://node7:8265"),
        (" node7 ", "http://node7:8265"),
        ("https://ray.example.org/", "https://ray.example.org:443"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_address_is_that_of_the_dashboard(given, address):
    assert checked_address(given) == address


@pytest.mark.parametrize(
    "given",
    ["", "ray://node7:10001", "auto:x", "file:///etc/passwd", "http://u:p@host", "http://h/path", "http://h?x", "a b"],
)  # fmt: skip
def test_what_is_no_address_of_a_dashboard_is_refused_with_what_is_wanted(given):
    with pytest.raises(SedcoreError, match="http://HOST:8265"):
        checked_address(given)


@pytest.mark.parametrize(
    "wrong", [{"cores": 0}, {"cores": 1.5}, {"gpus": -1}, {"gpus": 1.5}, {"gpus": float("nan")}]
)
def test_resources_out_of_range_are_refused(wrong):
    with pytest.raises(SedcoreError):
        ray_job(**wrong)


def test_who_takes_what():
    here, ray = {"jobs": 1}, {"engine": "ray", "address": HERE}
    assert takes(here, None) and not takes(here, ray_job()) and not takes(ray, None)
    assert takes(ray, ray_job()) and takes(ray, ray_job(address=HERE))
    assert not takes(ray, ray_job(address="http://other"))
    assert takes(here, "written by hand") and engine_of({"engine": None}) == "local"
    assert same_work(here, {"engine": "local"}) and not same_work(here, ray)


def test_the_address_may_come_from_the_environment(monkeypatch):
    monkeypatch.delenv("SEDCORE_RAY_ADDRESS", raising=False)
    with pytest.raises(SedcoreError, match="SEDCORE_RAY_ADDRESS"):
        ray_address(None)
    monkeypatch.setenv("SEDCORE_RAY_ADDRESS", "node7")
    assert ray_address(None) == "http://node7:8265" and ray_address("a:1") == "http://a:1"


def test_what_is_handed_over_is_quoted_and_keeps_to_its_resources(tmp_path, monkeypatch):
    root = tmp_path / "it's; $(rm) shared"
    run, ray = waiting(root), Ray()
    settings = tmp_path / "env.json"
    settings.write_text(json.dumps({"pip": ["x"], "env_vars": {"A": "b", "OMP_NUM_THREADS": "9"}}))
    monkeypatch.setenv("SEDCORE_RAY_RUNTIME_ENV", str(settings))
    assert cluster.start(run, root, ray) and not cluster.start(run, root, ray)
    [(job_id, command, cores, gpus, environment, note)] = ray.submitted
    assert shlex.split(command) == ["python", "-m", "sedcore.training", run.run_id, "--artifacts", str(root)]
    assert (cores, gpus, note["run"]) == (2, 1, run.run_id)
    assert (
        environment["pip"] == ["x"]
        and environment["env_vars"].items() >= {"A": "b", "OMP_NUM_THREADS": "9"}.items()
    )
    assert "CUDA_VISIBLE_DEVICES" not in environment["env_vars"]
    assert cluster.runtime_env(1, 0)["env_vars"]["CUDA_VISIBLE_DEVICES"] == "-1"
    status = run.status()
    assert (status.state, status.place, status.remote["job"]) == ("queued", 3, job_id)
    settings.write_text("[]")
    with pytest.raises(SedcoreError, match="env.json"):
        cluster.runtime_env(1, 0)


def test_what_ray_refuses_waits_as_before_and_silence_leaves_it_to_be_settled(tmp_path):
    run = waiting(tmp_path)
    with pytest.raises(SedcoreError, match="no such"):
        cluster.start(run, tmp_path, Ray(SedcoreError("no such resource")))
    assert (run.status().state, run.status().remote, run.status().place) == ("queued", None, 3)
    with pytest.raises(ClusterSilent):
        cluster.start(run, tmp_path, Ray(ClusterSilent("gone")))
    assert run.status().remote["address"] == HERE
    a_minute_passes(run)
    assert cluster.settle(run, Ray(None)) == "ended"  # it was never made: back to its place
    assert (run.status().state, run.status().remote, run.status().place) == ("queued", None, 3)


class Asked(Ray):
    """A cluster that does not know a job while it is on its way there; meanwhile something else happens."""

    def __init__(self, meanwhile):
        super().__init__()
        self._meanwhile = meanwhile

    def submit(self, job_id, *_):
        self._meanwhile(self)
        self.submitted.append(job_id)
        self.job = RayJob("PENDING")


def test_who_looks_while_a_job_is_on_its_way_to_ray_does_not_put_its_run_back(tmp_path):
    run, seen = waiting(tmp_path), []
    ray = Asked(lambda ray: seen.append(cluster.settle(run, ray)))  # as `queue` or an open page does
    assert cluster.start(run, tmp_path, ray) and seen == ["waiting"]
    assert run.status().remote["job"] == ray.submitted[0] and not ray.stopped
    assert cluster.settle(run, ray) == "waiting" and not cluster.start(run, tmp_path, ray)
    a_minute_passes(run)
    move(tmp_path, run, 1)  # a new place makes the hand-over no younger
    assert cluster.settle(run, Ray(None)) == "ended" and run.status().remote is None
    assert cluster.start(run, tmp_path, Ray())


def test_a_hand_over_is_young_for_half_a_minute_whichever_clock_is_ahead(tmp_path):
    for offset_s, how in ((5, "waiting"), (3600, "ended"), (-25, "waiting"), (-35, "ended")):
        run, at = waiting(tmp_path), datetime.now(UTC) + timedelta(seconds=offset_s)
        assert hand_over(run.path, REMOTE | {"at": at.strftime("%Y-%m-%dT%H:%M:%SZ")})
        assert cluster.settle(run, Ray(None)) == how


def test_a_job_that_ray_took_after_its_run_was_queued_anew_is_stopped(tmp_path):
    run = waiting(tmp_path)

    def cancelled_and_resumed(_ray):
        set_status(run.path, "cancelled")
        set_status(run.path, "queued", place=3)

    ray = Asked(cancelled_and_resumed)
    assert not cluster.start(run, tmp_path, ray)
    assert ray.stopped == ray.submitted and len(ray.stopped) == 1
    assert (run.status().state, run.status().remote, run.status().place) == ("queued", None, 3)
    assert "which was stopped" in run.log_tail()
    deleted = waiting(tmp_path)
    ray = Asked(lambda _ray: delete_run(deleted))
    assert not cluster.start(deleted, tmp_path, ray)
    assert ray.stopped == ray.submitted and not deleted.path.exists()


def test_the_cluster_is_named_until_the_run_is_queued_anew(tmp_path):
    run = handed_over(tmp_path)
    set_place(run.path, 9)
    for state in ("running", "cancelling", "interrupted"):
        set_status(run.path, state)
        assert stored_status(run.path).remote == REMOTE
    set_status(run.path, "queued", place=1)
    assert stored_status(run.path).remote is None


FAILED_1, FAILED_9 = RayJob("FAILED", "m", exit_code=1), RayJob("FAILED", "m", exit_code=-9)


@pytest.mark.parametrize(
    ("state", "job", "how", "becomes", "reason"),
    [
        ("queued", RayJob("PENDING"), "waiting", "queued", "waits at"),
        ("queued", RayJob("RUNNING"), "running", "queued", "waits at"),
        ("queued", None, "ended", "queued", "did not know"),
        ("queued", RayJob("FAILED", error=NO_ROOM), "ended", "queued", "no room"),
        ("queued", RayJob("STOPPED"), "ended", "cancelled", "before it began"),
        ("queued", FAILED_1, "ended", "failed", "No module named x (its Ray job j ended with exit status 1)"),
        ("running", RayJob("RUNNING"), "running", "running", ""),
        ("running", None, "ended", "interrupted", "was it restarted"),
        ("running", RayJob("STOPPED"), "ended", "interrupted", "was stopped"),
        ("running", FAILED_9, "ended", "interrupted", "signal 9 (killed, or out of memory)"),
        ("running", RayJob("FAILED", exit_code=137), "ended", "interrupted", "signal 9"),
        ("running", RayJob("FAILED", "the node died"), "ended", "interrupted", "No module named x"),
        ("running", FAILED_1, "ended", "failed", "No module named x"),
        ("cancelling", RayJob("STOPPED"), "ended", "cancelled", "killed on request"),
        ("cancelling", FAILED_9, "ended", "interrupted", "signal 9"),
        ("finished", FAILED_9, "ended", "finished", ""),
    ],
)
def test_what_ray_says_makes_the_state(tmp_path, state, job, how, becomes, reason):
    run = handed_over(tmp_path, state)
    log = "2026-01-01 00:00:00,000\tINFO job_manager.py:1 -- up\nRunning entrypoint for job j: x\nNo module named x\n"
    assert cluster.settle(run, Ray(job, log)) == how
    assert run.status().state == becomes and reason in run.status().reason


def test_a_held_lock_is_believed_before_ray_and_a_free_one_is_not(tmp_path):
    run = handed_over(tmp_path, "running")
    assert run.status().state == "running"  # no lock of a node need reach here
    with RunLock(run.path):
        assert cluster.settle(run, Ray(None)) == "running"
    assert cluster.settle(run, Ray(None)) == "ended" and run.status().state == "interrupted"


def test_what_a_job_says_is_not_held_against_the_run_queued_anew(tmp_path):
    run = handed_over(tmp_path)

    class Slow(Ray):
        def look(self, job_id):  # while Ray answers, somebody else cancels and resumes
            set_status(run.path, "cancelled")
            set_status(run.path, "queued", place=5)
            return FAILED_1

    cluster.settle(run, Slow())
    assert (run.status().state, run.status().remote) == ("queued", None)


def test_what_had_no_room_goes_behind_the_others(tmp_path):
    run, other = (
        handed_over(tmp_path),
        runs.create_run(tmp_path, {"kind": "trained", "run_id": "other"}, place=8),
    )
    cluster.settle(run, Ray(RayJob("FAILED", error=NO_ROOM)))
    assert [r.run_id for r in queued_runs(tmp_path)] == [other.run_id, run.run_id]
    move(tmp_path, run, 1)
    assert queued_runs(tmp_path)[0].run_id == run.run_id


def test_a_second_cancel_stops_the_job_and_a_silent_cluster_is_given_up_only_when_the_run_rests(
    tmp_path, monkeypatch
):
    run, ray = handed_over(tmp_path, "running"), Ray(RayJob("RUNNING"))
    assert cancel(run) == "cancelling"
    assert cluster.stop(run, ray) == "killed" and ray.stopped == ["j"] and run.status().state == "cancelled"
    run = handed_over(tmp_path, "running")
    (run.path / "history.jsonl").write_text("")
    gone = Ray(ClusterSilent("gone"))
    with pytest.raises(SedcoreError, match="so it lives"):
        cluster.stop(run, gone)
    assert run.status().state == "cancelling"
    monkeypatch.setattr(cluster, "_REST_S", -1)
    assert cluster.stop(run, gone) == "killed" and run.status().state == "interrupted"


def test_a_cluster_that_is_not_there_is_told_in_a_sentence(tmp_path, monkeypatch, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"  # bound, and nobody listens
        with pytest.raises(ClusterSilent, match="cannot be reached"):
            RayJobs(address, 1).look("x")
        run = waiting(tmp_path)
        hand_over(run.path, REMOTE | {"address": address})
        [silence] = cluster.refresh(tmp_path)
        assert address in silence and run.status().state == "queued"
        assert main(["--artifacts", str(tmp_path), "queue"]) == 0
        assert "cannot be reached" in capsys.readouterr().err
        assert cancel(run) == "cancelled"  # with or without the cluster


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>", "no Ray dashboard"),
        (500, b"Traceback\nValueError: bad resource", "ValueError: bad resource"),
        (401, b"no", "RAY_AUTH_TOKEN"),
        (503, b"", "does not answer"),
    ],
)
def test_answers_that_are_none_are_sentences(status, body, words):
    class Odd(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Odd) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with pytest.raises(SedcoreError, match=words):
                RayJobs(f"http://127.0.0.1:{server.server_port}", 5).submit("a", "true")
        finally:
            server.shutdown()


def test_clips_computed_elsewhere_are_the_same_bytes_and_the_same_complaints(tmp_path):
    def elsewhere(function, common, tasks):
        return [function(common, task) for task in tasks][::-1]  # as they come, in no order

    make_dataset(tmp_path, "here", {"train": 40, "validation": 8})
    here = open_dataset(tmp_path, "here")

    def write(name, items):
        return write_dataset(
            tmp_path, name, classes=here.classes, clips=here.clips.drop(columns=["first_row", "rows"]), load=mel_of,
            items=items, params=FeatureParams(clip_s=0.4, bands=8), labels="weak", from_audio=False,
            elsewhere=elsewhere,
        )  # fmt: skip

    sounding = [tuple(here.classes.index(label) for label in labels) for labels in here.clips["labels"]]
    seeds = [1000 * len(c.split) + int(c.clip_id.split("_")[1][:3]) for c in here.clips.itertuples()]
    items = [(seed, which, 40) for seed, which in zip(seeds, sounding)]
    there = write("there", items)
    np.testing.assert_array_equal(there.open_features("logmel"), here.open_features("logmel"))
    assert there.fingerprint == here.fingerprint
    with pytest.raises(SedcoreError, match="shape"):
        write("bad", [(1, (), 39), *items[1:]])


def test_commands_take_an_engine(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SEDCORE_RAY_ADDRESS", raising=False)
    make_dataset(tmp_path)
    words = ["--artifacts", str(tmp_path), "submit", "tiny", "--model", "ann"]
    assert main([*words, "--engine", "ray", "--cores", "2", "--gpus", "0.5"]) == 0
    said = capsys.readouterr()
    assert "worker --engine ray" in said.err
    [run] = queued_runs(tmp_path)
    assert (
        run.info["job"] == {"engine": "ray", "address": None, "cores": 2, "gpus": 0.5}
        and run.run_id in said.out
    )
    assert main([*words, "--cores", "2"]) == 2 and "--engine ray" in capsys.readouterr().err
    assert main(["--artifacts", str(tmp_path), "worker", "--engine", "ray"]) == 2
    assert "SEDCORE_RAY_ADDRESS" in capsys.readouterr().err
    line = command_line(TrainConfig("tiny", "ann", devices="all"), ray_job(2, 0.5, "node7"))
    assert line.endswith("--devices all --engine ray --cores 2 --gpus 0.5 --ray-address http://node7:8265")
