r"""The hash chain: how a record is spelt, and how a line is known to be the one that was written.

Pure: bytes in, bytes out. How a record is sealed into a line is in the neighbour :mod:`readonly_guard.audit.sealing`;
files, locks and durability live in the others.

**Canonical form of a record**: its JSON as msgspec writes it. The tag ``type`` comes first, then every field in the
order of its declaration, defaults included; no white space; UTF-8 as it is (``Läsa``, not ``L\u00e4sa``); within
strings only ``"``, ``\`` and the control characters below U+0020 are escaped. Records hold text, integers, booleans,
null and lists of text, so there is nothing whose JSON could vary (no float, no unordered set, no mapping).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Self

import msgspec

from readonly_guard.audit.sealing import GENESIS, Line, seal
from readonly_guard.domain import LogRecord

__all__ = [
    "Head",
    "canonical",
    "content",
    "envelope",
    "explain",
    "reseal",
    "time_of",
]

_RECORD: Final = b',"record":'
_HEAD: Final = re.compile(r"(0|[1-9][0-9]{0,19}):([0-9a-f]{64})")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The last record of a chain, by number and hash; its text form ``seq:hash`` is what an auditor keeps."""

    seq: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The head that ``str`` wrote.

        Raises:
            ValueError: the text is not ``seq:hash``.
        """
        match = _HEAD.fullmatch(text)
        if match is None:
            raise ValueError("a head is written seq:hash, a decimal number and 64 lower-case hexadecimal digits")
        return cls(seq=int(match[1]), hash=match[2])


class _Timed(msgspec.Struct):
    time: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line taken apart, nothing of it believed yet."""

    seq: int
    prev: str
    hash: str
    record: msgspec.Raw


canonical: Final[Callable[[LogRecord], bytes]] = msgspec.json.Encoder().encode
"""The canonical bytes of a record (the method of one encoder itself, because it is on the hot path)."""

_envelopes: Final = msgspec.json.Decoder(Envelope)
_timed: Final = msgspec.json.Decoder(_Timed)
_any_json: Final = msgspec.json.Decoder(msgspec.Raw)


def reseal(data: bytes, seq: int, prev: str) -> Line | None:
    """The line, when it is byte for byte what sealing writes at this place of the chain; None when it is not.

    Because the whole line is compared, there is no second spelling of a right line: no other case of a digit, no white
    space, no further member. The record must be one JSON object; its fields are not looked at, so that a chain can be
    checked by a version that does not know all its records.
    """
    record = content(data)
    sealed = seal(seq, prev, record)
    return sealed if sealed.data == data and _is_object(record) else None


def content(data: bytes) -> bytes:
    """The canonical record of a line that :func:`~readonly_guard.audit.sealing.seal` wrote."""
    return data[data.find(_RECORD) + len(_RECORD) : -2]


def envelope(data: bytes) -> Envelope | None:
    """The line taken apart, or None when it is not a line of a journal at all."""
    try:
        taken = _envelopes.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return taken if _is_object(bytes(taken.record)) else None


def time_of(data: bytes) -> str:
    """When the record of a line was made, as it says itself; empty when it says nothing, or there is no line."""
    try:
        return _timed.decode(content(data)).time
    except msgspec.DecodeError:
        return ""


def _is_object(record: bytes) -> bool:
    try:
        _any_json.decode(record)
    except msgspec.DecodeError:
        return False
    return record.startswith(b"{")


def explain(data: bytes, seq: int, prev: str) -> str:
    """Why :func:`reseal` did not accept a line, in words for whoever has to find out what happened."""
    taken = envelope(data)
    if not data.endswith(b"\n"):
        return f"record {seq} breaks off: its line has no end"
    if taken is None:
        return f"this is not a journal line; record {seq} belongs here"
    if taken.seq > seq:
        return f"record {taken.seq} stands where record {seq} belongs: records are missing or out of order"
    if taken.seq < seq:
        return f"record {taken.seq} stands where record {seq} belongs: it was inserted, repeated or moved"
    if taken.prev != prev:
        return f"record {seq} does not continue the record before it: one of the two was replaced"
    if taken.hash != seal(seq, prev, bytes(taken.record)).hash:
        return f"record {seq} was changed: its hash is not that of its content"
    return f"the line of record {seq} was changed around its record"
