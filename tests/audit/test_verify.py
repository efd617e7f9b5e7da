import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readonly_guard.audit import Head, Journal, read, verify
from readonly_guard.audit.chain import GENESIS, canonical, seal
from readonly_guard.domain import CompletionRecord
from readonly_guard.errors import ConfigurationError

RECORDS = 12


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """Twelve records in three segments."""
    path = tmp_path_factory.mktemp("journal")
    with Journal.open(path, segment_bytes=1_400) as journal:
        for number in range(1, RECORDS + 1):
            journal.append(
                CompletionRecord(
                    decision_id=f"d-{number}", time="2026-03-01T08:15:00Z", rows=1, bytes=1, duration_us=1, sqlstate=""
                )
            )
            journal.commit()
    files = {item.name: item.read_bytes() for item in sorted(path.glob("*.jsonl"))}
    assert len(files) == 3
    return files


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture
def log(original, tmp_path):
    for name, content in original.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def names(path):
    return sorted(item.name for item in path.glob("*.jsonl"))


def edit(path, index, change):
    segment = path / names(path)[index]
    lines = segment.read_bytes().splitlines(keepends=True)
    change(lines)
    segment.write_bytes(b"".join(lines))
    return segment.name


def test_an_untouched_journal_is_right(log):
    told = []

    checked = verify(log, progress=told.append)

    assert checked.ok
    assert checked.first_fault is None
    assert (checked.records, checked.segments, checked.head.seq) == (RECORDS, 3, RECORDS)
    assert told == []


def test_the_golden_journal_is_right_and_readable(request):
    path = request.path.parent / "golden"

    assert verify(path, expected_head="3:825ce0b0fe6b6ef749db05bd9b5a0de68f8f9f9a652870a55d7141456f7d68aa").ok
    assert [entry.record.time[-3:] for entry in read(path)] == ["01Z", "02Z", "01Z"]
    assert [type(entry.record).__name__ for entry in read(path)] == [
        "CompletionRecord",
        "SessionRecord",
        "DecisionRecord",
    ]


def test_a_journal_of_before_information_sets_stays_right_and_readable(request):
    path = request.path.parent / "golden" / "before-information-sets"

    assert verify(path, expected_head="3:fb3465d2612d53e38bbcadefbe92baf2e55990b59d77224a0be3be0a5bc843da").ok
    assert [entry.record for entry in read(path)][2].information_sets == ()


@settings(max_examples=250, deadline=None)
@given(at=st.integers(0, 10**9), flip=st.integers(1, 255))
def test_any_changed_byte_is_found_where_it_is(original, scratch, at, flip):
    whole = b"".join(original.values())
    at %= len(whole)
    seq = whole[:at].count(b"\n") + 1
    for name, content in original.items():
        data = bytearray(content)
        if 0 <= at < len(data):
            data[at] ^= flip
        at -= len(content)
        (scratch / name).write_bytes(data)

    checked = verify(scratch)

    assert not checked.ok
    assert checked.first_fault.seq == seq
    assert checked.records == seq - 1


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_other_order_or_selection_of_lines_is_found(original, scratch, data):
    for name, content in original.items():
        lines = content.splitlines(keepends=True)
        chosen = data.draw(st.lists(st.sampled_from(lines), max_size=len(lines) + 1))
        (scratch / name).write_bytes(b"".join(chosen))
    changed = {name: (scratch / name).read_bytes() for name in original}
    last = max(original)
    is_cut_off = all(changed[name] == original[name] for name in original if name != last) and original[
        last
    ].startswith(changed[last])

    assert verify(scratch).ok == is_cut_off


@pytest.mark.parametrize(
    ("change", "seq", "what"),
    [
        (lambda lines: lines.__setitem__(1, lines[1].replace(b'"rows":1', b'"rows":2')), 6, "was changed"),
        (lambda lines: lines.pop(1), 6, "record 7 stands where record 6 belongs: records are missing"),
        (lambda lines: lines.insert(1, lines[0]), 6, "inserted, repeated or moved"),
        (lambda lines: lines.insert(1, b"# note\n"), 6, "not a journal line"),
        (lambda lines: lines.insert(2, lines.pop(1)), 6, "record 7 stands where record 6 belongs"),
        (lambda lines: lines.__setitem__(1, lines[1][:100]), 6, "not a journal line"),
        (lambda lines: lines.__setitem__(3, lines[3][:100]), 8, "breaks off"),
        (lambda lines: lines.__setitem__(1, seal(6, "0" * 64, b"{}").data), 6, "does not continue"),
        (lambda lines: lines.__setitem__(1, lines[1].replace(b"}}\n", b"}} \n")), 6, "around its record"),
        (lambda lines: lines.__setitem__(1, b"x" * 100 + b"\n"), 6, "not a journal line"),
    ],
)
def test_a_fault_is_told_by_file_line_number_and_in_words(log, change, seq, what):
    name = edit(log, 1, change)

    fault = verify(log).first_fault

    assert (fault.file, fault.seq, fault.line) == (name, seq, seq - 4)
    assert what in fault.what


