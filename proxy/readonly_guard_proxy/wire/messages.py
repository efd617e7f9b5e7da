"""Codecs of the messages that the guard looks into; all others are forwarded unread.

Those of logging in are in the neighbour `authentication`. Layouts are those of the PostgreSQL documentation, "Message
Formats", written in each function's docstring. ``String`` is bytes up to a NUL. Whatever a layout does not allow is a
`ProtocolViolation`: guard and server must not read one message in two ways.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from struct import Struct
from typing import Final

from readonly_guard_proxy.wire.framing import HEADER_BYTES, Frame, ProtocolViolation, frame

__all__ = [
    "BACKEND_KINDS",
    "FRONTEND_KINDS",
    "MAX_TAG_BYTES",
    "STREAMED_KINDS",
    "Backend",
    "BindMessage",
    "Frontend",
    "ParseMessage",
    "Target",
    "backend_key",
    "command_tag",
    "error_fields",
    "error_response",
    "execute_portal",
    "negotiate_protocol_version",
    "negotiated_version",
    "notice_response",
    "parameter_status",
    "parameter_types",
    "parse_message",
    "query_message",
    "query_text",
    "read_bind",
    "read_parse",
    "rows_of",
    "target",
    "transaction_status",
]

_INT16: Final = Struct("!H")
_INT32: Final = Struct("!I")
_PID: Final = Struct("!i")
MAX_TAG_BYTES: Final = 64
"""COMPLETION_TAG_BUFSIZE: no command tag is as long (PostgreSQL sources, tcop/cmdtag.h)."""


class Frontend:
    """Type bytes of what a client sends, as numbers: a compiled comparison of these costs next to nothing."""

    BIND: Final = 66  # B
    CLOSE: Final = 67  # C
    COPY_DATA: Final = 100  # d
    COPY_DONE: Final = 99  # c
    COPY_FAIL: Final = 102  # f
    DESCRIBE: Final = 68  # D
    EXECUTE: Final = 69  # E
    FLUSH: Final = 72  # H
    FUNCTION_CALL: Final = 70  # F
    PARSE: Final = 80  # P
    PASSWORD: Final = 112  # p
    QUERY: Final = 81  # Q
    SYNC: Final = 83  # S
    TERMINATE: Final = 88  # X


class Backend:
    """Type bytes of what a server sends."""

    AUTHENTICATION: Final = 82  # R
    BACKEND_KEY_DATA: Final = 75  # K
    BIND_COMPLETE: Final = 50  # 2
    CLOSE_COMPLETE: Final = 51  # 3
    COMMAND_COMPLETE: Final = 67  # C
    COPY_BOTH: Final = 87  # W
    COPY_DATA: Final = 100  # d
    COPY_DONE: Final = 99  # c
    COPY_IN: Final = 71  # G
    COPY_OUT: Final = 72  # H
    DATA_ROW: Final = 68  # D
    EMPTY_QUERY: Final = 73  # I
    ERROR: Final = 69  # E
    FUNCTION_CALL: Final = 86  # V
    NEGOTIATE: Final = 118  # v
    NO_DATA: Final = 110  # n
    NOTICE: Final = 78  # N
    NOTIFICATION: Final = 65  # A
    PARAMETER_DESCRIPTION: Final = 116  # t
    PARAMETER_STATUS: Final = 83  # S
    PARSE_COMPLETE: Final = 49  # 1
    PORTAL_SUSPENDED: Final = 115  # s
    READY: Final = 90  # Z
    ROW_DESCRIPTION: Final = 84  # T


FRONTEND_KINDS: Final = b"BCDEFHPQSXcdfp"
BACKEND_KINDS: Final = b"123ACDEGHIKNRSTVWZcdnstv"
STREAMED_KINDS: Final = b"Dd"


class BackendKey:
    """What a cancel request names: a process id and its secret, 4 bytes long in protocol 3.0, up to 256 since 3.2."""

    __slots__ = ("pid", "secret")

    def __init__(self, pid: int, secret: bytes) -> None:
        self.pid: Final = pid
        self.secret: Final = secret


class ParseMessage:
    """The parts of a Parse; ``name`` is empty for the unnamed statement, ``types`` are the oids given, 0 for none."""

    __slots__ = ("name", "text", "types")

    def __init__(self, name: bytes, text: bytes, types: tuple[int, ...]) -> None:
        self.name: Final = name
        self.text: Final = text
        self.types: Final = types


class BindMessage:
    """The parts of a Bind; ``values`` is what follows the names (`readonly_guard_proxy.wire.values`)."""

    __slots__ = ("portal", "statement", "values")

    def __init__(self, portal: bytes, statement: bytes, values: bytes) -> None:
        self.portal: Final = portal
        self.statement: Final = statement
        self.values: Final = values


class Target:
    """What a Close or Describe is about: kind ``b"S"`` (statement) or ``b"P"`` (portal), and its name."""

    __slots__ = ("kind", "name")

    def __init__(self, kind: bytes, name: bytes) -> None:
        self.kind: Final = kind
        self.name: Final = name


def _end(data: bytes, at: int) -> int:
    """Where the String at ``at`` ends, -1 when it does not; the names of portals and statements are mostly empty."""
    if at < len(data) and not data[at]:
        return at
    return data.find(b"\0", at)


def query_text(message: Frame) -> bytes:
    """The text of a Query: ``String text``. Bytes behind the NUL are refused: no other reader would see them."""
    data = message.data
    end = data.find(b"\0", HEADER_BYTES)
    if end != len(data) - 1:
        raise ProtocolViolation("Query whose text does not end with its only NUL")
    return data[HEADER_BYTES:end]


def query_message(text: bytes) -> bytes:
    """A Query."""
    return frame(Frontend.QUERY, text + b"\0")


def read_parse(message: Frame) -> ParseMessage:
    """The parts of a Parse: ``String name, String text, Int16 n, Int32 type × n``."""
    parts = message.body.split(b"\0", 2)
    if len(parts) != 3 or len(parts[2]) < _INT16.size:  # noqa: PLR2004  name, text, types
        raise ProtocolViolation("Parse that is cut short")
    name, text, types = parts
    if len(types) != _INT16.size + _INT32.size * _INT16.unpack_from(types)[0]:
        raise ProtocolViolation("Parse whose number of parameter types does not fit")
    return ParseMessage(name, text, tuple(oid for (oid,) in _INT32.iter_unpack(types[_INT16.size :])))


def parse_message(name: bytes, text: bytes) -> bytes:
    """A Parse without parameter types."""
    return frame(Frontend.PARSE, name + b"\0" + text + b"\0" + _INT16.pack(0))


def read_bind(message: Frame) -> BindMessage:
    """The parts of a Bind: ``String portal, String statement`` and formats and values, which the server checks."""
    data = message.data
    portal = _end(data, HEADER_BYTES)
    statement = -1 if portal < 0 else _end(data, portal + 1)
    if statement < 0:
        raise ProtocolViolation("Bind that is cut short")
    return BindMessage(data[HEADER_BYTES:portal], data[portal + 1 : statement], data[statement + 1 :])


def execute_portal(message: Frame) -> bytes:
    """The portal of an Execute: ``String portal, Int32 row limit``."""
    data = message.data
    end = _end(data, HEADER_BYTES)
    if end < 0 or len(data) - end - 1 != _INT32.size:
        raise ProtocolViolation("Execute of the wrong length")
    return data[HEADER_BYTES:end]


def target(message: Frame) -> Target:
    """What a Close or Describe is about: ``Byte1 kind, String name``."""
    data = message.data
    end = _end(data, HEADER_BYTES + 1)
    if end < 0 or end != len(data) - 1 or data[HEADER_BYTES] not in b"SP":
        raise ProtocolViolation("Close or Describe that is neither of a statement nor of a portal")
    return Target(data[HEADER_BYTES : HEADER_BYTES + 1], data[HEADER_BYTES + 1 : end])


def error_fields(message: Frame) -> dict[str, bytes]:
    """The fields of an ErrorResponse or NoticeResponse, ``(Byte1 code, String value) … NUL``, by code."""
    return {part[:1].decode("latin-1"): part[1:] for part in message.body.split(b"\0") if part}


def error_response(fields: Mapping[str, bytes]) -> bytes:
    """An ErrorResponse; empty fields are left out, NULs inside a value are dropped."""
    return frame(Backend.ERROR, _fields(fields))


def notice_response(fields: Mapping[str, bytes]) -> bytes:
    """A NoticeResponse, as :func:`error_response`."""
    return frame(Backend.NOTICE, _fields(fields))


def _fields(fields: Mapping[str, bytes]) -> bytes:
    body = b"".join(code.encode("ascii") + value.replace(b"\0", b"") + b"\0" for code, value in fields.items() if value)
    return body + b"\0"


def parameter_status(message: Frame) -> tuple[str, str]:
    """Name and value of a ParameterStatus: ``String name, String value``."""
    body = message.body
    return _seen_pair(body) if len(body) <= _SHORT_BYTES else _pair(body)


def _pair(body: bytes) -> tuple[str, str]:
    parts = body.split(b"\0")
    if len(parts) != 3 or parts[2]:  # noqa: PLR2004  name, value and what must be nothing
        raise ProtocolViolation("ParameterStatus that is not a pair")
    return parts[0].decode(errors="replace"), parts[1].decode(errors="replace")


_SHORT_BYTES: Final = 64
_seen_pair: Final = lru_cache(maxsize=256)(_pair)  # a server says the same dozen of them to all who log in


def backend_key(message: Frame) -> BackendKey:
    """What a BackendKeyData says: ``Int32 pid, Byte key × 4 … 256``."""
    body = message.body
    if len(body) <= _PID.size:
        raise ProtocolViolation("BackendKeyData that is cut short")
    return BackendKey(_PID.unpack_from(body)[0], body[_PID.size :])


def backend_key_data(key: BackendKey) -> bytes:
    """A BackendKeyData."""
    return frame(Backend.BACKEND_KEY_DATA, _PID.pack(key.pid) + key.secret)


def parameter_types(message: Frame) -> tuple[int, ...]:
    """The types in a ParameterDescription: ``Int16 n, Int32 type × n``."""
    body = message.body
    if len(body) < _INT16.size or len(body) != _INT16.size + _INT32.size * _INT16.unpack_from(body)[0]:
        raise ProtocolViolation("ParameterDescription whose number of types does not fit")
    return tuple(oid for (oid,) in _INT32.iter_unpack(body[_INT16.size :]))


def command_tag(message: Frame) -> bytes:
    """The tag of a CommandComplete: ``String tag``."""
    return message.body.rstrip(b"\0")


def rows_of(tag: bytes) -> int | None:
    """How many rows a command tag tells of (``SELECT 3``, ``FETCH 1``, ``COPY 7``), None when it tells none."""
    return _rows_of(tag) if len(tag) < MAX_TAG_BYTES else None


@lru_cache(maxsize=1_024)
def _rows_of(tag: bytes) -> int | None:
    last = tag.rpartition(b" ")[2]
    return int(last) if last.isdigit() else None


def transaction_status(message: Frame) -> bytes:
    """The status of a ReadyForQuery: ``I`` idle, ``T`` in a transaction, ``E`` in a failed one."""
    status = message.body
    if status not in {b"I", b"T", b"E"}:
        raise ProtocolViolation("ReadyForQuery without a transaction status")
    return status


def negotiate_protocol_version(version: int, unknown: Collection[str]) -> bytes:
    """A NegotiateProtocolVersion."""
    names = b"".join(name.encode() + b"\0" for name in unknown)
    return frame(Backend.NEGOTIATE, _INT32.pack(version) + _INT32.pack(len(unknown)) + names)


def negotiated_version(message: Frame) -> tuple[int, frozenset[str]]:
    """A NegotiateProtocolVersion: ``Int32 newest version, Int32 n, String unknown option × n``."""
    body = message.body
    if len(body) < 2 * _INT32.size:
        raise ProtocolViolation("NegotiateProtocolVersion that is cut short")
    names = body[2 * _INT32.size :].split(b"\0")
    if len(names) - 1 != _INT32.unpack_from(body, _INT32.size)[0] or names[-1]:
        raise ProtocolViolation("NegotiateProtocolVersion whose number of options does not fit")
    return _INT32.unpack_from(body)[0], frozenset(name.decode(errors="replace") for name in names[:-1])
