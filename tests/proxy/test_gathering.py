"""Large results, let come together before they are read."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import pytest

from readonly_guard_proxy.net.gathering import Gathering
from readonly_guard_proxy.net.tuning import wake_at

LARGE = 512 * 1024
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux says that lowering the mark shows what is there"
)


class Reader(asyncio.Protocol):
    """A server's side that keeps what comes."""

    def __init__(self) -> None:
        self.data, self.came, self.has_ended = b"", asyncio.Event(), asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.came.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.has_ended.set()


def mark(transport: asyncio.Transport) -> int:
    """How much must have come before the event loop is told."""
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as same:
        return same.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)


@pytest.fixture
async def connected():
    """The server's end, the transport of the other, and what reads there."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        transport, reader = await asyncio.get_running_loop().create_connection(Reader, *listening.getsockname())
        server, _ = listening.accept()
    with server:
        yield server, transport, reader
        transport.abort()


async def test_a_result_is_waited_for_once_it_is_large(connected) -> None:
    _, transport, _ = connected
    gathering = Gathering(transport)
    gathering.came(LARGE - 1)
    assert mark(transport) == 1
    gathering.came(1)
    assert mark(transport) == 240 * 1024


async def test_its_last_piece_is_read_however_small_it_is(connected) -> None:
    server, transport, reader = connected
    gathering = Gathering(transport)
    gathering.came(LARGE)
    server.sendall(b"the end")
    async with asyncio.timeout(10):
        await reader.came.wait()
    assert (reader.data, mark(transport)) == (b"the end", 1)


async def test_so_is_what_lay_there_before_the_mark_was_lowered(connected) -> None:
    """Nothing else comes that would show it: no more data, no end of the connection."""
    server, transport, reader = connected
    wake_at(transport.get_extra_info("socket"), 128 * 1024)
    server.sendall(b"the end")
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert reader.data == b""
    wake_at(transport.get_extra_info("socket"), 1)
    async with asyncio.timeout(10):
        await reader.came.wait()


async def test_the_next_result_is_not_waited_for(connected) -> None:
    _, transport, _ = connected
    gathering = Gathering(transport)
    gathering.came(LARGE)
    gathering.asked()
    assert mark(transport) == 1
    gathering.came(LARGE - 1)
    assert mark(transport) == 1


async def test_the_servers_end_is_seen_at_once(connected) -> None:
    server, transport, reader = connected
    wake_at(transport.get_extra_info("socket"), 128 * 1024)
    server.sendall(b"the end")
    server.close()
    async with asyncio.timeout(10):
        await reader.has_ended.wait()
    assert reader.data == b"the end"


async def test_nothing_is_set_on_a_connection_that_is_gone(connected) -> None:
    """Its descriptor may be another's, whose mark is its own."""
    _, transport, reader = connected
    gathering = Gathering(transport)
    gathering.came(LARGE)
    descriptor = transport.get_extra_info("socket").fileno()
    transport.abort()
    async with asyncio.timeout(10):
        await reader.has_ended.wait()
    others = [socket.socket()]
    while others[-1].fileno() < descriptor:
        others.append(socket.socket())
    assert descriptor in {other.fileno() for other in others}
    for other in others:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 7)
    gathering.came(LARGE)
    gathering.asked()
    await asyncio.sleep(0.05)
    assert {other.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) for other in others} == {7}
    for other in others:
        other.close()


async def test_a_unix_socket_is_read_as_it_comes(tmp_path) -> None:
    path = str(tmp_path / "socket")
    async with await asyncio.start_unix_server(lambda _reader, writer: writer.close(), path):
        transport, reader = await asyncio.get_running_loop().create_unix_connection(Reader, path)
        Gathering(transport).came(LARGE)
        assert mark(transport) == 1
        async with asyncio.timeout(10):
            await reader.has_ended.wait()
        transport.close()
