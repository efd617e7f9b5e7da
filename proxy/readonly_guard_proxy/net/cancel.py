"""Cancel requests: forwarded only when they name a session of this proxy, with its key.

The server checks the key as well. The check here keeps the proxy from being a way to reach sessions that it does not
guard, and the server from being bothered with guesses.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
from typing import Final

from readonly_guard.settings import UpstreamSettings
from readonly_guard_proxy.net.upstream import connect
from readonly_guard_proxy.wire.startup import CancelRequest, cancel_request

__all__ = ["CancelKeys", "forward_cancel"]

_ANSWER_S: Final = 5.0


class CancelKeys:
    """Process ids and keys of the live sessions."""

    def __init__(self) -> None:
        self._keys: dict[int, bytes] = {}

    def add(self, pid: int, key: bytes) -> None:
        """A session opened; without a key it cannot be cancelled."""
        if key:
            self._keys[pid] = key

    def discard(self, pid: int, key: bytes) -> None:
        """A session closed. The server may already have given its process id to another."""
        if self._keys.get(pid) == key:
            del self._keys[pid]

    def knows(self, request: CancelRequest) -> bool:
        """Whether a live session has this process id and key; takes as long for a wrong key as for a right one."""
        key = self._keys.get(request.pid)
        return key is not None and hmac.compare_digest(key, request.key)


async def forward_cancel(upstream: UpstreamSettings, context: ssl.SSLContext | None, request: CancelRequest) -> None:
    """Send the request to the server and wait until it has been dealt with, which the server shows by closing.

    Args:
        upstream: where.
        context: for TLS, None for none.
        request: with the process id and key that the server gave.

    Raises:
        OSError: the server cannot be reached, or does not close in time.
    """
    closed = asyncio.get_running_loop().create_future()
    transport = await connect(upstream, context, lambda: _Waiting(closed))
    try:
        transport.write(cancel_request(request.pid, request.key))
        async with asyncio.timeout(_ANSWER_S):
            await closed
    finally:
        transport.abort()


class _Waiting(asyncio.Protocol):
    def __init__(self, closed: asyncio.Future[None]) -> None:
        self._closed = closed

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self._closed.done():
            self._closed.set_result(None)
