r"""The hash chain: how a record becomes a line, and how a line is known to be the one that was written.

Pure: bytes in, bytes out. Files, locks and durability live in the neighbours.

**Canonical form of a record**: its JSON as msgspec writes it. The tag ``type`` comes first, then every field in the
order of its declaration, defaults included; no white space; UTF-8 as it is (``Läsa``, not ``L\u00e4sa``); within
strings only ``"``, ``\`` and the control characters below U+0020 are escaped. Records hold text, integers, booleans,
null and lists of text, so there is nothing whose JSON could vary (no float, no unordered set, no mapping).

**Hash**: SHA-256, in lower-case hexadecimal, over this text::

    readonly-guard journal v1\n
    <seq, decimal, from 1, no leading zero>\n
    <hash of the record before, 64 hexadecimal digits; GENESIS for the first>\n
    <canonical record>

The first three parts end in a line feed and cannot contain one, the fourth is everything that remains: two different
(seq, prev, record) never give the same text. An auditor can recompute it with ``printf`` and ``sha256sum``.

**Line**: one JSON object, whose last member is the canonical record, byte for byte, and a line feed::

    {"seq":1,"prev":"000…000","hash":"9f2…","record":{"type":"decision",…}}\n

The hash has no key. It shows every change to a chain whose head is known; whoever can write the files can also compute
a whole new chain, which is why a head belongs in a place that the guard's host cannot write (see
:func:`readonly_guard.audit.verify`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Final, NamedTuple, Self

import msgspec

from readonly_guard.domain import LogRecord

__all__ = [
    "GENESIS",
    "MAX_LINE_BYTES",
    "MOST_AROUND_BYTES",
    "Head",
    "Line",
    "canonical",
    "content",
    "envelope",
    "explain",
    "is_seal",
    "reseal",
    "seal",
]

GENESIS: Final = "0" * 64
"""What stands for the hash before the first record."""

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""The longest line that is written or read, line feed included: as much as a frame of the wire may hold."""

MOST_AROUND_BYTES: Final = 187
"""By how much a line is longer than its record at most: `seq` of 20 digits, `prev` and `hash` with their names."""

_PREFIX: Final = b"readonly-guard journal v1\n"
_RECORD: Final = b',"record":'
_SEAL: Final = b',"record":{"type":"seal",'
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


class Line(NamedTuple):
    """A sealed record: its number, its hash, and the line as it stands on disk, line feed included."""

    seq: int
    hash: str
    data: bytes


class Envelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line taken apart, nothing of it believed yet."""

    seq: int
    prev: str
    hash: str
    record: msgspec.Raw


canonical: Final[Callable[[LogRecord], bytes]] = msgspec.json.Encoder().encode
"""The canonical bytes of a record (the method of one encoder itself, because it is on the hot path)."""

_envelopes: Final = msgspec.json.Decoder(Envelope)
_any_json: Final = msgspec.json.Decoder(msgspec.Raw)


def seal(seq: int, prev: str, record: bytes) -> Line:
    """Chain a canonical record to the one before it.

    Args:
        seq: its number, from 1.
        prev: the hash of record ``seq - 1``, or :data:`GENESIS`.
        record: the canonical bytes.
    """
    number, before = str(seq).encode(), prev.encode()
    digest = sha256(b"".join((_PREFIX, number, b"\n", before, b"\n", record))).hexdigest()
    # the record is spliced in as it was hashed: encoding it again could only cost time or differ
    parts = (b'{"seq":', number, b',"prev":"', before, b'","hash":"', digest.encode(), b'","record":', record, b"}\n")
    return Line(seq, digest, b"".join(parts))


def reseal(data: bytes, seq: int, prev: str) -> Line | None:
    """The line, when it is byte for byte what :func:`seal` writes at this place of the chain; None when it is not.

    Because the whole line is compared, there is no second spelling of a right line: no other case of a digit, no white
    space, no further member. The record must be one JSON object; its fields are not looked at, so that a chain can be
    checked by a version that does not know all its records.
    """
    record = content(data)
    sealed = seal(seq, prev, record)
    return sealed if sealed.data == data and _is_object(record) else None


def content(data: bytes) -> bytes:
    """The canonical record of a line that :func:`seal` wrote."""
    return data[data.find(_RECORD) + len(_RECORD) : -2]


def is_seal(data: bytes) -> bool:
    """Whether the record of such a line is a signed head."""
    return data.find(_SEAL, 0, MOST_AROUND_BYTES + len(_SEAL)) != -1


def envelope(data: bytes) -> Envelope | None:
    """The line taken apart, or None when it is not a line of a journal at all."""
    try:
        taken = _envelopes.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return taken if _is_object(bytes(taken.record)) else None


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
