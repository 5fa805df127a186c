"""Who may import what: each part in a fresh process, by what is in sys.modules afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages.conftest import build_full
from tests.support.small_sets import small_set

REPO = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras", "librosa")
NEVER = {  # parts that may load the same share a process
    ("evaluation", "artifacts"): (*HEAVY, "streamlit", "plotly"),
    ("figures",): (*HEAVY, "streamlit"),
    ("jobs",): (*HEAVY, "streamlit"),
    ("data",): (*HEAVY, "streamlit", "plotly"),  # librosa only inside what decodes or transforms audio
    ("models", "training"): ("streamlit", "plotly"),
}
IMPORT_ALL = """
import importlib, json, pkgutil, sys
found = {}
for part in sys.argv[1:]:
    package = importlib.import_module("sedcore." + part)
    found[part] = [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
    for name in found[part]:
        if not name.endswith(".__main__"):
            importlib.import_module(name)
print(json.dumps({"modules": found, "loaded": sorted({name.partition(".")[0] for name in sys.modules})}))
"""
RUN_PAGES = """
import functools, json, sys
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)
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


@pytest.mark.parametrize("parts", NEVER, ids=" ".join)
def test_a_part_imports_only_what_it_may(parts):
    found = fresh(IMPORT_ALL, *parts)
    assert all(found["modules"][part] for part in parts), found["modules"]
    assert not set(NEVER[parts]) & set(found["loaded"])


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
