"""Reading a large answer to its end."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.transfer import _drain

_END = b"Z\0\0\0\5I"


def _answer(data: bytes, *, size: int = 65536) -> int:
    ours, theirs = socket.socketpair()

    def send() -> None:
        with theirs:
            for place in range(0, len(data), size):
                theirs.sendall(data[place : place + size])

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with ours:
            return _drain(ours)
    finally:
        sender.join()


@pytest.mark.parametrize("size", [1, 7, 65536])
def test_an_answer_ends_with_ready_however_it_is_cut(size: int) -> None:
    data = b"".join(b"d" + struct.pack("!I", 104) + b"x" * 100 for _ in range(50)) + _END
    assert _answer(data, size=size) == len(data)


def test_a_refusal_is_no_result() -> None:
    with pytest.raises(BenchmarkError, match=r"refused: SERROR.*RG-X02"):
        _answer(b"E\0\0\0\x20SERROR\0Mreadonly-guard: RG-X02\0\0" + _END)


def test_an_answer_that_breaks_off_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="ended within"):
        _answer(b"d\0\0\0\5x" * 20)
