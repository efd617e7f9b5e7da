"""The session machine: the life of a session from its startup message to its end.

States, and who may say what::

    AUTHENTICATION   server: NegotiateProtocolVersion, Authentication; client: password messages, in turn
    STARTUP          server: ParameterStatus, BackendKeyData, ReadyForQuery; client: nothing
    READY            the two lanes, `request_lane` and `reply_lane`; the `quick_lane` is a short cut past both
    CLOSED           nothing has any effect

A denied text never leaves: a substitute that PostgreSQL itself refuses takes its place, its entry in the reply lane is
marked, and the error that comes back is put into the guard's words. Order, the skipping until Sync and the transaction
status are then right by construction. When guard and server no longer agree on what is going on, both sides are closed.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, assert_never

from readonly_guard.domain import Language
from readonly_guard_proxy.session.authentication import Handshake
from readonly_guard_proxy.session.commands import Abort, CancelStatement, Command, Finish, Opened, Rejected
from readonly_guard_proxy.session.denial import STATEMENT_TIMEOUT, fatal, fatal_of_code
from readonly_guard_proxy.session.events import (
    CancelDelivered,
    ClientData,
    ClientLost,
    Decided,
    DrainRequested,
    Event,
    Failed,
    OutOfPatience,
    ServerData,
    ServerLost,
    Waiting,
)
from readonly_guard_proxy.session.outbox import Outbox
from readonly_guard_proxy.session.quick_lane import QuickLane, Turn
from readonly_guard_proxy.session.reply_lane import ReplyLane
from readonly_guard_proxy.session.reported import Distrust, Reported
from readonly_guard_proxy.session.request_lane import RequestLane
from readonly_guard_proxy.session.service_login import ServiceLogin
from readonly_guard_proxy.wire.framing import Frame, FrameReader, ProtocolViolation, frame
from readonly_guard_proxy.wire.messages import (
    BACKEND_KINDS,
    FRONTEND_KINDS,
    STREAMED_KINDS,
    Backend,
    BackendKey,
    Frontend,
    backend_key,
    backend_key_data,
    error_fields,
    parameter_status,
    transaction_status,
)
from readonly_guard_proxy.wire.turns import WholeReply

__all__ = ["Phase", "SessionMachine"]

_NOT_AUTHENTICATED: Final = "28"  # the class of SQLSTATEs: invalid authorization specification
_TERMINATE: Final = frame(Frontend.TERMINATE, b"")
_MOST_EARLY_BYTES: Final = 65_535
"""PG_MAX_AUTH_TOKEN_LENGTH: who is not known yet may not have more kept for him (PostgreSQL sources, libpq/auth.h)."""

_STARTUP_TIMEOUT: Final = "canceling authentication due to timeout"
_IDLE_TIMEOUT: Final = "terminating connection due to idle-session timeout"
_IDLE_IN_TRANSACTION_TIMEOUT: Final = "terminating connection due to idle-in-transaction timeout"


class Phase(Enum):
    """Where a session is in its life."""

    AUTHENTICATION = auto()
    STARTUP = auto()
    READY = auto()
    CLOSED = auto()


_READY: Final = Phase.READY
_CLOSED: Final = Phase.CLOSED


class SessionMachine:
    """One session between a client and a server: feed it events with :meth:`handle`, carry out the commands.

    Args:
        user: the database user of the startup message.
        handshake: the time until the server lets the session in.
        cancel_key: what the client is given in place of the server's.
        message_bytes: the largest message from either side that is taken, streamed rows excepted; from a client that is
            not let in yet it is 64 KB.
        language: of what is said when no decision is at hand.
    """

    def __init__(
        self,
        *,
        user: str,
        handshake: Handshake | ServiceLogin,
        cancel_key: BackendKey,
        message_bytes: int,
        language: Language = "en",
    ) -> None:
        self._phase = Phase.AUTHENTICATION
        self._language: Language = language
        self._client = FrameReader(kinds=FRONTEND_KINDS, limit=min(message_bytes, _MOST_EARLY_BYTES))
        self._server = FrameReader(kinds=BACKEND_KINDS, limit=message_bytes, streamed=STREAMED_KINDS)
        self._handshake = handshake
        self._cancel_key = cancel_key
        self._key = BackendKey(0, b"")
        self._draining = False
        self._overdue = 0  # the request whose patience has run out
        self._outbox = Outbox()
        self._reported = Reported(user)
        self._replies = ReplyLane(self._outbox)
        self._requests = RequestLane(self._outbox, self._replies, self._reported)
        self._quick = QuickLane(self._requests, self._replies, self._reported)
        self._message_bytes = message_bytes

    @property
    def phase(self) -> Phase:
        """Where the session is in its life."""
        return self._phase

    @property
    def is_congested(self) -> bool:
        """Whether the client should be read no further for now."""
        return self._requests.is_congested

    @property
    def waiting(self) -> tuple[Waiting, int]:
        """What the session waits for, and a number that is another as soon as it has waited for anything else."""
        if self._phase is not Phase.READY:
            return Waiting.STARTUP, 0
        if self._quick.turn is not None:
            return Waiting.STATEMENT, self._quick.turn.number
        if not self._replies.is_empty:
            return Waiting.STATEMENT, self._replies.oldest
        if not self._requests.is_empty:
            return Waiting.STATEMENT, -self._requests.asked
        kind = Waiting.IDLE_IN_TRANSACTION if self._replies.holds_transaction else Waiting.IDLE
        return kind, self._replies.sent

    def handle(self, event: Event) -> list[Command]:
        """What is to be done now that this has happened.

        Raises:
            AssertionError: a decision that was not asked for; the caller's mistake.
        """
        if self._phase is _CLOSED and not isinstance(event, Decided):
            return []
        try:
            self._quick.unfold()
            self._take(event)
            if self._phase is _READY:
                self._requests.pump()
                if self._requests.terminated:
                    self._finish(client_left=True)
                elif self._draining and self._requests.is_empty and self._replies.is_empty:
                    self._farewell()
        except ProtocolViolation as violation:
            self._abort(self._fatal("08P01", f"protocol violation: {violation}"), f"protocol violation: {violation}")
        return self._outbox.drain()

    # ------------------------------------------------------------------ the short cut, past `handle`

    def offer(self, data: bytes) -> Turn | None:
        """The turn that these bytes of the client are, where it can be sent as one if all of it is allowed.

        Nothing is changed by asking: `handle` takes the same bytes. What is offered holds until the next event, and
        is sent by :meth:`release`.
        """
        if (
            self._phase is not _READY
            or self._draining
            or len(data) > self._message_bytes
            or not (self._client.is_between and self._server.is_between)
        ):
            return None
        return self._quick.offer(data)

    def release(self, turn: Turn) -> None:
        """The turn was allowed, and is sent to the server as it stands; its decisions have their tokens from now on."""
        self._quick.release(turn)

    def settle(self, data: bytes) -> WholeReply | None:
        """Take these bytes of the server as the whole reply to the turn; they are passed on to the client.

        Returns:
            None where they are not that; nothing is changed then, and `handle` takes them. Else no completion comes
            of the turn's decisions: this is it.
        """
        return self._quick.settle(data)

    # ------------------------------------------------------------------ events

    def _take(self, event: Event) -> None:
        match event:
            case ClientData():
                self._client_data(event.data)
            case ServerData():
                self._server_data(event.data)
            case Decided():
                self._decided(event)
            case ClientLost():
                self._finish(client_left=True)
            case ServerLost():
                self._server_lost()
            case DrainRequested():
                self._drain(now=event.now)
            case Failed():
                self._failed(event.what)
            case OutOfPatience():
                self._out_of_patience(event.waiting)
            case CancelDelivered():
                self._requests.hold = False
            case never:
                assert_never(never)

    def _client_data(self, data: bytes) -> None:
        for message in self._client.feed(data):
            if self._phase is _READY:
                self._requests.put(message)
            elif self._phase is _CLOSED:
                return
            else:
                self._early_client(message)
        self._client.check()

    def _server_data(self, data: bytes) -> None:
        for message in self._server.feed(data):
            if self._phase is _READY:
                self._reply(message)
            elif self._phase is _CLOSED:
                return
            else:
                self._early_server(message)
        self._server.check()

    def _decided(self, event: Decided) -> None:
        if not self._requests.decided(event):
            self._failed("a refusal came back as an allowance")

    def _server_lost(self) -> None:
        if self._replies.server_is_leaving:
            self._finish()
        else:
            self._abort(self._fatal("08006", "the server closed the connection"), "the server closed the connection")

    def _drain(self, *, now: bool) -> None:
        self._draining = True
        if now or self._phase is not Phase.READY:  # who has not been let in has nothing under way
            self._farewell()

    def _failed(self, what: str) -> None:
        self._abort(fatal_of_code("RG-SYS-001", what, self._language, codec=self._reported.codec), what)

    def _out_of_patience(self, awaited: Waiting) -> None:
        waiting, number = self.waiting
        if waiting is not awaited:
            return
        match waiting:
            case Waiting.STARTUP:
                self._abort(self._fatal("57014", _STARTUP_TIMEOUT), _STARTUP_TIMEOUT)
            case Waiting.IDLE:
                self._dismiss("57P05", _IDLE_TIMEOUT)
            case Waiting.IDLE_IN_TRANSACTION:
                self._dismiss("25P03", _IDLE_IN_TRANSACTION_TIMEOUT)
            case Waiting.STATEMENT:
                self._statement_overdue(number)

    def _statement_overdue(self, number: int) -> None:
        """First the server is asked to cancel, and the session lives on; what even then does not end is cut off."""
        if self._overdue == number or not self._key.secret:
            self._abort(self._fatal("57014", STATEMENT_TIMEOUT), STATEMENT_TIMEOUT)
            return
        self._overdue = number
        if not self._replies.is_empty:
            self._replies.mark_overdue()
            self._requests.hold = True
            self._outbox.commands.append(CancelStatement(key=self._key))

    # ------------------------------------------------------------------ before ReadyForQuery

    def _early_client(self, message: Frame) -> None:
        if message.kind == Frontend.TERMINATE:
            self._finish(client_left=True)
        elif self._phase is Phase.AUTHENTICATION and message.kind == Frontend.PASSWORD:
            if (distrust := self._handshake.answered(message)) is not None:
                self._distrust(distrust)
            else:
                self._outbox.send(message.data)
        else:
            raise ProtocolViolation("a message before the session was ready")

    def _early_server(self, message: Frame) -> None:
        kind = message.kind
        if kind == Backend.ERROR:
            self._early_error(message)
        elif kind == Backend.NOTICE:
            self._outbox.to_client.append(message.data)
        elif self._phase is Phase.AUTHENTICATION and kind == Backend.NEGOTIATE:
            self._handshake.negotiated(message)
        elif self._phase is Phase.AUTHENTICATION and kind == Backend.AUTHENTICATION:
            self._authentication(message)
        elif self._phase is Phase.STARTUP and kind == Backend.PARAMETER_STATUS:
            self._parameter(message)
        elif self._phase is Phase.STARTUP and kind == Backend.BACKEND_KEY_DATA:
            self._key = backend_key(message)
            self._outbox.to_client.append(backend_key_data(self._cancel_key))
        elif self._phase is Phase.STARTUP and kind == Backend.READY:
            self._open(message)
        else:
            raise ProtocolViolation(f"message type {chr(kind)!r} from the server before the session was ready")

    def _early_error(self, message: Frame) -> None:
        sqlstate = error_fields(message).get("C", b"").decode("latin-1")
        is_rejected = sqlstate.startswith(_NOT_AUTHENTICATED)
        if self._handshake.is_own and (is_rejected or self._phase is Phase.AUTHENTICATION):
            self._shut_out(sqlstate)
            return
        if is_rejected:
            self._outbox.commands.append(Rejected())
        self._replies.take(message, self._reported.codec)

    def _authentication(self, message: Frame) -> None:
        try:
            turn = self._handshake.asked(message)
        except ProtocolViolation as violation:
            if not self._handshake.is_own:
                raise
            self._shut_out(str(violation))
            return
        if isinstance(turn, Distrust):
            self._distrust(turn)
            return
        if turn.to_client:
            self._outbox.to_client.append(turn.to_client)
        if turn.to_server:
            self._outbox.send(turn.to_server)
        if self._handshake.done:
            self._phase = Phase.STARTUP

    def _shut_out(self, why: str) -> None:
        """The server does not take the guard's own account, which is none of the client's business."""
        what = "the database server does not let the guard in"
        error = fatal("57P03", what, hint="Call operations: the guard's account at the server.")
        self._abort(error, f"{what}: {why}")

    def _open(self, message: Frame) -> None:
        if (distrust := self._reported.missing()) is not None:
            self._distrust(distrust)
            return
        self._phase = Phase.READY
        self._client.allow(self._message_bytes)
        self._outbox.commands.append(Opened(key=self._key, authentication=self._handshake.method))
        self._outbox.to_client.append(message.data)

    # ------------------------------------------------------------------ ready

    def _reply(self, message: Frame) -> None:
        kind = message.kind
        if kind == Backend.PARAMETER_STATUS:
            self._parameter(message)
        elif kind == Backend.NOTICE or kind == Backend.NOTIFICATION:  # noqa: PLR1714  compiled, two comparisons of numbers
            self._outbox.to_client.append(message.data)  # they belong to no request and may come at any time
        else:
            self._replies.take(message, self._reported.codec)
            if kind == Backend.READY and self._replies.is_empty:
                self._reported.ready(transaction_status(message))

    def _parameter(self, message: Frame) -> None:
        name, value = parameter_status(message)  # compiled, unpacking them into the call would call it by its name
        distrust = self._reported.take(name, value)
        if distrust is None:
            self._outbox.to_client.append(message.data)
        else:
            self._distrust(distrust)

    # ------------------------------------------------------------------ the end

    def _distrust(self, distrust: Distrust) -> None:
        error = fatal_of_code(distrust.code, distrust.what, self._language, codec=self._reported.codec)
        self._abort(error, f"{distrust.code}: {distrust.what}")

    def _farewell(self) -> None:
        """The proxy stops."""
        self._tell(self._fatal("57P01", "the guard is shutting down"))
        self._finish()

    def _dismiss(self, sqlstate: str, why: str) -> None:
        """The client has done nothing for too long."""
        self._tell(self._fatal(sqlstate, why))
        self._finish(reason=why)

    def _finish(self, *, reason: str = "", client_left: bool = False) -> None:
        """The session ends in good order."""
        if self._phase is Phase.READY and not self._replies.server_is_leaving:
            self._outbox.send(_TERMINATE)
        self._end(Finish(reason, client_left=client_left))

    def _abort(self, error: bytes, reason: str) -> None:
        """The session cannot go on: nothing more reaches the server, and the client is told why."""
        self._outbox.to_server.clear()
        self._tell(error)
        self._end(Abort(reason=reason))

    def _fatal(self, sqlstate: str, message: str) -> bytes:
        return fatal(sqlstate, message, codec=self._reported.codec)

    def _tell(self, error: bytes) -> None:
        if self._phase is not Phase.CLOSED and not self._server.inside_run:  # never into the middle of a row
            self._outbox.to_client.append(error)

    def _end(self, command: Command) -> None:
        if self._phase is Phase.CLOSED:
            return
        self._phase = Phase.CLOSED
        self._requests.clear()
        self._replies.end()
        self._outbox.commands.append(command)
