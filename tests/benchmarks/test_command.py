"""The whole of it, as its user runs it, as short as it goes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.wire", *arguments]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def programs(request: pytest.FixtureRequest) -> None:
    """PostgreSQL and PgBouncer of the system's."""
    if not (list(Path("/usr/lib/postgresql").glob("*/bin/pgbench")) and shutil.which("pgbouncer", path="/usr/sbin")):
        advice = "apt-get install postgresql pgbouncer"
        (pytest.fail if request.config.getoption("--require-tls-server", default=False) else pytest.skip)(advice)


@pytest.mark.slow
@pytest.mark.usefixtures("programs")
def test_three_ways_beside_one_another(tmp_path: Path) -> None:
    done = _run(
        *("--quick", "--modes", "prepared", "--clients", "2", "--journal", "buffered", "--sessions", "5", "--tls"),
        *("--json", tmp_path / "found.json", "--markdown", tmp_path / "found.md"),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "found.md").read_text() == done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    by_route = {row["route"]: row for row in found["load"]}
    assert list(by_route) == ["direct", "pgbouncer", "guard, buffered"]
    assert all(row["median"]["tps"] > 0 and row["rounds"] == 1 for row in by_route.values())
    assert by_route["guard, buffered"]["median"]["cpu_us"] > 0
    assert found["setting"]["TLS to clients"] == "on"
    assert [(one["route"], one["sessions"]) for one in found["idle"]] == [("guard, buffered", 5), ("pgbouncer", 5)]


@pytest.mark.slow
@pytest.mark.usefixtures("programs")
def test_the_reads_of_a_record_system_and_a_large_result(tmp_path: Path) -> None:
    done = _run(
        *("--quick", "--measure", "load", "transfer", "--loads", "records", "login", "--modes", "simple"),
        *("--clients", "2", "--journal", "buffered", "--without", "pgbouncer", "--megabytes", "8"),
        *("--json", tmp_path / "found.json"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert [row["workload"] for row in found["load"][::2]] == ["records", "login"]
    assert [(one["statement"], one["route"]) for one in found["transfer"]] == [
        *(("COPY", "direct"), ("COPY", "guard, buffered"), ("SELECT", "direct"), ("SELECT", "guard, buffered")),
    ]
    assert all(one["megabytes"] > 7 for one in found["transfer"])
