"""The two sides of a link, as its transports call them: protocols of asyncio, but for the base class.

asyncio and uvloop ask of a protocol nothing but its methods, and a class with that base is never compiled.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from readonly_guard_proxy.net.gathering import Gathering

if TYPE_CHECKING:
    from readonly_guard_proxy.net.link import Link

__all__ = ["ClientSide", "ServerSide", "as_protocol"]


class ClientSide:
    """The client's side of a link."""

    __slots__ = ("_link",)

    def __init__(self, link: Link) -> None:
        self._link: Final = link

    def data_received(self, data: bytes) -> None:
        """The client sent something."""
        if (gathering := self._link.server_side.gathering) is not None:
            gathering.asked()
        self._link.client_sent(data)

    def eof_received(self) -> None:
        """The client sends no more: its transport closes."""

    def connection_lost(self, _exc: Exception | None) -> None:
        """The client is gone."""
        self._link.client_lost()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._link.client_is_slow(slow=True)

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._link.client_is_slow(slow=False)


class ServerSide:
    """The server's side of a link."""

    __slots__ = ("_gone", "_is_gone", "_link", "gathering")

    def __init__(self, link: Link) -> None:
        self._link: Final = link
        self._is_gone = False
        self.gathering: Gathering | None = None
        self._gone: asyncio.Event | None = None

    @property
    def gone(self) -> asyncio.Event:
        """Whether the server is; made when somebody waits for it, which is at the end of a session only."""
        if self._gone is None:
            self._gone = asyncio.Event()
            if self._is_gone:
                self._gone.set()
        return self._gone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server can be spoken to."""
        self.gathering = Gathering(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """The server sent something."""
        if self.gathering is not None:
            self.gathering.came(len(data))
        self._link.server_sent(data)

    def eof_received(self) -> None:
        """The server sends no more: its transport closes."""

    def connection_lost(self, _exc: Exception | None) -> None:
        """The server is gone."""
        self._is_gone = True
        if self._gone is not None:
            self._gone.set()
        self._link.server_lost()

    def pause_writing(self) -> None:
        """The server reads too slowly."""
        self._link.server_is_slow(slow=True)

    def resume_writing(self) -> None:
        """The server has caught up."""
        self._link.server_is_slow(slow=False)


def as_protocol(side: ClientSide | ServerSide) -> asyncio.Protocol:
    """A side as what the event loop calls it."""
    return cast("asyncio.Protocol", side)
