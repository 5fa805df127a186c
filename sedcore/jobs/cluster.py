"""Runs on a Ray cluster: submitting one, asking Ray for its state, stopping it.

The trainer on the node is the same as here and writes the same files: the artifact root is a path that all nodes share.
Only the sign of life differs. Locks may not work across machines, so the run's status names its Ray job; where Ray says
that this job has ended while the status still says that the run trains, the run is *interrupted*.

This module keeps no state: everything is in the run folders and at Ray, for a new worker as well.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import time
from pathlib import Path
from typing import Any

from sedcore.artifacts import recording
from sedcore.artifacts.locks import is_locked
from sedcore.artifacts.runs import Run
from sedcore.artifacts.states import next_place, stored_states
from sedcore.artifacts.status import (
    KILL_REQUESTED,
    KILLED,
    TRAINING_STATES,
    Status,
    hand_over,
    now,
    set_status,
    stored_status,
)
from sedcore.errors import SedcoreError
from sedcore.jobs.cluster_api import (
    FAILED,
    NO_ROOM,
    STOPPED,
    SUCCEEDED,
    WAITING,
    ClusterSilent,
    RayJob,
    RayJobs,
)
from sedcore.jobs.engine import RAY
from sedcore.jobs.workers import PROJECT

RUNTIME_ENV = "SEDCORE_RAY_RUNTIME_ENV"  # variable that names a JSON file: Ray's runtime_env for every job
TRAINER = "sedcore.training"
ASK_S = 3.0  # how long a page or a command waits for a cluster
# A job that Ray does not know may still be on its way for so long, which is longer than any submitting call waits.
_ON_ITS_WAY_S = 30.0
_STOP_S, _LOOK_S = 15.0, 0.3  # how long a stopped job may take to end, and how often to check
_REST_S = 60.0  # a run whose files have not changed for so long counts as dead
_RAYS_LINE = re.compile(r"\S+ \S+\tINFO job_manager\.py:|Running entrypoint for job ")
_SIGNAL_EXIT = 128  # a shell reports a process ended by a signal as this plus the signal's number


def start(run: Run, root: Path, cluster: RayJobs, trainer: str = TRAINER) -> bool:
    """Submit a queued run to a cluster; return whether it was still queued.

    The run's status names the Ray job before the job is submitted: should this process die in between, the next worker
    finds a job that Ray does not know and puts the run back after a while. Where that happened before Ray took the
    job, the job is stopped again, since the run may be trained elsewhere.

    Raises
    ------
    SedcoreError
        Ray refuses the job; the run is queued as before. A ClusterSilent: whether the job was made is unknown, and
        `settle` finds out.
    """
    asked = run.info["job"] or {}
    job_id = f"{run.run_id}-{secrets.token_hex(2)}"
    if not hand_over(run.path, {"engine": RAY, "address": cluster.address, "job": job_id, "at": now()}):
        return False
    recording.append_log(run, f"handed over to the Ray cluster at {cluster.address} as job {job_id}")
    cores, gpus = asked.get("cores", 1), asked.get("gpus", 0)
    try:
        cluster.submit(
            job_id,
            shlex.join(["python", "-m", trainer, run.run_id, "--artifacts", str(Path(root).resolve())]),
            cores,
            gpus,
            runtime_env(cores, gpus),
            {"run": run.run_id, "name": run.name},
        )
    except ClusterSilent:
        raise
    except SedcoreError as error:
        set_status(run.path, "queued", str(error), ("queued",), stored_status(run.path).place, job_id)
        raise
    if _names(run, job_id):
        return True
    try:
        cluster.stop(job_id)
        how = "stopped"
    except SedcoreError as error:
        how = f"not stopped: {error}"
    if run.path.exists():
        recording.append_log(run, f"queued anew before Ray had taken its job {job_id}, which was {how}")
    return False


def _names(run: Run, job_id: str) -> bool:
    """Whether a run's status names this job; True also where the status cannot be read at the moment."""
    try:
        return (stored_status(run.path).remote or {}).get("job") == job_id
    except SedcoreError:
        return run.path.exists()


