"""The package as one installs it: what its wheel holds, what it needs, what is said where an extra is missing."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import sedcore
from sedcore.extras import EXTRAS

REPO = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]
SETUPTOOLS = 77  # the first that knows pyproject.toml's licence


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package's wheel, built of a copy: setuptools leaves its work where it builds."""
    if int(importlib.metadata.version("setuptools").partition(".")[0]) < SETUPTOOLS:
        pytest.skip(f"setuptools is older than {SETUPTOOLS}; requirements-test.txt has what building needs")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "sedcore", "pages", "tests", "benchmarks"):
        (source / name).symlink_to(REPO / name)
    built = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    done = subprocess.run([*built, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry = archive.read(f"sedcore-{sedcore.__version__}.dist-info/entry_points.txt").decode()
    about = {name for name in names if ".dist-info/" in name}
    files = (file for file in (REPO / "sedcore").rglob("*") if file.is_file())
    wanted = {file.relative_to(REPO).as_posix() for file in files if "__pycache__" not in file.parts}
    assert names - about == wanted
    assert {"sedcore/py.typed", "sedcore/evaluation/audit/report_numbers.json"} <= wanted
    assert any(name.endswith("/LICENSE") for name in about)
    assert entry.split() == ["[console_scripts]", "sedcore", "=", "sedcore.__main__:main"]


def test_an_installed_package_answers(wheel, tmp_path):
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--target",
        str(tmp_path / "here"),
    ]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    paths = os.environ | {"PYTHONPATH": str(tmp_path / "here")}
    asked = [str(tmp_path / "here" / "bin" / "sedcore"), "--help"]
    done = subprocess.run(asked, cwd=tmp_path, env=paths, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("usage: sedcore"), done.stderr
    code = "import sedcore, sedcore.evaluation.audit as a; print(sedcore.__file__, bool(a.report_numbers()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=paths, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(tmp_path / "here" / "sedcore" / "__init__.py"), "True"], done.stderr


def wanted_of(lines: list[str]) -> dict[str, set[str]]:
    """{name: its bounds, and its extras in brackets} of requirements."""
    found = {}
    for line in lines:
        line = line.partition("#")[0].strip()
        if line and not line.startswith("-r"):
            name, bounds = re.fullmatch(r"([A-Za-z0-9_.-]+(?:\[\w+\])?)\s*(.*)", line).groups()
            found[name.lower()] = set(bounds.split(","))
    return found


def lines_of(name: str) -> list[str]:
    return (REPO / name).read_text("utf-8").splitlines()


def test_extras_and_requirements_agree():
    base, extras = PROJECT["dependencies"], PROJECT["optional-dependencies"]
    assert wanted_of(lines_of("requirements.txt")) == wanted_of(
        [*base, *extras["train"], *extras["dashboard"]]
    )
    assert wanted_of(lines_of("requirements-cluster.txt")) == wanted_of(extras["cluster"])


def test_only_the_extra_that_needs_less_keeps_pandas_below_3():
    assert "<4" in wanted_of(PROJECT["dependencies"])["pandas"]
    held = {name for name, lines in PROJECT["optional-dependencies"].items() if "pandas" in wanted_of(lines)}
    assert held == {"events"}


def test_what_is_named_where_a_library_is_missing_is_in_that_extra():
    for library, (_, extra) in EXTRAS.items():
        if not extra:
            continue
        names = {name.partition("[")[0] for name in wanted_of(PROJECT["optional-dependencies"][extra])}
        assert library in names, library


WITHOUT = """
import sys
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in %r:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Gone())
import importlib.util
known = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in %r else known(name, *a)
from sedcore.__main__ import main
sys.argv[0] = "sedcore"
sys.exit(main())
"""


def without(libraries: tuple[str, ...], *command: str) -> subprocess.CompletedProcess:
    """Run a command in a process in which these libraries cannot be imported."""
    code = WITHOUT % (libraries, libraries)
    return subprocess.run([sys.executable, "-c", code, *command], cwd=REPO, capture_output=True, text=True)


def test_without_extras_the_light_commands_work():
    done = without(tuple(EXTRAS), "runs", "--json")
    assert done.returncode == 0 and "[" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "library, command, said",
    [
        ("tensorflow", ["train", "demo", "--model", "compact"], "training needs TensorFlow"),
        ("librosa", ["demo-data", "--name", "none", "--clips", "12"], "this command needs librosa"),
    ],
)
def test_a_command_says_which_extra_it_needs(library, command, said, tmp_path):
    done = without((library,), "--artifacts", str(tmp_path), *command)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"{said}, which is not installed: pip install 'sedcore[train]'"
    assert not (tmp_path / "runs").exists()
