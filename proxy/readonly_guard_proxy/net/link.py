"""A link: one client, one server connection, and the session machine between them.

It turns what the transports tell into events, carries out the machine's commands, and asks the guard, one question at
a time. Whatever goes wrong here ends the session: a decision that does not come back, a defect of our own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol, assert_never

import structlog

from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.clearance import Clearance
from readonly_guard_proxy.net.closing import Departure, close_gently
from readonly_guard_proxy.net.flow import Valve, has_left
from readonly_guard_proxy.net.gathering import Gathering
from readonly_guard_proxy.net.inquiry import Inquiry
from readonly_guard_proxy.net.measured import MeasuredGuard
from readonly_guard_proxy.net.patience import Patience
from readonly_guard_proxy.net.sides import client_side
from readonly_guard_proxy.net.tasks import Tasks
from readonly_guard_proxy.net.who import Who
from readonly_guard_proxy.session.commands import (
    Abort,
    CancelStatement,
    Command,
    Completed,
    Decide,
    Finish,
    Opened,
    Refuse,
    Rejected,
    ToClient,
    ToServer,
)
from readonly_guard_proxy.session.events import (
    CancelDelivered,
    ClientData,
    ClientLost,
    DrainRequested,
    Event,
    OutOfPatience,
    ServerData,
    ServerLost,
    Waiting,
)
from readonly_guard_proxy.session.machine import Phase, SessionMachine
from readonly_guard_proxy.wire.messages import BackendKey

__all__ = ["Link"]

_log = structlog.get_logger(__name__)


class Place(Protocol):
    """What a session has of its own outside of itself, as `readonly_guard_proxy.net.place` keeps it."""

    def opened(self, servers: BackendKey) -> None:
        """The server let the client in, and gave this cancel key."""
        ...

    def rejected(self) -> None:
        """The server did not take the client for who it says it is."""
        ...

    def closed(self, link: Link, /) -> None:
        """The session is over; said once."""
        ...

    async def cancel(self, servers: BackendKey) -> None:
        """Have the server cancel what the session is doing; raises an OSError where that cannot be."""
        ...


class Link:
    """A session as its transports see it, which call it by its `readonly_guard_proxy.net.sides`.

    Args:
        who: goes into every request for a decision.
        machine: of this session.
        guard: decides.
        tasks: runs the questions.
        meters: count what is received.
        place: is told what has become of the session.
        patience: how long the session may wait for what.

    Attributes:
        gathering: decides how much must have come from the server; None before it is connected.
    """

    def __init__(
        self,
        *,
        who: Who,
        machine: SessionMachine,
        guard: MeasuredGuard,
        tasks: Tasks,
        meters: Meters,
        place: Place,
        patience: Patience,
    ) -> None:
        self._machine = machine
        self._guard = guard
        self._inquiry = Inquiry(who, guard, tasks, self.happened)
        self._tasks = tasks
        self._meters = meters
        self._place = place
        self._patience = patience
        # made once: a method that is handed over is an object of its own
        self._when_cleared: Callable[[Clearance], None] = self._cleared
        self._clearance: Clearance | None = None  # of the turn that waits for it
        self._sent: Clearance | None = None  # of the turn that was sent as one and is not answered
        self._deferred: list[Event] | None = None  # what has happened while a turn waited for its clearance
        self._is_joined = False
        self._is_over = False
        self._has_failed = False  # by a defect of ours: what the machine says from then on is not to be believed
        self._was_open = False
        self._early = b""
        self._unsent = b""
        self._can_wait = True
        self.gathering: Gathering | None = None
        self._departure = Departure()

    def join(self, client: asyncio.Transport, server: asyncio.Transport) -> None:
        """Take over both transports; from here on the machine has the word."""
        self._client, self._server = client, server
        self._client_valve, self._server_valve = Valve(client), Valve(server)
        self._is_joined = True
        client.set_protocol(client_side(self))
        if self._early:
            self.server_sent(self._early)
            self._early = b""

    # ------------------------------------------------------------------ from the client's transport

    def client_sent(self, data: bytes) -> None:
        """The client sent something."""
        self._meters.client_bytes += len(data)
        if not self._take_turn(data):
            self.happened(ClientData(data))

    def client_lost(self) -> None:
        """The client is gone; how makes no difference."""
        self.happened(ClientLost())

    def client_is_slow(self, *, slow: bool) -> None:
        """The client reads too slowly, or has caught up."""
        self._server_valve.set("client is slow", closed=slow)

    # ------------------------------------------------------------------ from the server's transport

    def server_sent(self, data: bytes) -> None:
        """The server sent something; one that has no room for one more says so before it is asked anything."""
        if self._is_joined:
            self._meters.server_bytes += len(data)
            if not self._end_turn(data):
                self.happened(ServerData(data))
        else:
            self._early += data

    def server_lost(self) -> None:
        """The server is gone; before the link stands, whoever makes it sees that for himself."""
        self._departure.over()
        if self._is_joined:
            self.happened(ServerLost())

    def server_is_slow(self, *, slow: bool) -> None:
        """The server reads too slowly, or has caught up."""
        self._client_valve.set("server is slow", closed=slow)

    def happened(self, event: Event) -> None:
        """Let the machine handle an event and carry out what it says; a defect of ours ends the session."""
        if self._has_failed:
            return
        if self._clearance is not None and self._defer(event):
            return
        if self._sent is not None:
            self._inquiry.unfold(self._sent)
            self._sent = None
        try:
            commands = self._machine.handle(event)
            if self._machine.phase is Phase.READY:
                self._client_valve.set("backlog", closed=self._machine.is_congested)
        except Exception as error:  # noqa: BLE001  whatever it is, the answer is the same: fail closed
            commands = self._failed(error)
        for command in commands:
            self._carry_out(command)
        if self._unsent and not (self._inquiry.is_open and self._can_wait):
            self._send()

    def _failed(self, error: Exception) -> list[Command]:
        _log.error("session machine failed", session_id=self._session_id, error=type(error).__name__)
        self._has_failed = True
        self._inquiry.abandon()
        return [Abort(reason="internal error")]

    # ------------------------------------------------------------------ the short cut: a turn as one

    def _take_turn(self, data: bytes) -> bool:
        """Have a turn sent as one, if these bytes are one and all of it was allowed before."""
        if self._clearance is not None:
            return False
        try:
            turn = self._machine.offer(data)
            if turn is None:
                return False
            self._clearance = clearance = Clearance(turn, self._guard, self._when_cleared)
            if clearance.seek(self._inquiry.asker):
                return True
        except Exception as error:  # noqa: BLE001  as in `happened`
            self._clearance = None
            self._carry_out(self._failed(error)[0])
            return True
        self._clearance = None
        return False

    def _cleared(self, clearance: Clearance) -> None:
        """Send the turn; what could not be recorded is decided anew, message by message, and denied there."""
        if self._clearance is not clearance:  # it took too long, or the session has ended
            clearance.revoke()
            return
        self._clearance = None
        turn = clearance.turn
        if clearance.is_granted:
            self._machine.release(turn)
            self._sent = clearance
            if not self._server.is_closing():  # its connection_lost is on its way
                self._server.write(turn.messages.data)
        else:
            clearance.revoke()
            self.happened(ClientData(turn.messages.data))
        if self._deferred:
            deferred, self._deferred = self._deferred, None
            for event in deferred:
                self.happened(event)

    def _defer(self, event: Event) -> bool:
        """Let it happen once the turn is sent, and read the client no further until then.

        What ends the session, or may end it, does not wait, since a log may take its time: the turn is given up then.
        """
        ends = isinstance(event, ClientLost | ServerLost) or (isinstance(event, DrainRequested) and event.now)
        if ends or isinstance(event, ServerData):  # a report, say, after which nothing more may be sent
            self._give_up(event, is_over=ends)
            return True
        if self._deferred is None:
            self._deferred = [event]
            self._client_valve.set("backlog", closed=True)
        else:
            self._deferred.append(event)
        return True

    def _give_up(self, event: Event, *, is_over: bool) -> None:
        """Let nothing come of the clearance: this happens first, and then the turn message by message."""
        clearance, self._clearance = self._clearance, None
        deferred, self._deferred = self._deferred or [], None
        self.happened(event)
        if clearance is not None and not is_over:
            self.happened(ClientData(clearance.turn.messages.data))
            for later in deferred:
                self.happened(later)

    def _end_turn(self, data: bytes) -> bool:
        """Pass on the whole reply to a turn, if these bytes are that."""
        sent = self._sent
        if sent is None:
            return False
        reply = self._machine.settle(data)
        if reply is None:
            return False
        self._sent = None
        self._to_client(data)
        self._inquiry.complete_turn(sent, reply)
        return True

    def drain(self, *, now: bool) -> None:
        """The proxy stops: end when nothing is under way, or at once. Before the link stands, others see to its end."""
        if self._is_joined:
            self.happened(DrainRequested(now=now))

    def expect(self, deadlines_s: Mapping[Waiting, float]) -> None:
        """Have other deadlines from now on."""
        self._patience = Patience(deadlines_s)

    def look(self, now_s: float) -> None:
        """See whether the session has waited too long, or for nobody; to be called every now and then."""
        if self._is_joined and not self._is_over:
            if self._client_valve.is_closed and has_left(self._client):
                self.happened(ClientLost())
                return
            machine = self._machine
            if self._clearance is not None:
                if self._patience.ran_out((Waiting.STATEMENT, self._clearance.turn.number), now_s):
                    self._clearance = None
                    self._meters.deadlines.add("statement")
                    self._inquiry.undecided(TimeoutError())
                return
            if self._patience.ran_out(machine.waiting, now_s):
                waiting = machine.waiting[0]
                self._meters.deadlines.add(waiting.name.lower())
                self.happened(OutOfPatience(waiting=waiting))

    # ------------------------------------------------------------------ the machine's commands

    def _carry_out(self, command: Command) -> None:
        if isinstance(command, Completed):
            self._inquiry.complete(command)
        elif self._is_over:
            return
        elif isinstance(command, ToClient):
            self._to_client(command.data)
        elif isinstance(command, ToServer):
            self._to_server(command)
        elif isinstance(command, Decide):
            self._inquiry.ask(command)
        elif isinstance(command, Refuse):
            self._inquiry.refuse(command)
        elif isinstance(command, Opened):
            self._open(command)
        elif isinstance(command, Rejected):
            self._place.rejected()
        elif isinstance(command, CancelStatement):
            self._tasks.start(self._deliver_cancel(command.key))
        elif isinstance(command, Finish):
            self._finish(command)
        elif isinstance(command, Abort):
            self._abort(command.reason)
        else:
            assert_never(command)

    def _to_server(self, command: ToServer) -> None:
        self._can_wait = command.can_wait and (self._can_wait or not self._unsent)
        self._unsent += command.data

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, b""
        if not self._server.is_closing():  # its connection_lost is on its way
            self._server.write(unsent)

    def _to_client(self, data: bytes) -> None:
        if not self._client.is_closing():
            self._client.write(data)

    def _finish(self, command: Finish) -> None:
        self._end(command.reason, client_left=command.client_left)
        if self._unsent:
            self._send()
        self._departure.begin(self._server, self._tasks)

    def _abort(self, reason: str) -> None:
        _log.warning("session aborted", session_id=self._session_id, reason=reason)
        self._end(reason)
        self._server.abort()

    def _open(self, command: Opened) -> None:
        self._was_open = True
        self._place.opened(command.key)
        detail, who = self._inquiry.opened(command.authentication), self._inquiry.who
        self._guard.session_event("opened", who.session, who.subject.id, detail=detail)

    async def _deliver_cancel(self, key: BackendKey) -> None:
        try:
            await self._place.cancel(key)
        except OSError as error:
            _log.warning("overdue statement not cancelled", session_id=self._session_id, error=type(error).__name__)
        self.happened(CancelDelivered())

    def _end(self, reason: str, *, client_left: bool = False) -> None:
        self._is_over = True
        if client_left and not self._client.get_write_buffer_size():
            self._client.close()  # nothing is on its way to it
        else:
            close_gently(self._client)
        event = "closed" if self._was_open else "refused"
        who = self._inquiry.who
        self._guard.session_event(event, who.session, who.subject.id, detail=reason)
        self._place.closed(self)
        self._when_cleared = _uncleared  # a method of its own that it keeps would keep it
        self._inquiry.hang_up()

    @property
    def _session_id(self) -> str:
        return self._inquiry.who.session.session_id


def _uncleared(clearance: Clearance) -> None:
    """Nobody waits for it any more."""
    clearance.revoke()
