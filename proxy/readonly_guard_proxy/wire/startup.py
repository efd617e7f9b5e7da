"""Startup packets as bytes: what a client may say before it is known.

They have no type byte: ``Int32 length (itself included), Int32 code, body``. The code is a protocol version
(3.0 is 196608) or one of three requests. A startup message's body is ``name NUL value NUL … NUL``.

The dialogue is small and its rules are here: at most one SSLRequest and one GSSENCRequest, each answered before the
client may go on. Bytes that came together with such a request were sent before its answer; a man in the middle could
have put them there (CVE-2021-23222), so they are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Final

from readonly_guard_proxy.wire.framing import ProtocolViolation
from readonly_guard_proxy.wire.packets import SSL_REQUEST, CancelRequest, EncryptionRequest, StartupMessage

__all__ = ["StartupReader", "cancel_request", "ssl_request", "startup_message"]

_HEAD: Final = Struct("!II")
_CANCEL: Final = 80877102
_SSL: Final = 80877103
_GSSENC: Final = 80877104
_PID: Final = Struct("!i")
_KEY_BYTES: Final = range(4, 257)  # 4 in protocol 3.0, up to 256 since 3.2


class StartupReader:
    """Reads the packets of the startup dialogue from bytes as they come.

    Args:
        limit: the largest packet in bytes; PostgreSQL's own is 10,000 (MAX_STARTUP_PACKET_LENGTH).
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._asked: set[str] = set()

    @property
    def rest(self) -> bytes:
        """What came behind the last packet."""
        return bytes(self._buffer)

    def is_encrypted(self) -> None:
        """The connection began with TLS: there is no asking for it any more."""
        self._asked.add(SSL_REQUEST)

    def feed(self, data: bytes) -> EncryptionRequest | CancelRequest | StartupMessage | None:
        """Take bytes; give the packet they complete, or None when there is none yet.

        Raises:
            ProtocolViolation: not a startup packet, or one out of turn.
        """
        self._buffer += data
        if len(self._buffer) < _HEAD.size:
            return None
        length, code = _HEAD.unpack_from(self._buffer)
        if not _HEAD.size <= length <= self._limit:
            raise ProtocolViolation(f"invalid length of startup packet (limit {self._limit})")
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[_HEAD.size : length])
        del self._buffer[:length]
        if code in {_SSL, _GSSENC}:
            return self._encryption(SSL_REQUEST if code == _SSL else "GSSENCRequest", body)
        if code == _CANCEL:
            return _cancel(body)
        return StartupMessage(version=code, parameters=_parameters(body))

    def _encryption(self, name: str, body: bytes) -> EncryptionRequest:
        if body:
            raise ProtocolViolation(f"{name} with a body")
        if name in self._asked:
            raise ProtocolViolation(f"a second {name}")
        if self._buffer:
            raise ProtocolViolation(f"data sent behind {name} before its answer")
        self._asked.add(name)
        return EncryptionRequest(name=name)


def startup_message(version: int, parameters: Mapping[str, str]) -> bytes:
    """The bytes of a startup message."""
    body = "".join(f"{name}\0{value}\0" for name, value in parameters.items()).encode() + b"\0"
    return _HEAD.pack(_HEAD.size + len(body), version) + body


def ssl_request() -> bytes:
    """The bytes of an SSLRequest."""
    return _HEAD.pack(_HEAD.size, _SSL)


def cancel_request(pid: int, key: bytes) -> bytes:
    """The bytes of a CancelRequest."""
    return _HEAD.pack(_HEAD.size + _PID.size + len(key), _CANCEL) + _PID.pack(pid) + key


def _cancel(body: bytes) -> CancelRequest:
    key = body[_PID.size :]
    if len(key) not in _KEY_BYTES:
        raise ProtocolViolation("CancelRequest of the wrong length")
    return CancelRequest(pid=_PID.unpack_from(body)[0], key=key)


def _parameters(body: bytes) -> dict[str, str]:
    # Two names for one thing would let guard and server each believe another value: a repeated name is refused.
    try:
        words = body.decode().split("\0")
    except UnicodeDecodeError:
        raise ProtocolViolation("startup packet that is not UTF-8") from None
    if words[-2:] != ["", ""]:
        raise ProtocolViolation("startup packet without its terminator")
    del words[-2:]
    if len(words) % 2 or not all(words[::2]):
        raise ProtocolViolation("startup packet whose names and values do not pair")
    parameters = dict(zip(words[::2], words[1::2], strict=True))
    if len(parameters) != len(words) // 2:
        raise ProtocolViolation("startup packet that names a parameter twice")
    return parameters
