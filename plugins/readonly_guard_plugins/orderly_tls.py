"""Bytes over TLS to a server that acknowledges nothing, and whether it has read all of them.

The one acknowledgement is the orderly end: our close_notify, the server's in answer to it (RFC 8446, 6.1), and the end
of the TCP connection behind that, with everything acknowledged. A server that is stopped while it has not read all says
close_notify, too; but then its kernel resets the connection (RFC 1122, 4.2.2.13).

`ssl.SSLSocket.unwrap` does not tell close_notify from a fatal alert, which OpenSSL counts as the other side's shutdown:
a server that wants a certificate refuses with one *after* the client's side of a TLS 1.3 handshake is over, and would
seem to have read what it threw away. So the records of TLS go through memory here, and what comes after our own
close_notify is read, where the two are different things.
"""

from __future__ import annotations

import fcntl
import socket
import ssl
import struct
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Final

__all__ = ["Unconfirmed", "send"]

_AT_ONCE_BYTES: Final = 65536


class Unconfirmed(Exception):  # noqa: N818  what happened, not a defect of the call
    """The connection ended before the server said that it had read everything."""


def send(host: str, port: int, context: ssl.SSLContext, data: bytes, *, timeout_s: float) -> None:
    """Send bytes on a connection of their own, and wait until the server has read them.

    Args:
        host: of the server, and the name that its certificate has to have.
        port: of the server.
        context: how certificates are checked.
        data: what to send.
        timeout_s: how long each step may take.

    Raises:
        Unconfirmed: everything was sent, and the connection ended without the server's close_notify.
        ssl.SSLError: the server's certificate is not to be trusted, or the server refused with an alert.
        OSError: there is no connection, or it broke.
    """
    with socket.create_connection((host, port), timeout=timeout_s) as plain:
        connection = _Connection(plain, context, host)
        connection.shake_hands()
        connection.write(data)
        try:
            connection.close_orderly()
        except _Ended:
            raise Unconfirmed("the server ended the connection without a close_notify of its own") from None
        except (ConnectionError, TimeoutError) as error:
            raise Unconfirmed(f"the server did not say that it has read everything: {error}") from error


class _Ended(Exception):  # noqa: N818  what happened; never leaves this module
    """The other side has closed the connection."""


class _Connection:
    """TLS in memory, and the socket that its records go through."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def shake_hands(self) -> None:
        """Begin; the certificate is believed when this returns."""
        try:
            self._until_done(self._tls.do_handshake)
        except _Ended:
            raise ConnectionResetError("the server ended the connection during the TLS handshake") from None

    def write(self, data: bytes) -> None:
        """Send bytes."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest[:_AT_ONCE_BYTES]) :]
            self._flush()

    def close_orderly(self) -> None:
        """Send our close_notify, and wait for the server's and the end of the connection."""
        try:
            with suppress(ssl.SSLWantReadError):
                self._tls.read()  # what came before: an alert is raised here, and unwrap finds none to mistake
            with suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
        except ssl.SSLZeroReturnError:
            raise _Ended from None
        self._flush()
        with suppress(ssl.SSLZeroReturnError):
            while True:  # a syslog server says nothing; what it says all the same is read over
                self._until_done(lambda: self._tls.read(_AT_ONCE_BYTES))
        while self._plain.recv(_AT_ONCE_BYTES):
            pass
        if _unacknowledged(self._plain):
            raise _Ended

    def _until_done(self, step: Callable[[], object]) -> None:
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                self._flush()
            except ssl.SSLError:
                with suppress(OSError):  # the alert that says why; it is raised in any case
                    self._flush()
                raise
            else:
                self._flush()
                return
            part = self._plain.recv(_AT_ONCE_BYTES)
            if not part:
                raise _Ended
            self._incoming.write(part)

    def _flush(self) -> None:
        self._plain.sendall(self._outgoing.read())


def _unacknowledged(plain: socket.socket) -> int:
    """How many bytes the other side's kernel has not taken; 0 where that cannot be asked (tcp(7), SIOCOUTQ)."""
    if sys.platform != "linux":
        return 0
    (count,) = struct.unpack("i", fcntl.ioctl(plain, termios.TIOCOUTQ, bytes(4)))
    return int(count)
