"""Connections to the guarded server, over TCP or a unix socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from readonly_guard.settings import UpstreamSettings
from readonly_guard_proxy.net.tuning import tune

__all__ = ["connect"]


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
    tune(transport, upstream.tcp)
    return transport
