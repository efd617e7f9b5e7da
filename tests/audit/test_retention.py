from datetime import timedelta

import msgspec
import pytest

from readonly_guard.audit import (
    Anchor,
    Feed,
    Head,
    Journal,
    KeyRing,
    SigningKey,
    carry_out,
    plan_retention,
    read,
    read_all,
    verify,
    verify_all,
)
from readonly_guard.domain import RetentionRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339

DECADE = 3660


@pytest.fixture
def log(tmp_path, completion, signing_key, clock):
    """Twelve years of a chain, a segment a year; the clock stands at their end."""
    path = tmp_path / "journal"
    with Journal.open(path / "one", signing_key=signing_key, segment_age_s=360 * 86_400, clock=clock) as journal:
        for year in range(12):
            for _ in range(3):
                journal.append(completion(year, time=rfc3339(clock())))
                journal.commit()
            clock.pass_by(days=365)
    assert len(names(path)) == 12
    return path


def names(path):
    return sorted(item.name for item in (path / "one").glob("*.jsonl"))


def retain(path, key, clock, days=DECADE, reason=""):
    removals = plan_retention(path, keep_days=days, reason=reason, clock=clock)
    carry_out(path, removals, keep_days=days, reason=reason, signing_key=key, clock=clock)
    return removals


def test_whole_old_segments_go_and_the_rest_still_verifies(log, signing_key, clock):
    before = {entry.seq: entry.hash for entry in read(log / "one")}
    (removal,) = retain(log, signing_key, clock)

    assert len(removal.segments) == 1
    assert len(names(log)) == 11
    for checked in (verify(log / "one"), *verify_all(log)):
        assert checked.ok
    custody, one = verify_all(log)
    assert (one.removed, one.records, one.head.seq) == (4, 44, 48)
    assert custody.seals == 1
    record = next(entry.record for entry in read(log / "custody") if isinstance(entry.record, RetentionRecord))
    assert record.heads == (f"4:{before[4]}",)
    assert (record.chain, record.keep_days, record.reason, record.key_id) == ("one", DECADE, "", signing_key.key_id)
    assert record.bytes == removal.bytes > 0


def test_it_goes_on_from_year_to_year(log, signing_key, clock):
    for _ in range(3):
        retain(log, signing_key, clock)
        clock.pass_by(days=365)
    assert len(names(log)) == 9
    _, one = verify_all(log)
    assert (one.ok, one.removed) == (True, 12)
    with Journal.open(log / "one", signing_key=signing_key) as journal:
        assert journal.head.seq == 48


def test_whose_keys_are_whose_is_kept_a_year_longer(log, signing_key, clock, completion):
    """A key's owner was recorded up to a year before the decisions that name it."""
    then = clock.now
    clock.now -= timedelta(days=12 * 365)
    with Journal.open(log / "patients", signing_key=signing_key, segment_age_s=360 * 86_400, clock=clock) as chain:
        for year in range(12):
            chain.append(completion(year, time=rfc3339(clock())))
            chain.commit()
            clock.pass_by(days=365)
    assert clock.now == then

    assert [removal.chain.name for removal in retain(log, signing_key, clock)] == ["one"]
    clock.pass_by(days=366)
    assert [removal.chain.name for removal in retain(log, signing_key, clock)] == ["one", "patients"]
    assert all(checked.ok for checked in verify_all(log))


def test_a_guard_that_writes_and_a_reader_that_reads_are_not_in_the_way(log, signing_key, clock, completion):
    with Journal.open(log / "one", signing_key=signing_key, clock=clock) as journal:
        reading = read_all(log)
        first = next(reading)
        retain(log, signing_key, clock)
        journal.append(completion(1, time=rfc3339(clock())))
        journal.commit()
        assert first.seq == 1
        assert len(list(reading)) >= 44, "what was open is read to its end"
    assert all(checked.ok for checked in verify_all(log))


def test_nothing_is_removed_before_its_time(log, signing_key, clock):
    clock.now -= timedelta(days=800)
    assert plan_retention(log, keep_days=DECADE, clock=clock) == []


def test_the_last_two_segments_stay_whatever_their_age(log, signing_key, clock):
    clock.pass_by(days=100 * 365)
    retain(log, signing_key, clock)

    assert len(names(log)) == 2
    assert verify(log / "one").ok
    Journal.open(log / "one").close()


