"""`readonly-guard check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

_LITERALS = ("Svartvik", "19121212-1212", "hemligt")


@pytest.mark.parametrize(
    ("sql", "status"),
    [
        ("SELECT 1", 0),
        ("SELECT * FROM person WHERE person_id = 1", 0),
        ("", 0),
        ("DELETE FROM person", 1),
        ("SELECT 1; DELETE FROM person", 1),
        ("SELEC 1", 1),
        ("SELECT 'unterminated", 1),
    ],
)
def test_the_status_tells_the_verdict(run, sql, status):
    assert run("check", sql).status == status
    assert run("check", "--format", "json", sql).status == status


def test_as_a_process_of_its_own(program):
    allowed = program("check", "SELECT 1")
    assert (allowed.status, allowed.err) == (0, "")
    assert allowed.out.startswith("Allowed\n")
    denied = program("check", "DELETE FROM person")
    assert (denied.status, denied.err) == (1, "")
    assert denied.out.startswith("Denied\n  RG-W05")


def test_json_has_stable_keys(run):
    told = json.loads(run("check", "--format", "json", "SELECT f(1) FROM a; DELETE FROM s.b").out)
    assert list(told) == ["verdict", "codes", "reasons", "warnings", "action", "policy", "statements"]
    assert told["verdict"] == "denied"
    assert "RG-W05" in told["codes"]
    assert told["policy"] == "not asked"
    assert {tuple(reason) for reason in told["reasons"]} == {("code", "rule", "message", "what", "hint", "position")}
    assert {tuple(reading) for reading in told["statements"]} == {("kind", "effects", "relations", "functions")}
    assert [reading["kind"] for reading in told["statements"]] == ["select", "delete"]
    assert [reading["relations"] for reading in told["statements"]] == [["a"], ["s.b"]]


def test_an_allowed_text_has_no_codes(run):
    told = json.loads(run("check", "--format", "json", "SELECT 1").out)
    assert (told["verdict"], told["codes"], told["reasons"]) == ("allowed", [], [])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM person WHERE name_last = 'Svartvik'",
        "DELETE FROM person WHERE name_last = 'Svartvik' AND note = 'hemligt'",
        "UPDATE person SET alias = '19121212-1212'",
        "SELECT 'Svartvik' FROM",
        "SET readonly_guard.case_reference = 'hemligt'",
        "SELECT 'hemligt",
        "SELECT $$Svartvik$$ FOR UPDATE",
        "EXECUTE p('hemligt')",
        "SELECT 1 /* Svartvik */ -- hemligt",
    ],
)
def test_json_echoes_no_literal(run, roster, sql):
    for options in ((), ("--user", "alind", "--purpose", "TREAT", "--data", roster)):
        said = run("check", "--format", "json", *options, sql).out
        assert not [literal for literal in _LITERALS if literal in said]


def test_in_swedish(run):
    said = run("check", "--lang", "sv", "DELETE FROM person").out
    assert said.startswith("Nekad\n  RG-W05  Borttag är inte tillåtet i läsläge")
    assert "verkan" in said
    assert run("check", "--lang", "sv", "SELECT 1").out.startswith("Tillåten")
    told = json.loads(run("check", "--lang", "sv", "--format", "json", "DELETE FROM person").out)
    assert told["reasons"][0]["message"] == "Borttag är inte tillåtet i läsläge"
    assert told["verdict"] == "denied"  # for programs, the same in every language


class TestWhoAndWhy:
    def test_the_policy_is_asked(self, run, roster):
        who = ("--user", "alind", "--data", roster, "--format", "json")
        sql = "SELECT * FROM person WHERE person_id = 1"
        granted = json.loads(run("check", *who, "--purpose", "TREAT", sql).out)
        assert (granted["verdict"], granted["policy"], granted["action"]) == ("allowed", "asked", "read")
        without = run("check", *who, sql)
        assert without.status == 1
        assert json.loads(without.out)["codes"] == ["RG-P01"]

    def test_nobody_is_on_the_shipped_roster(self, run):
        assert "RG-R01" in run("check", "--user", "alind", "--purpose", "TREAT", "SELECT 1").out

    def test_a_print_wants_a_reason(self, run, roster):
        who = ("--user", "alind", "--purpose", "TREAT", "--data", roster)
        sql = "COPY (SELECT * FROM diagnosis WHERE person_id = 1) TO STDOUT"
        assert "RG-X01" in run("check", *who, sql).out
        assert run("check", *who, "--print-reason", "PATIENT_REQUEST", sql).status == 0

    @pytest.mark.parametrize("option", ["--purpose", "--case-reference", "--print-reason", "--justification", "--data"])
    def test_an_option_that_nobody_would_look_at_is_an_error(self, run, option):
        ended = run("check", option, "x", "SELECT 1")
        assert ended.status == 2
        assert option in ended.err
        assert "--user" in ended.err

    def test_a_configuration_gives_the_policy_and_its_data(self, run, roster, tmp_path):
        config = _config(tmp_path, '[policy]\ndata = ["roster.json"]\n')
        assert run("check", "--config", config, "--user", "alind", "--purpose", "TREAT", "SELECT 1").status == 0
        assert not (tmp_path / "journal").exists()  # nothing is logged, so it may be the running proxy's

    def test_a_configuration_gives_the_readings(self, run, tmp_path):
        config = _config(tmp_path, '[reading]\nsigning_tables = ["stamp"]\n[limits]\nstatement_bytes = 60\n')
        assert "RG-W03" in run("check", "--config", config, "UPDATE stamp SET a = 1").out
        assert "RG-T04" in run("check", "--config", config, f"SELECT {'1' * 60}").out
        for options in ((), ("--user", "alind")):
            assert "RG-T04" in run("check", "--config", config, *options, f"SELECT {'1' * 60}").out


class TestStandardInput:
    def test_is_read(self, program):
        assert program("check", "-", stdin=b"SELECT 1").status == 0
        assert program("check", "-", stdin="DELETE FROM person -- åäö".encode()).status == 1

    def test_that_is_not_utf8(self, program):
        ended = program("check", "-", stdin=b"SELECT '\xe5'")
        assert ended.status == 2
        assert ended.out == ""
        assert ended.err == "error: standard input is not UTF-8 text (byte 8)\n"

    def test_of_ten_megabytes(self, program):
        ended = program("check", "-", stdin=b"SELECT 1 --" + b"x" * 10_000_000)
        assert ended.status == 1
        assert "RG-T04" in ended.out
        assert len(ended.out) < 1_000


class TestPosition:
    @pytest.mark.parametrize(
        ("sql", "line"),
        [
            ("SELECT 1; DELETE FROM person", "SELECT 1; DELETE FROM person"),
            ("SELECT 1,\n 2;\n  DELETE FROM person;\nSELECT 3", "  DELETE FROM person;"),
            ("SELECT 1;\tDELETE FROM person\r\n", "SELECT 1; DELETE FROM person"),
            ("SELECT 'åäö', '漢字'; DELETE FROM person", "SELECT 'åäö', '漢字'; DELETE FROM person"),
        ],
    )
    def test_a_caret_stands_under_the_name(self, run, sql, line):
        lines = run("check", sql).out.splitlines()
        at = next(index for index, text in enumerate(lines) if text.strip() == "^")
        assert lines[at - 1].rstrip() == " " * 10 + line
        before = line[: line.index("person")]
        width = sum(2 if "一" <= letter <= "鿿" else 1 for letter in before)
        assert lines[at] == " " * (10 + width) + "^"

    def test_a_long_line_is_cut_around_it(self, run):
        lines = run("check", f"SELECT {', '.join(['1'] * 500)}; DELETE FROM person").out.splitlines()
        caret = next(text for text in lines if text.strip() == "^")
        excerpt = lines[lines.index(caret) - 1]
        assert excerpt[caret.index("^") :].startswith("person")
        assert len(excerpt) <= 110

    def test_at_the_end_of_the_text(self, run):
        assert run("check", "SELECT (").out.count("^") == 1


class TestUsageErrors:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--lang", "no", "SELECT 1"], "error: --lang is 'no'; it is en or sv\n"),
            (["--format", "xml", "SELECT 1"], "error: --format is 'xml'; it is text or json\n"),
            (["--config", "/nowhere/guard.toml", "SELECT 1"], "error: /nowhere/guard.toml: cannot be read"),
            (["--user", "a", "--data", "/nowhere.json", "SELECT 1"], "error: /nowhere.json: does not exist"),
            (["--user", "a", "--policies", "/nowhere", "SELECT 1"], "error: /nowhere: is not a directory"),
        ],
    )
    def test_are_one_line(self, run, arguments, said):
        ended = run("check", *arguments)
        assert ended.status == 2
        assert ended.err.startswith(said)
        assert ended.err.count("\n") == 1
        assert ended.out == ""

    @pytest.mark.parametrize("arguments", [[], ["--bogus", "SELECT 1"], ["SELECT", "1"]])
    def test_of_the_command_line_itself(self, run, arguments):
        ended = run("check", *arguments)
        assert ended.status == 2
        assert "Usage: " in ended.err

    @pytest.mark.parametrize(
        "content", ["", "{", "[]", '{"rooster": {}}', '{"roster": 1}', '{"roster": {}, "roster": {}}']
    )
    def test_data_that_is_not_data(self, run, tmp_path, content):
        data = tmp_path / "a directory with a long name, so that the message is longer than a terminal is wide.json"
        data.write_text(content, encoding="utf-8")
        ended = run("check", "--user", "alind", "--data", data, "SELECT 1")
        assert ended.status == 2
        assert ended.err.startswith(f"error: {data}")
        assert ended.err.count("\n") == 1

    def test_a_configuration_with_a_typo(self, run, tmp_path):
        ended = run("check", "--config", _config(tmp_path, "[reading]\npatient_key = []\n"), "SELECT 1")
        assert ended.status == 2
        assert ended.err.endswith("unknown key 'reading.patient_key'; did you mean 'patient_keys'?\n")


class TestHostileText:
    def test_a_name_is_never_markup(self, run):
        said = run("check", 'SELECT * FROM "[/red]", "[bold]:smile:"').out
        assert "[/red]" in said
        assert "[bold]:smile:" in said

    def test_a_name_cannot_steer_the_terminal(self, run):
        said = run("check", 'SELECT * FROM "\x1b[2J\u202ex\x9b"; DELETE FROM "\x1b]0;x\x07"').out
        assert not [letter for letter in said if not letter.isprintable() and letter != "\n"]

    def test_an_argument_that_is_not_utf8(self, program):
        ended = program("check", b"SELECT '\xff'")
        assert ended.status == 1
        assert "RG-T07" in ended.out

    def test_a_user_that_is_not_utf8_is_denied(self, program):
        ended = program("check", "--user", b"\xff", "SELECT 1")
        assert ended.status == 1
        assert "RG-SYS-001" in ended.out

    def test_a_terminal_without_swedish_letters(self, program):
        plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        assert "Till\\xe5ten" in program("check", "--lang", "sv", "SELECT 1", env=plain).out
        told = program("check", "--lang", "sv", "--format", "json", "-", stdin="DELETE FROM å".encode(), env=plain)
        assert json.loads(told.out)["statements"][0]["relations"] == ["å"]


def _config(folder: Path, rest: str) -> Path:
    path = folder / "guard.toml"
    path.write_text(f'[upstream]\nhost = "127.0.0.1"\n[journal]\npath = "journal"\n{rest}', encoding="utf-8")
    return path


def test_explain_shows_the_place_both_readings_and_what_to_write_instead(run):
    done = run("check", "--explain", "SELECT a,\n  nextval('s')\nFROM person")
    assert done.status == 1
    lines = done.out.splitlines()
    (at,) = [index for index, line in enumerate(lines) if line.startswith("   2 │")]
    assert lines[at + 1].split("│")[1] == "   ^^^^^^^ RG-F02"
    for part in ("PostgreSQL's grammar", "sqlglot", "What sqlglot was given", "Leave the call out", "reads person"):
        assert part in done.out


def test_explain_a_disagreement_and_what_cannot_be_read(run):
    assert "cannot read it" in run("check", "-e", "SELEC 1").out
    assert "kan inte läsa den" in run("check", "-e", "--lang", "sv", "SELEC 1").out
    assert run("check", "-e", "SELECT 1").status == 0
    assert run("check", "-e", "").status == 0
    assert run("check", "-e", "SELECT '" + "x" * 200_000 + "'").status == 1
