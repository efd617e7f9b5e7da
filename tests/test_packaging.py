"""What is installed is whole: a wheel is built, installed elsewhere, and used from there."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import readonly_guard

_ROOT = Path(__file__).parent.parent
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "src", "proxy", "plugins", "policies")
_PACKAGES = (
    "readonly_guard",
    "readonly_guard_cli",
    "readonly_guard_plugins",
    "readonly_guard_policies",
    "readonly_guard_proxy",
    "readonly_guard_web",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because setuptools leaves its traces in the source."""
    source = tmp_path_factory.mktemp("source")
    for name in _SOURCES:
        if (_ROOT / name).is_dir():
            shutil.copytree(_ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(_ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", source / "dist"]
    if _has_setuptools():
        command.append("--no-isolation")  # otherwise the build fetches its own
    done = subprocess.run([*command, source], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (source / "dist").glob("*.whl")
    return built


def _has_setuptools() -> bool:
    try:
        return int(version("setuptools").partition(".")[0]) >= 77
    except PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed without its dependencies, which are those of this interpreter."""
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    subprocess.run([*command, "--no-deps", "--no-compile", "--target", target, wheel], check=True, timeout=60)
    return target


def _run(installed: Path, elsewhere: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_for_every_platform(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")


def test_every_file_of_the_packages_is_inside_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in _folders().items()
        for path in folder.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and path.suffix not in {".pyc", ".so"}  # what `make compiled` leaves is for this Python only
    }
    assert names == expected
    for name in (
        "readonly_guard/py.typed",
        "readonly_guard/sql/builtins.json",
        "readonly_guard_cli/demo/millennium.sql",
        "readonly_guard_policies/.manifest",
        "readonly_guard_policies/readonly_guard/authz/authz.rego",
        "readonly_guard_policies/routine/data.json",
        "readonly_guard_policies/schema/roster/schema.json",
    ):
        assert name in names
    assert {name.partition("/")[0] for name in names} == set(_PACKAGES)


def _folders() -> dict[str, Path]:
    return {
        "readonly_guard": _ROOT / "src" / "readonly_guard",
        "readonly_guard_cli": _ROOT / "src" / "readonly_guard_cli",
        "readonly_guard_plugins": _ROOT / "plugins" / "readonly_guard_plugins",
        "readonly_guard_policies": _ROOT / "policies",
        "readonly_guard_proxy": _ROOT / "proxy" / "readonly_guard_proxy",
        "readonly_guard_web": _ROOT / "src" / "readonly_guard_web",
    }


def test_every_folder_with_modules_is_a_package_that_is_shipped():
    listed = {
        ".".join((package, *path.parent.relative_to(folder).parts))
        for package, folder in _folders().items()
        for path in folder.rglob("*.py")
    }
    for name in sorted(listed):
        assert importlib.import_module(name).__doc__, f"{name} has no __init__ that says what it is"


def test_the_packages_come_from_where_they_were_installed(installed, tmp_path):
    script = f"import json, {', '.join(_PACKAGES)}; print(json.dumps([m.__file__ for m in ({', '.join(_PACKAGES)})]))"
    places = [Path(place) for place in json.loads(_run(installed, tmp_path, sys.executable, "-c", script))]
    assert places == [installed / name / "__init__.py" for name in _PACKAGES]


def test_the_shipped_policies_load_and_pass_their_tests(installed, tmp_path):
    script = "from readonly_guard.policy import load_policies; print(load_policies().revision)"
    assert _run(installed, tmp_path, sys.executable, "-c", script).startswith(version("readonly-guard"))
    said = _run(installed, tmp_path, sys.executable, "-m", "readonly_guard_cli", "policy", "test")
    assert ", 0 failed" in said


def test_the_program_runs(installed, tmp_path):
    assert _run(installed, tmp_path, sys.executable, "-m", "readonly_guard_cli", "check", "SELECT 1").startswith(
        "Allowed"
    )
    program = str(installed / "bin" / "readonly-guard")
    assert _run(installed, tmp_path, program, "--version") == f"readonly-guard {version('readonly-guard')}\n"


@pytest.mark.parametrize("name", [
    "readonly_guard", "readonly_guard.audit", "readonly_guard.domain", "readonly_guard.errors", "readonly_guard.hooks",
    "readonly_guard.policy", "readonly_guard.settings", "readonly_guard.sql", "readonly_guard_cli.demo",
])  # fmt: skip
def test_public_names_are_sorted_and_there(name):
    module = importlib.import_module(name)
    names = module.__all__
    assert len(set(names)) == len(names)
    # ruff's order: constants, classes, functions, each by name
    assert names == sorted(names, key=lambda word: (not word.isupper(), not word[0].isupper(), word))
    for word in names:
        assert getattr(module, word) is not None


def test_the_library_says_no_more_than_its_public_names():
    public = {
        name
        for name in dir(readonly_guard)
        if not name.startswith("_") and not isinstance(getattr(readonly_guard, name), type(readonly_guard))
    }
    assert public == set(readonly_guard.__all__)


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        # each is tens of megabytes in every process of a guard
        ("readonly_guard_cli.app", {"sqlglot", "aiohttp", "fpdf", "jinja2"}),
        ("readonly_guard_cli.worker", {"sqlglot", "aiohttp"}),
        ("readonly_guard_proxy.reading.worker", {"asyncpg", "regorus", "cryptography", "structlog", "rich", "aiohttp"}),
        ("readonly_guard", {"sqlglot", "asyncpg", "regorus"}),
    ],
)
def test_no_process_imports_what_it_does_not_need(module, spared):
    program = f"import sys, {module}; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True).stdout
    assert spared.isdisjoint(said.split())


def test_what_the_library_imports_late_is_there():
    program = "import readonly_guard as r; print(r.Guard.__name__, r.connect.__name__); r.guardian"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "Guard connect\n"
    assert "module 'readonly_guard' has no attribute 'guardian'" in done.stderr
