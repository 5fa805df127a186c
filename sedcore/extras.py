"""Which extra of the package brings a library that is not installed, said in one sentence."""

from __future__ import annotations

from importlib.util import find_spec

from sedcore.errors import SedcoreError

# library: (its name in a sentence, the extra that brings it), as in pyproject.toml; "": it is installed by itself
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
    """A library is missing that only a part of the package needs."""


def need(library: str, what: str) -> None:
    """Raise NotInstalled with the way to get a library of EXTRAS, where it is not installed; `what` needs it."""
    if find_spec(library) is None:
        raise NotInstalled(_sentence(library, what))


def missing(error: ModuleNotFoundError, what: str = "this") -> str:
    """Return the sentence for a library of EXTRAS that could not be imported, "" for any other."""
    library = (error.name or "").partition(".")[0]
    return _sentence(library, what) if library in EXTRAS else ""


def _sentence(library: str, what: str) -> str:
    name, extra = EXTRAS[library]
    wanted = f"'sedcore[{extra}]'" if extra else library
    return f"{what} needs {name}, which is not installed: pip install {wanted}"
