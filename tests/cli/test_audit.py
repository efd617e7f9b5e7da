"""`readonly-guard audit` on a journal that a guard wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from readonly_guard import ConfigurationError, Guard, Session, Settings
from readonly_guard.settings import JournalSettings, PolicySettings, UpstreamSettings

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
        assert f"whole up to record {line - 1}\n" in ended.out

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


class TestKeysAndSignatures:
    @pytest.fixture
    def signed(self, run, tmp_path, roster):
        """A journal written with a key, as guard.toml names it."""
        assert run("audit", "keygen", tmp_path / "signing.key").status == 0
        settings = Settings(
            upstream=UpstreamSettings(host="127.0.0.1"),
            journal=JournalSettings(path=str(tmp_path / "journal"), signing_key=str(tmp_path / "signing.key")),
            policy=PolicySettings(data=(str(roster),)),
        )
        with Guard.from_settings(settings) as guard:
            guard.check(_READ, subject="alind", purpose="TREAT")
        return tmp_path / "journal"

    def test_a_key_is_made_once(self, run, tmp_path):
        ended = run("audit", "keygen", tmp_path / "signing.key")
        assert ended.status == 0
        (public,) = tmp_path.glob("*.pub")
        assert public.read_text() in ended.out
        assert "PRIVATE" not in ended.out
        ended = run("audit", "keygen", tmp_path / "signing.key")
        assert (ended.status, ended.out) == (2, "")
        assert "never overwritten" in ended.err

    def test_who_signed_is_told_and_how_far_that_is_worth_something(self, run, signed, tmp_path):
        ended = run("audit", "verify", signed)
        assert ended.status == 0
        assert "signed: up to record 1 at " in ended.out
        assert "check with --public-key" in ended.out
        (public,) = tmp_path.glob("*.pub")
        ended = run("audit", "verify", "--public-key", public, signed)
        assert ended.status == 0
        assert "--public-key" not in ended.out

    def test_a_public_key_asks_for_signatures(self, run, signed, journal, tmp_path):
        (public,) = tmp_path.glob("*.pub")
        (segment,) = signed.glob("*.jsonl")
        segment.write_bytes(segment.read_bytes().splitlines(keepends=True)[0])
        assert run("audit", "verify", signed).status == 0
        ended = run("audit", "verify", "--public-key", public, signed)
        assert ended.status == 1
        assert "no head of the chain is signed" in ended.out

    def test_anchors_find_what_was_cut_off(self, run, signed, tmp_path):
        (segment,) = signed.glob("*.jsonl")
        _, seal = segment.read_bytes().splitlines(keepends=True)
        anchors = tmp_path / "anchors.jsonl"
        anchors.write_bytes(seal[seal.index(b'{"type"') : -2] + b"\n")
        assert "anchors: all 1 are held" in run("audit", "verify", "--anchors", anchors, signed).out
        segment.write_bytes(b"")
        ended = run("audit", "verify", "--anchors", anchors, signed)
        assert ended.status == 1
        assert "held record 1 before: its end was cut off" in ended.out


class TestSeveralChains:
    def test_they_are_verified_one_by_one_and_shown_together(self, run, journal, roster):
        for name in ("worker-1", "worker-2"):
            with Guard.open(journal=journal / name, data=[roster], durability="buffered") as guard:
                guard.check(_READ, subject=name)
        ended = run("audit", "verify", journal)
        assert ended.status == 0
        assert [line for line in ended.out.splitlines() if line.startswith("chain ")] == [
            "chain journal", "chain worker-1", "chain worker-2",
        ]  # fmt: skip
        said = run("audit", "show", "--last", "2", journal).out
        assert said.index("worker-1") < said.index("worker-2")
        segment = _segment(journal / "worker-2")
        segment.write_bytes(segment.read_bytes().replace(b"RG-", b"RX-"))
        ended = run("audit", "verify", journal)
        assert ended.status == 1
        assert ended.out.count("whole: ") == 2
        assert ended.out.count("broken") == 1


class TestRepair:
    def test_what_the_guard_refuses_to_open_can_be_repaired(self, run, journal, roster):
        segment = _segment(journal)
        segment.write_bytes(segment.read_bytes().replace(b'"RG-P01"', b'"RG-P02"'))
        with pytest.raises(ConfigurationError, match=rf"readonly-guard audit repair {journal}"):
            Guard.open(journal=journal, data=[roster])
        ended = run("audit", "repair", journal)
        assert ended.status == 0
        assert "found: record 5 was changed" in ended.out
        assert "with 3 whole lines" in ended.out
        Guard.open(journal=journal, data=[roster]).close()
        assert run("audit", "verify", journal).status == 0
        assert "repaired" in run("audit", "show", journal).out

    def test_nothing_to_repair(self, run, journal):
        before = _segment(journal).read_bytes()
        ended = run("audit", "repair", journal)
        assert (ended.status, ended.out) == (0, "nothing to repair: whole up to record 7\n")
        assert _segment(journal).read_bytes() == before

    def test_a_journal_in_use_is_left_alone(self, run, journal, roster):
        with Guard.open(journal=journal, data=[roster]):
            ended = run("audit", "repair", journal)
        assert ended.status == 2
        assert "written by another guard" in ended.err

    def test_no_journal_is_begun(self, run, tmp_path):
        assert run("audit", "repair", tmp_path / "nowhere").status == 2
        assert not (tmp_path / "nowhere").exists()
