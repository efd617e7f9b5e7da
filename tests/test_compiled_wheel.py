"""The wheel with the hot path compiled is the plain one and the extension modules, and runs by them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


@pytest.fixture(scope="module")
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not request.config.getoption("--compiled-wheel", default=False):
        pytest.skip("takes a C compiler and a minute: ask for it with --compiled-wheel")
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, _ROOT / "scripts" / "compiled_wheel.py", "--directory", directory]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = directory.glob("*.whl")
    assert done.stdout.strip().endswith(made.name)
    return made


def test_it_is_for_this_python_and_holds_what_the_plain_one_holds(wheel):
    assert f"-cp{sys.version_info.major}{sys.version_info.minor}-" in wheel.name
    assert "none" not in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
    compiled = {name for name in names if name.endswith(_SUFFIX)}
    beside = {name.removesuffix(_SUFFIX) + ".py" for name in compiled if "compiled" not in name}
    assert beside <= names
    assert {"readonly_guard/guard.py", "readonly_guard_proxy/net/link.py"} <= beside
    for name in ("readonly_guard_policies/readonly_guard/authz/authz.rego", "readonly_guard/py.typed"):
        assert name in names


def test_what_is_installed_runs_by_the_compiled_modules(wheel, tmp_path):
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--target", target, wheel], check=True, timeout=60)
    script = (
        "import json; from readonly_guard import Guard; from readonly_guard_proxy.net import link;"
        "import readonly_guard.guard as guard;"
        "decision = Guard.open(journal='journal').check('DELETE FROM person', subject='alind', purpose='TREAT');"
        "print(json.dumps([guard.__file__, link.__file__, decision.codes]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *places, codes = json.loads(done.stdout)
    assert all(place.startswith(str(target)) and place.endswith(_SUFFIX) for place in places)
    assert codes[0] == "RG-W05"  # what is written is a patient's