@pytest.mark.parametrize("days", [1, 365, 1829])
def test_less_than_five_years_need_a_reason_which_is_recorded(log, signing_key, clock, days):
    with pytest.raises(ConfigurationError, match=r"at least five years .*--less-than-five-years"):
        plan_retention(log, keep_days=days, clock=clock)
    with pytest.raises(ConfigurationError, match="five years"):
        plan_retention(log, keep_days=days, reason="  ", clock=clock)
    assert len(names(log)) == 12
    retain(log, signing_key, clock, days, "a rehearsal with test data")
    record = next(entry.record for entry in read_all(log) if isinstance(entry.record, RetentionRecord))
    assert record.reason == "a rehearsal with test data"
    with pytest.raises(ConfigurationError, match="at least one"):
        plan_retention(log, keep_days=0, reason="x", clock=clock)


def test_without_its_signed_record_the_beginning_is_missing(log, signing_key, clock):
    retain(log, signing_key, clock)
    for item in (log / "custody").glob("*.jsonl"):
        item.unlink()

    assert "but record 1 comes next: those between are missing" in verify(log / "one").first_fault.what


def test_a_record_that_somebody_else_signed_covers_nothing(log, signing_key, clock, tmp_path):
    mine = KeyRing.load([signing_key.publish(tmp_path)])
    other = SigningKey.generate(tmp_path / "other.key")
    retain(log, other, clock)

    checked = verify_all(log, public_keys=mine)[1]
    assert "those between are missing" in checked.first_fault.what


def test_a_removal_that_a_crash_cut_short_verifies_too(log, signing_key, clock):
    clock.pass_by(days=3 * 365)
    segments = {name: (log / "one" / name).read_bytes() for name in names(log)}
    retain(log, signing_key, clock)
    removed = [name for name in segments if name not in names(log)]
    assert len(removed) == 4
    for name in removed[2:]:  # the oldest went first
        (log / "one" / name).write_bytes(segments[name])

    checked = verify(log / "one")
    assert (checked.ok, checked.removed, checked.head.seq) == (True, 8, 48)
    retain(log, signing_key, clock)
    assert names(log) == [name for name in segments if name not in removed]
    assert verify(log / "one").ok


def test_what_is_not_right_is_not_removed(log, signing_key, clock):
    first = log / "one" / names(log)[0]
    first.write_bytes(first.read_bytes().replace(b'"rows":7', b'"rows":8', 1))

    with pytest.raises(ConfigurationError, match="was changed.*A log that is not right is not removed"):
        plan_retention(log, keep_days=DECADE, clock=clock)


async def test_what_a_sink_has_not_had_is_not_removed(log, signing_key, clock):
    class Place:
        async def deliver(self, entries):
            pass

        async def close(self):
            pass

    feed = Feed(log, "place", Place(), batch=3)
    await feed._round(is_final=True)
    with pytest.raises(ConfigurationError, match="the sink place has had chain 'one' up to record 3 only"):
        plan_retention(log, keep_days=DECADE, clock=clock)
    await feed.drain()
    retain(log, signing_key, clock)
    assert len(names(log)) == 11


def test_anchors_of_what_was_removed_are_not_missed_and_those_of_the_rest_are(log, signing_key, clock):
    hashes = {entry.seq: entry.hash for entry in read(log / "one")}
    anchors = [Anchor(chain="one", head=Head(seq=seq, hash=hashes[seq])) for seq in (2, 4, 7, 40)]
    retain(log, signing_key, clock)

    assert all(found.ok for found in verify_all(log, anchors=anchors))
    wrong = Anchor(chain="one", head=Head(seq=4, hash="0" * 64))
    assert not verify_all(log, anchors=[wrong])[1].ok
    cut = Anchor(chain="one", head=Head(seq=400, hash="0" * 64))
    assert "cut off" in verify_all(log, anchors=[cut])[1].first_fault.what


def test_a_record_that_cannot_be_written_keeps_everything(log, signing_key, clock):
    removals = plan_retention(log, keep_days=DECADE, clock=clock)
    (log / "custody").write_text("no directory")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        carry_out(log, removals, keep_days=DECADE, signing_key=signing_key, clock=clock)
    assert len(names(log)) == 12


def test_a_signature_covers_all_of_the_record(signing_key, tmp_path):
    record = RetentionRecord(
        time="t",
        actor="a",
        chain="one",
        segments=(),
        heads=("4:" + "a" * 64,),
        bytes=1,
        newest="",
        keep_days=1,
        reason="",
        key_id="",
    )
    ring = KeyRing.load([signing_key.publish(tmp_path)])
    signed = signing_key.sign(record)
    assert ring.objection(signed) is None
    assert ring.objection(msgspec.structs.replace(signed, heads=("8:" + "a" * 64,))) is not None
