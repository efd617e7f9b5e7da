"""The reception: a client from its first byte until its link stands, or until it is turned away."""

from __future__ import annotations

import asyncio
import uuid
from typing import Final, Protocol, cast

import msgspec
import structlog

from readonly_guard.domain import Session, Subject
from readonly_guard.settings import Settings
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.cancel import CancelKeys, forward_cancel
from readonly_guard_proxy.net.closing import close_gently
from readonly_guard_proxy.net.link import Link, Who
from readonly_guard_proxy.net.ports import DecisionMaker, StartupJudge, StartupJudgement
from readonly_guard_proxy.net.tasks import Tasks
from readonly_guard_proxy.net.upstream import connect, set_no_delay
from readonly_guard_proxy.session.authentication import PROTOCOL_OPTION_PREFIX
from readonly_guard_proxy.session.denial import fatal, fatal_of_reasons
from readonly_guard_proxy.session.machine import SessionMachine
from readonly_guard_proxy.wire.framing import ProtocolViolation
from readonly_guard_proxy.wire.startup import (
    CancelRequest,
    EncryptionRequest,
    StartupMessage,
    StartupReader,
    startup_message,
)

__all__ = ["House", "Reception"]

_log = structlog.get_logger(__name__)
_MAJOR: Final = 3
_NOT_ENCRYPTED: Final = b"N"


class House(Protocol):
    """What the receptions of one listener share."""

    settings: Settings
    guard: DecisionMaker
    judge: StartupJudge
    tasks: Tasks
    cancel_keys: CancelKeys
    meters: Meters

    @property
    def is_full(self) -> bool:
        """Whether as many sessions are open as may be."""
        ...

    def enter(self, link: Link) -> None:
        """A session begins."""
        ...

    def leave(self, link: Link) -> None:
        """A session is over."""
        ...

    def arrive(self, reception: Reception) -> None:
        """A client is received."""
        ...

    def depart(self, reception: Reception) -> None:
        """A client is no longer received: it got its link, or was turned away."""
        ...


