"""What can happen to a session. Nouns and past tense; the machine answers each with commands."""

from __future__ import annotations

import msgspec

from readonly_guard.domain import Decision, Language

__all__ = ["ClientData", "ClientLost", "Decided", "DrainRequested", "Event", "Failed", "ServerData", "ServerLost"]


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


Event = ClientData | ServerData | Decided | ClientLost | ServerLost | DrainRequested | Failed
