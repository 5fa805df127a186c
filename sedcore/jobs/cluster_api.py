"""Ray's jobs over HTTP: submit, look, stop, read the log. Light, and every call ends within seconds.

This is the REST interface behind Ray's own JobSubmissionClient
(https://docs.ray.io/en/latest/cluster/running-applications/job-submission/api.html). The client itself waits for
ever where a cluster does not answer, and costs an import of Ray in every process that only wants to ask.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sedcore.errors import SedcoreError

WAITING, RUNNING, STOPPED, SUCCEEDED, FAILED = "PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"
NO_ROOM = "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"  # Ray gives up on a job that has waited for 15 minutes
_TOKEN = "RAY_AUTH_TOKEN"  # Ray's own variable, for clusters that ask who is there
_MOST_BYTES = 64_000_000  # of a log


class ClusterSilent(SedcoreError):
    """The cluster does not answer, so that nothing is known of its jobs."""


@dataclass(frozen=True)
class RayJob:
    """A job as Ray sees it.

    Attributes
    ----------
    state : WAITING, RUNNING, STOPPED, SUCCEEDED or FAILED.
    message : Ray's words about it.
    error : Ray's kind of error, "" where there is none.
    exit_code : of the process, None where there was none or it has not ended.
    """

    state: str
    message: str = ""
    error: str = ""
    exit_code: int | None = None

    @property
    def ended(self) -> bool:
        """Whether Ray is done with it."""
        return self.state not in (WAITING, RUNNING)


class RayJobs:
    """The jobs of one cluster.

    Parameters
    ----------
    address : of its dashboard, as `sedcore.jobs.engine.checked_address` returns it.
    timeout_s : after which a call ends as ClusterSilent.
    """

    def __init__(self, address: str, timeout_s: float = 10.0):
        self.address, self._timeout_s = address, timeout_s

    def version(self) -> str:
        """Return the cluster's version of Ray; the quickest way to see that it answers."""
        return str((self._ask("GET", "/api/version") or {}).get("ray_version", ""))

    def submit(
        self,
        job_id: str,
        entrypoint: str,
        cores: float = 0,
        gpus: float = 0,
        runtime_env: dict[str, Any] | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        """Start a shell command on a node with room for it.

        Raises
        ------
        SedcoreError
            Ray refuses it (its words are in the message), or does not answer (ClusterSilent): then it may have been
            submitted or not, and `look` tells later.
        """
        self._ask(
            "POST",
            "/api/jobs/",
            {
                "submission_id": job_id,
                "entrypoint": entrypoint,
                "entrypoint_num_cpus": cores,
                "entrypoint_num_gpus": gpus,
                "runtime_env": runtime_env or {},
                "metadata": metadata or {},
            },
        )

    def look(self, job_id: str) -> RayJob | None:
        """Return a job, None where the cluster does not know it."""
        job = self._ask("GET", f"/api/jobs/{quote(job_id, safe='')}")
        if job is None:
            return None
        return RayJob(
            str(job.get("status", "")),
            str(job.get("message") or ""),
            str(job.get("error_type") or ""),
            job.get("driver_exit_code"),
        )

    def stop(self, job_id: str) -> None:
        """Ask for the end of a job: SIGTERM, and SIGKILL 3 s later. Nothing where it is not known or has ended."""
        self._ask("POST", f"/api/jobs/{quote(job_id, safe='')}/stop")

    def log(self, job_id: str) -> str:
        """Return what the job has printed; "" where the cluster does not know it."""
        return str((self._ask("GET", f"/api/jobs/{quote(job_id, safe='')}/logs") or {}).get("logs", ""))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the answer as an object; None where there is no such job."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token := os.environ.get(_TOKEN):
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.address + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:
                return _object(answer.read(_MOST_BYTES), self.address)
        except urllib.error.HTTPError as error:
            if error.code == 404 and path.startswith("/api/jobs/") and path != "/api/jobs/":
                return None
            raise self._refused(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from None

    def _refused(self, error: urllib.error.HTTPError) -> SedcoreError:
        try:
            words = error.read(20_000).decode("utf-8", "replace").strip().splitlines()
        except (OSError, http.client.HTTPException):
            words = []
        last = words[-1] if words and words[-1] not in (".",) else (words[-2] if len(words) > 1 else "")
        if error.code in (401, 403):
            return SedcoreError(
                f"the Ray cluster at {self.address} wants a token; set {_TOKEN} ({last[:200]})"
            )
        if error.code in (502, 503, 504):
            return ClusterSilent(
                f"the Ray cluster at {self.address} does not answer ({error.code} {error.reason})"
            )
        return SedcoreError(f"the Ray cluster at {self.address} refuses that ({error.code}): {last[:300]}")

    def _silent(self, error: Exception) -> ClusterSilent:
        reason = getattr(error, "reason", error)
        if isinstance(reason, (TimeoutError, socket.timeout)):
            why = f"no answer within {self._timeout_s:g} s"
        else:
            why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        return ClusterSilent(
            f"the Ray cluster at {self.address} cannot be reached ({why}); is it running, and is that the address of "
            "its dashboard?"
        )


def _object(answer: bytes, address: str) -> dict[str, Any]:
    try:
        value = json.loads(answer)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise SedcoreError(f"what answers at {address} is no Ray dashboard: {answer[:60]!r}")
    return value
