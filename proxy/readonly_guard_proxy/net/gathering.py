"""Large results: what the server sends in small pieces is let come together before it is read.

PostgreSQL sends as soon as 8 KB are full (`PqSendBuffer`), so a proxy that is quick enough is woken for every 8 KB, and
wakes the client for them: for a gigabyte 130,000 times, which costs all three more than the copying does. A result that
has become large is therefore read only once 240 KB of it are there (SO_RCVLOWAT). Nobody knows which piece is the last:
after a millisecond whatever has come is read, so that the end of a large result may come so much later, and smaller
ones are never waited for.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from readonly_guard_proxy.net.tuning import is_tcp, wake_at

__all__ = ["Gathering"]

_LARGE_BYTES: Final = 512 * 1024
_GATHERED_BYTES: Final = 240 * 1024  # the event loop reads 256,000 at once
_PATIENCE_S: Final = 0.001
_CAN: Final = sys.platform == "linux"
"""Elsewhere it is not said that lowering the mark shows what is there already."""


class Gathering:
    """Decides how much must have come from a server before it is read.

    Args:
        transport: of the connection; over anything but TCP there is nothing to decide.
    """

    __slots__ = ("_came", "_is_gathering", "_is_possible", "_is_watched", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._is_possible: bool | None = None  # until it matters: most sessions have no large result
        self._came = 0  # since the client last said something
        self._is_gathering = False
        self._is_watched = False

    def asked(self) -> None:
        """The client said something: what comes next may be small, and waited for."""
        self._came = 0
        if self._is_gathering:
            self._read_all()

    def came(self, size: int) -> None:
        """So many bytes came from the server."""
        self._came += size
        if self._came < _LARGE_BYTES or self._is_gathering or self._transport.is_closing():
            return
        if self._is_possible is None:
            self._is_possible = _CAN and is_tcp(self._transport.get_extra_info("socket"))
        if not self._is_possible:
            return
        self._is_gathering = True
        wake_at(self._transport.get_extra_info("socket"), _GATHERED_BYTES)
        if not self._is_watched:
            self._is_watched = True
            asyncio.get_running_loop().call_later(_PATIENCE_S, self._look)

    def _look(self) -> None:
        self._is_watched = False
        if self._is_gathering:
            self._read_all()

    def _read_all(self) -> None:
        self._is_gathering = False
        if not self._transport.is_closing():  # then its descriptor may be another's by now
            wake_at(self._transport.get_extra_info("socket"), 1)
