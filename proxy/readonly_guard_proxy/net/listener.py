"""The listener: accepts clients, knows who is in the house, and empties it when the proxy stops."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Final

import structlog

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import ListenerSettings, Settings
from readonly_guard_proxy.net.cancel import CancelKeys
from readonly_guard_proxy.net.link import Link
from readonly_guard_proxy.net.ports import DecisionMaker, StartupJudge
from readonly_guard_proxy.net.reception import Reception
from readonly_guard_proxy.net.tasks import Tasks

__all__ = ["Listener"]

_log = structlog.get_logger(__name__)
_BACKLOG: Final = 1_024
_FAREWELL_S: Final = 2.0


class Listener:
    """One listening address and the sessions that came in through it; a `readonly_guard_proxy.net.reception.House`.

    Args:
        settings: where to listen, whom to connect to, bounds.
        guard: decides.
        judge: judges startup packets.
    """

    def __init__(self, settings: Settings, guard: DecisionMaker, judge: StartupJudge) -> None:
        self.settings = settings
        self.guard = guard
        self.judge = judge
        self.tasks = Tasks()
        self.cancel_keys = CancelKeys()
        self._links: set[Link] = set()
        self._receptions: set[Reception] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """Listen.

        Returns:
            The port, which the system chose when the settings say 0.

        Raises:
            ConfigurationError: the address cannot be listened on; the text says which and what to do.
        """
        where = self.settings.listener
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: Reception(self), where.host, where.port, backlog=_BACKLOG)
        except OSError as error:
            raise ConfigurationError(_explain(where, error)) from error
        port: int = self._server.sockets[0].getsockname()[1]
        _log.info("listening", host=where.host, port=port, listener=where.name)
        return port

    async def drain(self, deadline_s: float) -> None:
        """Stop listening, end idle sessions now, others after their statement, the rest at the deadline (seconds)."""
        if self._server is not None:
            self._server.close()
        for reception in tuple(self._receptions):
            reception.dismiss("57P01", "the guard is shutting down")
        for link in tuple(self._links):
            link.drain(now=False)
        try:
            async with asyncio.timeout(deadline_s):
                await self._empty.wait()
        except TimeoutError:
            _log.warning("sessions cut off", sessions=len(self._links))
            for link in tuple(self._links):
                link.drain(now=True)
        await self.tasks.finish(_FAREWELL_S)

    # ------------------------------------------------------------------ the house

    @property
    def is_full(self) -> bool:
        """Whether as many sessions are open as may be."""
        return len(self._links) >= self.settings.limits.connections

    def enter(self, link: Link) -> None:
        """A session begins."""
        self._links.add(link)
        self._empty.clear()

    def leave(self, link: Link) -> None:
        """A session is over."""
        self._links.discard(link)
        if not self._links:
            self._empty.set()

    def arrive(self, reception: Reception) -> None:
        """A client is received; so many at once that none of them could be served are cut off unheard."""
        self._receptions.add(reception)
        if len(self._receptions) > self.settings.limits.connections + _BACKLOG:
            reception.dismiss("53300", "too many connections")

    def depart(self, reception: Reception) -> None:
        """A client is no longer received."""
        self._receptions.discard(reception)


def _explain(where: ListenerSettings, error: OSError) -> str:
    address = f"{where.host}:{where.port}"
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"listener.port: {address} is in use; stop the program that listens there, "
                "or choose another listener.port (0 takes a free one)"
            )
        case errno.EACCES:
            return f"listener.port: {address} may not be listened on; choose a listener.port of 1024 or above"
        case errno.EADDRNOTAVAIL:
            return f"listener.host: {where.host} is not an address of this machine"
        case number:
            reason = os.strerror(number) if number and number > 0 else "the name is not known"
            return f"listener.host: {address} cannot be listened on: {reason}"
