"""What the log review says about itself: what was selected, what was done with it, and the signed protocol.

Records like all others, in a chain of their own; see `readonly_guard.review.ledger`. Patientdatalagen 4 kap. 3 § wants
checks of access to be systematic and recurring, HSLF-FS 2016:40 4 kap. 9 § wants them documented.
"""

from __future__ import annotations

import msgspec

__all__ = [
    "AcknowledgementRecord",
    "LateRow",
    "LateWritesRecord",
    "ProtocolRecord",
    "ReviewRecord",
    "SelectionRecord",
]


class SelectionRecord(msgspec.Struct, frozen=True, kw_only=True, tag="review_selection", tag_field="type"):
    """Which events of a unit and a month are to be reviewed, and how they were chosen.

    ``heads`` are the last records of the log's chains before the month's end, as ``chain=seq:hash``; ``seed`` is made
    of them (`readonly_guard.review.sampling`). ``events`` are decision ids in the order of their times; ``grounds``
    (``emergency``, ``print``, ``write``, ``flag``, ``sample``) and ``flags`` (``F04,F06``, or empty) go with them, one
    for one. ``rest`` is how many events the random sample was drawn from, ``undecided`` the flags that could not be
    decided with what is known, ``policy_revision`` that of the data they were decided with.
    """

    time: str
    actor: str
    via: str
    period: str
    unit: str
    heads: tuple[str, ...]
    seed: str
    sample_minimum: int
    sample_percent: int
    population: int
    rest: int
    events: tuple[str, ...]
    grounds: tuple[str, ...]
    flags: tuple[str, ...]
    undecided: tuple[str, ...]
    policy_revision: str


class ReviewRecord(msgspec.Struct, frozen=True, kw_only=True, tag="review", tag_field="type"):
    """One step with one or more events, by one reviewer.

    ``step`` is a word of `readonly_guard.review.states`, ``actor`` who took it, ``via`` through what (``web``, or
    ``cli:`` and the user of the operating system). ``reviewer`` is whom an assignment names, ``reference`` the number
    of a case in the deviation system.
    """

    time: str
    actor: str
    via: str
    step: str
    events: tuple[str, ...]
    comment: str = ""
    reviewer: str = ""
    reference: str = ""


class ProtocolRecord(msgspec.Struct, frozen=True, kw_only=True, tag="review_protocol", tag_field="type"):
    """The protocol of a reviewed unit and month, signed.

    ``grounds`` and ``outcomes`` count as ``word=number``; ``remarks`` are ``decision id: comment``, ``references`` the
    numbers in the deviation system. ``chains`` say of each chain of the log how far it was found whole just before the
    signature, ``ledger`` is the head of the review's own chain. ``signature`` is Ed25519, as of signed heads.
    """

    time: str
    actor: str
    via: str
    name: str
    period: str
    unit: str
    method: str
    seed: str
    heads: tuple[str, ...]
    population: int
    rest: int
    selected: int
    grounds: tuple[str, ...]
    outcomes: tuple[str, ...]
    undecided: tuple[str, ...]
    remarks: tuple[str, ...]
    references: tuple[str, ...]
    chains: tuple[str, ...]
    ledger: str
    routines: tuple[str, ...]
    policy_revision: str
    key_id: str = ""
    signature: str = ""


class AcknowledgementRecord(msgspec.Struct, frozen=True, kw_only=True, tag="review_acknowledgements", tag_field="type"):
    """Who has confirmed that they have read the routine, as somebody reported it. ``dates`` go with ``users``."""

    time: str
    actor: str
    via: str
    users: tuple[str, ...]
    dates: tuple[str, ...]


class LateRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was added or changed in read mode: its table and key, its times, and whose id it carries."""

    table: str
    key: str
    created: str
    changed: str
    by: str


class LateWritesRecord(msgspec.Struct, frozen=True, kw_only=True, tag="review_late_writes", tag_field="type"):
    """What a database held that was added or changed after read mode began.

    ``tables`` counts as ``schema.table=number`` for every table that was looked at, ``unchecked`` says of the others
    why they were not. ``rows`` are the latest, as many as the plan keeps.
    """

    time: str
    actor: str
    via: str
    database: str
    since: str
    tables: tuple[str, ...]
    unchecked: tuple[str, ...]
    rows: tuple[LateRow, ...]
