"""Who may import what: libraries by what a fresh process has loaded, modules by the lines that import them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from importlib.util import resolve_name
from pathlib import Path

import pytest

from tests.pages.conftest import build_full
from tests.support.small_sets import small_set

REPO = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras", "librosa")
NEVER = {  # parts that may load the same share a process
    ("evaluation", "artifacts", "comparison"): (*HEAVY, "streamlit", "plotly"),
    ("figures",): (*HEAVY, "streamlit"),
    ("jobs",): (*HEAVY, "streamlit"),
    ("data",): (*HEAVY, "streamlit", "plotly"),  # librosa only inside what decodes or transforms audio
    ("models", "training"): ("streamlit", "plotly"),
}
MAY_USE = {  # rooms of widgets, each with the rooms that it may import from beside itself
    "base": (),
    "runs": ("base",),
    "compare": ("base", "runs"),
    "thresholds": ("base", "runs", "compare"),
    "data": ("base", "runs", "compare"),
    "training": ("base", "runs", "compare", "thresholds", "data"),
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


def modules() -> dict[str, Path]:
    """Return the files of the modules of the repository, by their names in an import."""
    files = [REPO / "dashboard.py"]
    for part in ("sedcore", "pages", "benchmarks"):
        files += (REPO / part).rglob("*.py")
    names = (".".join(file.relative_to(REPO).with_suffix("").parts) for file in files)
    return {name.removesuffix(".__init__"): file for name, file in zip(names, files)}


def import_graph() -> dict[str, set[str]]:
    """Return which modules of the repository each imports, wherever the line stands: in a function, for types only."""
    files = modules()
    return {name: imported(name, file, set(files)) for name, file in files.items()}


def imported(name: str, file: Path, known: set[str]) -> set[str]:
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:  # a module of that package, or something in it
                part = f"{source}.{alias.name}"
                names.add(part if part in known else source)
    return (names & known) - {name}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other, directly or by way of others."""
    reached = {name: within_reach(graph, name) for name in graph}
    groups = {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in graph
        if name in reached[name]
    }
    return sorted(map(sorted, groups))


def within_reach(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph[ahead.pop()] - seen
        seen |= new
        ahead += new
    return seen


def test_no_modules_import_each_other():
    graph = import_graph()
    assert "sedcore.training.fit" in graph["sedcore.training.start"]  # a lazy import is seen
    assert circles(graph) == []


def test_a_circle_is_named_however_long_it_is():
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    assert circles(graph) == [["a", "b", "c"], ["d", "e"]]


@pytest.mark.parametrize(
    "line, module",
    [
        ("import sedcore.errors", "sedcore.errors"),
        ("from sedcore import errors", "sedcore.errors"),
        ("from sedcore.errors import SedcoreError", "sedcore.errors"),
        ("from .. import errors", "sedcore.errors"),
        ("from ..errors import SedcoreError", "sedcore.errors"),
        ("from . import queue", "sedcore.jobs.queue"),
        ("if TYPE_CHECKING:\n    import sedcore.errors", "sedcore.errors"),
        ("def late():\n    from sedcore import errors as known", "sedcore.errors"),
    ],
)
def test_every_way_to_import_is_seen(tmp_path, line, module):
    file = tmp_path / "listing.py"
    file.write_text(line)
    assert imported("sedcore.jobs.listing", file, {"sedcore", "sedcore.errors", "sedcore.jobs.queue"}) == {
        module
    }


def room(name: str) -> str:
    """Return the room of widgets that a module lies in, "" where it is no widget."""
    return name.split(".")[2] if name.startswith("pages.widgets.") else ""


def test_sedcore_imports_nothing_of_the_dashboard_and_a_room_only_rooms_before_it():
    graph, wrong = import_graph(), []
    assert {room(name) for name in graph} == {"", *MAY_USE}
    for name, others in graph.items():
        for other in sorted(others):
            if name.startswith("sedcore."):
                allowed = other.startswith("sedcore.")
            elif room(name) and other.startswith("pages."):
                allowed = room(other) in (room(name), *MAY_USE[room(name)])
            else:
                allowed = True
            if not allowed:
                wrong.append(f"{name} imports {other}")
    assert wrong == []


def test_widgets_live_in_rooms():
    assert [entry.name for entry in (REPO / "pages" / "widgets").iterdir() if not entry.is_dir()] == []
