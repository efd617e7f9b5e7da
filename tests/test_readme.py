"""What the README says is true, or it is a bug: its code runs, its files load, its commands exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from readonly_guard.codes import CORE_CODES
from readonly_guard.policy import load_policies
from readonly_guard.settings import load_settings
from readonly_guard_cli.app import app

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


def test_the_commands_exist():
    lines = {line for block in blocks("sh") for line in block.splitlines() if line.startswith("readonly-guard ")}
    groups = {group.name for group in app.registered_groups}
    commands = {tuple(line.split()[1 : 3 if line.split()[1] in groups else 2]) for line in lines}
    assert len(commands) >= 20
    for command in commands - {("--install-completion",)}:
        shown = CliRunner().invoke(app, [*command, "--help"])
        assert shown.exit_code == 0, (command, shown.output)
        assert "Usage: " in shown.output


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
