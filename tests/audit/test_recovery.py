import hashlib
import os

import pytest

from readonly_guard.audit import Journal, read, verify
from readonly_guard.errors import ConfigurationError


@pytest.fixture
def log(tmp_path, completion):
    """A journal of five records in one segment."""
    with Journal.open(tmp_path) as journal:
        for number in range(1, 6):
            journal.append(completion(number))
    return tmp_path


@pytest.fixture
def rotated(tmp_path, completion):
    """A journal of nine records, three in each of three segments."""
    with Journal.open(tmp_path, segment_bytes=1_000) as journal:
        for number in range(1, 10):
            journal.append(completion(number))
            journal.commit()
    assert [int(item.name[8:28]) for item in segments(tmp_path)] == [1, 4, 7]
    return tmp_path


def segments(path):
    return sorted(path.glob("*.jsonl"))


def test_a_whole_journal_has_nothing_torn(log):
    with Journal.open(log) as journal:
        assert journal.recovery.head.seq == 5
        assert journal.recovery.torn_bytes == 0
        assert journal.recovery.torn_file is None


@pytest.mark.parametrize("cut", [1, 2, 50, 150])
def test_a_torn_tail_is_moved_beside_and_the_chain_goes_on(log, completion, cut):
    segment = segments(log)[0]
    whole = segment.read_bytes()
    os.truncate(segment, len(whole) - cut)
    torn = whole.splitlines(keepends=True)[-1][:-cut]

    with Journal.open(log) as journal:
        found = journal.recovery
        assert journal.append(completion(50)) == 6

    assert found.head.seq == 4
    assert found.torn_bytes == len(torn)
    assert found.torn_file == segment.name + ".torn-1"
    assert (log / found.torn_file).read_bytes() == torn
    assert (log / found.torn_file).stat().st_mode & 0o777 == 0o600
    checked = verify(log)
    assert checked.ok
    assert checked.torn == (found.torn_file,)
    *before, repair, after = [entry.record for entry in read(log)]
    assert [record.decision_id for record in [*before, after]] == ["d-1", "d-2", "d-3", "d-4", "d-50"]
    assert (repair.actor, repair.file, repair.torn_file) == ("start", segment.name, found.torn_file)
    assert (repair.torn_bytes, repair.lines) == (len(torn), 0)
    assert repair.torn_sha256 == hashlib.sha256(torn).hexdigest()
    assert repair.found == "record 5 breaks off: its line has no end"


def test_a_second_torn_tail_does_not_overwrite_the_first(log):
    segment = segments(log)[0]
    for _ in range(3):
        with segment.open("ab") as file:
            file.write(b'{"seq":6,"prev"')
        Journal.open(log).close()

    assert verify(log).torn == tuple(f"{segment.name}.torn-{number}" for number in (1, 2, 3))


@pytest.mark.parametrize("tail", [b"\0" * 4096, b'{"seq":6', b"\0\0\0garbage\n", b"\n", b"\xff\xfe\n", b"{}\n"])
def test_what_a_crash_can_leave_behind_the_last_record_is_set_aside(log, tail):
    with segments(log)[0].open("ab") as file:
        file.write(tail)

    with Journal.open(log) as journal:
        assert journal.recovery.torn_bytes == len(tail)
    assert verify(log).records == 6


def test_a_journal_torn_in_its_first_line_begins_anew(log, completion):
    os.truncate(segments(log)[0], 30)

    with Journal.open(log) as journal:
        assert journal.recovery.torn_bytes == 30
        assert journal.append(completion()) == 2
    assert verify(log).ok


@pytest.mark.parametrize("line", range(5))
def test_a_changed_record_is_not_a_torn_tail(log, line):
    segment = segments(log)[0]
    content = segment.read_bytes().replace(b'"d-%d"' % (line + 1), b'"d-x"')
    segment.write_bytes(content)

    with pytest.raises(ConfigurationError, match=rf"record {line + 1} was changed.*readonly-guard audit verify {log}"):
        Journal.open(log)
    assert segment.read_bytes() == content, "nothing is touched"
    assert not list(log.glob("*.torn-*"))


PAGE = 512


