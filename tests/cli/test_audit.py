"""`readonly-guard audit` on a journal that a guard wrote."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from readonly_guard import ConfigurationError, Guard, Session, Settings
from readonly_guard.audit import Journal, SigningKey, feeding
from readonly_guard.audit.export import FORMATS
from readonly_guard.domain import CompletionRecord
from readonly_guard.settings import JournalSettings, PolicySettings, UpstreamSettings
from readonly_guard_cli.audit.export import _Format as export_formats

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
        assert re.search(r"^ *custody:1 ", ended.out, re.MULTILINE)
        assert "log: show" in ended.out, "that somebody reads is a record too"
        said = " ".join(ended.out.split())
        for word in (
            "alind",
            "Medicinavdelning",
            "person_id:1",
            "TREAT",
            "RG-W05",
            "RG-P01",
            "RG-R01",
            "3 rows,",
        ):
            assert word in said
        assert "Svartvik" not in said

    def test_only_the_newest(self, run, journal):
        said = run("audit", "show", "--last", "3", journal).out
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
        run("audit", "show", signed)
        ended = run("audit", "verify", "--public-key", public, signed)
        assert ended.status == 0, "readers have no key to sign what they wrote in custody with"

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
        said = run("audit", "show", "--last", "3", journal).out
        assert said.index("worker-1") < said.index("worker-2")
        segment = _segment(journal / "worker-2")
        segment.write_bytes(segment.read_bytes().replace(b"RG-", b"RX-"))
        ended = run("audit", "verify", journal)
        assert ended.status == 1
        assert ended.out.count("whole: ") == 3, "journal, worker-1 and custody"
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


class TestFilters:
    @pytest.mark.parametrize(
        ("options", "found"),
        [
            (["--user", "osund"], ["6"]),
            (["--patient", "1"], ["2", "3", "5"]),
            (["--patient", "person_id:1", "--denied"], ["5"]),
            (["--unit", "Medicinavdelning 1", "--code", "RG-W05"], ["4"]),
            (["--until", "2020-01-01"], []),
            (["--since", "2100-01-01"], []),
        ],
    )
    def test_what_was_asked_for(self, run, journal, options, found):
        ended = run("audit", "show", *options, journal)
        assert ended.status == 0
        assert re.findall(r"^ *(\d+) +\d{4}-", ended.out, re.MULTILINE) == found

    def test_a_decision_by_the_id_that_the_client_was_shown(self, run, journal):
        ids = re.findall(r'"decision_id":"([^"]+)"', _segment(journal).read_text())
        said = run("audit", "show", "--decision", ids[0], journal).out
        assert re.findall(r"^ *(\d+) +\d{4}-", said, re.MULTILINE) == ["2", "3"]

    def test_who_read_what_is_recorded_with_what_was_asked_for(self, run, journal):
        run("audit", "show", "--user", "osund", journal)
        run("audit", "tail", "--patient", "7", journal)
        said = " ".join(run("audit", "show", journal).out.split())
        assert "log: show last=50, user=osund" in said
        assert "log: tail last=10, patient=7" in said

    def test_a_moment_that_is_none(self, run, journal):
        ended = run("audit", "show", "--since", "yesterday", journal)
        assert ended.status == 2
        assert ended.err.startswith("error: --since: 'yesterday' is no moment")

    def test_a_log_that_cannot_be_written_is_read_with_a_reading_log(self, run, journal, tmp_path):
        (journal / "custody").write_text("")
        assert run("audit", "show", journal).status == 2
        ended = run("audit", "show", "--reading-log", tmp_path / "readings", journal)
        assert ended.status == 0
        assert "log: show" in run("audit", "show", tmp_path / "readings").out


class TestTail:
    def test_the_newest_a_line_each(self, run, journal):
        ended = run("audit", "tail", "--last", "3", "--user", "alind", journal)
        lines = ended.out.splitlines()
        assert [line.split()[0] for line in lines] == ["4", "5", "7"]
        assert "RG-W05" in lines[0]

    def test_records_come_as_they_are_written_by_any_worker(self, journal, roster):
        process = subprocess.Popen(
            [sys.executable, "-m", "readonly_guard_cli", "audit", "tail", "-f", "--last", "1", "--user", "alind", journal],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert "closed" in process.stdout.readline()
            for name in ("", "worker-1"):
                with Guard.open(journal=journal / name, data=[roster]) as guard:
                    guard.check("DELETE FROM person", subject="alind", purpose="TREAT")
                assert "RG-W05" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
        finally:
            process.kill()
            process.communicate()


class TestExport:
    @pytest.mark.parametrize("into", ["csv", "fhir", "jsonl", "ocsf", "opa"])
    def test_a_file_and_its_manifest(self, run, journal, tmp_path, into):
        out = tmp_path / f"out.{into}"
        ended = run("audit", "export", journal, "--format", into, "--output", out, "--user", "alind")
        assert ended.status == 0
        manifest = json.loads((tmp_path / f"out.{into}.manifest.json").read_text())
        assert manifest["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
        assert manifest["selection"] == {"user": "alind"}
        assert f"sha256: {manifest['sha256']}" in ended.out
        assert b"Svartvik" not in out.read_bytes()
        assert "log: export" in run("audit", "show", journal).out

    def test_every_format_can_be_named(self):
        assert set(get_args(export_formats)) == set(FORMATS)

    def test_storelog_asks_for_what_it_needs(self, run, journal, tmp_path):
        command = ("audit", "export", journal, "--format", "storelog", "--output", tmp_path / "out.xml")
        ended = run(*command)
        assert (ended.status, ended.err.count("\n")) == (2, 1)
        assert "--system-id" in ended.err
        command += ("--system-id", "SE1-1", "--care-provider-id", "SE1-2")
        assert "--care-unit 'Medicinavdelning 1'=HSA-ID" in run(*command).err
        assert run(*command, "--care-unit", "x").status == 2
        assert run(*command, "--care-unit", "Medicinavdelning 1=SE1-3").status == 0

    def test_an_export_is_never_overwritten(self, run, journal, tmp_path):
        command = ("audit", "export", journal, "--format", "csv", "--output", tmp_path / "out.csv")
        assert run(*command).status == 0
        ended = run(*command)
        assert ended.status == 2
        assert "never overwritten" in ended.err

    def test_a_format_that_is_none(self, run, journal, tmp_path):
        ended = run("audit", "export", journal, "--format", "pdf", "--output", tmp_path / "out")
        assert ended.status == 2
        assert "storelog" in ended.err


class TestForward:
    @pytest.fixture
    def config(self, tmp_path, journal):
        path = tmp_path / "guard.toml"
        path.write_text(
            f'[upstream]\nhost = "db"\n[journal]\npath = "{journal}"\n[plugins]\nload = ["anchor_file", "webhook"]\n'
            '[plugin.anchor_file]\npath = "mount/anchors"\n[plugin.webhook]\nurl = "http://127.0.0.1:9/"\n'
        )
        return path

    def test_once_says_how_each_sink_fared(self, run, config, tmp_path):
        (tmp_path / "mount").mkdir()
        ended = run("audit", "forward", "--config", config, "--once")
        assert ended.status == 1
        assert "anchor_file: 7 records" in ended.out
        assert "webhook: ClientConnectorError: " in ended.out
        assert "anchor_file: 0 records" in run("audit", "forward", "--config", config, "--once").out

    def test_what_people_did_with_the_log_is_signed_and_anchored(self, run, config, tmp_path, journal):
        (tmp_path / "mount").mkdir()
        run("audit", "keygen", tmp_path / "signing.key")
        text = config.read_text()
        config.write_text(text.replace("[journal]\n", "[journal]\nsigning_key = 'signing.key'\n"))
        run("audit", "show", journal)
        run("audit", "forward", "--config", config, "--once")
        said = run("audit", "verify", journal).out
        assert "signed: up to record 1 at" in said.partition("chain custody")[2]
        assert b'"chain":"custody"' in (tmp_path / "mount" / "anchors").read_bytes()

    def test_no_sink_is_an_error(self, run, config):
        text = config.read_text()
        config.write_text(text[: text.index("[plugins]")])
        ended = run("audit", "forward", "--config", config)
        assert ended.status == 2
        assert "no plugin in plugins.load is a sink" in ended.err

    def test_it_goes_on_until_told_to_stop_and_names_what_fails(self, config, tmp_path):
        (tmp_path / "mount").mkdir()
        process = subprocess.Popen(
            [sys.executable, "-m", "readonly_guard_cli", "audit", "forward", "--config", config],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            events = [json.loads(process.stderr.readline()) for _ in range(2)]
            assert events[0]["event"] == "forwarding"
            assert events[0]["sinks"] == ["anchor_file", "webhook"]
            assert (events[1]["event"], events[1]["sink"]) == ("sink failing", "webhook")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.communicate()


class TestRetain:
    @pytest.fixture
    def old(self, run, tmp_path):
        """A journal of three segments, eleven years old."""
        run("audit", "keygen", tmp_path / "signing.key")
        key = SigningKey.load(tmp_path / "signing.key")
        path = tmp_path / "old"
        then = datetime(2014, 1, 1, tzinfo=UTC)
        with Journal.open(path, segment_bytes=10, signing_key=key, clock=lambda: then) as log:
            for _ in range(3):
                log.append(
                    CompletionRecord(
                        decision_id="d", time="2014-01-01T00:00:00.000000Z", rows=1, bytes=1, duration_us=1, sqlstate=""
                    )
                )
                log.commit()
        return path

    def test_it_says_first_and_removes_with_yes(self, run, old, tmp_path):
        ended = run("audit", "retain", old)
        assert ended.status == 0
        assert "chain old: 1 segments" in ended.out
        assert "nothing was removed: say --yes" in ended.out
        assert run("audit", "retain", old, "--yes").status == 2
        assert len(list(old.glob("*.jsonl"))) == 3
        ended = run("audit", "retain", old, "--yes", "--signing-key", tmp_path / "signing.key")
        assert ended.status == 0
        assert len(list(old.glob("*.jsonl"))) == 2
        verified = run("audit", "verify", old)
        assert verified.status == 0
        assert "removed by retention, as a signed record says: the 2 records before them" in verified.out
        assert "removed" in run("audit", "show", old).out
        assert "nothing is older than 10y" in run("audit", "retain", old).out

    @pytest.mark.parametrize("keep", ["4y", "30d"])
    def test_less_than_five_years_are_refused(self, run, old, keep):
        ended = run("audit", "retain", old, "--keep", keep, "--yes")
        assert ended.status == 2
        assert "at least five years" in ended.err
        assert run("audit", "retain", old, "--keep", keep, "--less-than-five-years", "test data").status == 0

    @pytest.mark.parametrize("keep", ["", "10", "0y", "-1y", "10 years", "1e3d"])
    def test_a_period_that_is_none(self, run, old, keep):
        ended = run("audit", "retain", old, "--keep", keep)
        assert ended.status == 2
        assert "write 10y or 4000d" in ended.err


class TestSinks:
    def test_how_far_each_has_come(self, run, tmp_path, journal):
        assert "no sink was ever fed" in run("audit", "sinks", journal).out
        config = tmp_path / "guard.toml"
        config.write_text(
            f'[upstream]\nhost = "db"\n[journal]\npath = "{journal}"\n[plugins]\nload = ["anchor_file"]\n'
            '[plugin.anchor_file]\npath = "anchors"\n'
        )
        assert run("audit", "forward", "--config", config, "--once").status == 0
        ended = run("audit", "sinks", journal)
        assert ended.status == 0
        assert re.search(r"anchor_file +journal +7 +0", ended.out)
        run("audit", "show", journal)
        ended = run("audit", "sinks", journal)
        assert ended.status == 1
        assert re.search(r"anchor_file +custody +0 +1", ended.out)

    def test_a_journal_is_fed_by_one_process(self, run, tmp_path, journal):
        config = tmp_path / "guard.toml"
        config.write_text(
            f'[upstream]\nhost = "db"\n[journal]\npath = "{journal}"\n[plugins]\nload = ["anchor_file"]\n'
            '[plugin.anchor_file]\npath = "anchors"\n'
        )
        with feeding(journal):
            ended = run("audit", "forward", "--config", config, "--once")
        assert ended.status == 2
        assert "being fed to its sinks by another process" in ended.err
        assert run("audit", "forward", "--config", config, "--once").status == 0
