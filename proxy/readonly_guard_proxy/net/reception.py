"""The reception: a client from its first byte until its link stands, or until it is turned away.

TLS begins in one of two ways: the client asks with an SSLRequest and waits for the answer, or its first byte is a
ClientHello (``sslnegotiation=direct``), and then ALPN must say that PostgreSQL is meant. What a client sent in clear
text before the handshake never counts as sent in it.
"""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Final, Protocol, cast

import msgspec
import structlog

from readonly_guard.domain import Login, Reason, Session, Subject
from readonly_guard.settings import Settings
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.cancel import CancelKeys, forward_cancel
from readonly_guard_proxy.net.certificates import ALPN, Certificates
from readonly_guard_proxy.net.closing import close_gently
from readonly_guard_proxy.net.crowd import Crowd
from readonly_guard_proxy.net.link import Link, Who
from readonly_guard_proxy.net.patience import Patience
from readonly_guard_proxy.net.ports import DecisionMaker, StartupJudge, StartupJudgement
from readonly_guard_proxy.net.tasks import Tasks
from readonly_guard_proxy.net.tls import HANDSHAKE, certificate_of, fault_of, has_alpn, is_encrypted, receive_tls
from readonly_guard_proxy.net.tuning import tune
from readonly_guard_proxy.net.upstream import connect
from readonly_guard_proxy.session.authentication import NEWEST_VERSION, PROTOCOL_OPTION_PREFIX
from readonly_guard_proxy.session.denial import fatal, fatal_of_code, fatal_of_reasons
from readonly_guard_proxy.session.events import Waiting
from readonly_guard_proxy.session.machine import SessionMachine
from readonly_guard_proxy.wire.framing import ProtocolViolation
from readonly_guard_proxy.wire.messages import BackendKey, negotiate_protocol_version
from readonly_guard_proxy.wire.startup import (
    SSL_REQUEST,
    CancelRequest,
    EncryptionRequest,
    StartupMessage,
    StartupReader,
    startup_message,
)

__all__ = ["House", "Reception"]

_log = structlog.get_logger(__name__)
_MAJOR: Final = 3
_ENCRYPTED: Final = b"S"
_NOT_ENCRYPTED: Final = b"N"


