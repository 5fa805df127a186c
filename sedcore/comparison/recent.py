"""The last few results of something slow, each made once, shared between threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """A cache of the results used last; older ones are dropped.

    Parameters
    ----------
    most : number of results kept.
    """

    def __init__(self, most: int):
        self._most = most
        self._results: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.RLock] = {}  # of each key whose result is being made

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the result under a key, made now if need be. What `make` raises is raised, and nothing is kept.

        Whoever asks for the same key meanwhile waits for it; other keys are free.
        """
        with self._lock:
            if key in self._results:
                return self._touch(key)
            making = self._making.setdefault(key, threading.RLock())
        with making:
            with self._lock:
                if key in self._results:
                    return self._touch(key)
            try:
                result = make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
            with self._lock:
                self._results[key] = result
                while len(self._results) > self._most:
                    self._results.popitem(last=False)
            return result

    def _touch(self, key: Hashable) -> Value:
        self._results.move_to_end(key)
        return self._results[key]

    def __contains__(self, key: Hashable) -> bool:
        return key in self._results

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._results.clear()
