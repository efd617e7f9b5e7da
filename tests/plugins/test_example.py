"""plugins/example, as a third party has it: built, installed elsewhere, and loaded by the names of its entry points."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from readonly_guard_cli.demo import write_policy_data

EXAMPLE = Path(__file__).parents[2] / "plugins" / "example"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package in a directory of its own, built from a copy because setuptools leaves its traces in the source."""
    source = tmp_path_factory.mktemp("source") / "example"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    try:
        is_new = int(version("setuptools").partition(".")[0]) >= 77
    except PackageNotFoundError:
        is_new = False
    isolation = ["--no-build-isolation"] if is_new else []
    subprocess.run([*command, *isolation, "--target", target, source], check=True, timeout=120)
    return target


@pytest.fixture
def run(installed, tmp_path):
    """A script, with the package on its path, in a directory with a guard.toml."""
    write_policy_data(tmp_path / "roster.json")

    def call(*command: str, plugins: str = ""):
        (tmp_path / "guard.toml").write_text(
            '[upstream]\nhost = "db"\n[journal]\npath = "journal"\n[policy]\ndata = ["roster.json"]\n' + plugins
        )
        env = {**os.environ, "PYTHONPATH": str(installed)}
        return subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, cwd=tmp_path, env=env, check=False
        )

    return call


DECIDE = """
import json, sys
from pathlib import Path
from readonly_guard import Guard, load_settings
with Guard.from_settings(load_settings(Path("guard.toml"))) as guard:
    sql = "SELECT * FROM diagnosis WHERE person_id = 7"
    codes = [guard.check(sql, subject="alind", purpose=purpose).codes for purpose in ("TREAT", "ETREAT")]
    print(json.dumps([codes, "readonly_guard_example" in sys.modules]))
"""
RELATIONS = '[plugins]\nload = ["example_relations"]\n[plugin.example_relations]\nrelations = ["diagnosis"]\n'


def test_an_installed_package_changes_nothing_until_it_is_named(run):
    codes, is_imported = json.loads(run("-c", DECIDE).stdout)
    assert not is_imported
    assert codes[0] == []
    assert "EX-001" not in codes[1]


def test_named_it_makes_decisions_stricter(run):
    done = run("-c", DECIDE, plugins=RELATIONS)
    codes, is_imported = json.loads(done.stdout)
    assert is_imported
    assert codes[0] == []
    assert "EX-001" in codes[1]


def test_its_section_is_checked_at_start(run):
    done = run("-m", "readonly_guard_cli", "audit", "forward", "--config", "guard.toml",
               plugins=RELATIONS.replace("relations = [", "relation = ["))  # fmt: skip
    assert done.returncode == 2
    assert "[plugin.example_relations]: unknown key 'relation'; did you mean 'relations'?" in " ".join(
        done.stderr.split()
    )


def test_its_sink_is_fed(run, tmp_path):
    spool = '[plugins]\nload = ["example_spool"]\n[plugin.example_spool]\ndirectory = "spool"\n'
    assert run("-c", DECIDE, plugins=spool).returncode == 0
    done = run("-m", "readonly_guard_cli", "audit", "forward", "--config", "guard.toml", "--once", plugins=spool)
    assert (done.returncode, done.stdout) == (0, "example_spool: 2 records\n")
    files = sorted((tmp_path / "spool").iterdir())
    assert [json.loads(path.read_bytes())["seq"] for path in files] == [1, 2]