def test_a_changed_record_with_a_new_hash_is_found_at_the_next(log):
    def forge(lines):
        prev = lines[1].split(b'"')[5].decode()
        lines[1] = seal(6, prev, lines[1].split(b'"record":')[1][:-2].replace(b'"rows":1', b'"rows":2')).data

    edit(log, 1, forge)

    fault = verify(log).first_fault
    assert fault.seq == 7
    assert "one of the two was replaced" in fault.what


@pytest.mark.parametrize(("index", "seq"), [(0, 1), (1, 5)])
def test_a_missing_segment_is_found(log, index, seq):
    (log / names(log)[index]).unlink()

    fault = verify(log).first_fault

    assert fault.seq == seq
    assert f"but record {seq} comes next: those between are missing" in fault.what


def test_an_emptied_or_shortened_segment_is_found(log):
    edit(log, 1, lambda lines: lines.pop())

    assert "begins with record 9, but record 8 comes next" in verify(log).first_fault.what


def test_an_added_segment_is_found(log, original):
    (log / "journal-00000000000000000003.jsonl").write_bytes(original[min(original)])

    assert "added or renamed" in verify(log).first_fault.what


def test_a_torn_tail_is_reported_and_nothing_is_written(log):
    segment = log / names(log)[-1]
    os.truncate(segment, segment.stat().st_size - 1)
    before = segment.read_bytes()

    checked = verify(log)

    assert checked.first_fault.what == "record 12 breaks off: its line has no end"
    assert checked.records == 11
    assert segment.read_bytes() == before
    assert sorted(item.name for item in log.iterdir()) == names(log)


def test_an_end_cut_off_between_records_is_found_with_an_anchor_only(log):
    head = str(verify(log).head)
    edit(log, 2, lambda lines: lines.pop())

    assert verify(log).ok
    checked = verify(log, expected_head=head)
    assert not checked.ok
    assert checked.first_fault.what == "the log ends with record 11, but held record 12 before: its end was cut off"


def test_a_log_that_went_on_holds_its_earlier_head(log, completion):
    heads = [str(Head(seq=entry.seq, hash=entry.hash)) for entry in read(log)]

    assert all(verify(log, expected_head=head).ok for head in [str(Head()), *heads])


def test_a_chain_computed_anew_is_found_with_an_anchor_only(log):
    head = str(verify(log).head)
    before, seq = GENESIS, 0
    for name in names(log):
        forged = b""
        for line in (log / name).read_bytes().splitlines():
            seq += 1
            sealed = seal(seq, before, line.split(b'"record":')[1][:-1].replace(b"d-7", b"d-0"))
            before, forged = sealed.hash, forged + sealed.data
        (log / name).write_bytes(forged)

    assert verify(log).ok
    assert "computed anew" in verify(log, expected_head=head).first_fault.what


def test_progress_is_told_now_and_then(tmp_path, completion):
    with Journal.open(tmp_path, durability="buffered") as journal:
        for number in range(25_000):
            journal.append(completion(number))
    told = []

    assert verify(tmp_path, progress=told.append).records == 25_000
    assert told == [10_000, 20_000]


@pytest.mark.parametrize("check", [verify, lambda path: list(read(path))])
@pytest.mark.parametrize(
    ("kind", "what"), [("missing", "cannot be read"), ("file", "is a file"), ("empty", "holds no journal")]
)
def test_what_is_no_journal_is_named(tmp_path, check, kind, what):
    path = tmp_path / kind
    if kind == "file":
        path.touch()
    elif kind == "empty":
        path.mkdir()

    with pytest.raises(ConfigurationError, match=what):
        check(path)


def test_a_malformed_anchor_is_named(log):
    with pytest.raises(ConfigurationError, match="seq:hash"):
        verify(log, expected_head="12")


def test_reading_stops_before_a_line_that_is_being_written(log):
    segment = log / names(log)[-1]
    os.truncate(segment, segment.stat().st_size - 1)

    assert [entry.seq for entry in read(log)] == list(range(1, RECORDS))


def test_reading_names_the_line_that_is_no_record(log):
    name = edit(log, 1, lambda lines: lines.insert(2, b'{"seq":7}\n'))

    with pytest.raises(ConfigurationError, match=rf"{name}: line 3 is not a record.*readonly-guard audit verify"):
        list(read(log))


def test_a_record_of_a_later_version_is_checked_but_not_read(tmp_path, completion):
    first = seal(1, GENESIS, canonical(completion()))
    second = seal(2, first.hash, b'{"type":"something new"}')
    (tmp_path / "journal-00000000000000000001.jsonl").write_bytes(first.data + second.data)

    assert verify(tmp_path).ok
    with pytest.raises(ConfigurationError, match="line 2 is not a record"):
        list(read(tmp_path))
