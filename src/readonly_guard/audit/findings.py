"""What a check of the log finds, as values."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from readonly_guard.audit.chain import Head

__all__ = ["Fault", "Progress", "Verification"]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain stops being right.

    ``file`` is a name in the chain's directory, ``line`` counts from 1, ``seq`` is the record that belongs there,
    ``what`` says in words what is wrong, without content of a record.
    """

    file: str
    line: int
    seq: int
    what: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of one chain found.

    ``records`` and ``head`` are how far the chain is right; behind ``first_fault`` nothing was looked at, because
    nothing there can be told from an invention. ``torn`` names the files with torn tails that recoveries after a crash
    have set aside; they are no fault. ``removed`` is how many records retention has removed from the beginning, by its
    signed record; ``records`` are those that are there. ``seals`` counts signed heads, ``signed`` is the last of them,
    ``signed_at`` its time, ``key_ids`` who signed; what follows ``signed`` is held by the hash chain only, since
    ``unsigned_since``.
    """

    chain: str
    ok: bool
    records: int
    segments: int
    head: Head
    first_fault: Fault | None = None
    torn: tuple[str, ...] = ()
    removed: int = 0
    seals: int = 0
    signed: Head = Head()
    signed_at: str = ""
    unsigned_since: str = ""
    key_ids: tuple[str, ...] = ()


class Progress(NamedTuple):
    """How far a check has come: records and bytes read, and all the bytes there are."""

    records: int
    bytes: int
    total_bytes: int
