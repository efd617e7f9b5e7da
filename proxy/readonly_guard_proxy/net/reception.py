"""The reception: a client from its first byte until its startup message, or until it is turned away.

TLS begins in one of two ways: the client asks with an SSLRequest and waits for the answer, or its first byte is a
ClientHello (``sslnegotiation=direct``), and then ALPN must say that PostgreSQL is meant. What a client sent in clear
text before the handshake never counts as sent in it.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, cast

import structlog

from readonly_guard.domain import Session
from readonly_guard.ids import new_id
from readonly_guard_proxy.net.admission import Admission
from readonly_guard_proxy.net.certificates import ALPN, ClientTls
from readonly_guard_proxy.net.closing import close_gently
from readonly_guard_proxy.net.house import House
from readonly_guard_proxy.net.tls import HANDSHAKE, fault_of, has_alpn, receive_tls
from readonly_guard_proxy.session.denial import fatal
from readonly_guard_proxy.wire.framing import ProtocolViolation
from readonly_guard_proxy.wire.packets import SSL_REQUEST, CancelRequest, EncryptionRequest, StartupMessage
from readonly_guard_proxy.wire.startup import StartupReader

__all__ = ["Reception"]

_log = structlog.get_logger(__name__)
_ENCRYPTED: Final = b"S"
_NOT_ENCRYPTED: Final = b"N"
_UNSEEN: Final = -1.0


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
        self._since_s = _UNSEEN
        self._is_connecting = False
        self._handshake: asyncio.Task[None] | None = None
        self._early = b""
        self._admission: Admission | None = None
        self.is_over = False
        self.binding: bytes | None = None
        self.session = Session()
        self.user = ""
        self.address = ""
        """Where the client is, without its port; empty on a unix socket."""

    # ------------------------------------------------------------------ from the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self.session = Session(
            session_id=new_id(),
            client_address=f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "",
            listener=self._house.settings.listener.name,
        )
        self._house.arrive(self, transport)

    def data_received(self, data: bytes) -> None:
        """The client sent something of the startup dialogue."""
        if self._handshake is not None:
            self._take_early(data)
            return
        if self.is_over:
            return
        tls = self._house.credentials.tls
        if not self._has_begun and data.startswith(HANDSHAKE) and tls is not None:
            self._reader.is_encrypted()
            self._secure(tls, hello=data)
            return
        self._has_begun = True
        if self._admission is not None:
            self._take_login(data)
            return
        if self._has_spoken:
            self._violation("a message before the session was ready")
            return
        try:
            packet = self._reader.feed(data)
        except ProtocolViolation as violation:
            self._violation(str(violation))
            return
        match packet:
            case EncryptionRequest(name=name) if name == SSL_REQUEST and tls is not None:
                self._transport.write(_ENCRYPTED)
                self._secure(tls)
            case EncryptionRequest():
                self._transport.write(_NOT_ENCRYPTED)
            case CancelRequest():
                self._has_spoken = True
                self._house.tasks.start(self._cancel(packet))
            case StartupMessage() if self._reader.rest:
                self._violation("a message before the session was ready")
            case StartupMessage():
                self._admission = Admission(self._house, self, self._transport)
                self._admission.begin(packet)
            case None:
                return

    def connection_lost(self, _exc: Exception | None) -> None:
        """The client is gone before its link stood."""
        if self._handshake is not None:
            return  # whoever waits for it is told, too
        admission = self._admission
        self.over()
        if admission is not None:
            admission.cancel()

    def turn_down(self, limit: str) -> None:
        """Turn the client away because a limit on connections is reached.

        Args:
            limit: its name in the settings, or ``descriptors``, the system's.
        """
        self._house.meters.limits.add(limit)
        if limit == _DESCRIPTORS:  # what it holds is needed elsewhere, and telling it something takes time
            self._end(_FULL[limit])
            self._transport.abort()
            return
        error = fatal(
            "53300", _FULL[limit], hint=f"Try again later; the limit is limits.{limit} in the guard's settings."
        )
        self.turn_away(error, _FULL[limit])

    def dismiss(self, sqlstate: str, why: str) -> None:
        """Turn the client away whatever it wants."""
        self.turn_away(fatal(sqlstate, why), why)

    # ------------------------------------------------------------------ encryption

    def _secure(self, tls: ClientTls, *, hello: bytes = b"") -> None:
        self._has_begun = True
        self._transport.pause_reading()
        self.binding = tls.binding
        self._handshake = self._house.tasks.start(self._shake_hands(tls.context, hello))

    async def _shake_hands(self, context: ssl.SSLContext, hello: bytes) -> None:
        timeout_s = self._house.settings.limits.startup_timeout_s
        try:
            secured = await receive_tls(self._transport, self, context, hello=hello, timeout_s=timeout_s)
        except OSError as error:
            self._end(f"no TLS: {fault_of(error)}")
            self._transport.abort()
            return
        self._transport, self._handshake = secured, None
        if self.is_over or secured.is_closing():
            self.over()
            secured.abort()
            return
        if hello and not has_alpn(secured):
            # no word to it: whoever was led here, by a browser for instance, is not to be answered (ALPACA, 2021)
            self.turn_away(b"", f"direct TLS without ALPN {ALPN}")
        elif self._early:
            self.data_received(self._early)

    def _take_early(self, data: bytes) -> None:
        # decrypted, unless the transport is still our own: then it was sent in clear text, ahead of the handshake
        self._early += data
        if self._transport.get_protocol() is self or len(self._early) > self._house.settings.limits.startup_bytes:
            self.turn_away(b"", "data sent ahead of the TLS handshake")

    # ------------------------------------------------------------------ what a client can want

    async def _cancel(self, request: CancelRequest) -> None:
        await self._house.cancel(request)
        self.over()
        close_gently(self._transport)  # there is no answer to a cancel request but the end

    # ------------------------------------------------------------------ the end of a reception

    def _take_login(self, data: bytes) -> None:
        try:
            if self._admission is not None:
                self._admission.take(data)
        except ProtocolViolation as violation:
            self._violation(str(violation))

    def _violation(self, what: str) -> None:
        self.turn_away(fatal("08P01", f"protocol violation: {what}"), f"protocol violation: {what}")

    def look(self, now_s: float) -> None:
        """See whether the client, or else the server, has kept the guard waiting; to be called every now and then.

        Args:
            now_s: by a clock that only goes forward; what is waited for counts from the first look at it.
        """
        if self._since_s < 0:
            self._since_s = now_s
            return
        waited_s, settings = now_s - self._since_s, self._house.settings
        if self._is_connecting:
            if waited_s >= settings.upstream.connect_timeout_s and self._admission is not None:
                self._admission.give_up()
        elif not self._has_spoken and waited_s >= settings.limits.startup_timeout_s:
            self._late()

    def _late(self) -> None:
        if self._admission is None:
            self.turn_away(fatal("08P01", "no startup packet came in time"), "no startup packet in time")
        else:
            self.turn_away(fatal("57014", "the login took too long"), "the login took too long")

    def turn_away(self, error: bytes, why: str, *, codes: tuple[str, ...] = ()) -> None:
        """Tell the client why, and the log."""
        if self.is_over:
            return
        admission = self._admission
        self._end(why, codes=codes)
        if admission is not None:
            admission.cancel()
        if self._handshake is None:
            close_gently(self._transport, error)
        else:  # there is nothing yet that could be said in a way that the client understands
            self._handshake.cancel()
            self._transport.abort()

    def _end(self, why: str, *, codes: tuple[str, ...] = ()) -> None:
        if not self.is_over:
            self.over()
            _log.info("connection refused", session_id=self.session.session_id, reason=why, codes=codes)
            self._house.guard.session_event("refused", self.session, self.user, codes=codes, detail=why)

    def is_punctual(self) -> None:
        """The client has said all that is waited for: now it is the server's turn."""
        self._since_s, self._is_connecting = _UNSEEN, True

    def over(self, *, stays: bool = False) -> None:
        """The reception is over: the client has its link, with which it stays, or has been turned away."""
        self.is_over = True
        self._admission = None  # which knows this desk
        self._house.depart(self, stays=stays)


_DESCRIPTORS: Final = "descriptors"
_FULL: Final = {
    "connections": "too many connections",
    "connections_per_user": "too many connections for this user",
    "connections_per_address": "too many connections from this address",
    _DESCRIPTORS: "too few file descriptors",
}
