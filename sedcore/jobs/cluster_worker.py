"""The worker of a Ray cluster: hands queued runs over to it, and keeps what is said of them true.

It trains nothing and schedules nothing: Ray finds the node. One run at a time waits at the cluster for room, the others
in the queue, where their order can still be changed (and Ray gives up on what waits at it for 15 minutes). Should this
worker die, its runs go on; the next one finds them by their status.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sedcore.artifacts.runs import Run
from sedcore.artifacts.states import stored_states
from sedcore.artifacts.status import CANCELLED_BEFORE, STOP_REQUESTED, set_status, stored_status
from sedcore.errors import SedcoreError
from sedcore.jobs import cluster
from sedcore.jobs.cluster_api import ClusterSilent, RayJobs
from sedcore.jobs.engine import RAY, checked_address
from sedcore.jobs.queue import submit
from sedcore.jobs.worker import Worker
from sedcore.training.config import TrainConfig
from sedcore.training.supervision import with_remedy

MOST_JOBS = 1000


class ClusterWorker(Worker):
    """Takes the runs of a queue that ask for a Ray cluster.

    Parameters
    ----------
    address : of the cluster's dashboard, http://HOST:8265.
    jobs : runs handed over at once, at most; None: as many as the cluster has room for.
    """

    look_every_s = 1.0

    def __init__(
        self,
        root: Path,
        address: str,
        jobs: int | None = None,
        until_empty: bool = False,
        if_none: bool = False,
        trainer: str = cluster.TRAINER,
        announce: Callable[[str], None] = print,
    ):
        super().__init__(root, MOST_JOBS if jobs is None else jobs, until_empty, if_none, trainer, announce)
        self._limit = jobs
        self._cluster = RayJobs(
            checked_address(address), timeout_s=20
        )  # a young cluster is slow to take its first job
        self._handed: dict[str, str] = {}  # run id to how its job stands
        self._silence = ""

    def _note(self) -> dict[str, Any]:
        return super()._note() | {"jobs": self._limit, "engine": RAY, "address": self._cluster.address}

    def _busy(self) -> bool:
        return bool(self._handed)

    def _reap(self) -> None:
        """Ask Ray for every run that was handed over to it, by whichever worker."""
        mine = [
            name
            for name, status in stored_states(self._root, self._seen).items()
            if status.live and (status.remote or {}).get("address") == self._cluster.address
        ]
        before, self._handed = self._handed, {}
        for name in mine:
            run = Run(self._root / "runs" / name)
            try:
                self._handed[name] = cluster.settle(run, self._cluster)
                self._answers()
            except ClusterSilent as error:
                self._handed |= {
                    name: before.get(name, "running") for name in mine if name not in self._handed
                }
                return self._is_silent(error)
            except SedcoreError as error:
                if run.path.exists():
                    self._say(f"{name}: {error}")
        self._handed = {name: how for name, how in self._handed.items() if how != "ended"}
        for name in before.keys() - self._handed.keys():
            self._tell_of(Run(self._root / "runs" / name))

    def _tell_of(self, run: Run) -> None:
        try:
            status = run.status()
        except SedcoreError:
            return  # deleted meanwhile
        self._say(f"{run.run_id} {status.state}" + (f": {status.reason}" if status.reason else ""))

    def _room(self) -> int:
        waits = self._silence or "waiting" in self._handed.values()
        return 0 if waits else min(1, self._jobs - len(self._handed))

    def _started(self, run: Run) -> bool:
        return run.run_id in self._handed or stored_status(run.path).remote is not None

    def _start_one(self, run: Run) -> bool:
        try:
            attempt = stored_status(run.path).attempt
            if not cluster.start(run, self._root, self._cluster, self._trainer):
                return False
        except ClusterSilent as error:
            self._is_silent(error)
        except SedcoreError as error:
            self._fail(run, with_remedy(run, str(error), error), attempt)
            return False
        self._handed[run.run_id] = "waiting"
        self._say(f"{run.run_id} handed over")
        return True

    def _is_silent(self, error: ClusterSilent) -> None:
        if not self._silence:
            self._say(f"{error} Trying again")
        self._silence = str(error)

    def _answers(self) -> None:
        if self._silence:
            self._say(f"the Ray cluster at {self._cluster.address} answers again")
        self._silence = ""


def train_on_cluster(
    root: Path,
    config: TrainConfig,
    job: dict[str, Any],
    address: str,
    run_id: str | None = None,
    name: str = "",
    announce: Callable[[str], None] = print,
) -> tuple[Run, str]:
    """Train on a cluster, past the queue, and wait for the end; return the run and its final state.

    Raises
    ------
    SedcoreError
        The cluster does not answer or refuses the job, or the configuration does not fit.
    """
    jobs = RayJobs(address)
    jobs.version()  # before there is a run
    run = submit(root, config, run_id, name, job)
    try:
        cluster.start(run, root, jobs)  # a worker of this cluster may have been faster
    except ClusterSilent as error:
        announce(str(error))
    except SedcoreError as error:
        set_status(run.path, "failed", str(error), ("queued",))
        raise
    return run, follow(run, address, announce)


def follow(run: Run, address: str, announce: Callable[[str], None]) -> str:
    """Wait for the end of a run that was handed over, telling its log line by line; return its final state.

    Ctrl-C asks it to end after the batch in hand, a second one kills it, as with a training on this machine.
    """
    jobs, told, presses = RayJobs(address), 0, 0
    while True:
        try:
            how = cluster.settle(run, jobs)
            told = _tell_log(run, told, announce)
            if how == "ended":
                return stored_status(run.path).state
            time.sleep(1)
        except ClusterSilent as error:
            announce(str(error))
            time.sleep(5)
        except KeyboardInterrupt:
            presses += 1
            if presses == 1 and set_status(run.path, "cancelling", STOP_REQUESTED, ("running",)):
                announce("ends after the batch in hand")
            elif set_status(run.path, "cancelled", CANCELLED_BEFORE, ("queued",)):
                cluster.forget(run)
            else:
                cluster.stop(run, jobs)


def _tell_log(run: Run, told: int, announce: Callable[[str], None]) -> int:
    """Announce the lines of a run's log after the first `told` bytes; return how many bytes there are."""
    try:
        with open(run.path / "log.txt", "rb") as file:
            file.seek(told)
            text = file.read()
    except FileNotFoundError:
        return told
    whole = text[: text.rfind(b"\n") + 1]
    for line in whole.decode("utf-8", "replace").splitlines():
        announce(line)
    return told + len(whole)
