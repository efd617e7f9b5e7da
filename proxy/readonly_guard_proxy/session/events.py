"""What can happen to a session. Nouns and past tense; the machine answers each with commands."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

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


class ClientData:
    """Bytes from the client, cut anywhere."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data: Final = data


class ServerData:
    """Bytes from the server, cut anywhere."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data: Final = data


class Decided:
    """The answer to a `Decide` or `Refuse`, by its token; ``language`` is the one a denial is told in."""

    __slots__ = ("decision", "language", "token")

    def __init__(self, token: int, decision: Decision, language: Language = "en") -> None:
        self.token: Final = token
        self.decision: Final = decision
        self.language: Final[Language] = language


class ClientLost:
    """The client's side of the connection ended."""

    __slots__ = ()


class ServerLost:
    """The server's side of the connection ended."""

    __slots__ = ()


class DrainRequested:
    """The proxy stops: end the session as soon as nothing is under way, or, with ``now``, at once."""

    __slots__ = ("now",)

    def __init__(self, *, now: bool = False) -> None:
        self.now: Final = now


class Failed:
    """Something of ours failed (no decision came back): the session cannot go on. ``what`` has no literal in it."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what: Final = what


class OutOfPatience:
    """The session has waited as long as it may, for this and, since it began to, for nothing else."""

    __slots__ = ("waiting",)

    def __init__(self, waiting: Waiting) -> None:
        self.waiting: Final = waiting


class CancelDelivered:
    """The server has dealt with the cancel request that a `CancelStatement` asked for, or cannot be reached with it."""

    __slots__ = ()


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
