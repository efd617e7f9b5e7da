import os
import shutil

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readonly_guard.audit import Head, Journal, KeyRing, SigningKey, read, read_all, read_anchors, verify, verify_all
from readonly_guard.audit.chain import canonical
from readonly_guard.audit.chain import content as content_of
from readonly_guard.audit.sealing import GENESIS, seal
from readonly_guard.domain import CompletionRecord, SealRecord
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

    assert verify(path, expected_head="3:060e2e5bc19272a24469212f24e0b6f0b658670561536c9425ed580bfa333bab").ok
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


def test_a_journal_of_before_whole_questions_stays_right_and_readable(request):
    path = request.path.parent / "golden" / "before-whole-questions"

    assert verify(path, expected_head="3:825ce0b0fe6b6ef749db05bd9b5a0de68f8f9f9a652870a55d7141456f7d68aa").ok
    record = [entry.record for entry in read(path)][2]
    assert (record.is_bound, record.authentication, record.assurance_level) == (None, None, None)


@settings(max_examples=250)
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


@settings(max_examples=100)
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
    assert [at.records for at in told] == [10_000, 20_000]
    assert (
        0
        < told[0].bytes
        < told[1].bytes
        < told[1].total_bytes
        == sum(f.stat().st_size for f in tmp_path.glob("*.jsonl"))
    )


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


@pytest.fixture
def signed(tmp_path, completion, signing_key):
    """Nine records in three segments of two and a signed head each, and one more of the fourth."""
    path = tmp_path / "journal"
    with Journal.open(path, segment_bytes=700, signing_key=signing_key) as journal:
        for number in range(1, 8):
            journal.append(completion(number))
            journal.commit()
    assert [int(name[8:28]) for name in names(path)] == [1, 4, 7, 10]
    return path


def rewrite(path, change, *, keep_seals=True):
    """Compute the chain anew, as whoever can write the files can: records changed, hashes right."""
    before, seq = GENESIS, 0
    for name in names(path):
        forged = b""
        for line in (path / name).read_bytes().splitlines(keepends=True):
            if keep_seals or b'"type":"seal"' not in line:
                seq += 1
                sealed = seal(seq, before, change(content_of(line)))
                before, forged = sealed.hash, forged + sealed.data
        (path / name).write_bytes(forged)


def test_signed_heads_are_counted_and_the_last_one_is_told(signed, signing_key):
    checked = verify(signed, public_keys=KeyRing.load([signed / f"{signing_key.key_id}.pub"]))

    assert checked.ok
    assert (checked.seals, checked.signed.seq, checked.records) == (4, 10, 11)
    assert checked.signed_at.endswith("Z")


def test_a_chain_computed_anew_does_not_bear_its_signatures(signed):
    rewrite(signed, lambda record: record.replace(b"d-2", b"d-0"))

    fault = verify(signed).first_fault
    assert (fault.seq, fault.line) == (3, 3)
    assert fault.what == "record 3 signs another head than the one before it"


def test_a_signature_on_a_changed_head_is_found(signed, signing_key):
    def forge(record):
        if b'"head_seq":2' in record:
            forged = msgspec.json.decode(record, type=SealRecord)
            head = seal(2, seen[1], b"{}").hash
            return canonical(msgspec.structs.replace(forged, head_hash=head))
        return b"{}" if b"d-2" in record else record

    seen = {entry.seq: entry.hash for entry in read(signed)}
    rewrite(signed, forge)

    fault = verify(signed).first_fault
    assert fault.seq == 3
    assert fault.what.endswith(f"bears a signature that the key {signing_key.key_id} did not make")
    assert verify(signed).records == 2


def test_a_chain_signed_by_another_is_found_with_the_public_key_only(signed, signing_key, tmp_path):
    mine = KeyRing.load([signing_key.publish(tmp_path)])
    other = SigningKey.generate(tmp_path / "other.key")
    other.publish(signed)

    before, seq = GENESIS, 0
    for name in names(signed):
        forged = b""
        for line in (signed / name).read_bytes().splitlines(keepends=True):
            record = content_of(line).replace(b"d-2", b"d-0")
            if b'"type":"seal"' in record:
                found = msgspec.json.decode(record, type=SealRecord)
                record = canonical(other.sign(msgspec.structs.replace(found, head_hash=before)))
            seq += 1
            sealed = seal(seq, before, record)
            before, forged = sealed.hash, forged + sealed.data
        (signed / name).write_bytes(forged)

    assert verify(signed).ok, "the key beside the journal proves nothing about who signed"
    fault = verify(signed, public_keys=mine).first_fault
    assert fault.seq == 3
    assert "not among the keys to check with" in fault.what


