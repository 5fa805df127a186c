"""Small computations as tasks of the Ray cluster that this process runs on; the only module that imports Ray."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sedcore.errors import SedcoreError

_AHEAD = 2  # tasks per core under way: enough to keep it busy, few enough that results do not pile up


class RayTasks:
    """Calls a function on the cores of a cluster: ``RayTasks()(function, common, tasks)``.

    Parameters
    ----------
    address : as for `ray.init`; "auto": the cluster that this machine is a node of.

    Raises
    ------
    SedcoreError
        Ray is not installed, or this machine is no node of a cluster.
    """

    def __init__(self, address: str = "auto"):
        self._ray = _ray()
        if self._ray.is_initialized():
            return
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise SedcoreError(
                f"no Ray cluster at {address!r} from here ({str(error).splitlines()[0][:200]}); run this on one of its "
                "nodes, or give --ray-address the address of its dashboard"
            ) from None

    def __call__(
        self, function: Callable[[Any, Any], Any], common: Any, tasks: Sequence[Any]
    ) -> Iterable[Any]:
        """Yield ``function(common, task)`` of every task, in order of completion.

        The function, which nodes import by its module's name, and all values must be picklable. A task whose node dies
        is repeated on another, at most three times.

        Raises
        ------
        SedcoreError
            A task failed; the message is its own.
        """
        ray = self._ray
        call, shared = ray.remote(num_cpus=1, max_retries=3)(_call), ray.put(common)
        going: list[Any] = []
        try:
            for task in tasks:
                while len(going) >= _AHEAD * self._cores():
                    [done], going = ray.wait(going, num_returns=1)
                    yield ray.get(done)
                going.append(call.remote(function, shared, task))
            while going:
                [done], going = ray.wait(going, num_returns=1)
                yield ray.get(done)
        except ray.exceptions.RayError as error:
            last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise SedcoreError(f"a task on the cluster failed: {last[:300]}") from error
        finally:
            for task in going:
                ray.cancel(task)

    def _cores(self) -> int:
        """Return the cluster's present number of cores: it may grow."""
        return max(int(self._ray.cluster_resources().get("CPU", 1)), 1)


def _call(function: Callable[[Any, Any], Any], common: Any, task: Any) -> Any:
    return function(common, task)


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise SedcoreError(
            "Ray is not installed here; install it with: pip install -r requirements-cluster.txt"
        ) from None
    return ray
