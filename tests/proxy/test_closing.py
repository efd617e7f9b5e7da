"""Closing a client's connection."""

from __future__ import annotations

import asyncio
import socket
import struct

from readonly_guard_proxy.net.closing import Departure, close_gently
from readonly_guard_proxy.net.tasks import Tasks


async def test_one_that_is_reset_already_and_not_noticed_yet_is_no_error() -> None:
    """Nothing is awaited between the reset and the closing, so the event loop cannot have seen it."""
    lost = asyncio.get_running_loop().create_future()

    class Noting(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.set_result(exc)

    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    transport, protocol = await asyncio.get_running_loop().connect_accepted_socket(Noting, accepted)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    close_gently(transport)
    transport.set_protocol(protocol)
    async with asyncio.timeout(5):
        await lost


class _Noting(asyncio.Protocol):
    """Tells a departure of the end of its connection."""

    def __init__(self, departure: Departure) -> None:
        self._departure = departure
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        self._departure.over()
        self.lost.set_result(exc)


async def test_a_server_that_reads_no_more_is_cut_off() -> None:
    loop, departure, tasks = asyncio.get_running_loop(), Departure(), Tasks()
    with socket.create_server(("127.0.0.1", 0)) as server:
        transport, protocol = await loop.create_connection(lambda: _Noting(departure), *server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            transport.write(bytes(32 * 1024 * 1024))  # more than the kernel takes
            departure.begin(transport, tasks)
            await asyncio.sleep(0.1)
            assert not protocol.lost.done()
            async with asyncio.timeout(10):
                await protocol.lost


async def test_a_server_that_reads_is_sent_what_was_written_before() -> None:
    loop, departure, tasks = asyncio.get_running_loop(), Departure(), Tasks()
    with socket.create_server(("127.0.0.1", 0)) as server:
        transport, protocol = await loop.create_connection(lambda: _Noting(departure), *server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            transport.write(b"X\0\0\0\4")
            departure.begin(transport, tasks)
            async with asyncio.timeout(5):
                await protocol.lost
            assert accepted.recv(100) == b"X\0\0\0\4"
            assert accepted.recv(100) == b""