def test_a_chain_without_signatures_is_found_when_a_public_key_is_given(log, signing_key, tmp_path):
    checked = verify(log, public_keys=KeyRing.load([signing_key.publish(tmp_path)]))

    assert not checked.ok
    assert "no head of the chain is signed" in checked.first_fault.what


def test_signatures_left_out_from_some_record_on_are_found_at_the_segments_end(signed):
    for name in names(signed)[1:]:
        (signed / name).unlink()
    before = {entry.seq: entry.hash for entry in read(signed)}[3]
    lines = []
    for seq in range(4, 10):
        lines.append(seal(seq, before, b'{"type":"completion"}'))
        before = lines[-1].hash
    for first, part in ((4, lines[:3]), (7, lines[3:])):
        (signed / f"journal-{first:020d}.jsonl").write_bytes(b"".join(line.data for line in part))

    fault = verify(signed).first_fault
    assert fault.seq == 6
    assert "closed without a signed head" in fault.what


def test_a_line_that_only_looks_like_a_signed_head_is_found(tmp_path):
    (tmp_path / "journal-00000000000000000001.jsonl").write_bytes(seal(1, GENESIS, b'{"type":"seal","x":1}').data)

    assert verify(tmp_path).first_fault.what == "record 1 should be a signed head and is none"


def test_a_record_that_quotes_a_signed_head_is_none(tmp_path, decision):
    with Journal.open(tmp_path) as journal:
        journal.append(decision(statement=',"record":{"type":"seal",'))

    assert verify(tmp_path).ok


class TestAnchors:
    @pytest.fixture
    def several(self, tmp_path, completion, signing_key):
        """Two chains of a journal, and the anchors that were kept of them."""
        path = tmp_path / "journal"
        kept = tmp_path / "elsewhere" / "anchors.jsonl"
        for name in ("one", "two"):
            with Journal.open(path / name, signing_key=signing_key) as journal:
                for _ in range(3):
                    journal.append(completion(decision_id=f"of {name}"))
                    journal.append(completion())
                    journal.sign()
        kept.parent.mkdir()
        records = [entry.record for entry in read_all(path)]
        kept.write_bytes(b"".join(canonical(item) + b"\n" for item in records if isinstance(item, SealRecord)))
        return path, kept

    def test_anchors_that_are_held(self, several):
        path, kept = several
        anchors = read_anchors(kept)

        assert sorted((anchor.chain, anchor.head.seq) for anchor in anchors) == [
            (name, seq) for name in ("one", "two") for seq in (2, 5, 8)
        ]
        assert all(found.ok for found in verify_all(path, anchors=anchors))

    def test_an_end_cut_off_is_found(self, several):
        path, kept = several
        edit(path / "two", 0, lambda lines: lines.__delitem__(slice(4, None)))

        one, two = verify_all(path, anchors=read_anchors(kept))
        assert verify(path / "two").ok, "in itself it is whole"
        assert one.ok
        assert two.first_fault.what == "the log ends with record 4, but held record 5 before: its end was cut off"

    def test_a_chain_computed_anew_is_found(self, several):
        path, kept = several
        rewrite(path / "one", lambda record: record.replace(b"d-1", b"d-0"), keep_seals=False)

        one, two = verify_all(path, anchors=read_anchors(kept))
        assert verify(path / "one").ok
        assert "computed anew" in one.first_fault.what
        assert two.ok

    def test_a_chain_removed_altogether_is_found(self, several):
        path, kept = several
        shutil.rmtree(path / "two")

        one, two = verify_all(path, anchors=read_anchors(kept))
        assert one.ok
        assert (two.chain, two.ok) == ("two", False)
        assert "it was removed" in two.first_fault.what

    def test_a_journal_that_was_copied_elsewhere_keeps_its_anchors(self, several, tmp_path):
        path, kept = several
        shutil.copytree(path / "one", tmp_path / "case-17")
        anchors = [anchor for anchor in read_anchors(kept) if anchor.chain == "one"]

        assert all(found.ok for found in verify_all(tmp_path / "case-17", anchors=anchors))

    @pytest.mark.parametrize("content", [b"x\n", b"{}\n", b'{"type":"completion"}\n', b"\xff\n"])
    def test_anchors_that_are_none_are_named(self, several, content):
        path, kept = several
        kept.write_bytes(kept.read_bytes() + content)

        with pytest.raises(ConfigurationError, match="line 7 is no signed head"):
            read_anchors(kept)
        with pytest.raises(ConfigurationError, match="cannot be read"):
            read_anchors(path / "nowhere")
