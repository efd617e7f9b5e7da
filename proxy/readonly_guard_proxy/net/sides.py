"""The two sides of a link, as its transports call them."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from readonly_guard_proxy.net.gathering import Gathering

__all__ = ["ClientSide", "ServerSide"]


class _Link(Protocol):
    """What the sides tell; `readonly_guard_proxy.net.link.Link` is one."""

    server_side: ServerSide

    def client_sent(self, data: bytes, /) -> None: ...
    def client_lost(self) -> None: ...
    def client_is_slow(self, *, slow: bool) -> None: ...
    def server_sent(self, data: bytes, /) -> None: ...
    def server_lost(self) -> None: ...
    def server_is_slow(self, *, slow: bool) -> None: ...


class ClientSide(asyncio.Protocol):
    """The client's side of a link."""

    __slots__ = ("_link",)

    def __init__(self, link: _Link) -> None:
        self._link = link

    def data_received(self, data: bytes) -> None:
        """The client sent something."""
        if (gathering := self._link.server_side.gathering) is not None:
            gathering.asked()
        self._link.client_sent(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        """The client is gone."""
        self._link.client_lost()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._link.client_is_slow(slow=True)

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._link.client_is_slow(slow=False)


class ServerSide(asyncio.Protocol):
    """The server's side of a link."""

    __slots__ = ("_gone", "_is_gone", "_link", "gathering")

    def __init__(self, link: _Link) -> None:
        self._link = link
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
