"""What the log says about itself: signed heads, repairs, readings, removals, whose a key is; records like all others.

A signature stands in the record it belongs to and covers all of it but itself: see `readonly_guard.audit.keys`.
"""

from __future__ import annotations

import msgspec

__all__ = ["IdentificationRecord", "ReadingRecord", "RepairRecord", "RetentionRecord", "SealRecord"]


class SealRecord(msgspec.Struct, frozen=True, kw_only=True, tag="seal", tag_field="type"):
    """A signed head: whoever holds the key says that the chain was this long, and its last hash this, at this time.

    ``chain`` is the name of the chain's directory, ``head_seq`` and ``head_hash`` the record before this one,
    ``key_id`` the first 16 hexadecimal digits of SHA-256 over the public key, ``signature`` Ed25519 (RFC 8032) in
    hexadecimal.
    """

    time: str
    chain: str
    head_seq: int
    head_hash: str
    key_id: str
    signature: str = ""


class RepairRecord(msgspec.Struct, frozen=True, kw_only=True, tag="repair", tag_field="type"):
    """What stood behind the last whole record when the journal was opened, and where it was moved.

    ``actor`` is ``start`` for a repair at start, or ``operator`` when a person asked for it; ``lines`` counts the whole
    journal lines within what was moved, 0 for a torn last line; ``torn_sha256`` is over the bytes in ``torn_file``.
    """

    time: str
    actor: str
    file: str
    torn_file: str
    torn_bytes: int
    torn_sha256: str
    lines: int
    found: str


class ReadingRecord(msgspec.Struct, frozen=True, kw_only=True, tag="reading", tag_field="type"):
    """Somebody read the log: patientdatalagen 4 kap. 3 § wants checks of access to be documented themselves.

    Written before anything is shown. ``actor`` is the user of the operating system, ``command`` what was called
    (``show``, ``policy explain``), ``selection`` what was asked for, as ``name=value``, ``host`` where.
    """

    time: str
    actor: str
    host: str
    command: str
    selection: tuple[str, ...]


class RetentionRecord(msgspec.Struct, frozen=True, kw_only=True, tag="retention", tag_field="type"):
    """Old segments of a chain were removed; written, and signed, before the first of them goes.

    ``segments`` are their names and ``heads`` the last record of each, ``seq:hash``, behind which the chain may begin
    from now on; ``newest`` is the time of the youngest record among them. ``keep_days`` is the period, ``reason`` why
    it was less than five years. ``key_id`` and ``signature`` as in :class:`SealRecord`.
    """

    time: str
    actor: str
    chain: str
    segments: tuple[str, ...]
    heads: tuple[str, ...]
    bytes: int
    newest: str
    keep_days: int
    reason: str
    key_id: str
    signature: str = ""


class IdentificationRecord(msgspec.Struct, frozen=True, kw_only=True, tag="identification", tag_field="type"):
    """Whose a patient key of the database is, as it was looked up at that time.

    ``patient`` is the key as decisions name it, ``column:value``; ``identifiers`` are the patient's (personnummer,
    samordningsnummer, reservnummer), the first of them to be shown, none where the key was not found; ``source`` is the
    plugin that looked.
    """

    time: str
    patient: str
    identifiers: tuple[str, ...]
    source: str
