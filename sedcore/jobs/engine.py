"""Where a run is trained: on this machine, or on a Ray cluster with the resources it asks for.

A run's ``job`` in run.json is None (this machine) or
``{"engine": "ray", "address": URL or None, "cores": n, "gpus": n}``. A worker has one engine and takes
the runs that ask for it; a cluster's worker also has an address, and does not take runs that name another one.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from sedcore.errors import SedcoreError

LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)
ADDRESS = "SEDCORE_RAY_ADDRESS"  # environment variable with the cluster's address, where none is given
MOST_CORES, MOST_GPUS = 1024, 64
_PORT = 8265  # of Ray's dashboard, which serves the jobs API


def ray_job(cores: int = 1, gpus: float = 0, address: str | None = None) -> dict[str, Any]:
    """Return the `job` of a run to be trained on a Ray cluster.

    Parameters
    ----------
    cores, gpus : resources that Ray reserves for it on one node; a part of a GPU is allowed.
    address : of the cluster's dashboard (http://HOST:8265); None: of whichever worker takes the run.

    Raises
    ------
    SedcoreError
        A number is out of range, or the address is not one of a dashboard.
    """
    if isinstance(cores, bool) or not isinstance(cores, int) or not 1 <= cores <= MOST_CORES:
        raise SedcoreError(f"cores of a job are a whole number from 1 to {MOST_CORES}; given {cores!r}")
    if isinstance(gpus, bool) or not isinstance(gpus, (int, float)) or not 0 <= gpus <= MOST_GPUS:
        raise SedcoreError(f"GPUs of a job are a number from 0 to {MOST_GPUS}; given {gpus!r}")
    if gpus > 1 and gpus != int(gpus):
        raise SedcoreError(f"a job gets a part of one GPU or whole ones; given {gpus:g}")
    whole = int(gpus) if gpus == int(gpus) else gpus
    return {
        "engine": RAY,
        "address": checked_address(address) if address else None,
        "cores": cores,
        "gpus": whole,
    }


def engine_of(job: dict[str, Any] | None) -> str:
    """Return the engine that a run's `job` asks for."""
    return _dict(job).get("engine") or LOCAL


def _dict(job: Any) -> dict[str, Any]:
    return job if isinstance(job, dict) else {}  # run.json may have been written by hand


def takes(worker: dict[str, Any], job: dict[str, Any] | None) -> bool:
    """Whether a worker, by its note (engine, address), takes runs with this `job`."""
    wanted = _dict(job).get("address")
    return worker.get("engine", LOCAL) == engine_of(job) and wanted in (None, worker.get("address"))


def checked_address(text: str) -> str:
    """Return the address of a Ray cluster's dashboard as scheme://host:port.

    Raises
    ------
    SedcoreError
        It is not such an address; the message says which of Ray's addresses is wanted.
    """
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    plain = parts.path in ("", "/") and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in ("http", "https") or not host or not plain or not host.isascii() or " " in host:
        raise SedcoreError(
            f"{text!r} is not the address of a Ray cluster; wanted is that of its dashboard, http://HOST:{_PORT} "
            "(`ray start --head` prints it)"
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port or (443 if parts.scheme == 'https' else _PORT)}"


def ray_address(given: str | None) -> str:
    """Return the given address, or else the one in the environment.

    Raises
    ------
    SedcoreError
        There is none, or it is not the address of a dashboard.
    """
    address = given or os.environ.get(ADDRESS)
    if not address:
        raise SedcoreError(f"which cluster? Give --ray-address http://HOST:{_PORT}, or set {ADDRESS}")
    return checked_address(address)
