"""Importing Keras and TensorFlow without their notes about their own build, which would bury ours."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from sedcore.extras import need


def load_keras() -> None:
    """Import Keras with its backend and find the devices; what they print of themselves is dropped.

    If that fails, the output is shown: it may say why. Raises SedcoreError where Keras is not installed.
    """
    need("keras", "a model")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _held_back_stderr():
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow

            tensorflow.config.list_logical_devices()


@contextlib.contextmanager
def _held_back_stderr() -> Iterator[None]:
    """Send file descriptor 2 to a file: TensorFlow's first lines come from C++ before any log level counts."""
    try:
        own = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        own = -1
    if own != 2:  # a notebook or a test has replaced stderr already
        yield
        return
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