@pytest.mark.parametrize("lost", range(5))
def test_a_page_of_the_last_commit_that_never_reached_the_disk_is_set_aside(log, completion, lost):
    segment = segments(log)[0]
    durable = segment.stat().st_size
    with Journal.open(log) as journal:
        for number in range(10, 20):
            journal.append(completion(number))
    with segment.open("r+b") as file:
        file.seek(durable + lost * PAGE)
        file.write(b"\0" * PAGE)
    torn = segment.read_bytes()

    with Journal.open(log) as journal:
        found = journal.recovery

    assert 5 <= found.head.seq < 15
    assert found.torn_lines > 0, "whole records behind the lost page are kept with it"
    kept = (log / found.torn_file).read_bytes()
    assert torn.endswith(kept)
    assert verify(log).ok
    repair = list(read(log))[found.head.seq].record
    assert (repair.actor, repair.lines, repair.torn_sha256) == (
        "start",
        found.torn_lines,
        hashlib.sha256(kept).hexdigest(),
    )


def test_zeros_further_back_than_one_commit_stop_the_start(log, completion):
    with Journal.open(log) as journal:
        for number in range(5):
            journal.append(completion(number, decision_id="x" * 1_000_000))
            journal.commit()
    with segments(log)[0].open("r+b") as file:
        file.seek(100)
        file.write(b"\0" * PAGE)

    with pytest.raises(ConfigurationError, match="not a journal line"):
        Journal.open(log)


def test_what_is_no_crash_is_repaired_when_a_person_asks_for_it(log, completion):
    segment = segments(log)[0]
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:2], lines[2].replace(b"d-3", b"d-0"), *lines[3:]]))
    with pytest.raises(ConfigurationError, match=rf"go on: readonly-guard audit repair {log}"):
        Journal.open(log)

    with Journal.open(log, is_asked_to_repair=True) as journal:
        assert journal.recovery.torn_lines == 3
        journal.append(completion(6))

    records = [entry.record for entry in read(log)]
    assert [type(record).__name__ for record in records] == [
        "CompletionRecord",
        "CompletionRecord",
        "RepairRecord",
        "CompletionRecord",
    ]
    assert records[2].actor == "operator"
    assert records[2].found == "record 3 was changed: its hash is not that of its content"
    assert (log / records[2].torn_file).read_bytes().count(b"\n") == 3


def test_nobody_repairs_what_is_broken_before_the_last_segment(rotated):
    middle = segments(rotated)[1]
    os.truncate(middle, middle.stat().st_size - 1)

    with pytest.raises(ConfigurationError, match="its last line is not a record"):
        Journal.open(rotated, is_asked_to_repair=True)


def test_garbage_before_a_right_line_is_not_a_torn_tail(log):
    segment = segments(log)[0]
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:3], b"garbage\n", *lines[3:]]))

    with pytest.raises(ConfigurationError, match="not a journal line"):
        Journal.open(log)


def test_a_repeated_last_line_is_not_a_torn_tail(log):
    segment = segments(log)[0]
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines, lines[-1]]))

    with pytest.raises(ConfigurationError, match="inserted, repeated or moved"):
        Journal.open(log)


def test_a_crash_after_a_segment_was_made_leaves_it_empty_and_it_is_used(rotated, completion):
    (rotated / "journal-00000000000000000010.jsonl").touch(mode=0o600)

    with Journal.open(rotated) as journal:
        assert journal.recovery.head.seq == 9
        assert journal.append(completion()) == 10
    assert verify(rotated).records == 10
    assert len(segments(rotated)) == 4


def test_a_torn_first_line_of_a_later_segment_continues_the_segment_before(rotated, completion):
    os.truncate(segments(rotated)[-1], 100)

    with Journal.open(rotated) as journal:
        assert journal.recovery.head.seq == 6
        assert journal.append(completion()) == 8
    assert verify(rotated).ok


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (lambda first, middle, last: middle.unlink(), "follows record 3, so records are missing"),
        (lambda first, middle, last: os.truncate(middle, 0), "its last line is not a record"),
        (lambda first, middle, last: os.truncate(middle, middle.stat().st_size - 1), "its last line is not a record"),
        (lambda first, middle, last: middle.write_bytes(middle.read_bytes() + b"x\n"), "its last line is not a record"),
        (lambda first, middle, last: (first.unlink(), middle.unlink()), "follows record 0, so records are missing"),
        (
            lambda first, middle, last: middle.write_bytes(first.read_bytes()),
            "follows record 3, so records are missing",
        ),
    ],
)
def test_a_harmed_segment_before_the_last_stops_the_start(rotated, harm, what):
    harm(*segments(rotated))

    with pytest.raises(ConfigurationError, match=what):
        Journal.open(rotated)


def test_other_files_in_the_directory_are_left_alone(log):
    for name in ("notes.txt", "journal-1.jsonl", "journal-00000000000000000009.jsonl.gz"):
        (log / name).write_text("x")

    Journal.open(log).close()
    assert verify(log).segments == 1
    assert (log / "notes.txt").read_text() == "x"