class House(Protocol):
    """What the receptions of one listener share."""

    settings: Settings
    guard: DecisionMaker
    judge: StartupJudge
    tasks: Tasks
    cancel_keys: CancelKeys
    meters: Meters
    certificates: Certificates
    crowd: Crowd
    deadlines_s: Mapping[Waiting, float]

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
        self._has_begun = False
        self._has_spoken = False  # its last packet of the startup dialogue is here
        self._handshake: asyncio.Task[None] | None = None
        self._early = b""
        self._connecting: asyncio.Task[None] | None = None
        self._is_over = False
        self._session = Session()
        self._user = ""
        self.address = ""
        """Where the client is, without its port; empty on a unix socket."""

    # ------------------------------------------------------------------ from the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = cast("asyncio.Transport", transport)
        tune(transport, self._house.settings.listener.tcp)
        limits = self._house.settings.limits
        self._timer = asyncio.get_running_loop().call_later(limits.startup_timeout_s, self._late)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._session = Session(
            session_id=str(uuid.uuid4()),
            client_address=f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "",
            listener=self._house.settings.listener.name,
        )
        self._house.arrive(self)

    def data_received(self, data: bytes) -> None:
        """The client sent something of the startup dialogue."""
        if self._handshake is not None:
            self._take_early(data)
            return
        context = self._house.certificates.listener
        if not self._has_begun and data.startswith(HANDSHAKE) and context is not None:
            self._reader.is_encrypted()
            self._secure(context, hello=data)
            return
        self._has_begun = True
        if self._has_spoken:
            self._violation("a message before the session was ready")
            return
        try:
            packet = self._reader.feed(data)
        except ProtocolViolation as violation:
            self._violation(str(violation))
            return
        match packet:
            case EncryptionRequest(name=name) if name == SSL_REQUEST and context is not None:
                self._transport.write(_ENCRYPTED)
                self._secure(context)
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
        if self._handshake is not None:
            return  # whoever waits for it is told, too
        self._over()
        if self._connecting is not None:
            self._connecting.cancel()

    def turn_down(self, limit: str) -> None:
        """Turn the client away because one of the limits on connections, by its name in the settings, is reached."""
        self._house.meters.limits.add(limit)
        error = fatal(
            "53300", _FULL[limit], hint=f"Try again later; the limit is limits.{limit} in the guard's settings."
        )
        self._turn_away(error, _FULL[limit])

    def dismiss(self, sqlstate: str, why: str) -> None:
        """Turn the client away whatever it wants."""
        self._turn_away(fatal(sqlstate, why), why)

    # ------------------------------------------------------------------ encryption

    def _secure(self, context: ssl.SSLContext, *, hello: bytes = b"") -> None:
        self._has_begun = True
        self._transport.pause_reading()
        self._handshake = self._house.tasks.start(self._shake_hands(context, hello))

    async def _shake_hands(self, context: ssl.SSLContext, hello: bytes) -> None:
        timeout_s = self._house.settings.limits.startup_timeout_s
        try:
            secured = await receive_tls(self._transport, self, context, hello=hello, timeout_s=timeout_s)
        except OSError as error:
            self._end(f"no TLS: {fault_of(error)}")
            self._transport.abort()
            return
        self._transport, self._handshake = secured, None
        if self._is_over or secured.is_closing():
            self._over()
            secured.abort()
            return
        if hello and not has_alpn(secured):
            # no word to it: whoever was led here, by a browser for instance, is not to be answered (ALPACA, 2021)
            self._turn_away(b"", f"direct TLS without ALPN {ALPN}")
        elif self._early:
            self.data_received(self._early)

    def _take_early(self, data: bytes) -> None:
        # decrypted, unless the transport is still our own: then it was sent in clear text, ahead of the handshake
        self._early += data
        if self._transport.get_protocol() is self or len(self._early) > self._house.settings.limits.startup_bytes:
            self._turn_away(b"", "data sent ahead of the TLS handshake")

    # ------------------------------------------------------------------ what a client can want

    async def _cancel(self, request: CancelRequest) -> None:
        outcome = "unknown"
        key = self._house.cancel_keys.find(request)
        if key is not None:
            try:
                await forward_cancel(self._house.settings.upstream, self._house.certificates.upstream, key)
                outcome = "forwarded"
            except OSError as error:
                outcome = "failed"
                _log.warning("cancel request not forwarded", reason=fault_of(error))
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
        unknown = [name for name in message.parameters if name.startswith(PROTOCOL_OPTION_PREFIX)]
        parameters = {name: text for name, text in message.parameters.items() if name not in unknown}
        self._user = parameters.get("user", "")
        self._session = msgspec.structs.replace(
            self._session,
            database=parameters.get("database", "") or self._user,
            application_name=parameters.get("application_name", ""),
        )
        if not self._user:
            self._turn_away(fatal("28000", "no user name in the startup packet"), "no user name")
            return
        if self._house.certificates.is_required and not is_encrypted(self._transport):
            what = "this guard takes no connection without TLS"
            self._turn_away(fatal_of_code("RG-A03", what, language), what, codes=("RG-A03",))
            return
        judgement = self._house.judge(parameters)
        if judgement.reasons:
            codes = tuple(reason.code for reason in judgement.reasons)
            self._turn_away(fatal_of_reasons(judgement.reasons, language), "startup parameters", codes=codes)
            return
        login = Login(user=self._user, session=self._session, certificate=certificate_of(self._transport))
        subject = self._house.guard.identify(login)
        if isinstance(subject, Reason):
            self._turn_away(fatal_of_reasons([subject], language), subject.what, codes=(subject.code,))
            return
        limit = self._house.crowd.enter(self._user)
        if limit:
            self.turn_down(limit)
            return
        version = min(message.version, NEWEST_VERSION)
        if unknown or version != message.version:
            self._transport.write(negotiate_protocol_version(version, unknown))
        self._connecting = self._house.tasks.start(self._connect(version, judgement, subject))

    async def _connect(self, version: int, judgement: StartupJudgement, subject: Subject) -> None:
        house, settings = self._house, self._house.settings
        who = Who(
            subject=subject,
            session=self._session,
            initial=judgement.declared,
            language=settings.listener.language,
        )
        given = house.cancel_keys.issue(is_long=version == NEWEST_VERSION)
        machine = SessionMachine(
            user=self._user,
            version=version,
            cancel_key=given,
            message_bytes=settings.limits.message_bytes,
            language=who.language,
        )

        def left() -> None:
            house.cancel_keys.withdraw(given)
            house.leave(link)
            house.crowd.leave(self._user)

        def closed() -> None:
            house.crowd.depart(self.address)
            left()

        async def cancel(key: BackendKey) -> None:
            await forward_cancel(settings.upstream, house.certificates.upstream, key)

        link = Link(
            who=who,
            machine=machine,
            guard=house.guard,
            tasks=house.tasks,
            meters=house.meters,
            opened=partial(house.cancel_keys.opened, given),
            closed=closed,
            cancel=cancel,
            patience=Patience(house.deadlines_s),
        )
        house.enter(link)
        try:
            server = await connect(settings.upstream, house.certificates.upstream, lambda: link.server_side)
        except OSError as error:
            left()
            self._unreached(type(error).__name__, fault_of(error))
            return
        except asyncio.CancelledError:
            left()
            raise
        if self._is_over or server.is_closing():
            left()
            server.abort()
            self._unreached("ClosedAtOnce", "it closed the connection at once")
            return
        self._over()
        house.crowd.arrive(self.address)  # as a session now, no longer as a client that is received
        link.join(self._transport, server)
        server.write(startup_message(version, judgement.forward))

    # ------------------------------------------------------------------ the end of a reception

    def _unreached(self, kind: str, why: str) -> None:
        self._house.meters.upstream_errors.add(kind)
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
        self._end(why, codes=codes)
        if self._handshake is None:
            close_gently(self._transport, error)
        else:  # there is nothing yet that could be said in a way that the client understands
            self._handshake.cancel()
            self._transport.abort()

    def _end(self, why: str, *, codes: tuple[str, ...] = ()) -> None:
        if not self._is_over:
            self._over()
            _log.info("connection refused", session_id=self._session.session_id, reason=why, codes=codes)
            self._house.guard.session_event("refused", self._session, self._user, codes=codes, detail=why)

    def _over(self) -> None:
        self._is_over = True
        self._timer.cancel()
        self._house.depart(self)


_FULL: Final = {
    "connections": "too many connections",
    "connections_per_user": "too many connections for this user",
    "connections_per_address": "too many connections from this address",
}
_UNREACHED_HINT: Final = "Try again; if it persists, call operations."
