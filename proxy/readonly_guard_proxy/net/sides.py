"""The two sides of a link, as its transports call them: protocols of asyncio, but for the base class.

asyncio and uvloop ask of a protocol nothing but its methods, and a class with that base is never compiled. A link knows
none of its sides, so that nothing is left of a session once its transports are gone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from readonly_guard_proxy.net.gathering import Gathering

if TYPE_CHECKING:
    from readonly_guard_proxy.net.link import Link

__all__ = ["client_side", "server_side"]


def client_side(link: Link) -> asyncio.Protocol:
    """What a client's transport is to call."""
    return cast("asyncio.Protocol", _ClientSide(link))


def server_side(link: Link) -> asyncio.Protocol:
    """What a server's transport is to call."""
    return cast("asyncio.Protocol", _ServerSide(link))


class _ClientSide:
    __slots__ = ("_link",)

    def __init__(self, link: Link) -> None:
        self._link: Final = link

    def data_received(self, data: bytes) -> None:
        """The client sent something."""
        if (gathering := self._link.gathering) is not None:
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


class _ServerSide:
    __slots__ = ("_link",)

    def __init__(self, link: Link) -> None:
        self._link: Final = link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server can be spoken to."""
        self._link.gathering = Gathering(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """The server sent something."""
        if (gathering := self._link.gathering) is not None:
            gathering.came(len(data))
        self._link.server_sent(data)

    def eof_received(self) -> None:
        """The server sends no more: its transport closes."""

    def connection_lost(self, _exc: Exception | None) -> None:
        """The server is gone."""
        self._link.server_lost()

    def pause_writing(self) -> None:
        """The server reads too slowly."""
        self._link.server_is_slow(slow=True)

    def resume_writing(self) -> None:
        """The server has caught up."""
        self._link.server_is_slow(slow=False)
