"""Closing a client's connection."""

from __future__ import annotations

import asyncio
import socket
import struct

from readonly_guard_proxy.net.closing import close_gently


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