def runtime_env(cores: int, gpus: float) -> dict[str, Any]:
    """Return Ray's runtime_env of a job: that of the file named in the environment, with limits to the job's resources.

    Ray reserves cores and GPUs but enforces nothing; TensorFlow uses all that it sees.

    Raises
    ------
    SedcoreError
        The file is not a JSON object.
    """
    given: dict[str, Any] = {}
    if file := os.environ.get(RUNTIME_ENV):
        try:
            given = json.loads(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SedcoreError(
                f"{RUNTIME_ENV} names {file}, which is no readable JSON file ({error})"
            ) from None
        if not isinstance(given, dict) or not isinstance(given.get("env_vars", {}), dict):
            raise SedcoreError(
                f"{RUNTIME_ENV} names {file}; wanted in it is an object as Ray's runtime_env is"
            )
    own = {
        "PYTHONPATH": str(PROJECT),  # finds the code where it lies on a shared path; harmless elsewhere
        "OMP_NUM_THREADS": str(cores),
        "TF_NUM_INTRAOP_THREADS": str(cores),
        "TF_NUM_INTEROP_THREADS": str(cores),
        **({} if gpus else {"CUDA_VISIBLE_DEVICES": "-1"}),
    }
    return given | {"env_vars": own | given.get("env_vars", {})}


def settle(run: Run, cluster: RayJobs) -> str:
    """Ask Ray for the job of a submitted run, update the run's status, and return the state of the job.

    "waiting": for room on a node, or on its way to Ray; "running"; "ended": the run has left the cluster, however it
    ended.

    Raises
    ------
    SedcoreError
        The cluster does not answer (ClusterSilent), or the run's status cannot be read or written.
    """
    status = stored_status(run.path)
    if status.remote is None or not status.live:
        return "ended"
    job_id = status.remote["job"]
    job = cluster.look(job_id)
    if job and not job.ended:
        return "waiting" if job.state == WAITING else "running"
    if is_locked(run.path):  # the trainer still lives, and records its end itself
        return "running"
    if job is None and _on_its_way(status):
        return "waiting"
    if status.state == "queued":
        _never_began(run, job_id, job, cluster)
    else:
        _broke_off(run, job_id, job, cluster)
    return "ended"


def _on_its_way(status: Status) -> bool:
    """Whether the submitting process may still be waiting for Ray to take the job."""
    return status.state == "queued" and abs(status.handed_over_s_ago) < _ON_ITS_WAY_S


def _never_began(run: Run, job_id: str, job: RayJob | None, cluster: RayJobs) -> None:
    """Update a run whose job ended before its trainer claimed it."""
    if job is None or job.error == NO_ROOM:
        # At its old place where Ray lost the job; at the end where the cluster had no room for it.
        place = stored_status(run.path).place if job is None else next_place(run.path.parents[1])
        why = (
            "the cluster did not know its job; waits again"
            if job is None
            else "the cluster had no room for it in the time that Ray allows; waits again"
        )
        _write(run, job_id, "queued", why, ("queued",), place)
    elif job.state == STOPPED:
        _write(run, job_id, "cancelled", "its Ray job was stopped before it began", ("queued",))
    else:
        _write(run, job_id, "failed", _last_words(job_id, job, cluster), ("queued",))


def _broke_off(run: Run, job_id: str, job: RayJob | None, cluster: RayJobs) -> None:
    """Record the end of a run whose trainer died without doing so."""
    failed = job is not None and job.state == FAILED
    if job is None:
        why = f"the Ray cluster at {cluster.address} does not know its job any more; was it restarted?"
        _write(run, job_id, "interrupted", why, TRAINING_STATES)
        return
    if job.state == STOPPED:
        _write(run, job_id, "cancelled", KILLED, ("cancelling",))
        _write(run, job_id, "interrupted", "its Ray job was stopped", ("running",))
        return
    words = _last_words(job_id, job, cluster)
    if job.state == SUCCEEDED or (failed and 0 < (job.exit_code or 0) < _SIGNAL_EXIT):
        _write(run, job_id, "failed", words, TRAINING_STATES)
    else:
        _write(run, job_id, "interrupted", words, TRAINING_STATES)


def _write(
    run: Run, job_id: str, state: str, why: str, only_from: tuple[str, ...], place: int | None = None
) -> bool:
    done = set_status(run.path, state, why, only_from, place, job_id)
    if done:
        recording.append_log(run, f"{state}: {why}")
    return done


def _last_words(job_id: str, job: RayJob, cluster: RayJobs) -> str:
    """Return why a job ended, as far as its output and Ray's show."""
    try:
        own = own_lines(cluster.log(job_id))
    except SedcoreError:
        own = []
    code = job.exit_code
    if code is not None and (code < 0 or code >= _SIGNAL_EXIT):
        number = -code if code < 0 else code - _SIGNAL_EXIT
        killed = " (killed, or out of memory)" if number == 9 else ""
        return f"the training process on the cluster was ended by signal {number}{killed}"
    if code and own:
        return f"{own[-1][:300]} (its Ray job {job_id} ended with exit status {code})"
    message = [line.strip() for line in job.message.splitlines() if line.strip()]
    return f"its Ray job {job_id} ended as {job.state}: {(own or message or ['without a word'])[-1][:300]}"


def own_lines(log: str) -> list[str]:
    """Return the lines that a job itself has printed, without Ray's first lines and empty ones."""
    lines = (line.rstrip() for line in log.splitlines())
    return [line for line in lines if line and not _RAYS_LINE.match(line)]


def stop(run: Run, cluster: RayJobs | None = None) -> str:
    """Kill the training of a submitted run: stop its Ray job, and wait until it has ended.

    Returns "killed", or "" where it ended by itself meanwhile.

    Raises
    ------
    SedcoreError
        The cluster does not answer while the run shows signs of life, or the job does not end.
    """
    status = stored_status(run.path)
    if status.remote is None:
        return ""
    cluster = cluster or RayJobs(status.remote["address"], ASK_S)
    job_id, end = status.remote["job"], time.monotonic() + _STOP_S
    set_status(run.path, "cancelling", KILL_REQUESTED, ("running",), job=job_id)
    try:
        cluster.stop(job_id)
        while (job := cluster.look(job_id)) and not job.ended:
            if time.monotonic() > end:
                raise SedcoreError(
                    f"run {run.name}: its Ray job {job_id} has not ended within {_STOP_S:.0f} s"
                )
            time.sleep(_LOOK_S)
    except ClusterSilent as error:
        quiet = seconds_at_rest(run)
        if quiet < _REST_S:
            raise SedcoreError(f"{error} (the run's files changed {quiet:.0f} s ago, so it lives)") from error
        why = f"given up: {error}"
        _write(run, job_id, "interrupted", why, TRAINING_STATES)
        return "killed"
    return "killed" if _write(run, job_id, "cancelled", KILLED, TRAINING_STATES) else ""


def forget(run: Run) -> None:
    """Remove a run that was cancelled before it began from the cluster, if that answers.

    If not, no harm is done: its trainer will find that the run is not queued, and exit.
    """
    status = stored_status(run.path)
    if status.remote is not None:
        try:
            RayJobs(status.remote["address"], ASK_S).stop(status.remote["job"])
        except SedcoreError as error:
            recording.append_log(run, f"its Ray job was not stopped: {error}")


def seconds_at_rest(run: Run) -> float:
    """Return the seconds since the trainer last wrote progress, history, log or checkpoint."""
    files = [run.path / name for name in ("progress.json", "history.jsonl", "checkpoint/state.npz", "lock")]
    times = [file.stat().st_mtime for file in files if file.exists()]
    return max(time.time() - max(times), 0.0) if times else float("inf")


def refresh(root: Path) -> list[str]:
    """Update every submitted run by what Ray says; return a sentence for each cluster that does not answer.

    A cluster's worker does this all the time; a page and ``queue`` do it where none lives. Waits at most a few seconds
    per cluster.
    """
    silent: dict[str, str] = {}
    for name, status in stored_states(root).items():
        if status.remote is None or not status.live or status.remote["address"] in silent:
            continue
        try:
            settle(Run(Path(root) / "runs" / name), RayJobs(status.remote["address"], ASK_S))
        except ClusterSilent as error:
            silent[status.remote["address"]] = f"{error} What is said of its runs may be old."
        except SedcoreError:
            continue  # deleted meanwhile, or broken, which `runs` reports
    return list(silent.values())
