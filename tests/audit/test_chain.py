import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readonly_guard.audit.chain import Head, canonical, explain, reseal
from readonly_guard.audit.sealing import GENESIS, seal
from readonly_guard.domain import SessionRecord

GOLDEN = Path(__file__).parent / "golden" / "journal-00000000000000000001.jsonl"
"""Written with printf and sha256sum, not with this project: whoever changes the format breaks every journal there is."""


def golden_records(decision, completion):
    return [
        completion(rows=None, sqlstate="57014"),
        SessionRecord(
            session_id="s-1",
            time="2026-03-01T08:15:00.000002Z",
            event="refused",
            subject="åsa.öberg",
            database="journal",
            client_address="::1",
            application_name='"a\\b"\n\x01',
            listener="library",
            codes=("RG-T05",),
        ),
        decision(patients=("person_id:900001", "alias:?"), information_sets=("Vårdkontakter",)),
    ]


def test_the_golden_lines_are_written_byte_for_byte(decision, completion):
    before, written = GENESIS, b""
    for seq, record in enumerate(golden_records(decision, completion), 1):
        line = seal(seq, before, canonical(record))
        before, written = line.hash, written + line.data

    assert written == GOLDEN.read_bytes()


def test_the_golden_lines_are_accepted():
    before = GENESIS
    for seq, data in enumerate(GOLDEN.read_bytes().splitlines(keepends=True), 1):
        line = reseal(data, seq, before)
        assert line is not None
        before = line.hash


def test_the_hash_can_be_recomputed_with_a_regular_expression_and_sha256():
    for data in GOLDEN.read_bytes().splitlines():
        match = re.fullmatch(rb'\{"seq":(\d+),"prev":"(\w{64})","hash":"(\w{64})","record":(.*)\}', data)
        text = b"readonly-guard journal v1\n" + match[1] + b"\n" + match[2] + b"\n" + match[4]
        assert hashlib.sha256(text).hexdigest().encode() == match[3]


def test_a_record_is_one_line_and_swedish_stays_readable(decision):
    data = seal(1, GENESIS, canonical(decision(statement="a\r\nb\u2028c", activity="Nödöppning"))).data

    assert data.count(b"\n") == 1
    assert "Nödöppning" in data.decode()


@settings(max_examples=300)
@given(at=st.integers(0, 10**9), flip=st.integers(1, 255))
def test_no_byte_of_a_line_can_be_another(at, flip):
    data = bytearray(GOLDEN.read_bytes().splitlines(keepends=True)[0])
    data[at % len(data)] ^= flip

    assert reseal(bytes(data), 1, GENESIS) is None
    assert explain(bytes(data), 1, GENESIS)


@pytest.mark.parametrize(
    "spelling",
    [
        lambda line: line.replace(b'{"seq"', b'{ "seq"'),
        lambda line: line.replace(b'"hash":"2296d493f', b'"hash":"2296D493F'),
        lambda line: line.replace(b'"record":', b'"extra":1,"record":'),
        lambda line: line.replace(b'"seq":1', b'"seq":1.0'),
        lambda line: line.replace(b"\n", b"\r\n"),
        lambda line: line.replace(b"\n", b" \n"),
        lambda line: line.replace(b'"rows":null', b'"rows": null'),
    ],
)
def test_there_is_no_second_spelling_of_a_line(spelling):
    line = GOLDEN.read_bytes().splitlines(keepends=True)[0]

    assert spelling(line) != line
    assert reseal(spelling(line), 1, GENESIS) is None


@pytest.mark.parametrize("record", [b"", b"[]", b'{"a":1', b'{"a":1},"record":{}', b'{}\n{"seq":2}', b"1"])
def test_a_rightly_hashed_line_that_holds_no_json_object_is_refused(record):
    data = seal(1, GENESIS, record).data

    assert reseal(data, 1, GENESIS) is None
    assert explain(data, 1, GENESIS)


def test_a_head_reads_back_what_it_writes():
    head = Head(seq=12, hash="ab" * 32)

    assert str(head) == "12:" + "ab" * 32
    assert Head.parse(str(head)) == head
    assert Head.parse(str(Head())) == Head()


@pytest.mark.parametrize(
    "text",
    ["", "12", "12:", "012:" + "a" * 64, "1:" + "A" * 64, "-1:" + "a" * 64, "1:" + "a" * 63, "1:" + "a" * 64 + "\n"],
)
def test_a_head_is_written_in_one_way(text):
    with pytest.raises(ValueError, match="seq:hash"):
        Head.parse(text)
