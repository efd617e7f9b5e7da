"""A run of the tests is of one build, and of the sources that stand there."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from build_form import FOUND, NotOneBuildError, build_of

_ROOT = Path(__file__).parent.parent
_SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """Two of them, older than what is compiled of them now."""
    made = [tmp_path / name for name in ("guard.py", "link.py")]
    for source in made:
        source.touch()
        os.utime(source, (1, 1))
    return made


def compile_(source: Path) -> None:
    source.with_name(source.stem + _SUFFIX).touch()


def test_nothing_compiled_is_the_pure_one(sources):
    assert build_of(sources) == "pure"


def test_everything_compiled_is_the_compiled_one(sources):
    for source in sources:
        compile_(source)
    assert build_of(sources) == "compiled"


def test_what_another_python_compiled_does_not_count(sources):
    for source in sources:
        source.with_name(source.stem + ".cpython-39-x86_64-linux-gnu.so").touch()
    assert build_of(sources) == "pure"


def test_some_compiled_is_refused(sources):
    compile_(sources[1])
    with pytest.raises(NotOneBuildError, match=r"guard\.py is not compiled.*make compiled.*make pure"):
        build_of(sources)


def test_a_source_that_was_changed_since_is_refused(sources):
    for source in sources:
        compile_(source)
    os.utime(sources[0], (2**33, 2**33))
    with pytest.raises(NotOneBuildError, match=r"guard\.py was changed after it was compiled"):
        build_of(sources)


def test_a_run_that_wants_the_other_build_ends_before_any_test(request):
    other = {"pure": "compiled", "compiled": "pure"}[request.config.stash[FOUND]]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--build", other, __file__],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"--build {other}: the hot path is" in done.stderr
    assert f"`make {other}`" in done.stderr
    assert "passed" not in done.stdout


def test_what_is_said_is_what_runs(request):
    """By the modules themselves: a subprocess, as the proxy's workers are, has the same."""
    program = (
        "import readonly_guard.guard as g, readonly_guard_proxy.net.link as l; print(g.__file__); print(l.__file__)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    ending = {"pure": ".py", "compiled": _SUFFIX}[request.config.stash[FOUND]]
    assert [place.endswith(ending) for place in done.stdout.split()] == [True, True]
