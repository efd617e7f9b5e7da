"""Closing connections so that last words arrive: a client's that is turned away or dismissed, and the server's.

A socket that is closed while bytes from the other side wait unread resets the connection, and the client may lose the
error it was just sent. So the writing half is closed first, and what still comes is read and dropped for a moment. TLS
has no half to close: there the transport says goodbye and waits for the other side's.
"""

from __future__ import annotations

import asyncio
from typing import Final

from readonly_guard_proxy.net.tasks import Tasks
from readonly_guard_proxy.net.tls import FAREWELL_S, is_encrypted

__all__ = ["Departure", "close_gently"]

_LINGER_S: Final = 2.0


def close_gently(transport: asyncio.Transport, last_words: bytes = b"") -> None:
    """Send the last words, say that nothing follows, and close when the other side does, after 2 s at the latest."""
    if transport.is_closing():
        return
    transport.set_protocol(_Lingering(transport))
    transport.resume_reading()
    if last_words:
        transport.write(last_words)
    try:
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()
    except OSError:  # reset by the other side a moment ago, which the loop has not told yet
        transport.abort()


class _Lingering(asyncio.Protocol):
    def __init__(self, transport: asyncio.Transport) -> None:
        self._timer = asyncio.get_running_loop().call_later(_LINGER_S, transport.abort)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._timer.cancel()


class Departure:
    """A server's: what it is still to be sent leaves first, and it is cut off if that takes too long.

    Over TLS its own goodbye is waited for by a task, so that the proxy does not end before its sessions have.
    """

    __slots__ = ("_gone", "_is_over", "_timer")

    def __init__(self) -> None:
        self._is_over = False
        self._gone: asyncio.Event | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, server: asyncio.Transport, tasks: Tasks) -> None:
        """Close the connection in good order."""
        server.close()
        if self._is_over:
            return
        if is_encrypted(server):
            self._gone = asyncio.Event()
            tasks.start(_see_off(server, self._gone))
        else:
            self._timer = asyncio.get_running_loop().call_later(FAREWELL_S, server.abort)

    def over(self) -> None:
        """The connection is gone."""
        self._is_over = True
        if self._gone is not None:
            self._gone.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


async def _see_off(server: asyncio.Transport, gone: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(FAREWELL_S):
            await gone.wait()
    except TimeoutError:
        server.abort()
