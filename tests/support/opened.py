"""Pages opened by AppTest: what is on them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from streamlit.testing.v1 import AppTest

ENTRY = str(Path(__file__).parents[2] / "dashboard.py")


def open_page(page: str, **params: str) -> AppTest:
    """Open a page of the dashboard as a fresh session with URL parameters."""
    app = AppTest.from_file(ENTRY, default_timeout=120).switch_page(f"pages/{page}.py")
    for key, value in params.items():
        app.query_params[key] = value
    return app.run()


def texts(app: AppTest) -> str:
    """Return all that a page says outside of tables and figures."""
    found = [*app.title, *app.markdown, *app.caption, *app.warning, *app.error, *app.info]
    return "\n".join(str(element.value) for element in found)


def table(app: AppTest, column: str) -> pd.DataFrame:
    """Return the first table that has a column."""
    for element in app.dataframe:
        if column in element.value.columns:
            return element.value
    raise AssertionError(f"no table with column {column}")
