"""Import: only from a log that is whole, only once, only onwards."""

import shutil

import duckdb
import pytest

from readonly_guard import ConfigurationError, Guard
from readonly_guard.audit import read, verify
from readonly_guard.domain import DecisionRecord
from readonly_guard.review import BrokenLog, Desk, Period, Store, intake

from .conftest import MONTH, UNIT


def _tamper(directory, old, new):
    for segment in sorted((directory / "journal").glob("journal-*.jsonl")):
        data = segment.read_bytes()
        if old in data:
            segment.write_bytes(data.replace(old, new, 1))
            return segment
    raise AssertionError(old)


def test_every_decision_of_the_log_is_there_once(directory):
    desk = Desk.open(directory)
    imported = desk.log.bring_in()
    decisions = [e.record for e in read(directory / "journal") if isinstance(e.record, DecisionRecord)]
    assert imported.decisions == len(decisions)
    assert desk.log.bring_in().decisions == 0
    with Store.open(desk.log.store_path) as store:
        found = store.named(record.decision_id for record in decisions)
    for record in decisions:
        event = found[record.decision_id]
        assert (event.subject, event.codes, event.patients) == (record.subject, record.codes, record.patients)


def test_an_import_goes_on_where_the_last_one_ended(directory):
    Desk.open(directory).log.bring_in()
    with Guard.open(journal=directory / "journal", data=[directory / "roster.json"], durability="buffered") as guard:
        guard.check("SELECT * FROM person WHERE person_id = 1", subject="alind", purpose="TREAT")
    assert Desk.open(directory).log.bring_in().decisions == 1


@pytest.mark.parametrize(("old", "new"), [(b'"RG-W02"', b'"RG-W04"'), (b'"purpose":"ETREAT"', b'"purpose":"TREAT"')])
def test_a_changed_record_is_named_and_nothing_imported(directory, old, new):
    segment = _tamper(directory, old, new)
    desk = Desk.open(directory)
    with pytest.raises(BrokenLog, match=f"'journal' is broken: {segment.name}, line [0-9]+, record [0-9]+: "):
        desk.log.bring_in()
    assert not desk.log.store_path.exists()


def test_a_log_that_is_cut_off_after_an_import_is_found(directory):
    desk = Desk.open(directory)
    desk.log.bring_in()
    last = max((directory / "journal").glob("journal-*.jsonl"))
    last.write_bytes(b"".join(last.read_bytes().splitlines(keepends=True)[:-3]))
    assert verify(directory / "journal").ok  # whole in itself
    with pytest.raises(BrokenLog, match="its end was cut off"):
        desk.log.bring_in()


def test_a_log_that_was_replaced_by_another_is_found(directory, written):
    desk = Desk.open(directory)
    desk.log.bring_in()
    (directory / "journal").rename(directory / "elsewhere")
    shutil.copytree(written / "journal", directory / "other")
    (directory / "review.toml").write_text((directory / "review.toml").read_text().replace('["journal"]', '["other"]'))
    with pytest.raises(BrokenLog, match="'journal' was imported before, and is not there"):
        Desk.open(directory).log.bring_in()


def test_chains_of_several_guards_are_one_log(directory):
    chains = directory / "journal"
    chains.rename(directory / "first")
    chains.mkdir()
    (directory / "first").rename(chains / "guard-1")
    with Guard.open(journal=chains / "guard-2", data=[directory / "roster.json"], durability="buffered") as guard:
        guard.check("SELECT * FROM person WHERE person_id = 1", subject="alind", purpose="TREAT")
    desk = Desk.open(directory)
    desk.log.bring_in()
    with Store.open(desk.log.store_path) as store:
        assert [anchor.chain for anchor in store.heads()] == ["guard-1", "guard-2"]


def test_two_journals_with_chains_of_one_name_are_refused(directory, written):
    shutil.copytree(written / "journal", directory / "second" / "journal")
    (directory / "review.toml").write_text(
        (directory / "review.toml").read_text().replace('["journal"]', '["journal", "second/journal"]')
    )
    with pytest.raises(ConfigurationError, match="both have a chain 'journal'"):
        Desk.open(directory).log.bring_in()


def test_the_head_of_a_month_is_its_last_record_whatever_came_later(directory):
    desk = Desk.open(directory)
    desk.log.bring_in()
    september, october, november = (Period(year=2026, month=month) for month in (9, 10, 11))
    last = [e for e in read(directory / "journal") if e.record.time < october.until][-1]
    with Store.open(desk.log.store_path) as store:
        assert store.period_heads(september) == ()
        assert store.period_heads(october) == (f"journal={last.seq}:{last.hash}",) == store.period_heads(november)


def test_sessions_catalogs_and_parsing_are_not_events_of_a_unit(directory):
    desk = Desk.open(directory)
    desk.log.bring_in()
    with Store.open(desk.log.store_path) as store:
        events = store.of_unit(UNIT, MONTH)
    assert events == sorted(events, key=lambda event: event.time)
    assert {event.action for event in events} == {"read", "search", "print", "write"}


def test_a_store_that_is_not_there_or_none(tmp_path):
    with (
        pytest.raises(ConfigurationError, match="nothing has been imported yet"),
        Store.open(tmp_path / "events.duckdb"),
    ):
        pass
    (tmp_path / "events.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(ConfigurationError, match="the store cannot be opened"), Store.open(tmp_path / "events.duckdb"):
        pass


def test_a_store_of_another_version_is_made_anew_and_says_so_until_then(desk):
    with Store.open(desk.log.store_path) as store:
        before = store.of_unit(UNIT, MONTH)
    connection = duckdb.connect(str(desk.log.store_path))
    connection.execute("ALTER TABLE event DROP COLUMN subject")
    connection.execute("UPDATE layout SET digest = 'another'")
    connection.close()
    with (
        Store.open(desk.log.store_path) as store,
        pytest.raises(ConfigurationError, match="readonly-guard review import"),
    ):
        store.of_unit(UNIT, MONTH)
    assert desk.log.bring_in().decisions > 0
    with Store.open(desk.log.store_path) as store:
        assert store.of_unit(UNIT, MONTH) == before


def test_a_store_of_another_version_still_knows_what_was_imported(desk):
    connection = duckdb.connect(str(desk.log.store_path))
    connection.execute("UPDATE layout SET digest = 'another'")
    connection.execute("UPDATE chain SET seq = seq + 1")
    connection.close()
    with pytest.raises(BrokenLog, match="cut off"):
        desk.log.bring_in()


def test_a_large_log_is_imported_in_portions_and_gives_the_same(directory, monkeypatch):
    whole = Desk.open(directory)
    imported = whole.log.bring_in().decisions
    with Store.open(whole.log.store_path) as store:
        before, heads = store.of_unit(UNIT, MONTH), store.period_heads(MONTH)
    whole.log.store_path.unlink()
    with Guard.open(journal=directory / "journal", data=[directory / "roster.json"], durability="buffered") as guard:
        guard.check("SELECT * FROM person WHERE person_id = 1", subject="alind", purpose="TREAT")
    for path in sorted((directory / "journal").glob("journal-*.jsonl")):
        assert path.stat().st_size > 1  # portions of one segment each
    monkeypatch.setattr(intake, "_PORTION_BYTES", 1)
    desk = Desk.open(directory)
    assert desk.log.bring_in().decisions == imported + 1
    assert desk.log.bring_in().decisions == 0
    with Store.open(desk.log.store_path) as store:
        assert store.of_unit(UNIT, MONTH) == before
        assert store.period_heads(MONTH) == heads
