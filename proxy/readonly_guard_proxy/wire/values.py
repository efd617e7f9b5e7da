"""Codecs of the values of parameters: what Bind carries, text or binary, as PostgreSQL would write it.

Only types that a patient key or a column of creation can have are known: whole numbers, numeric, strings, uuid, and
one-dimensional arrays of them; moments. The layouts are those of PostgreSQL's send functions (int4send, numeric_send,
array_send …). Nothing here refuses anything: a value that cannot be told is None, and the server says what is wrong
with it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from struct import Struct
from typing import Final
from uuid import UUID

__all__ = ["UNDECLARED", "Value", "array_texts", "bound_values", "tells_apart", "text_of", "type_name_of"]

_INT32: Final = Struct("!i")
_INT64: Final = Struct("!q")
_NUMERIC: Final = Struct("!hhHh")
_ARRAY: Final = Struct("!iiI")
_DIMENSION: Final = Struct("!ii")

_BINARY: Final = 1
_NULL: Final = 0xFFFF_FFFF  # -1
_SIGN: Final = 0x8000
_POSITIVE, _NEGATIVE = 0x0000, 0x4000
_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001  of moments with an offset and without
_MOST_GROUPS: Final = 16
"""Groups of four digits before or behind the point; an identifier has three or four."""

_PLAIN: Final = 18
"""A whole number of as many digits is written in one way only."""

# oids from PostgreSQL's pg_type.dat, which never change
_INT2, _INT4, _INT8, _OID, _NUMERIC_OID, _UUID = 21, 23, 20, 26, 1700, 2950
_NAME, _UNKNOWN = 19, 705
UNDECLARED: Final = frozenset({0, _UNKNOWN})
"""What Parse says of a parameter whose type it leaves to the server."""
_DATE, _TIMESTAMP, _TIMESTAMPTZ = 1082, 1114, 1184
_MOMENTS: Final = {_DATE: "date", _TIMESTAMP: "timestamp", _TIMESTAMPTZ: "timestamptz"}
_STRINGS: Final = frozenset({25, 1043, 1042, _NAME, _UNKNOWN})  # text, varchar, bpchar
_NUMBERS: Final = frozenset({_INT2, _INT4, _INT8, _OID, _NUMERIC_OID})
_LONGEST_NAME: Final = 63  # bytes; the server cuts what is longer (NAMEDATALEN - 1)
_ELEMENTS: Final = {
    1005: _INT2, 1007: _INT4, 1016: _INT8, 1028: _OID, 1231: _NUMERIC_OID, 2951: _UUID,
    1009: 25, 1015: 1043, 1014: 1042, 1003: 19,
}  # fmt: skip
"""The types of arrays' elements, by the array's type."""

_APART: Final = (_STRINGS | _NUMBERS | {_UUID}) - {_NAME, _OID}

# one element of an array written as text (documentation 8.15.6): quoted with backslashes, or bare
_ELEMENT: Final = re.compile(
    r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^",{}\\\s](?:[^",{}\\]*[^",{}\\\s])?))\s*(?P<end>,|\Z)', re.DOTALL
)


class Value:
    """A value as it came; None stands for NULL."""

    __slots__ = ("data", "is_binary")

    def __init__(self, data: bytes | None, *, is_binary: bool) -> None:
        self.data: Final = data
        self.is_binary: Final = is_binary


def bound_values(values: bytes) -> tuple[Value, ...] | None:
    """The values of a Bind, from behind its names; None when it is malformed.

    ``Int16 n, Int16 format × n, Int16 m, (Int32 length, Byte × length) × m, …``; one format is every value's, none is
    text, a length of -1 is NULL.
    """
    try:
        count = _int16(values, 0)
        at = 2 + 2 * count
        number = _int16(values, at)
        at += 2
        found = []
        for index in range(number):
            if count > 1 and index >= count:
                return None
            data, at = _counted(values, at)
            kind = _int16(values, 2 if count == 1 else 2 + 2 * index) if count else 0
            found.append(Value(data, is_binary=kind == _BINARY))
    except (struct.error, IndexError):
        return None
    return tuple(found)


def _int16(data: bytes, at: int) -> int:
    """An Int16 that counts something, or names a format: neither is below zero."""
    number = data[at] << 8 | data[at + 1]
    if number >= _SIGN:
        raise struct.error
    return number


def _counted(data: bytes, at: int) -> tuple[bytes | None, int]:
    """Bytes with their length in front, and where they end."""
    length = data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
    at += _INT32.size
    if length == _NULL:
        return None, at
    if at + length > len(data):
        raise struct.error
    return data[at : at + length], at + length


def text_of(value: Value, oid: int, codec: str) -> str | None:
    """A value that is not NULL, as text; None when it cannot be told.

    Args:
        value: as it came.
        oid: of its type; 0 when that is not known.
        codec: of the client's encoding, for strings.
    """
    if value.data is None:
        return None
    try:
        if value.is_binary:
            return _DECODERS[oid](value.data, codec)
        written = value.data.decode(codec)
        if oid == _NAME and len(value.data) > _LONGEST_NAME:
            return None
        if oid in _NUMBERS:
            if len(written) <= _PLAIN and written.isascii() and written.isdigit() and written[0] != "0":
                return written
            return None if oid == _OID else _shortest(Decimal(written.strip()))  # -1 is the largest oid
        if oid and oid not in _DECODERS:
            return None  # to a real, 30000001 is 30000000; to a regclass, or a bit string, it is something else again
        return str(UUID(written)) if oid == _UUID else written
    except (KeyError, ValueError, OverflowError, struct.error, InvalidOperation):
        return None


def tells_apart(oid: int) -> bool:
    """Whether what stands for a parameter is what is written also in its type: to a ``real``, 30000001 is not."""
    return oid in UNDECLARED or oid in _APART or _ELEMENTS.get(oid) in _APART


def type_name_of(oid: int) -> str | None:
    """The name of the type of a moment; None for any other."""
    return _MOMENTS.get(oid)


def array_texts(value: Value, oid: int, codec: str) -> tuple[str, ...] | None:
    """The elements of an array that is not NULL, as :func:`text_of`; NULL among them is left out."""
    if value.data is None or (oid and oid not in _ELEMENTS):
        return None
    try:
        elements = _binary_elements(value.data) if value.is_binary else _text_elements(value.data, oid, codec)
        texts = tuple(text_of(one, element, codec) for element, one in elements if one.data is not None)
    except (ValueError, struct.error):
        return None
    return None if None in texts else texts  # type: ignore[return-value]


def _binary_elements(data: bytes) -> list[tuple[int, Value]]:
    """``Int32 dimensions, Int32 flags, Int32 type, (Int32 size, Int32 lower bound) × dimensions, elements``."""
    dimensions, _, oid = _ARRAY.unpack_from(data)
    if dimensions == 0:
        return []
    at = _ARRAY.size
    size, _ = _DIMENSION.unpack_from(data, at)
    at += _DIMENSION.size
    if dimensions != 1 or size * _INT32.size > len(data) - at:
        raise ValueError
    found = []
    for _ in range(size):
        element, at = _counted(data, at)
        found.append((oid, Value(element, is_binary=True)))
    return found


def _text_elements(data: bytes, oid: int, codec: str) -> list[tuple[int, Value]]:
    written = data.decode(codec).strip()
    if written[:1] != "{" or written[-1:] != "}":
        raise ValueError  # with bounds, [1:2]={…}, or no array at all
    element, inner, found = _ELEMENTS.get(oid, 0), written[1:-1], []
    at = 0 if inner.strip() else None
    while at is not None:
        match = _ELEMENT.match(inner, at)
        if match is None:
            raise ValueError
        bare = match["bare"]
        if bare is None:
            word = re.sub(r"\\(.)", r"\1", match["quoted"], flags=re.DOTALL)
            found.append((element, Value(word.encode(codec), is_binary=False)))
        elif bare.upper() != "NULL":
            found.append((element, Value(bare.encode(codec), is_binary=False)))
        at = match.end() if match["end"] else None
    return found


def _shortest(value: Decimal) -> str:
    """A number so that equal ones are written alike."""
    if not value.is_finite() or abs(value.adjusted()) > 4 * _MOST_GROUPS:
        raise ValueError
    return str(int(value)) if value == value.to_integral_value() else f"{value.normalize():f}"


def _whole(layout: str) -> Callable[[bytes, str], str]:
    return lambda data, _: str(struct.unpack(layout, data)[0])


def _string(data: bytes, codec: str) -> str:
    return data.decode(codec)


def _numeric(data: bytes, _codec: str) -> str:
    """``Int16 groups, Int16 weight of the first, Int16 sign, Int16 scale, Int16 group of four digits × groups``."""
    count, weight, sign, _ = _NUMERIC.unpack_from(data)
    if sign not in {_POSITIVE, _NEGATIVE} or abs(weight) > _MOST_GROUPS or count > 2 * _MOST_GROUPS:
        raise ValueError
    groups = struct.unpack(f"!{count}H", data[_NUMERIC.size :])
    value = sum((Decimal(group).scaleb(4 * (weight - at)) for at, group in enumerate(groups)), Decimal(0))
    return _shortest(-value if sign == _NEGATIVE else value)


def _uuid(data: bytes, _: str) -> str:
    return str(UUID(bytes=data))


def _timestamp(data: bytes, _: str) -> str:
    """``Int64`` microseconds since 2000; what Python's calendar does not reach, infinity among it, cannot be told."""
    return (_EPOCH + timedelta(microseconds=_INT64.unpack(data)[0])).isoformat()


def _date(data: bytes, _: str) -> str:
    """``Int32`` days since 2000."""
    return (_EPOCH + timedelta(days=_INT32.unpack(data)[0])).date().isoformat()


_DECODERS: Final[dict[int, Callable[[bytes, str], str]]] = {
    _INT2: _whole("!h"),
    _INT4: _whole("!i"),
    _INT8: _whole("!q"),
    _OID: _whole("!I"),
    _NUMERIC_OID: _numeric,
    _UUID: _uuid,
    _DATE: _date,
    _TIMESTAMP: _timestamp,
    _TIMESTAMPTZ: lambda data, _: f"{_timestamp(data, _)}+00:00",
    **dict.fromkeys(_STRINGS, _string),
}
