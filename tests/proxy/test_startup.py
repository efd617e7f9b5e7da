"""Startup packets."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readonly_guard_proxy.wire.framing import ProtocolViolation
from readonly_guard_proxy.wire.packets import CancelRequest, EncryptionRequest, StartupMessage
from readonly_guard_proxy.wire.startup import StartupReader, cancel_request, startup_message

SSL, GSS = struct.pack("!II", 8, 80877103), struct.pack("!II", 8, 80877104)


def reader() -> StartupReader:
    return StartupReader(limit=10_000)


def packet(body: bytes, code: int = 196608) -> bytes:
    return struct.pack("!II", len(body) + 8, code) + body


def test_a_startup_message_one_byte_at_a_time() -> None:
    data = startup_message(196610, {"user": "åsa", "options": "", "_pq_.x": "1"})
    taker = reader()
    found = [taker.feed(bytes((byte,))) for byte in data]
    assert found[:-1] == [None] * (len(data) - 1)
    assert found[-1] == StartupMessage(version=196610, parameters={"user": "åsa", "options": "", "_pq_.x": "1"})
    assert taker.rest == b""


def test_encryption_is_asked_for_at_most_once_each() -> None:
    taker = reader()
    assert taker.feed(SSL) == EncryptionRequest(name="SSLRequest")
    assert taker.feed(GSS) == EncryptionRequest(name="GSSENCRequest")
    with pytest.raises(ProtocolViolation, match="second SSLRequest"):
        taker.feed(SSL)


@pytest.mark.parametrize("request_", [SSL, GSS])
def test_data_stuffed_behind_an_encryption_request_is_refused(request_) -> None:
    with pytest.raises(ProtocolViolation, match="before its answer"):
        reader().feed(request_ + startup_message(196608, {"user": "a"}))


@pytest.mark.parametrize("key", [b"1234", bytes(32), bytes(256)])
def test_cancel_requests_of_both_protocol_versions(key) -> None:
    assert reader().feed(cancel_request(-5, key)) == CancelRequest(pid=-5, key=key)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        struct.pack("!II", 7, 196608),
        struct.pack("!II", 10_001, 196608),
        struct.pack("!II", 0xFFFFFFFF, 196608),
        packet(b""),
        packet(b"user\0a\0"),
        packet(b"user\0a"),
        packet(b"user\0a\0odd\0\0"),
        packet(b"user\0a\0\0x\0\0"),
        packet(b"user\0a\0user\0b\0\0"),
        packet(b"user\0\xff\0\0"),
        packet(b"x", 80877103),
        packet(b"1234123", 80877102),
        packet(bytes(4 + 257), 80877102),
    ],
)
def test_what_is_no_startup_packet_is_refused(data) -> None:
    with pytest.raises(ProtocolViolation):
        reader().feed(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_packet_or_incomplete_or_a_violation(data) -> None:
    try:
        assert isinstance(reader().feed(data), StartupMessage | EncryptionRequest | CancelRequest | None)
    except ProtocolViolation as violation:
        assert str(violation)


words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.dictionaries(words, words, max_size=8))
def test_parameters_come_back_as_they_were(parameters) -> None:
    data = startup_message(196608, parameters)
    assert reader().feed(data) == StartupMessage(version=196608, parameters=parameters)
