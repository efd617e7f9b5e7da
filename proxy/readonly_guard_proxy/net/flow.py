"""Backpressure: whoever sends faster than the other side reads is read no further for a while."""

from __future__ import annotations

import asyncio
import select
from typing import Final

__all__ = ["Valve", "has_left"]

_GONE: Final = getattr(select, "POLLRDHUP", 0)
"""Linux tells that the other side has closed even while what it sent is unread; elsewhere only a reset is seen."""


class Valve:
    """Decides whether a transport is read. It is while nobody has a reason that it should not be."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._reasons: frozenset[str] = frozenset()

    @property
    def is_closed(self) -> bool:
        """Whether there is a reason not to read."""
        return bool(self._reasons)

    def set(self, reason: str, *, closed: bool) -> None:
        """Have, or no longer have, this reason not to read."""
        if closed is (reason in self._reasons):
            return
        was_open = not self._reasons
        self._reasons = self._reasons | {reason} if closed else self._reasons - {reason}
        if was_open != (not self._reasons) and not self._transport.is_closing():
            if self._reasons:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()


def has_left(transport: asyncio.Transport) -> bool:
    """Whether the other side of a transport that is not being read has closed: nobody else would notice."""
    sock = transport.get_extra_info("socket")
    if sock is None or transport.is_closing():
        return False
    asked = select.poll()
    asked.register(sock.fileno(), _GONE)
    return bool(asked.poll(0))
