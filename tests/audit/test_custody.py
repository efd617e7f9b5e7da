import threading

import pytest

from readonly_guard.audit import Journal, read, read_all, record_custody, record_reading, verify_all
from readonly_guard.domain import ReadingRecord
from readonly_guard.errors import ConfigurationError


def test_whoever_reads_is_recorded_beside_a_journal_in_use(tmp_path, completion, monkeypatch, clock):
    monkeypatch.setenv("LOGNAME", "revisor")
    monkeypatch.setenv("SUDO_USER", "anna")
    path = tmp_path / "journal"
    with Journal.open(path) as journal:
        journal.append(completion())
        journal.commit()
        record_reading(path, command="show", selection={"user": "alind", "last": "5"}, clock=clock)

    (entry,) = read(path / "custody")
    record = entry.record
    assert record.actor == "revisor (sudo: anna)"
    assert (record.command, record.selection) == ("show", ("last=5", "user=alind"))
    assert record.time == "2026-03-01T08:00:00.000000Z"
    assert [entry.chain for entry in read_all(path)].count("custody") == 1
    assert [found.chain for found in verify_all(path)] == ["journal", "custody"]


def test_many_readers_wait_for_each_other(tmp_path):
    threads = [
        threading.Thread(
            target=record_reading, args=(tmp_path,), kwargs={"command": "show", "selection": {"n": str(n)}}
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(list(read(tmp_path / "custody"))) == 8


def test_a_reading_that_cannot_be_recorded_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "custody").write_text("no directory")

    with pytest.raises(ConfigurationError, match=r"reading the log is itself logged.*--reading-log"):
        record_reading(tmp_path, command="show", selection={})
    record_reading(tmp_path, command="show", selection={}, kept_in=tmp_path / "elsewhere")
    assert len(list(read(tmp_path / "elsewhere"))) == 1


def test_patience_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("readonly_guard.audit.custody._PATIENCE_S", 0.05)
    record = ReadingRecord(time="t", actor="a", host="h", command="show", selection=())
    with Journal.open(tmp_path / "custody"), pytest.raises(ConfigurationError, match="another guard"):
        record_custody(tmp_path / "custody", record)
