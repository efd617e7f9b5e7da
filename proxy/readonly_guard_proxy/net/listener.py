"""The listener: accepts clients, knows who is in the house, and empties it when the proxy stops."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
import structlog

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import Settings
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.addresses import cannot_listen
from readonly_guard_proxy.net.attempts import Attempts
from readonly_guard_proxy.net.boards import Boards
from readonly_guard_proxy.net.cancel import CancelKeys, forward_cancel, worker_of
from readonly_guard_proxy.net.colleagues import Colleagues
from readonly_guard_proxy.net.credentials import Credentials
from readonly_guard_proxy.net.crowd import Crowd
from readonly_guard_proxy.net.descriptors import ON_THE_WAY_IN, provide
from readonly_guard_proxy.net.house import Desk
from readonly_guard_proxy.net.judging import remembering
from readonly_guard_proxy.net.link import Link
from readonly_guard_proxy.net.measured import MeasuredGuard
from readonly_guard_proxy.net.patience import deadlines_of, interval_s
from readonly_guard_proxy.net.ports import StartupJudge
from readonly_guard_proxy.net.reception import Reception
from readonly_guard_proxy.net.tasks import Tasks
from readonly_guard_proxy.net.tls import fault_of
from readonly_guard_proxy.net.tuning import tune
from readonly_guard_proxy.session.events import Waiting
from readonly_guard_proxy.wire.packets import CancelRequest

__all__ = ["Listener"]

_log = structlog.get_logger(__name__)
_FAREWELL_S: Final = 2.0
_LOOKED_AT_ONCE: Final = 256


class Listener:
    """One listening address and the sessions that came in through it; a `readonly_guard_proxy.net.house.House`.

    Args:
        settings: where to listen, whom to connect to, bounds.
        guard: decides.
        judge: judges startup packets, the same ones always in the same way.
        meters: count what comes and goes.
        credentials: for TLS.
        colleagues: the other workers on the same port; None when there are none.
    """

    def __init__(
        self,
        settings: Settings,
        guard: MeasuredGuard,
        judge: StartupJudge,
        meters: Meters,
        credentials: Credentials,
        *,
        colleagues: Colleagues | None = None,
    ) -> None:
        self.guard = guard
        self.judge = remembering(judge)
        self.meters = meters
        self.credentials = credentials
        self._links: set[Link] = set()
        self.tasks = Tasks()
        self.cancel_keys = CancelKeys(colleagues.number if colleagues is not None else 0)
        self._colleagues = colleagues
        boards = colleagues.boards if colleagues is not None else Boards.alone(settings.limits.connections)
        self.crowd = Crowd(settings.limits, boards.users, boards.addresses)
        self.attempts = Attempts(time.monotonic, boards.failures)
        self.deadlines_s: Mapping[Waiting, float] = {}
        self._look_s = 0.0
        self._server: asyncio.Server | None = None
        self.adopt(settings)
        self._looking: asyncio.Handle | None = None
        self._receptions: set[Desk] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def adopt(self, settings: Settings) -> None:
        """Go by other settings from the next connection on, and by their deadlines at once; the address stays."""
        self.settings = settings
        self._descriptors = provide(settings.limits.connections)
        self.crowd.limits = msgspec.structs.replace(settings.limits, connections=self._descriptors.sessions)
        self.deadlines_s = deadlines_of(settings.limits)
        self._look_s = interval_s((*self.deadlines_s.values(), settings.upstream.connect_timeout_s))
        self._tune()
        for link in self._links:
            link.expect(self.deadlines_s)

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
            self._server = await loop.create_server(
                lambda: Reception(self),
                where.host,
                where.port,
                backlog=ON_THE_WAY_IN,
                reuse_port=self._colleagues is not None or None,
                start_serving=False,
            )
            self._tune()
            await self._server.start_serving()
        except OSError as error:
            raise ConfigurationError(cannot_listen("listener", where.host, where.port, error)) from error
        port: int = self._sockets()[0].getsockname()[1]
        self._look()
        _log.info("listening", host=where.host, port=port, listener=where.name)
        return port

    def _tune(self) -> None:
        for listening in self._sockets():
            tune(listening, self.settings.listener.tcp)

    def _sockets(self) -> Sequence[socket.socket]:
        """Of the listener; uvloop has a list of them, asyncio a tuple, which compiled code would insist on."""
        return () if self._server is None else cast("Any", self._server).sockets

    async def drain(self, deadline_s: float) -> None:
        """Stop listening, end idle sessions now, others after their statement, the rest at the deadline (seconds)."""
        if self._server is not None:
            self._server.close()
        for reception in tuple(self._receptions):
            reception.dismiss("57P01", "the guard is shutting down")
        with _without_collecting():
            try:
                async with asyncio.timeout(deadline_s):
                    await self._end_all(now=False)
                    await self._empty.wait()
            except TimeoutError:
                _log.warning("sessions cut off", sessions=len(self._links))
                await self._end_all(now=True)
            if self._looking is not None:
                self._looking.cancel()
            await self.tasks.finish(_FAREWELL_S)

    async def _end_all(self, *, now: bool) -> None:
        """Tell all sessions to end, a few at a time: statements under way go on meanwhile."""
        links = iter(tuple(self._links))
        while some := tuple(itertools.islice(links, _LOOKED_AT_ONCE)):
            for link in some:
                link.drain(now=now)
            await asyncio.sleep(0)

    def _look(self) -> None:
        self._look_on(iter((*self._links, *self._receptions)))

    def _look_on(self, all_of_them: Iterator[Link | Desk]) -> None:
        """Look at the next few clients, so that statements of the others need not wait until all are seen."""
        loop = asyncio.get_running_loop()
        now_s, some = loop.time(), tuple(itertools.islice(all_of_them, _LOOKED_AT_ONCE))
        for one in some:
            one.look(now_s)
        if len(some) == _LOOKED_AT_ONCE:
            self._looking = loop.call_soon(self._look_on, all_of_them)
        else:
            self._looking = loop.call_later(self._look_s, self._look)

    # ------------------------------------------------------------------ the house

    async def cancel(self, request: CancelRequest) -> None:
        """Deal with a cancel request, here or where its session is."""
        colleagues, worker = self._colleagues, worker_of(request.pid)
        if colleagues is None or worker == colleagues.number:
            await self.cancel_here(request)
            return
        try:
            await colleagues.hand_over(worker, request)
            self.meters.cancels.add("handed over")
        except OSError:  # whoever guesses names workers that there are not
            self.meters.cancels.add("unknown")

    async def cancel_here(self, request: CancelRequest) -> None:
        """Deal with a cancel request that can only be for a session of this listener's."""
        outcome = "unknown"
        key = self.cancel_keys.find(request)
        if key is not None:
            try:
                await forward_cancel(self.settings.upstream, self.credentials.upstream, key)
                outcome = "forwarded"
            except OSError as error:
                outcome = "failed"
                _log.warning("cancel request not forwarded", reason=fault_of(error))
        self.meters.cancels.add(outcome)

    def enter(self, link: Link) -> None:
        """A session begins."""
        self._links.add(link)
        self.meters.sessions_open = len(self._links)
        self._empty.clear()

    def leave(self, link: Link) -> None:
        """A session is over."""
        self._links.discard(link)
        self.meters.sessions_open = len(self._links)
        if not self._links:
            self._empty.set()

    def arrive(self, reception: Desk, transport: asyncio.BaseTransport) -> None:
        """A client is received; one too many from his address, or in all, is turned away unheard."""
        self._receptions.add(reception)
        self.meters.sessions_starting = len(self._receptions)
        is_welcome = self.crowd.arrive(reception.address)
        if not self.has_room_for(transport):
            reception.turn_down("descriptors")
        elif not is_welcome:
            reception.turn_down("connections_per_address")
        elif len(self._receptions) > self.crowd.limits.connections + ON_THE_WAY_IN:
            reception.turn_down("connections")

    def has_room_for(self, connection: asyncio.BaseTransport) -> bool:
        """Whether a connection, of a client or to the server, leaves the guard what it needs itself."""
        return not self._descriptors.are_scarce(connection)

    def depart(self, reception: Desk, *, stays: bool) -> None:
        """A client is no longer received."""
        if reception in self._receptions and not stays:
            self.crowd.depart(reception.address)
        self._receptions.discard(reception)
        self.meters.sessions_starting = len(self._receptions)


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """While thousands of sessions end at once: the cycle collector would look at those left again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
