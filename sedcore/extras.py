"""Errors for libraries that are not installed, with the extra of the package that installs them."""

from __future__ import annotations

from importlib.util import find_spec

from sedcore.errors import SedcoreError

# library: (its name in a sentence, its extra in pyproject.toml; "" if it is installed by itself)
EXTRAS = {
    "tensorflow": ("TensorFlow", "train"),
    "keras": ("Keras", "train"),
    "librosa": ("librosa", "train"),
    "soundfile": ("soundfile", "train"),
    "optuna": ("Optuna", "train"),
    "plotly": ("Plotly", "dashboard"),
    "streamlit": ("Streamlit", "dashboard"),
    "ray": ("Ray", "cluster"),
    "lightning": ("Lightning", ""),
    "sed_scores_eval": ("sed_scores_eval", "events"),
}


class NotInstalled(SedcoreError, ImportError):
    """An optional library is not installed."""


def need(library: str, what: str) -> None:
    """Raise NotInstalled, with the command to install it, if a library of EXTRAS is missing; `what` needs it."""
    if find_spec(library) is None:
        raise NotInstalled(_sentence(library, what))


def missing(error: ModuleNotFoundError, what: str = "this") -> str:
    """Return the message for a library of EXTRAS that could not be imported, "" for any other."""
    library = (error.name or "").partition(".")[0]
    return _sentence(library, what) if library in EXTRAS else ""


def _sentence(library: str, what: str) -> str:
    name, extra = EXTRAS[library]
    wanted = f"'sedcore[{extra}]'" if extra else library
    return f"{what} needs {name}, which is not installed: pip install {wanted}"
