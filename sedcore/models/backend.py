"""Importing Keras and TensorFlow without their start-up messages, which would bury ours."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from sedcore.extras import need


def load_keras() -> None:
    """Import Keras with its backend and find the devices; their output is shown only if that fails.

    Raises
    ------
    SedcoreError
        Keras is not installed.
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
    """Redirect file descriptor 2 to a file: TensorFlow's first lines come from C++, before log levels apply."""
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
