"""Connections to the guarded server, over TCP or a unix socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from readonly_guard.settings import UpstreamSettings

__all__ = ["connect", "set_no_delay"]


async def connect(upstream: UpstreamSettings, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
    """Connect to the server.

    Args:
        upstream: where; a ``host`` that starts with ``/`` is the directory of the socket ``.s.PGSQL.<port>``.
        factory: makes the protocol.

    Raises:
        OSError: it cannot be reached, or not within ``connect_timeout_s`` (then a TimeoutError).
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(upstream.connect_timeout_s):
        transport: asyncio.Transport
        if upstream.host.startswith("/"):
            path = f"{upstream.host}/.s.PGSQL.{upstream.port}"
            transport, _ = await loop.create_unix_connection(factory, path)
        else:
            transport, _ = await loop.create_connection(factory, upstream.host, upstream.port)
    set_no_delay(transport)
    return transport


def set_no_delay(transport: asyncio.BaseTransport) -> None:
    """Send small messages at once. Not every loop and socket does so by itself: 40 ms a round trip otherwise."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
