"""File handling that all formats share: atomic writes, schema numbers, names that are safe as files and URLs.

Every file is written under a temporary name in its own folder and renamed, so that a reader never sees half
of one. JSON formats carry ``"schema": 1``; a reader rejects any other number.
"""

from __future__ import annotations

import contextlib
import json
import lzma
import math
import os
import re
import secrets
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from sedcore.errors import SchemaMismatch, SedcoreError

SCHEMA = 1
# Raised by numpy for a file without an array, or a damaged one: it parses headers as Python.
NO_ARRAY = (OSError, ValueError, EOFError, SyntaxError, tokenize.TokenError)
# Raised for a damaged .zip or .npz, depending on the layer that meets the damage.
DAMAGED_ZIP = (
    *NO_ARRAY, zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError
)  # fmt: skip
# Makes pandas read decimals to the last bit; from 3.1 on it always does, and warns about the option.
_PANDAS = tuple(int(part) for part in pd.__version__.split(".")[:2])
EXACT_FLOATS: dict[str, Any] = {"float_precision": "round_trip"} if _PANDAS < (3, 1) else {}
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def user_path(given: str | os.PathLike) -> Path:
    """Return a path typed by a person, with ``~`` as the home folder; an unknown ``~name`` stays as it is."""
    return Path(os.path.expanduser(given))


def safe_name(text: str, what: str) -> str:
    """Return `text` if it is safe as a folder name and in a URL, else raise SedcoreError.

    Safe is 1 to 80 letters, digits, ``.``, ``_`` or ``-``, the first a letter or a digit; so it never holds a
    separator and never starts with a dot.
    """
    if not isinstance(text, str) or not _SAFE_NAME.fullmatch(text):
        raise SedcoreError(
            f"{what} {text!r} cannot be used: give 1 to 80 letters, digits, '.', '_' or '-', "
            "starting with a letter or a digit"
        )
    return text


@contextlib.contextmanager
def atomic_path(path: Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    `durable` syncs the file to disk first, so that a power cut leaves the old file or the new one.
    """
    path = Path(path)
    # Some writers choose the format by the suffix.
    temporary = path.with_name(f".{path.stem}.tmp-{os.getpid()}-{secrets.token_hex(3)}{path.suffix}")
    try:
        yield temporary
        if durable:
            _sync(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise SedcoreError(f"{path} could not be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):  # a path that could not be made cannot be removed either
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def without_nan(value: Any) -> Any:
    """Return `value` with NaN and infinities as None, tuples as lists and numpy scalars as Python's own."""
    if isinstance(value, dict):
        return {str(key): without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    if hasattr(value, "tolist"):
        return without_nan(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path, obj: dict, durable: bool = True) -> None:
    """Write `obj` as JSON with its schema number; NaN becomes null. `durable`: see `atomic_path`."""
    text = json.dumps({"schema": SCHEMA, **without_nan(obj)}, indent=1, ensure_ascii=False)
    with atomic_path(path, durable) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path, what: str) -> dict:
    """Read a JSON object written by this project; `what` names it in errors ("run", "data set").

    Raises
    ------
    SedcoreError
        The file is missing, unreadable or no JSON object; a SchemaMismatch where another version wrote it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip("\0 \n"):
            raise SedcoreError(f"{what}: {path} is empty (did the power fail while it was written?)")
        obj = json.loads(text)
    except FileNotFoundError:
        raise SedcoreError(f"{what}: {path} does not exist") from None
    except OSError as error:
        raise SedcoreError(f"{what}: {path} could not be read: {error.strerror or error}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SedcoreError(f"{what}: {path} is not valid JSON ({error})") from error
    if not isinstance(obj, dict):
        raise SedcoreError(f"{what}: {path} holds a {type(obj).__name__} where an object was expected")
    if obj.get("schema") != SCHEMA:
        raise SchemaMismatch(
            f"{what}: {path} has schema {obj.get('schema')!r} and this version reads {SCHEMA}; "
            "it was written by another version of sedcore"
        )
    return obj


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a table without its index."""
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False, compression="zstd")


@contextlib.contextmanager
def open_parquet(path: Path, what: str) -> Iterator[pq.ParquetFile]:
    """Open a parquet table, to read some of its columns at a time; `what` names it in errors."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except FileNotFoundError:
        raise SedcoreError(f"{what}: {path} does not exist") from None
    except SedcoreError:
        raise
    except Exception as error:  # pyarrow raises several unrelated types for a damaged file
        raise SedcoreError(f"{what}: {path} could not be read as parquet ({error})") from error


def read_parquet(path: Path, what: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a parquet table, or some of its columns; `what` names it in errors."""
    try:
        return pd.read_parquet(path, columns=columns)
    except FileNotFoundError:
        raise SedcoreError(f"{what}: {path} does not exist") from None
    except Exception as error:  # pyarrow raises several unrelated types for a damaged file
        raise SedcoreError(f"{what}: {path} could not be read as parquet ({error})") from error
