"""Help, version and tab completion."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

_COMMANDS = {
    (): ("check", "classify", "proxy", "demo", "audit", "catalog", "policy", "--version"),
    ("catalog",): ("snapshot", "explain", "report"),
    ("catalog", "snapshot"): ("--dsn", "--out", "Exit status"),
    ("catalog", "explain"): ("--dsn", "--catalog", "--config", "Exit status"),
    ("catalog", "report"): ("--dsn", "--json", "Exit status"),
    ("check",): ("--user", "--purpose", "--config", "--data", "Exit status: 0 allowed, 1 denied, 2 usage error."),
    ("classify",): ("--jsonl", "Exit status"),
    ("proxy",): ("--config", "SIGHUP", "SIGTERM", "Exit status"),
    ("demo",): ("--keep", "Exit status"),
    ("audit",): ("verify", "show", "tail", "export", "forward", "sinks", "keygen", "repair", "retain"),
    ("audit", "tail"): ("--follow", "--user", "Exit status"),
    ("audit", "export"): ("--format", "--output", "--since", "--care-provider-id", "Exit status"),
    ("audit", "verify"): ("--expected-head", "--anchors", "--public-key", "Exit status"),
    ("audit", "forward"): ("--config", "--once", "SIGTERM", "Exit status"),
    ("audit", "sinks"): ("Exit status",),
    ("audit", "keygen"): ("Exit status",),
    ("audit", "repair"): ("Exit status",),
    ("audit", "retain"): ("--keep", "--yes", "--less-than-five-years", "Exit status"),
    ("audit", "show"): ("--last", "--denied", "--patient", "--reading-log"),
    ("policy",): ("test",),
    ("review",): (
        "import",
        "select",
        "list",
        "show",
        "assign",
        "assess",
        "escalate",
        "sign",
        "status",
        "extract",
        "serve",
        "account",
    ),
    ("review", "serve"): ("--port", "--certificate", "SIGTERM", "Exit status"),
    ("review", "demo"): ("Exit status",),
    ("review", "account"): ("--remove", "Exit status"),
    ("review", "import"): ("--review", "Exit status"),
    ("review", "assess"): ("--outcome", "--comment", "--by", "Exit status"),
    ("review", "sign"): ("--period", "--unit", "--output", "Exit status"),
    ("review", "extract"): ("--patient", "--names", "Exit status"),
    ("policy", "test"): ("--verbose", "Exit status"),
}


@pytest.fixture(params=[80, 120])
def width(request, monkeypatch) -> int:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", request.param)
    return request.param


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_explains_itself(run, command, width):
    ended = run(*command, "--help")
    assert ended.status == 0
    text = " ".join(re.sub(r"[│╭╰╮╯─]", " ", ended.out).split())
    for word in _COMMANDS[command]:
        assert word in text
    assert run(*command, "-h").out == ended.out


@pytest.mark.parametrize("command", _COMMANDS)
def test_paragraphs_are_set_to_the_width(run, command, width):
    """A line that ends early in the middle of a sentence is a line break of the docstring that came through."""
    head = run(*command, "--help").out.partition("╭")[0]
    for part in re.split(r"\n\s*\n", head):
        lines = [line for line in part.splitlines() if line.strip()]
        for line, following in itertools.pairwise(lines):
            first_word = following.split()[0]
            if first_word != "•":
                assert len(line.rstrip()) + 1 + len(first_word) > width - 4, line


def test_examples_stand_one_a_line(run, width):
    examples = re.findall(r"^ +• (readonly-guard check .+)$", run("check", "--help").out, re.MULTILINE)
    assert len(examples) == 4


def test_every_option_has_help(run):
    for command in _COMMANDS:
        for line in run(*command, "--help").out.splitlines():
            if re.match(r"│ [* ] +--", line):
                assert re.search(r"  [A-Z'].*[a-z]", line), line


def test_without_a_command_the_help_is_shown(run):
    ended = run()
    assert ended.status == 2
    assert "Usage: " in ended.out + ended.err


def test_a_misspelt_command(run):
    ended = run("chekc", "SELECT 1")
    assert ended.status == 2
    assert "check" in ended.err


def test_version(program):
    assert program("--version") == (0, f"readonly-guard {version('readonly-guard')}\n", "")


def _completion(*arguments: str, within: tuple[str, ...] = (), **env: str) -> str:
    """As the shell calls it, by the program's own name; `within` a shell where it is to find out which."""
    script = "import sys; sys.argv[0] = 'readonly-guard'; from readonly_guard_cli.app import main; main()"
    done = subprocess.run(
        [*within, sys.executable, "-c", script, *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_completion_script_of_the_shell_one_is_in():
    said = _completion("--show-completion", within=("bash", "-c", '"$@"; exit', "bash"))
    assert "_READONLY_GUARD_COMPLETE=complete_bash" in said
    assert "readonly-guard" in said


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_the_completion_script_of_any_shell(shell):
    said = _completion(_READONLY_GUARD_COMPLETE=f"source_{shell}")
    assert f"_READONLY_GUARD_COMPLETE=complete_{shell}" in said
    assert "readonly-guard" in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "readonly-guard audit ",
            ["verify", "show", "tail", "export", "forward", "sinks", "keygen", "repair", "retain"],
        ),
        ("readonly-guard check --pur", ["--purpose"]),
    ],
)
def test_bash_completes(words, expected):
    said = _completion(_READONLY_GUARD_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" ")))
    assert said.split() == expected
