"""The public names as a tool's author types them: mypy --strict passes what is right and names what is not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOUND = re.compile(r"^(?P<file>\w+\.py):(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]$", re.MULTILINE)
EXPECTED = re.compile(r"  # (?P<code>[a-z-]+)$")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    """What mypy says about the files here, by file and line, with the package as it is installed."""
    command = [
        sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--follow-imports", "silent",
        "--ignore-missing-imports", "--cache-dir", tmp_path_factory.mktemp("cache"), "tool.py", "mistakes.py",
    ]  # fmt: skip
    roots = HERE.parents[1]
    done = subprocess.run(
        command,
        cwd=HERE,
        env={"MYPYPATH": f"{roots / 'src'}", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    found: dict[str, dict[int, str]] = {}
    for match in FOUND.finditer(done.stdout):
        found.setdefault(match["file"], {})[int(match["line"])] = match["code"]
    return found


def test_a_tool_type_checks(said: dict[str, dict[int, str]]) -> None:
    assert said.get("tool.py", {}) == {}


def test_its_mistakes_are_named(said: dict[str, dict[int, str]]) -> None:
    lines = (HERE / "mistakes.py").read_text(encoding="utf-8").splitlines()
    expected = {number: found["code"] for number, line in enumerate(lines, 1) if (found := EXPECTED.search(line))}
    assert said["mistakes.py"] == expected
