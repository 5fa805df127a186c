"""Running a sedcore command as a job of a Ray cluster, near the data, and following it to its end."""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections.abc import Callable
from pathlib import Path

from sedcore.errors import SedcoreError
from sedcore.jobs.cluster import own_lines, runtime_env
from sedcore.jobs.cluster_api import SUCCEEDED, ClusterSilent, RayJobs

_LOOK_S, _PATIENCE_S = 1.0, 300.0  # how often to ask, and how long the cluster may not answer


def run_command(address: str, root: Path, words: list[str], announce: Callable[[str], None]) -> str:
    """Run ``python -m sedcore WORDS`` on the head node of a cluster; return the last line that it printed.

    The job reserves no cores: its parallel work is done in Ray tasks. The lines before the last are announced as they
    come. Ctrl-C stops the job.

    Raises
    ------
    SedcoreError
        The command failed (the message is its last line), or the cluster does not answer.
    """
    jobs = RayJobs(address)
    label = "-".join(re.sub(r"[^A-Za-z0-9]", "", word) for word in words[:2])
    job_id = f"{label}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
    command = ["python", "-m", "sedcore", "--artifacts", str(Path(root).resolve()), *words]
    jobs.submit(job_id, shlex.join(command), runtime_env=runtime_env(1, 0))
    announce(f"handed over to the Ray cluster at {address} as job {job_id}")
    try:
        return _followed(jobs, job_id, announce)
    except KeyboardInterrupt:
        jobs.stop(job_id)
        raise


def _followed(jobs: RayJobs, job_id: str, announce: Callable[[str], None]) -> str:
    told, heard = 0, time.monotonic()
    while True:
        try:
            job = jobs.look(job_id)
            lines = own_lines(jobs.log(job_id))
            heard = time.monotonic()
        except ClusterSilent:
            if time.monotonic() - heard > _PATIENCE_S:
                raise
            time.sleep(_LOOK_S)
            continue
        for line in lines[told:-1]:  # the last one is the result, or the error
            announce(line)
        told = max(told, len(lines) - 1)
        if job is None:
            raise SedcoreError(f"the Ray cluster at {jobs.address} does not know job {job_id} any more")
        if job.ended:
            last = lines[-1] if lines else ""
            if job.state == SUCCEEDED:
                return last
            raise SedcoreError(last or f"job {job_id} ended as {job.state}: {job.message.strip()[:300]}")
        time.sleep(_LOOK_S)
