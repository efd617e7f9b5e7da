"""What the README says is true, or it is a bug: its code runs, its files load, its commands exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from readonly_guard.codes import CORE_CODES
from readonly_guard.policy import load_policies
from readonly_guard.settings import load_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def home(tmp_path, monkeypatch):
    (roster,) = blocks("json")
    (tmp_path / "roster.json").write_text(roster, encoding="utf-8")
    (toml,) = blocks("toml")
    (tmp_path / "guard.toml").write_text(toml, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_begins_with_the_two_commands():
    assert README.split("\n")[2:5] == ["```sh", *re.findall(r"^make .*$", README, re.MULTILINE)[:2]]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_library_example_runs_and_says_what_it_says(home, capsys):
    (example,) = blocks("python")
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102  it is our own README
    (said,) = re.findall(r"print\(denied.message\(\)\)  # (.*)", example)
    assert capsys.readouterr().out.strip() == said


def test_the_settings_and_the_roster_load(home):
    settings = load_settings(home / "guard.toml")
    assert settings.upstream.host == "db.internal"
    policies = load_policies(settings.policy.source, settings.policy.data)
    assert "alind" in policies.data["roster"]["users"]


def test_the_commands_exist_and_do_what_is_said(home):
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("readonly-guard ")]
    assert len(commands) >= 6
    for line in commands:
        words = line.partition("#")[0].split("<")[0]
        name = words.split()[1]
        shown = subprocess.run(
            [sys.executable, "-m", "readonly_guard_cli", name, "--help"], capture_output=True, text=True, check=False
        )
        assert shown.returncode == 0, line


def test_codes_named_in_the_readme_are_registered():
    for code in re.findall(r"RG-(?:W|F|T|SYS-)\d+", README):
        assert code in CORE_CODES, code


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_decisions_are_listed():
    index = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    for record in (ROOT / "docs/decisions").glob("0*.md"):
        assert record.name in index


def test_the_roster_in_the_readme_is_json():
    assert json.loads(blocks("json")[0])
