"""The place of a session in the house: what is counted of it, and its cancel key; given back at its end."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from readonly_guard.settings import UpstreamSettings
from readonly_guard_proxy.net.cancel import forward_cancel
from readonly_guard_proxy.wire.messages import BackendKey

if TYPE_CHECKING:
    from readonly_guard_proxy.net.house import House
    from readonly_guard_proxy.net.link import Link

__all__ = ["HousePlace"]


class HousePlace:
    """One session's; a `readonly_guard_proxy.net.link.Place`. It has been counted as its user's already.

    Args:
        house: where.
        user: the database user that the client named.
        address: where the client is, as it was counted when it came.
        given: the cancel key that the client is given.
        upstream: where cancel requests are sent.
        context: for TLS to there, None for none.
    """

    __slots__ = ("_address", "_context", "_given", "_house", "_upstream", "_user")

    def __init__(  # noqa: PLR0917  one caller
        self,
        house: House,
        user: str,
        address: str,
        given: BackendKey,
        upstream: UpstreamSettings,
        context: ssl.SSLContext | None,
    ) -> None:
        self._house: Final = house
        self._user: Final = user
        self._address: Final = address
        self._given: Final = given
        self._upstream: Final = upstream
        self._context: Final = context

    def opened(self, servers: BackendKey) -> None:
        """The server let the client in, and gave this cancel key."""
        self._house.cancel_keys.opened(self._given, servers)
        self._house.attempts.succeeded(self._user, self._address)

    def rejected(self) -> None:
        """The server did not take the client for who it says it is."""
        self._house.attempts.failed(self._user, self._address)

    def closed(self, link: Link) -> None:
        """The session is over, and with it the client's connection."""
        self._house.crowd.depart(self._address)
        self.left(link)

    def left(self, link: Link) -> None:
        """The link never stood; the client is not gone by that."""
        house = self._house
        house.cancel_keys.withdraw(self._given)
        house.leave(link)
        house.crowd.leave(self._user)

    async def cancel(self, servers: BackendKey) -> None:
        """Have the server cancel what the session is doing.

        Raises:
            OSError: the server cannot be reached, or does not close in time.
        """
        await forward_cancel(self._upstream, self._context, servers)
