"""Closing a client's connection so that its last words arrive.

A socket that is closed while bytes from the other side wait unread resets the connection, and the client may lose the
error it was just sent. So the writing half is closed first, and what still comes is read and dropped for a moment. TLS
has no half to close: there the transport says goodbye and waits for the other side's.
"""

from __future__ import annotations

import asyncio
from typing import Final

__all__ = ["close_gently"]

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
