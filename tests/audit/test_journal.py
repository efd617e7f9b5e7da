import errno
import os
import shutil

import pytest

from readonly_guard.audit import Journal, read, verify
from readonly_guard.audit.sealing import MAX_LINE_BYTES
from readonly_guard.errors import LogUnavailable
from readonly_guard.moments import rfc3339

from .conftest import Disk, segments


def numbers(path):
    return [entry.record.decision_id for entry in read(path)]


def test_what_is_committed_is_there_in_order(tmp_path, completion):
    with Journal.open(tmp_path / "log") as journal:
        assert [journal.append(completion(number)) for number in (1, 2, 3)] == [1, 2, 3]
        journal.commit()
        head = journal.head

    assert numbers(tmp_path / "log") == ["d-1", "d-2", "d-3"]
    assert verify(tmp_path / "log").head == head
    assert head.seq == 3


def test_nothing_is_written_before_the_commit(tmp_path, completion):
    journal = Journal.open(tmp_path)
    journal.append(completion())

    assert journal.pending == 1
    assert numbers(tmp_path) == []
    journal.close()
    assert numbers(tmp_path) == ["d-1"]


def test_one_commit_is_one_sync_and_an_empty_one_none(tmp_path, completion):
    disk = Disk()
    with Journal.open(tmp_path, sync=disk) as journal:
        for number in range(100):
            journal.append(completion(number))
        journal.commit()
        journal.commit()

        assert disk.calls == 1


def test_buffered_writes_without_sync(tmp_path, completion):
    disk = Disk()
    with Journal.open(tmp_path, durability="buffered", sync=disk) as journal:
        journal.append(completion())
        journal.commit()

        assert numbers(tmp_path) == ["d-1"]
    assert disk.calls == 0


def test_the_chain_goes_on_after_reopening(tmp_path, completion):
    for number in (1, 2, 3):
        with Journal.open(tmp_path) as journal:
            assert journal.recovery.head.seq == number - 1
            assert journal.append(completion(number)) == number

    assert verify(tmp_path).ok
    assert numbers(tmp_path) == ["d-1", "d-2", "d-3"]


def test_segments_rotate_and_the_chain_runs_through_them(tmp_path, completion):
    with Journal.open(tmp_path, segment_bytes=1_000) as journal:
        for number in range(1, 21):
            journal.append(completion(number))
            journal.commit()
    with Journal.open(tmp_path, segment_bytes=1_000) as journal:
        assert journal.append(completion(21)) == 21

    checked = verify(tmp_path)
    assert checked.ok
    assert checked.records == 21
    assert checked.segments == len(segments(tmp_path)) > 5
    assert all(item.stat().st_size <= 1_000 for item in tmp_path.glob("*.jsonl"))


def test_one_commit_is_never_split_over_segments(tmp_path, completion):
    with Journal.open(tmp_path, segment_bytes=1_000) as journal:
        for size in (1, 20, 1):
            for number in range(size):
                journal.append(completion(number))
            journal.commit()

    assert segments(tmp_path) == [f"journal-{first:020d}.jsonl" for first in (1, 2, 22)]
    assert verify(tmp_path).ok


def test_a_failed_sync_leaves_nothing_of_the_commit(tmp_path, completion):
    disk = Disk()
    journal = Journal.open(tmp_path, sync=disk)
    journal.append(completion(1))
    journal.commit()
    kept = journal.head
    disk.failures.append(OSError(errno.EIO, os.strerror(errno.EIO)))
    journal.append(completion(2))
    journal.append(completion(3))

    with pytest.raises(LogUnavailable, match="Input/output error") as failure:
        journal.commit()

    assert str(tmp_path) not in str(failure.value), "the client is shown this text"
    assert journal.pending == 0
    assert journal.head == kept
    assert numbers(tmp_path) == ["d-1"]
    assert journal.append(completion(4)) == 2
    journal.commit()
    assert numbers(tmp_path) == ["d-1", "d-4"]
    journal.close()
    assert verify(tmp_path, expected_head=str(kept)).ok


def test_after_a_failed_sync_the_descriptor_is_not_used_again(tmp_path, completion):
    is_marked = []
    failures = [OSError(errno.EIO, "Input/output error")]

    def sync(descriptor):
        is_marked.append(os.get_inheritable(descriptor))
        os.set_inheritable(descriptor, True)  # a mark that a descriptor opened anew does not bear
        if failures:
            raise failures.pop()

    with Journal.open(tmp_path, sync=sync) as journal:
        for number in (1, 2, 3):
            journal.append(completion(number))
            try:
                journal.commit()
            except LogUnavailable:
                assert number == 1

    assert is_marked == [False, False, True]


