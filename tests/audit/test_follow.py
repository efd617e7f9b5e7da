import os

import msgspec
import pytest

from readonly_guard.audit import Chain, Follower, Journal, Position
from readonly_guard.errors import ConfigurationError


class Monotonic:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def passing():
    return Monotonic()


@pytest.fixture
def chain(tmp_path):
    return Chain("journal", tmp_path)


def append(journal, completion, *numbers):
    for number in numbers:
        journal.append(completion(number))
    journal.commit()


def names(entries):
    return [entry.record.decision_id for entry in entries]


def test_records_come_once_they_have_stood_for_a_while(chain, completion, passing):
    follower = Follower(chain, monotonic=passing)
    with Journal.open(chain.path) as journal:
        append(journal, completion, 1, 2)
        assert follower.read(10) == []
        passing.now += 1
        assert names(follower.read(10)) == ["d-1", "d-2"]
        append(journal, completion, 3)
        assert follower.read(10) == []
        passing.now += 1
        assert names(follower.read(10)) == ["d-3"]
        assert follower.read(10) == []


def test_a_commit_that_is_taken_back_was_never_given_out(chain, completion, passing):
    follower = Follower(chain, monotonic=passing)
    with Journal.open(chain.path) as journal:
        append(journal, completion, 1)
        size = next(chain.path.glob("*.jsonl")).stat().st_size
        append(journal, completion, 2)
    assert follower.read(10) == []
    os.truncate(next(chain.path.glob("*.jsonl")), size)
    passing.now += 1

    assert names(follower.read(10)) == ["d-1"]


def test_it_goes_through_segments_in_pieces_and_from_where_it_was(chain, completion):
    with Journal.open(chain.path, segment_bytes=1_000) as journal:
        for number in range(20):
            append(journal, completion, number)
    position, seen = Position(), []
    while True:
        follower = Follower(chain, msgspec.json.decode(msgspec.json.encode(position), type=Position))
        entries = follower.read(3, is_final=True)
        if not entries:
            break
        assert len(entries) <= 3
        seen += names(entries)
        position = follower.position

    assert seen == [f"d-{number}" for number in range(20)]
    assert {entry.chain for entry in Follower(chain).read(1, is_final=True)} == {"journal"}


def test_half_a_line_waits_for_the_other_half(chain, completion):
    with Journal.open(chain.path) as journal:
        append(journal, completion, 1, 2)
    segment = next(chain.path.glob("*.jsonl"))
    whole = segment.read_bytes()
    os.truncate(segment, len(whole) - 10)
    follower = Follower(chain)

    assert names(follower.read(10, is_final=True)) == ["d-1"]
    segment.write_bytes(whole)
    assert names(follower.read(10, is_final=True)) == ["d-2"]


def test_a_chain_that_does_not_continue_what_was_read_is_named(chain, completion):
    follower = Follower(chain)
    with Journal.open(chain.path) as journal:
        append(journal, completion, 1)
    assert len(follower.read(10, is_final=True)) == 1
    for item in chain.path.glob("*.jsonl"):
        item.unlink()
    with Journal.open(chain.path) as journal:
        append(journal, completion, 8)
        append(journal, completion, 9)

    with pytest.raises(ConfigurationError, match=r"follows record 1 does not continue.*audit verify"):
        follower.read(10, is_final=True)


def test_a_segment_that_was_removed_before_it_was_read_is_named(chain, completion):
    follower = Follower(chain)
    with Journal.open(chain.path, segment_bytes=700) as journal:
        for number in range(8):
            append(journal, completion, number)
    follower.read(1, is_final=True)
    min(chain.path.glob("*.jsonl")).unlink()

    with pytest.raises(ConfigurationError, match="record 2 is not there any more"):
        follower.read(10, is_final=True)


def test_a_chain_whose_beginning_retention_has_removed_is_read_from_where_it_begins(chain, completion):
    with Journal.open(chain.path, segment_bytes=700) as journal:
        for number in range(8):
            append(journal, completion, number)
    min(chain.path.glob("*.jsonl")).unlink()

    assert names(Follower(chain).read(2, is_final=True)) == ["d-2", "d-3"]
