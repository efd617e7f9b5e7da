"""What can happen to a session. Nouns and past tense; the machine answers each with commands."""

from __future__ import annotations

from enum import Enum, auto

import msgspec

from readonly_guard.domain import Decision, Language

__all__ = [
    "CancelDelivered",
    "ClientData",
    "ClientLost",
    "Decided",
    "DrainRequested",
    "Event",
    "Failed",
    "OutOfPatience",
    "ServerData",
    "ServerLost",
    "Waiting",
]


class Waiting(Enum):
    """What a session waits for; each has its own patience. The names of the settings and the codes are PostgreSQL's."""

    STARTUP = auto()
    """The client has not been let in yet (``authentication_timeout``, 57014)."""
    STATEMENT = auto()
    """Something is being decided or run (``statement_timeout``, 57014)."""
    IDLE = auto()
    """The client may say something, and holds nothing (``idle_session_timeout``, 57P05)."""
    IDLE_IN_TRANSACTION = auto()
    """The client may say something, and holds a transaction (``idle_in_transaction_session_timeout``, 25P03)."""


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    pass


class ClientData(_Event, frozen=True, kw_only=True):
    """Bytes from the client, cut anywhere."""

    data: bytes


class ServerData(_Event, frozen=True, kw_only=True):
    """Bytes from the server, cut anywhere."""

    data: bytes


class Decided(_Event, frozen=True, kw_only=True):
    """The answer to a `Decide` or `Refuse`, by its token; ``language`` is the one a denial is told in."""

    token: int
    decision: Decision
    language: Language = "en"


class ClientLost(_Event, frozen=True, kw_only=True):
    """The client's side of the connection ended."""


class ServerLost(_Event, frozen=True, kw_only=True):
    """The server's side of the connection ended."""


class DrainRequested(_Event, frozen=True, kw_only=True):
    """The proxy stops: end the session as soon as nothing is under way, or, with ``now``, at once."""

    now: bool = False


class Failed(_Event, frozen=True, kw_only=True):
    """Something of ours failed (no decision came back): the session cannot go on. ``what`` has no literal in it."""

    what: str


class OutOfPatience(_Event, frozen=True, kw_only=True):
    """The session has waited as long as it may, for this and, since it began to, for nothing else."""

    waiting: Waiting


class CancelDelivered(_Event, frozen=True, kw_only=True):
    """The server has dealt with the cancel request that a `CancelStatement` asked for, or cannot be reached with it."""


Event = (
    ClientData
    | ServerData
    | Decided
    | ClientLost
    | ServerLost
    | DrainRequested
    | Failed
    | OutOfPatience
    | CancelDelivered
)
