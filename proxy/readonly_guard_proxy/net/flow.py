"""Backpressure: whoever sends faster than the other side reads is read no further for a while."""

from __future__ import annotations

import asyncio

__all__ = ["Valve"]


class Valve:
    """Decides whether a transport is read. It is while nobody has a reason that it should not be."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._reasons: set[str] = set()

    def set(self, reason: str, *, closed: bool) -> None:
        """Have, or no longer have, this reason not to read."""
        was_open = not self._reasons
        if closed:
            self._reasons.add(reason)
        else:
            self._reasons.discard(reason)
        if was_open != (not self._reasons) and not self._transport.is_closing():
            if self._reasons:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()
