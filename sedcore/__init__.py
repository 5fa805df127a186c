"""sedcore: train, score and compare multi-label sound event models.

    import sedcore
    sedcore.evaluate(truth, scores, thresholds=0.5)
    sedcore.compare({"a": (truth, scores_a), "b": (truth, scores_b)}).verdict("macro_ap")
    run = sedcore.start_run("crnn-a")

Importing the package loads nothing heavy: the names below are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sedcore.errors import SedcoreError

if TYPE_CHECKING:  # so that editors know the names of `__getattr__`
    from sedcore.artifacts.logging import log_scores, start_run
    from sedcore.comparison.front import compare
    from sedcore.comparison.opened import open_runs
    from sedcore.evaluation.front import evaluate, tune

__version__ = "0.1.0"
__all__ = ["SedcoreError", "compare", "evaluate", "log_scores", "open_runs", "start_run", "tune"]

_HOMES = {
    "compare": "sedcore.comparison.front",
    "evaluate": "sedcore.evaluation.front",
    "log_scores": "sedcore.artifacts.logging",
    "open_runs": "sedcore.comparison.opened",
    "start_run": "sedcore.artifacts.logging",
    "tune": "sedcore.evaluation.front",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sedcore' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
