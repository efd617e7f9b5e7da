"""Cutting bytes into frames."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readonly_guard_proxy.wire.framing import Frame, FrameReader, ProtocolViolation, frame

KINDS, STREAMED = b"QDdZ", b"Dd"
messages = st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=40)), max_size=12)


def chunks_of(data: bytes, sizes: list[int]) -> list[bytes]:
    chunks, at = [], 0
    for size in sizes:
        chunks.append(data[at : at + size])
        at += size
    return [*chunks, data[at:]]


def fed(reader: FrameReader, data: bytes) -> list[Frame]:
    """What is whole, where nothing wrong follows it."""
    frames = reader.feed(data)
    reader.check()
    return frames


def read(chunks: list[bytes]) -> list[tuple[int, bytes]]:
    """Frames, runs of streamed ones joined again."""
    reader, found = FrameReader(kinds=KINDS, limit=1_000, streamed=STREAMED), []
    for chunk in chunks:
        for each in fed(reader, chunk):
            if found and each.kind in STREAMED and found[-1][0] == each.kind:
                found[-1] = (each.kind, found[-1][1] + each.data)
            else:
                found.append((each.kind, each.data))
    assert not reader.inside_run
    return found


@given(messages, st.lists(st.integers(min_value=1, max_value=30), max_size=30))
def test_any_chunking_gives_the_same_frames(sent, sizes) -> None:
    data = b"".join(frame(kind, body) for kind, body in sent)
    whole = read([data])
    assert read(chunks_of(data, sizes)) == whole
    assert read([bytes((byte,)) for byte in data]) == whole
    assert b"".join(part for _, part in whole) == data


@given(messages)
def test_messages_that_are_not_streamed_come_whole_and_one_by_one(sent) -> None:
    reader = FrameReader(kinds=KINDS, limit=1_000)
    data = b"".join(frame(kind, body) for kind, body in sent)
    assert [(each.kind, each.body) for each in fed(reader, data)] == sent


@given(st.binary(max_size=200))
def test_garbage_is_frames_or_a_violation_and_nothing_else(data) -> None:
    reader = FrameReader(kinds=KINDS, limit=1_000, streamed=STREAMED)
    try:
        for each in fed(reader, data):
            assert each.data
    except ProtocolViolation as violation:
        assert "message" in str(violation)


@pytest.mark.parametrize("length", [0, 1, 3])
@pytest.mark.parametrize("kind", [b"Q", b"D"])
def test_a_length_below_four_is_refused(kind, length) -> None:
    with pytest.raises(ProtocolViolation, match="length"):
        fed(FrameReader(kinds=KINDS, limit=1_000, streamed=STREAMED), kind + bytes((0, 0, 0, length)))


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\0\0\x03\xe9"])
def test_a_length_beyond_the_limit_is_refused_at_the_header(length) -> None:
    with pytest.raises(ProtocolViolation, match="limit is 1000"):
        fed(FrameReader(kinds=KINDS, limit=1_000), b"Q" + length)


def test_an_unknown_type_is_refused_at_its_first_byte() -> None:
    with pytest.raises(ProtocolViolation, match="0x47"):
        fed(FrameReader(kinds=KINDS, limit=1_000), b"G")


def test_frames_before_a_fault_are_given_and_the_fault_stays() -> None:
    reader = FrameReader(kinds=KINDS, limit=1_000)
    assert [each.body for each in reader.feed(frame(ord("Q"), b"x") + b"!")] == [b"x"]
    for _ in range(2):
        with pytest.raises(ProtocolViolation, match="0x21"):
            reader.check()


def test_a_streamed_message_may_be_larger_than_the_limit_and_is_not_kept() -> None:
    reader = FrameReader(kinds=KINDS, limit=10, streamed=STREAMED)
    data = frame(ord("D"), bytes(100_000))
    pieces = [each.data for start in range(0, len(data), 1_000) for each in fed(reader, data[start : start + 1_000])]
    assert len(pieces) == 101
    assert b"".join(pieces) == data
    assert not reader._rest


def test_reading_is_linear_in_bytes() -> None:
    data = frame(ord("Q"), bytes(4_000_000))

    def elapsed(size: int) -> float:
        reader, began = FrameReader(kinds=KINDS, limit=10_000_000), time.process_time()
        for start in range(0, size, 100):
            reader.feed(data[start : start + 100])
        return time.process_time() - began

    assert elapsed(4_000_000) < 40 * max(elapsed(400_000), 0.002)


def test_a_chunk_within_a_run_is_passed_on_as_it_came() -> None:
    reader, row = FrameReader(kinds=KINDS, limit=1_000, streamed=STREAMED), frame(ord("D"), b"x" * 10_000)
    chunks = [row[:4_000], row[4_000:8_000], row[8_000:]]
    assert all(fed(reader, chunk)[0].data is chunk for chunk in chunks)
