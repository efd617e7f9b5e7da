"""What the clients of one listener share, and what it knows of each of them, as protocols.

`readonly_guard_proxy.net.listener.Listener` is the house, `readonly_guard_proxy.net.reception.Reception` a desk in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from readonly_guard.domain import Session
from readonly_guard.settings import Settings
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.attempts import Attempts
from readonly_guard_proxy.net.cancel import CancelKeys
from readonly_guard_proxy.net.credentials import Credentials
from readonly_guard_proxy.net.crowd import Crowd
from readonly_guard_proxy.net.link import Link
from readonly_guard_proxy.net.measured import MeasuredGuard
from readonly_guard_proxy.net.ports import StartupJudge
from readonly_guard_proxy.net.tasks import Tasks
from readonly_guard_proxy.session.events import Waiting
from readonly_guard_proxy.wire.packets import CancelRequest

__all__ = ["Desk", "House"]


class Desk(Protocol):
    """Where a client stands until it has its link. ``address`` is without a port, empty on a unix socket.

    ``binding`` is what the client's TLS connection is known by (RFC 5929, ``tls-server-end-point``), None without one.
    """

    session: Session
    user: str
    address: str
    binding: bytes | None
    is_over: bool

    def is_punctual(self) -> None:
        """The client has said all that is waited for: now it is the server's turn."""
        ...

    def look(self, now_s: float) -> None:
        """See whether anybody has been waited for for too long; to be called every now and then."""
        ...

    def over(self, *, stays: bool = False) -> None:
        """The client has its link, and then it stays connected; or it has been turned away."""
        ...

    def turn_down(self, limit: str) -> None:
        """Turn the client away because a limit is reached: by its name in the settings, or ``descriptors``."""
        ...

    def turn_away(self, error: bytes, why: str, *, codes: tuple[str, ...] = ()) -> None:
        """Turn the client away: tell it, and the log."""
        ...

    def dismiss(self, sqlstate: str, why: str) -> None:
        """Turn the client away whatever it wants."""
        ...


class House(Protocol):
    """What the clients of one listener share."""

    settings: Settings
    guard: MeasuredGuard
    judge: StartupJudge
    tasks: Tasks
    cancel_keys: CancelKeys
    meters: Meters
    credentials: Credentials
    crowd: Crowd
    attempts: Attempts
    deadlines_s: Mapping[Waiting, float]

    async def cancel(self, request: CancelRequest) -> None:
        """Deal with a cancel request, whoever of the workers holds the session."""
        ...

    def enter(self, link: Link) -> None:
        """A session begins."""
        ...

    def leave(self, link: Link) -> None:
        """A session is over."""
        ...

    def arrive(self, desk: Desk, transport: asyncio.BaseTransport) -> None:
        """A client is received, over this connection."""
        ...

    def has_room_for(self, connection: asyncio.BaseTransport) -> bool:
        """Whether a connection, of a client or to the server, leaves the guard what it needs itself."""
        ...

    def depart(self, desk: Desk, *, stays: bool) -> None:
        """A client is no longer received: it got its link, with which it stays, or was turned away."""
        ...