def test_an_interrupt_within_a_commit_leaves_nothing_of_it(tmp_path, completion):
    disk = Disk()
    disk.failures.append(KeyboardInterrupt())
    journal = Journal.open(tmp_path, sync=disk)
    journal.append(completion(1))

    with pytest.raises(KeyboardInterrupt):
        journal.commit()

    assert numbers(tmp_path) == []
    journal.append(completion(2))
    journal.close()
    assert numbers(tmp_path) == ["d-2"]
    assert verify(tmp_path).ok


def test_a_failure_that_cannot_be_taken_back_at_once_denies_until_it_can(tmp_path, completion):
    disk = Disk()
    journal = Journal.open(tmp_path, sync=disk)
    journal.append(completion(1))
    journal.commit()
    journal.append(completion(2))
    segment = next(tmp_path.glob("*.jsonl"))
    hidden = tmp_path / "hidden"

    def vanish(descriptor):
        segment.rename(hidden)
        raise OSError(errno.EIO, "Input/output error")

    journal._sync = vanish
    with pytest.raises(LogUnavailable, match="Input/output error"):
        journal.commit()
    for _ in range(2):
        with pytest.raises(LogUnavailable, match="No such file"):
            journal.append(completion(3))
    journal._sync = disk
    hidden.rename(segment)

    assert journal.append(completion(4)) == 2
    journal.close()
    assert numbers(tmp_path) == ["d-1", "d-4"]
    assert verify(tmp_path).ok


@pytest.mark.parametrize("obstacle", ["a directory", "a file with content"])
def test_a_rotation_that_failed_is_finished_before_anything_else(tmp_path, completion, obstacle):
    journal = Journal.open(tmp_path, segment_bytes=1_000)
    for number in (1, 2):
        journal.append(completion(number))
        journal.commit()
    following = tmp_path / "journal-00000000000000000003.jsonl"
    if obstacle == "a directory":
        following.mkdir()
    else:
        following.write_bytes(b"x")
    for number in (3, 4, 5):
        journal.append(completion(number))
    with pytest.raises(LogUnavailable):
        journal.commit()
    if obstacle == "a directory":
        following.rmdir()
    else:
        assert following.read_bytes() == b"x"
        following.unlink()
    journal.append(completion(6))  # would fit the old segment, behind a name that may be taken by now
    journal.commit()
    journal.close()

    assert numbers(tmp_path) == ["d-1", "d-2", "d-6"]
    assert segments(tmp_path) == [f"journal-{first:020d}.jsonl" for first in (1, 3)]
    assert verify(tmp_path).ok


def test_a_tail_that_is_not_what_was_durable_is_not_written_on(tmp_path, completion):
    journal = Journal.open(tmp_path)
    journal.append(completion(1))
    journal.commit()
    segment = next(tmp_path.glob("*.jsonl"))
    journal.append(completion(2))

    def lose_a_block(descriptor):
        with segment.open("r+b") as file:
            file.write(b"\0" * 200)
        raise OSError(errno.EIO, "Input/output error")

    journal._sync = lose_a_block
    with pytest.raises(LogUnavailable, match="Input/output error"):
        journal.commit()
    for _ in range(2):
        with pytest.raises(LogUnavailable, match="does not end with its last record"):
            journal.append(completion(3))
    journal.close()


@pytest.mark.parametrize("harm", ["deleted", "moved", "replaced", "grown", "shortened", "emptied", "directory moved"])
def test_a_journal_that_is_not_in_its_place_records_nothing(tmp_path, completion, harm):
    path = tmp_path / "log"
    journal = Journal.open(path)
    journal.append(completion(1))
    journal.commit()
    segment = next(path.glob("*.jsonl"))
    copy = tmp_path / "copy"
    shutil.copy(segment, copy)
    match harm:
        case "deleted":
            segment.unlink()
        case "moved":
            segment.rename(tmp_path / "elsewhere")
        case "replaced":
            copy.rename(segment)
        case "grown":
            with segment.open("ab") as file:
                file.write(b"x")
        case "shortened":
            os.truncate(segment, 10)
        case "emptied":
            os.truncate(segment, 0)
        case "directory moved":
            path.rename(tmp_path / "elsewhere")
    before = segment.read_bytes() if segment.exists() else None

    for _ in range(2):
        journal.append(completion(2))
        with pytest.raises(LogUnavailable, match=r"^journal-\d{20}\.jsonl "):
            journal.commit()

    assert (segment.read_bytes() if segment.exists() else None) == before
    assert journal.head.seq == 1
    journal.close()


