"""Codecs of the messages by which somebody is authenticated: what a server asks for, and what a client answers.

Layouts are written as in the neighbour `messages`; what SASL's data says is in `scram`.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Final

from readonly_guard_proxy.wire.framing import Frame, ProtocolViolation, frame
from readonly_guard_proxy.wire.messages import Backend, Frontend

__all__ = [
    "Authentication",
    "authentication_code",
    "authentication_data",
    "authentication_sasl",
    "password_message",
    "sasl_continue",
    "sasl_final",
    "sasl_initial_response",
    "sasl_mechanisms",
    "sasl_response",
]

_INT32: Final = Struct("!I")


class Authentication:
    """What an Authentication message asks for; the codes of the documentation."""

    OK: Final = 0
    CLEARTEXT: Final = 3
    MD5: Final = 5
    GSS: Final = 7
    GSS_CONTINUE: Final = 8
    SSPI: Final = 9
    SASL: Final = 10
    SASL_CONTINUE: Final = 11
    SASL_FINAL: Final = 12


def authentication_code(message: Frame) -> int:
    """What an Authentication message asks for: ``Int32 code``."""
    body = message.body
    if len(body) < _INT32.size:
        raise ProtocolViolation("Authentication that is cut short")
    code: int = _INT32.unpack_from(body)[0]
    return code


def sasl_mechanisms(message: Frame) -> list[bytes]:
    """The mechanisms an AuthenticationSASL offers: ``Int32 10, String mechanism …, NUL``."""
    return [name for name in message.body[_INT32.size :].split(b"\0") if name]


def authentication_sasl(mechanisms: Iterable[bytes]) -> bytes:
    """An AuthenticationSASL."""
    offer = b"".join(name + b"\0" for name in mechanisms) + b"\0"
    return frame(Backend.AUTHENTICATION, _INT32.pack(Authentication.SASL) + offer)


def authentication_data(message: Frame) -> bytes:
    """What follows the code of an Authentication message: a salt, or SASL's data."""
    return message.body[_INT32.size :]


def sasl_continue(data: bytes) -> bytes:
    """An AuthenticationSASLContinue: ``Int32 11, Byte data``."""
    return frame(Backend.AUTHENTICATION, _INT32.pack(Authentication.SASL_CONTINUE) + data)


def sasl_final(data: bytes) -> bytes:
    """An AuthenticationSASLFinal: ``Int32 12, Byte data``."""
    return frame(Backend.AUTHENTICATION, _INT32.pack(Authentication.SASL_FINAL) + data)


def password_message(data: bytes) -> bytes:
    """A PasswordMessage: ``String password``, its NUL included in ``data``."""
    return frame(Frontend.PASSWORD, data)


def sasl_response(data: bytes, *, mechanism: bytes | None = None) -> bytes:
    """A SASLInitialResponse where a mechanism is chosen, else a SASLResponse: ``Byte data``."""
    if mechanism is None:
        return frame(Frontend.PASSWORD, data)
    return frame(Frontend.PASSWORD, mechanism + b"\0" + _INT32.pack(len(data)) + data)


def sasl_initial_response(message: Frame) -> tuple[bytes, bytes]:
    """Mechanism and data of a SASLInitialResponse: ``String mechanism, Int32 length, Byte × length``."""
    mechanism, _, rest = message.body.partition(b"\0")
    if len(rest) < _INT32.size or _INT32.unpack_from(rest)[0] != len(rest) - _INT32.size:
        raise ProtocolViolation("SASLInitialResponse whose length does not fit")
    return mechanism, rest[_INT32.size :]
