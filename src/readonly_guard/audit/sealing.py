r"""How a record becomes a line of the chain.

Bytes in, bytes out. This is on the way of every decision: nothing here is read back or explained (see the neighbour
:mod:`readonly_guard.audit.chain`, where the canonical form of a record is).

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

from binascii import hexlify
from hashlib import sha256
from typing import Final

__all__ = ["GENESIS", "MAX_LINE_BYTES", "MOST_AROUND_BYTES", "Line", "Sealer", "is_seal", "seal"]

GENESIS: Final = "0" * 64
"""What stands for the hash before the first record."""

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""The longest line that is written or read, line feed included: as much as a frame of the wire may hold."""

MOST_AROUND_BYTES: Final = 187
"""By how much a line is longer than its record at most: `seq` of 20 digits, `prev` and `hash` with their names."""

_digest_of: Final = sha256
_hex_of: Final = hexlify
_HASHED: Final = b"readonly-guard journal v1\n"
_SEQ: Final = b'{"seq":'
_PREV: Final = b',"prev":"'
_HASH: Final = b'","hash":"'
_RECORD: Final = b'","record":'
_END: Final = b"}\n"
_SEAL: Final = b',"record":{"type":"seal",'


class Line:
    """A sealed record: its number, its hash, and the line as it stands on disk, line feed included."""

    __slots__ = ("data", "hash", "seq")

    def __init__(self, seq: int, digest: str, data: bytes) -> None:
        self.seq: Final = seq
        self.hash: Final = digest
        self.data: Final = data


def seal(seq: int, prev: str, record: bytes) -> Line:
    """Chain a canonical record to the one before it.

    Args:
        seq: its number, from 1.
        prev: the hash of record ``seq - 1``, or :data:`GENESIS`.
        record: the canonical bytes.
    """
    sealer = Sealer(seq - 1, prev)
    data = sealer.seal(record)
    return Line(seq, sealer.hash.decode(), data)


class Sealer:
    """Chains one record behind the other.

    Args:
        seq: the number of the record before the next, 0 before the first.
        digest: its hash, or :data:`GENESIS`.

    Attributes:
        seq: the number of the last record.
        hash: its hash, 64 hexadecimal digits.
    """

    __slots__ = ("hash", "seq")

    def __init__(self, seq: int, digest: str) -> None:
        self.seq = seq
        self.hash = digest.encode()

    def seal(self, record: bytes) -> bytes:
        """The line of the next record, of its canonical bytes."""
        self.seq += 1
        seq, prev = str(self.seq).encode(), self.hash
        self.hash = digest = _hex_of(_digest_of(b"".join((_HASHED, seq, b"\n", prev, b"\n", record))).digest())
        # the record is spliced in as it was hashed: encoding it again could only cost time or differ
        return b"".join((_SEQ, seq, _PREV, prev, _HASH, digest, _RECORD, record, _END))


def is_seal(data: bytes) -> bool:
    """Whether the record of such a line is a signed head."""
    return data.find(_SEAL, 0, MOST_AROUND_BYTES + len(_SEAL)) != -1
