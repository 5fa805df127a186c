"""Who may import what: each part in a fresh process, by what is in sys.modules afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages.conftest import build_full
from tests.small_sets import small_set

REPO = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras", "librosa")
NEVER = {
    "sedcore.evaluation": (*HEAVY, "streamlit", "plotly"),
    "sedcore.artifacts": (*HEAVY, "streamlit", "plotly"),
    "sedcore.figures": (*HEAVY, "streamlit"),
    "sedcore.jobs": (*HEAVY, "streamlit"),
    "sedcore.data": (*HEAVY, "streamlit", "plotly"),  # librosa only inside what decodes or transforms audio
    "sedcore.models": ("streamlit", "plotly"),
    "sedcore.training": ("streamlit", "plotly"),
}
IMPORT_ALL = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
names = [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    if not name.endswith(".__main__"):
        importlib.import_module(name)
print(json.dumps({"modules": names, "loaded": sorted({name.partition(".")[0] for name in sys.modules})}))
"""
RUN_PAGES = """
import json, sys
from streamlit.testing.v1 import AppTest
seen = {}
for file in sys.argv[1:]:
    page = AppTest.from_file(file, default_timeout=120)
    page.run()
    seen[file] = [str(e.value) for e in page.exception]
    if not page.title:
        seen[file].append("nothing was shown")
print(json.dumps({"seen": seen, "loaded": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


def fresh(code: str, *arguments: str, **settings: str) -> dict:
    """Run code in a fresh process and return the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=REPO,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("part", NEVER)
def test_a_part_imports_only_what_it_may(part):
    found = fresh(IMPORT_ALL, part)
    assert found["modules"], f"{part} has no modules"
    assert not set(NEVER[part]) & set(found["loaded"])


def test_the_command_line_begins_without_heavy_libraries():
    code = "import json, sys, sedcore.cli; sedcore.cli.parser(); print(json.dumps(sorted(sys.modules)))"
    found = {name.partition(".")[0] for name in fresh(code)}
    assert not {*HEAVY, "streamlit", "plotly"} & found


def test_the_dashboard_process_never_loads_what_trains_or_decodes(tmp_path):
    build_full(tmp_path)
    small_set(tmp_path, "demo", clips=20)
    pages = sorted(str(file) for file in (REPO / "pages").glob("[!_]*.py"))
    found = fresh(
        RUN_PAGES,
        str(REPO / "dashboard.py"),
        *pages,
        SEDCORE_ARTIFACTS=str(tmp_path),
        SEDBOARD_TRAINING="on",
    )
    assert len(found["seen"]) == len(pages) + 1
    assert all(errors == [] for errors in found["seen"].values()), found["seen"]
    assert {"streamlit", "plotly"} <= set(found["loaded"])
    assert not set(HEAVY) & set(found["loaded"])
