"""The guard's own login at the server, where clients log in at the guard: SCRAM, MD5 or a password in clear text.

Stands in the machine where otherwise the client's `readonly_guard_proxy.session.authentication.Handshake` does. The
client hears nothing of it but that it is let in.
"""

from __future__ import annotations

import hashlib
from typing import Final

from readonly_guard_proxy.session.authentication import Turn, refuse_newer
from readonly_guard_proxy.session.reported import Distrust
from readonly_guard_proxy.wire.authentication import (
    Authentication,
    authentication_code,
    authentication_data,
    password_message,
    sasl_mechanisms,
    sasl_response,
)
from readonly_guard_proxy.wire.framing import Frame, ProtocolViolation
from readonly_guard_proxy.wire.scram import MECHANISM, ClientExchange, Keys, keys_of

__all__ = ["ServiceAccount", "ServiceLogin"]

_MD5_SALT_BYTES: Final = 4


class ServiceAccount:
    """Who the guard is at the server. The password shows itself nowhere.

    Args:
        user: the database user.
        password: None where the server asks for none (a certificate, peer).
    """

    __slots__ = ("_derived", "_password", "user")

    def __init__(self, user: str, password: str | None) -> None:
        self.user = user
        self._password = password
        self._derived: tuple[tuple[bytes, int], Keys] | None = None

    def __repr__(self) -> str:
        return f"ServiceAccount({self.user!r}, …)"

    @property
    def has_password(self) -> bool:
        """Whether there is one to give."""
        return self._password is not None

    def keys(self, salt: bytes, iterations: int) -> Keys:
        """SCRAM's keys. The last are remembered: a user's salt stays the same, and hashing takes its time."""
        if self._derived is None or self._derived[0] != (salt, iterations):
            self._derived = ((salt, iterations), keys_of(self._password or "", salt, iterations))
        return self._derived[1]

    def clear_text(self) -> bytes:
        """The password itself."""
        return (self._password or "").encode()

    def md5(self, salt: bytes) -> bytes:
        """PostgreSQL's answer to AuthenticationMD5Password: ``md5`` and MD5(MD5(password ‖ user) ‖ salt)."""
        inner = hashlib.md5(self.clear_text() + self.user.encode(), usedforsecurity=False).hexdigest()
        return b"md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest().encode()


class ServiceLogin:
    """One login.

    Args:
        account: who logs in.
        version: the protocol version that the server was asked for.
        nonce: printable ASCII without comma, never used before.
        is_private: nobody can listen between guard and server (TLS, unix socket); else no clear text is sent.
        method: how the client was authenticated by the guard.
    """

    is_own = True

    def __init__(self, account: ServiceAccount, *, version: int, nonce: bytes, is_private: bool, method: str) -> None:
        self._account = account
        self._version = version
        self._is_private = is_private
        self._exchange = ClientExchange(account.keys, nonce)
        self._is_proven = True  # by itself, unless SCRAM has begun
        self.method = method
        self.done = False

    def negotiated(self, message: Frame) -> None:
        """The server said that it speaks an older version."""
        refuse_newer(message, self._version)

    def answered(self, _message: Frame) -> Distrust | None:
        """The client sent a password message, which nobody asked it for.

        Raises:
            ProtocolViolation: always.
        """
        raise ProtocolViolation("a password message that was not asked for")

    def asked(self, message: Frame) -> Turn:
        """The server asks for something or is content.

        Raises:
            ProtocolViolation: it asks for what the guard does not know, has not or does not give away.
        """
        code = authentication_code(message)
        if code == Authentication.OK:
            if not self._is_proven:
                raise ProtocolViolation("the server let the guard in without proving that it knows its password")
            self.done = True
            return Turn(to_client=message.data)
        if not self._account.has_password:
            raise ProtocolViolation("the server asks for a password; set upstream.login.password_file")
        return Turn(to_server=self._answer(code, message))

    def _answer(self, code: int, message: Frame) -> bytes:
        match code:
            case Authentication.CLEARTEXT if self._is_private:
                return password_message(self._account.clear_text() + b"\0")
            case Authentication.CLEARTEXT:
                raise ProtocolViolation("the server wants the guard's password in clear text over an open connection")
            case Authentication.MD5:
                salt = authentication_data(message)
                if len(salt) != _MD5_SALT_BYTES:
                    raise ProtocolViolation("an MD5 salt of the wrong length")
                return password_message(self._account.md5(salt) + b"\0")
            case Authentication.SASL if MECHANISM in sasl_mechanisms(message):
                self._is_proven = False
                return sasl_response(self._exchange.first(), mechanism=MECHANISM)
            case Authentication.SASL_CONTINUE if not self._is_proven:
                return sasl_response(self._exchange.final(authentication_data(message)))
            case Authentication.SASL_FINAL if not self._is_proven:
                if not self._exchange.is_server(authentication_data(message)):
                    raise ProtocolViolation("the server does not know the guard's password")
                self._is_proven = True
                return b""
            case _:
                raise ProtocolViolation(f"authentication request {code}, which the guard does not answer")