class Reception(asyncio.Protocol):
    """Receives one client.

    Args:
        house: what it shares with the others.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._reader = StartupReader(limit=house.settings.limits.startup_bytes)
        self._has_spoken = False  # its last packet of the startup dialogue is here
        self._connecting: asyncio.Task[None] | None = None
        self._is_over = False
        self._session = Session()
        self._user = ""

    # ------------------------------------------------------------------ from the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = cast("asyncio.Transport", transport)
        set_no_delay(transport)
        limits = self._house.settings.limits
        self._timer = asyncio.get_running_loop().call_later(limits.startup_timeout_s, self._late)
        peer = transport.get_extra_info("peername")
        self._session = Session(
            session_id=str(uuid.uuid4()),
            client_address=f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "",
            listener=self._house.settings.listener.name,
        )
        self._house.arrive(self)

    def data_received(self, data: bytes) -> None:
        """The client sent something of the startup dialogue."""
        if self._has_spoken:
            self._violation("a message before the session was ready")
            return
        try:
            packet = self._reader.feed(data)
        except ProtocolViolation as violation:
            self._violation(str(violation))
            return
        match packet:
            case EncryptionRequest():
                self._transport.write(_NOT_ENCRYPTED)
            case CancelRequest():
                self._has_spoken = True
                self._timer.cancel()
                self._house.tasks.start(self._cancel(packet))
            case StartupMessage():
                self._has_spoken = True
                self._timer.cancel()
                self._start(packet)
            case None:
                return

    def connection_lost(self, _exc: Exception | None) -> None:
        """The client is gone before its link stood."""
        self._over()
        if self._connecting is not None:
            self._connecting.cancel()

    def dismiss(self, sqlstate: str, why: str) -> None:
        """Turn the client away whatever it wants."""
        self._turn_away(fatal(sqlstate, why), why)

    # ------------------------------------------------------------------ what a client can want

    async def _cancel(self, request: CancelRequest) -> None:
        outcome = "unknown"
        if self._house.cancel_keys.knows(request):
            try:
                await forward_cancel(self._house.settings.upstream, request)
                outcome = "forwarded"
            except OSError as error:
                outcome = "failed"
                _log.warning("cancel request not forwarded", error=type(error).__name__)
        self._house.meters.cancels.add(outcome)
        self._over()
        close_gently(self._transport)  # there is no answer to a cancel request but the end

    def _start(self, message: StartupMessage) -> None:
        language = self._house.settings.listener.language
        if message.major != _MAJOR:
            text = f"unsupported protocol {message.major}.{message.version & 0xFFFF}; the guard speaks 3.0 to 3.2"
            self._turn_away(fatal("0A000", text), "unsupported protocol")
            return
        if self._reader.rest:
            self._violation("a message before the session was ready")
            return
        options = {name: text for name, text in message.parameters.items() if name.startswith(PROTOCOL_OPTION_PREFIX)}
        parameters = {name: text for name, text in message.parameters.items() if name not in options}
        self._user = parameters.get("user", "")
        self._session = msgspec.structs.replace(
            self._session,
            database=parameters.get("database", "") or self._user,
            application_name=parameters.get("application_name", ""),
        )
        if not self._user:
            self._turn_away(fatal("28000", "no user name in the startup packet"), "no user name")
            return
        judgement = self._house.judge(parameters)
        if judgement.reasons:
            codes = tuple(reason.code for reason in judgement.reasons)
            self._turn_away(fatal_of_reasons(judgement.reasons, language), "startup parameters", codes=codes)
            return
        if self._house.is_full:
            self._turn_away(fatal("53300", "too many connections", hint=_FULL_HINT), "too many connections")
            return
        forward = startup_message(message.version, {**judgement.forward, **options})
        self._connecting = self._house.tasks.start(
            self._connect(message.version, frozenset(options), judgement, forward)
        )

    async def _connect(
        self, version: int, options: frozenset[str], judgement: StartupJudgement, forward: bytes
    ) -> None:
        house, settings = self._house, self._house.settings
        who = Who(
            subject=Subject(id=self._user),
            session=self._session,
            initial=judgement.declared,
            language=settings.listener.language,
        )
        machine = SessionMachine(
            user=self._user,
            version=version,
            options=options,
            message_bytes=settings.limits.message_bytes,
            language=who.language,
        )
        key = (0, b"")

        def opened(pid: int, secret: bytes) -> None:
            nonlocal key
            key = (pid, secret)
            house.cancel_keys.add(pid, secret)

        def closed() -> None:
            house.cancel_keys.discard(*key)
            house.leave(link)

        link = Link(
            who=who,
            machine=machine,
            guard=house.guard,
            tasks=house.tasks,
            meters=house.meters,
            opened=opened,
            closed=closed,
        )
        house.enter(link)  # its place is taken from here on
        try:
            server = await connect(settings.upstream, lambda: link.server_side)
        except OSError as error:
            house.leave(link)
            self._unreached(type(error).__name__)
            return
        except asyncio.CancelledError:
            house.leave(link)
            raise
        if self._is_over or server.is_closing():
            house.leave(link)
            server.abort()
            self._unreached("ClosedAtOnce")
            return
        self._over()
        link.join(self._transport, server)
        server.write(forward)

    # ------------------------------------------------------------------ the end of a reception

    def _unreached(self, why: str) -> None:
        self._house.meters.upstream_errors.add(why)
        _log.error("server not reached", session_id=self._session.session_id, reason=why)
        what = "the database server cannot be reached"
        self._turn_away(fatal("57P03", what, hint=_UNREACHED_HINT), what)

    def _violation(self, what: str) -> None:
        self._turn_away(fatal("08P01", f"protocol violation: {what}"), f"protocol violation: {what}")

    def _late(self) -> None:
        self._turn_away(fatal("08P01", "no startup packet came in time"), "no startup packet in time")

    def _turn_away(self, error: bytes, why: str, *, codes: tuple[str, ...] = ()) -> None:
        if self._is_over:
            return
        self._over()
        _log.info("connection refused", session_id=self._session.session_id, reason=why, codes=codes)
        self._house.guard.session_event("refused", self._session, self._user, codes=codes, detail=why)
        close_gently(self._transport, error)

    def _over(self) -> None:
        self._is_over = True
        self._timer.cancel()
        self._house.depart(self)


_FULL_HINT: Final = "Try again later; the limit is limits.connections in the guard's settings."
_UNREACHED_HINT: Final = "Try again; if it persists, call operations."
