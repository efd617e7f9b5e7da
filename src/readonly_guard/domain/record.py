"""What the log keeps. Identifiers and names only, never another literal and never clinical content (ISO 27789).

HSLF-FS 2016:40 4 kap. 9 § asks for the action taken, the care unit, the time, and the user's and patient's identity.
"""

from __future__ import annotations

import msgspec

from readonly_guard.domain.custody import (
    IdentificationRecord,
    ReadingRecord,
    RepairRecord,
    RetentionRecord,
    SealRecord,
)
from readonly_guard.domain.review import (
    AcknowledgementRecord,
    LateWritesRecord,
    ProtocolRecord,
    ReviewRecord,
    SelectionRecord,
)

__all__ = ["CompletionRecord", "DecisionRecord", "Entry", "LogRecord", "SessionRecord"]


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True, tag="decision", tag_field="type"):
    """A decision, written before its statement is released.

    ``activity`` is Inera's word (Läsa, Utskrift, Sök, Nekad …); ``time`` is RFC 3339 in UTC with microseconds.
    ``patients`` as `readonly_guard.domain.listed_patients` writes them; ``information_sets`` by the names of the
    configuration, empty in records of before there were any.
    ``obligations`` are the policy's duties, and ``not_enforced=CODE`` for a denial (then among the ``warnings``) that
    its mode made none; in records of before it was refused, ``max_rows=N``, which nobody enforced. With ``is_bound``,
    ``authentication`` and ``assurance_level`` it holds all of the policy's question, so that it can be asked again;
    each is None in records of before it was kept. ``created_from`` and ``created_before`` are the bounds of creation
    that the statement's predicates set, None where they set none; ``is_creation_awaited``: they were to come with Bind.
    """

    decision_id: str
    time: str
    session_id: str
    subject: str
    hsa_id: str
    care_unit: str
    purpose: str
    case_reference: str
    print_reason: str
    justification: str
    action: str
    activity: str
    phase: str
    kinds: tuple[str, ...]
    relations: tuple[str, ...]
    functions: tuple[str, ...]
    patients: tuple[str, ...]
    statement: str
    fingerprint: str
    verdict: str
    codes: tuple[str, ...]
    warnings: tuple[str, ...]
    obligations: tuple[str, ...]
    policy_revision: str
    routine: str
    database: str
    client_address: str
    application_name: str
    listener: str
    information_sets: tuple[str, ...] = ()
    is_bound: bool | None = None
    created_from: str | None = None
    created_before: str | None = None
    is_creation_awaited: bool | None = None
    authentication: str | None = None
    assurance_level: int | None = None


class CompletionRecord(msgspec.Struct, frozen=True, kw_only=True, tag="completion", tag_field="type"):
    """How a released statement ended. ``rows`` is None where the server did not say, ``sqlstate`` empty on success."""

    decision_id: str
    time: str
    rows: int | None
    bytes: int
    duration_us: int
    sqlstate: str


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True, tag="session", tag_field="type"):
    """A session opened, closed, or was refused before it opened. ``event`` is ``opened``, ``closed`` or ``refused``."""

    session_id: str
    time: str
    event: str
    subject: str
    database: str
    client_address: str
    application_name: str
    listener: str
    codes: tuple[str, ...] = ()
    detail: str = ""


LogRecord = (
    DecisionRecord
    | CompletionRecord
    | SessionRecord
    | SealRecord
    | RepairRecord
    | ReadingRecord
    | RetentionRecord
    | IdentificationRecord
    | SelectionRecord
    | ReviewRecord
    | ProtocolRecord
    | AcknowledgementRecord
    | LateWritesRecord
)


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record as it stands in the log: its number and hash in its chain, whose name is empty where one was read.

    ``canonical`` are the bytes of the record that ``hash`` was made of, for sinks that keep them; empty for all others.
    A record that an earlier version wrote has fewer fields in them than ``record``.
    """

    seq: int
    hash: str
    record: LogRecord
    chain: str = ""
    canonical: bytes = b""