def test_a_journal_put_back_in_its_place_goes_on(tmp_path, completion):
    journal = Journal.open(tmp_path)
    segment = next(tmp_path.glob("*.jsonl"))
    segment.rename(tmp_path / "elsewhere")
    journal.append(completion(1))
    with pytest.raises(LogUnavailable):
        journal.commit()
    (tmp_path / "elsewhere").rename(segment)
    journal.append(completion(2))
    journal.close()

    assert numbers(tmp_path) == ["d-2"]


@pytest.mark.parametrize(
    "changes",
    [{"decision_id": "\ud800"}, {"decision_id": object()}, {"decision_id": "x" * MAX_LINE_BYTES}],
)
def test_a_record_that_cannot_be_written_is_refused_and_harms_no_other(tmp_path, completion, changes):
    with Journal.open(tmp_path) as journal:
        journal.append(completion(1))
        with pytest.raises(LogUnavailable, match="record"):
            journal.append(completion(2, **changes))
        journal.append(completion(3))

    assert numbers(tmp_path) == ["d-1", "d-3"]


def test_a_closed_journal_takes_nothing(tmp_path, completion):
    journal = Journal.open(tmp_path)
    journal.close()
    journal.close()

    with pytest.raises(LogUnavailable, match="closed"):
        journal.append(completion())


def test_a_close_that_cannot_commit_says_so_and_lets_go(tmp_path, completion):
    disk = Disk()
    disk.failures.append(OSError(errno.ENOSPC, "No space left on device"))
    journal = Journal.open(tmp_path, sync=disk)
    journal.append(completion(1))

    with pytest.raises(LogUnavailable, match="No space left"):
        journal.close()

    with Journal.open(tmp_path) as again:
        assert again.recovery.head.seq == 0


def test_a_forked_process_does_not_write_its_parents_journal(tmp_path, child):
    output, _ = child("forked.py", tmp_path).communicate(timeout=60)

    assert output.splitlines() == [
        "heir: the journal belongs to the process that opened it, not to one forked from it",
        "heir: the journal belongs to the process that opened it, not to one forked from it",
        "owner: 1",
    ]
    assert verify(tmp_path).ok


def test_a_check_writes_no_record_and_leaves_no_file(tmp_path, completion):
    with Journal.open(tmp_path) as journal:
        before = sorted(item.name for item in tmp_path.iterdir())
        journal.check()
        assert sorted(item.name for item in tmp_path.iterdir()) == before
        journal.append(completion(1))
        journal.commit()
    assert numbers(tmp_path) == ["d-1"]


def test_a_check_finds_what_the_next_commit_would_meet(tmp_path):
    disk = Disk()
    journal = Journal.open(tmp_path, sync=disk)
    disk.failures = [OSError(errno.ENOSPC, "No space left on device")]
    with pytest.raises(LogUnavailable, match="No space left on device"):
        journal.check()
    journal.check()  # freed again
    (segment,) = tmp_path.glob("*.jsonl")
    segment.rename(tmp_path / "elsewhere")
    with pytest.raises(LogUnavailable, match="is gone"):
        journal.check()
    (tmp_path / "elsewhere").rename(segment)
    journal.check()
    journal.close()
    with pytest.raises(LogUnavailable, match="closed"):
        journal.check()


def test_an_old_segment_is_closed_with_the_next_commit(tmp_path, completion, clock):
    def commit(journal, number):
        journal.append(completion(number, time=rfc3339(clock())))
        journal.commit()

    with Journal.open(tmp_path, segment_age_s=3_600, clock=clock) as journal:
        commit(journal, 1)
        clock.pass_by(minutes=59)
        commit(journal, 2)
        clock.pass_by(minutes=1)
        commit(journal, 3)
        clock.pass_by(minutes=59)
        commit(journal, 4)
    with Journal.open(tmp_path, segment_age_s=3_600, clock=clock) as journal:
        clock.pass_by(minutes=1)  # the age is the first record's, not that of the open file
        commit(journal, 5)

    assert segments(tmp_path) == [f"journal-{first:020d}.jsonl" for first in (1, 3, 5)]
