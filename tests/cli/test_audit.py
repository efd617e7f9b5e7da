"""`readonly-guard audit` on a journal that a guard wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from readonly_guard import Guard, Session

_READ = "SELECT * FROM person WHERE person_id = 1 AND name_last = 'Svartvik'"


@pytest.fixture
def journal(tmp_path: Path, roster: Path) -> Path:
    """Four decisions and two session events."""
    path = tmp_path / "journal"
    session = Session(session_id="s1", database="millennium", client_address="127.0.0.1:1")
    with Guard.open(journal=path, data=[roster], durability="buffered") as guard:
        guard.session_event("opened", session, "alind")
        decision = guard.check(_READ, subject="alind", purpose="TREAT", session=session)
        guard.completed(decision, rows=3, bytes_sent=120, duration_us=1_500)
        guard.check("DELETE FROM person", subject="alind", purpose="TREAT", session=session)
        guard.check(_READ, subject="alind", session=session)
        guard.check("SELECT 1", subject="osund", purpose="TREAT", session=session)
        guard.session_event("closed", session, "alind")
    return path


def _segment(journal: Path) -> Path:
    (segment,) = journal.glob("journal-*.jsonl")
    return segment


def _head(said: str) -> str:
    return next(line for line in said.splitlines() if line.startswith("head: ")).removeprefix("head: ")


class TestVerify:
    def test_a_whole_journal(self, run, journal):
        ended = run("audit", "verify", journal)
        assert ended.status == 0
        assert ended.out.startswith("whole: 7 records in 1 segments\nhead: 7:")

    def test_as_a_process_of_its_own(self, program, journal):
        ended = program("audit", "verify", journal)
        assert (ended.status, ended.err) == (0, "")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b'"RG-W05"', b'"RG-W04"'),
            (b'"subject":"osund"', b'"subject":"alind"'),
            (b'"rows":3', b'"rows":2'),
            (b'"verdict":"deny"', b'"verdict":"allow"'),
        ],
    )
    def test_a_changed_record_is_named(self, run, journal, old, new):
        segment = _segment(journal)
        data = segment.read_bytes()
        line = data[: data.index(old)].count(b"\n") + 1
        segment.write_bytes(data.replace(old, new, 1))
        ended = run("audit", "verify", journal)
        assert ended.status == 1
        assert "broken" in ended.out
        assert f"{segment.name}, line {line}, record {line}: " in ended.out
        assert f"whole up to record {line - 1};" in ended.out

    def test_a_missing_record_is_named(self, run, journal):
        segment = _segment(journal)
        lines = segment.read_bytes().splitlines(keepends=True)
        segment.write_bytes(b"".join(lines[:2] + lines[3:]))
        ended = run("audit", "verify", journal)
        assert ended.status == 1
        assert "line 3, record 3" in ended.out

    def test_a_log_that_was_cut_short_is_found_with_a_head_kept_elsewhere(self, run, journal):
        head = _head(run("audit", "verify", journal).out)
        assert run("audit", "verify", "--expected-head", head, journal).status == 0
        segment = _segment(journal)
        segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:-2]))
        assert run("audit", "verify", journal).status == 0
        ended = run("audit", "verify", "--expected-head", head, journal)
        assert ended.status == 1
        assert "its end was cut off" in ended.out

    def test_a_torn_tail_that_was_set_aside_is_no_fault_but_told(self, run, journal, roster):
        with _segment(journal).open("ab") as file:
            file.write(b'{"seq":8,"pre')
        assert run("audit", "verify", journal).status == 1
        Guard.open(journal=journal, data=[roster]).close()
        ended = run("audit", "verify", journal)
        assert ended.status == 0
        assert "torn tail" in ended.out

    @pytest.mark.parametrize("head", ["", "7", "x:y", "7:zz"])
    def test_a_head_that_is_none(self, run, journal, head):
        ended = run("audit", "verify", "--expected-head", head, journal)
        assert ended.status == 2
        assert ended.err.startswith("error: expected head: ")
        assert ended.err.count("\n") == 1


class TestShow:
    def test_who_why_and_what(self, run, journal):
        ended = run("audit", "show", journal)
        assert ended.status == 0
        records = re.findall(r"^ *(\d+) +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d ", ended.out, re.MULTILINE)
        assert records == ["1", "2", "3", "4", "5", "6", "7"]
        said = " ".join(ended.out.split())
        for word in ("alind", "Medicinavdelning 1", "TREAT", "RG-W05", "RG-P01", "RG-R01", "3 rows, 120 bytes, 1.5 ms"):
            assert word in said
        assert "Svartvik" not in said

    def test_only_the_newest(self, run, journal):
        said = run("audit", "show", "--last", "2", journal).out
        assert "RG-R01" in said
        assert "RG-W05" not in said

    def test_only_denials(self, run, journal):
        said = run("audit", "show", "--denied", journal).out
        assert [code for code in ("RG-W05", "RG-P01", "RG-R01") if code in said] == ["RG-W05", "RG-P01", "RG-R01"]
        assert "allowed" not in said
        assert "rows" not in said

    def test_last_has_to_be_a_number_above_zero(self, run, journal):
        assert run("audit", "show", "--last", "0", journal).status == 2
        assert run("audit", "show", "--last", "x", journal).status == 2

    def test_a_record_cannot_steer_the_terminal(self, run, tmp_path):
        journal = tmp_path / "hostile"
        with Guard.open(journal=journal, durability="buffered") as guard:
            guard.check('DELETE FROM "[/red]\x1b[2J\u202e"', subject="[/bold]:smile:\x1b]0;x\x07")
        ended = run("audit", "show", journal)
        assert ended.status == 0
        assert not [letter for letter in ended.out if not letter.isprintable() and letter != "\n"]
        assert "[/bold]" in ended.out

    def test_a_line_that_is_no_record(self, run, journal):
        segment = _segment(journal)
        segment.write_bytes(segment.read_bytes().replace(b'"seq":3', b'"seq":x'))
        ended = run("audit", "show", journal)
        assert ended.status == 2
        assert "line 3 is not a record" in ended.err
        assert f"readonly-guard audit verify {journal}" in ended.err


@pytest.mark.parametrize("command", ["verify", "show"])
class TestNothingToRead:
    def test_no_directory(self, run, command, tmp_path):
        ended = run("audit", command, tmp_path / "nowhere")
        assert ended.status == 2
        assert str(tmp_path / "nowhere") in ended.err
        assert ended.err.count("\n") == 1

    def test_an_empty_directory(self, run, command, tmp_path):
        ended = run("audit", command, tmp_path)
        assert ended.status == 2
        assert "holds no journal" in ended.err

    def test_a_file(self, run, command, tmp_path):
        path = tmp_path / "file"
        path.write_text(json.dumps({}), encoding="utf-8")
        ended = run("audit", command, path)
        assert ended.status == 2
        assert "is a file" in ended.err
