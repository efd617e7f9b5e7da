"""The time before ReadyForQuery: whose turn it is to say what while the server authenticates the client.

The guard passes the exchange through (SCRAM, MD5, clear text) and learns no secret. It only keeps the turns, and takes
channel binding off the offer, which cannot span a proxy: it binds a password to one TLS connection, and here are two.
A client that could have bound says so (RFC 5802, 6: the flag ``y``), and a server that had offered it takes that for an
attack; such a client is told what to do instead of being left with the server's riddle.

The protocol's version is negotiated on either side by itself: the guard tells the client what it does not know, and
asks the server for no more than it knows. All that 3.2 changes is how long a cancel key may be, and those are the
guard's own.
"""

from __future__ import annotations

from typing import Final

from readonly_guard_proxy.session.reported import Distrust
from readonly_guard_proxy.wire.authentication import (
    Authentication,
    authentication_code,
    authentication_sasl,
    sasl_initial_response,
    sasl_mechanisms,
)
from readonly_guard_proxy.wire.framing import Frame, ProtocolViolation
from readonly_guard_proxy.wire.messages import negotiated_version

__all__ = ["NEWEST_VERSION", "PROTOCOL_OPTION_PREFIX", "Handshake", "Turn", "refuse_newer"]

NEWEST_VERSION: Final = 3 << 16 | 2
"""Protocol 3.2 (PostgreSQL 18): cancel keys may be longer than 4 bytes."""

PROTOCOL_OPTION_PREFIX: Final = "_pq_."
"""Startup parameters with this prefix ask for protocol extensions, of which the guard knows none."""

_CHANNEL_BINDING: Final = b"SCRAM-SHA-256-PLUS"
_NO_BINDING: Final = b"n,"
_METHODS: Final = {
    Authentication.CLEARTEXT: "password",
    Authentication.MD5: "md5",
    Authentication.GSS: "gss",
    Authentication.GSS_CONTINUE: "gss",
    Authentication.SSPI: "sspi",
    Authentication.SASL: "scram-sha-256",
    Authentication.SASL_CONTINUE: "scram-sha-256",
}
"""What wants an answer, and what it is called in pg_hba.conf."""


class Turn:
    """What the server's word leads to: bytes for either side."""

    __slots__ = ("to_client", "to_server")

    def __init__(self, to_client: bytes = b"", to_server: bytes = b"") -> None:
        self.to_client: Final = to_client
        self.to_server: Final = to_server


def refuse_newer(message: Frame, asked: int) -> None:
    """See that a NegotiateProtocolVersion is about what the server was asked for.

    Raises:
        ProtocolViolation: it wants a newer version, or speaks of options, which it was not asked for.
    """
    version, unknown = negotiated_version(message)
    if version > asked or unknown:
        raise ProtocolViolation("the server negotiated about what it was not asked for")


class Handshake:
    """Keeps the turns of one authentication that passes through the guard.

    Args:
        version: the protocol version that the server was asked for.
        is_private: nobody can listen on either side of the guard (TLS, unix socket).
    """

    is_own = False

    def __init__(self, *, version: int, is_private: bool) -> None:
        self._version = version
        self._is_private = is_private
        self._answers_due = 0
        self._withholds_binding = False
        self.method = "trust"
        """How the server authenticates the client, in the words of pg_hba.conf."""
        self.done = False

    def negotiated(self, message: Frame) -> None:
        """The server said that it speaks an older version.

        Raises:
            ProtocolViolation: it wants a newer one, or speaks of options, which it was not asked for.
        """
        refuse_newer(message, self._version)

    def asked(self, message: Frame) -> Turn | Distrust:
        """The server asks for something or is content; or why what it asks for cannot be given.

        Raises:
            ProtocolViolation: it asks for what the guard does not know.
        """
        code = authentication_code(message)
        if code == Authentication.CLEARTEXT and not self._is_private:
            return Distrust(code="RG-A05", what="the server asks for the password itself, and somebody could listen")
        if code == Authentication.OK:
            self.done = True
        elif code in _METHODS:
            self._answers_due += 1
            self.method = _METHODS[code]
        elif code != Authentication.SASL_FINAL:
            raise ProtocolViolation(f"unknown authentication request {code}")
        if code == Authentication.SASL:
            offered = sasl_mechanisms(message)
            self._withholds_binding = _CHANNEL_BINDING in offered
            return Turn(to_client=authentication_sasl(name for name in offered if name != _CHANNEL_BINDING))
        return Turn(to_client=message.data)

    def answered(self, message: Frame) -> Distrust | None:
        """The client sent a password message; says why it cannot be passed on, or None.

        Raises:
            ProtocolViolation: it was not asked for one, or is malformed.
        """
        if not self._answers_due:
            raise ProtocolViolation("a password message that was not asked for")
        self._answers_due -= 1
        if self._withholds_binding:
            self._withholds_binding = False
            mechanism, data = sasl_initial_response(message)
            if mechanism == _CHANNEL_BINDING or not data.startswith(_NO_BINDING):
                return Distrust(code="RG-A02", what="TLS ends at the guard and begins anew towards the server")
        return None
