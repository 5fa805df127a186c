"""Long histories as arrays in the run's cache: reading the JSON of a thousand epochs takes five times as long."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sedcore.artifacts.cache import read_cache, write_cache
from sedcore.artifacts.runs import Run

LONG = 200  # epochs; shorter histories are not cached
_VERSION = 1  # of the cache entry


def kept_history(run: Run, keep: bool = False) -> pd.DataFrame:
    """Return `Run.history`; with `keep`, cache it in the run if it is long and the run has ended.

    Raises SedcoreError where the file is damaged.
    """
    file, depends = run.path / "history.jsonl", {"version": _VERSION}
    kept = read_cache(run, "history", file, depends)
    if kept is not None:
        counts = set(kept["counts"].tolist())
        return pd.DataFrame(
            {
                name: values.astype(np.int64) if name in counts else values
                for name, values in zip(kept["names"].tolist(), kept["values"])
            }
        )
    table = run.history()
    if keep and len(table) >= LONG and not run.status().live:
        kinds = table.dtypes
        arrays = {
            "names": np.array(table.columns, dtype=str),
            "counts": np.array([name for name in table if kinds[name].kind == "i"], dtype=str),
            "values": table.to_numpy(np.float64).T,
        }
        write_cache(run, "history", file, depends, arrays)
    return table
