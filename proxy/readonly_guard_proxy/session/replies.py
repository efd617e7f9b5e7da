"""The reply lane: which replies are still owed, in order, and what each may consist of.

One entry stands for one request that was sent to the server. The table says which messages may come while an entry is
the oldest, and which end it; anything else means that guard and server no longer agree on what is going on, and the
session ends. Messages that belong to no request are named here too.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from readonly_guard.domain import Decision, Language, Reason
from readonly_guard_proxy.session.names import Change, Portal, Prepared
from readonly_guard_proxy.wire.messages import Backend, Frontend

__all__ = ["ASYNCHRONOUS", "SKIPS_UNTIL_SYNC", "Entry", "Outcome", "outcome"]

ASYNCHRONOUS: Final = frozenset({Backend.NOTICE, Backend.NOTIFICATION, Backend.PARAMETER_STATUS})
"""Belong to no request and may come at any time."""

SKIPS_UNTIL_SYNC: Final = frozenset(
    {Frontend.PARSE, Frontend.BIND, Frontend.DESCRIBE, Frontend.EXECUTE, Frontend.CLOSE}
)
"""After an error in one of these the server passes over everything until Sync."""

_ROWS: Final = {Backend.DATA_ROW, Backend.COPY_OUT, Backend.COPY_DATA, Backend.COPY_DONE}

# request: (what may come on the way, what ends it). CopyIn, CopyBoth and FunctionCallResponse stand nowhere.
_REPLIES: Final[dict[bytes, tuple[frozenset[bytes], frozenset[bytes]]]] = {
    Frontend.QUERY: (
        frozenset(_ROWS | {Backend.ROW_DESCRIPTION, Backend.COMMAND_COMPLETE, Backend.EMPTY_QUERY}),
        frozenset({Backend.READY}),
    ),
    Frontend.PARSE: (frozenset(), frozenset({Backend.PARSE_COMPLETE})),
    Frontend.BIND: (frozenset(), frozenset({Backend.BIND_COMPLETE})),
    Frontend.DESCRIBE: (
        frozenset({Backend.PARAMETER_DESCRIPTION}),
        frozenset({Backend.ROW_DESCRIPTION, Backend.NO_DATA}),
    ),
    Frontend.EXECUTE: (
        frozenset(_ROWS),
        frozenset({Backend.COMMAND_COMPLETE, Backend.EMPTY_QUERY, Backend.PORTAL_SUSPENDED}),
    ),
    Frontend.CLOSE: (frozenset(), frozenset({Backend.CLOSE_COMPLETE})),
    Frontend.SYNC: (frozenset(), frozenset({Backend.READY})),
}


class Outcome(Enum):
    """What a reply means to the oldest entry."""

    GOES_ON = auto()
    ENDS = auto()
    BROKEN = auto()


class Entry:
    """A request that was sent and is not answered in full.

    Args:
        kind: of the request that was sent, which for a substitute may be another than the client's.
        number: its place; rises by one with each request of the session.
        token: of the allowed decision it was released on, None for what needs none.
        denial: the decision, when this is a substitute: all it may be answered with is an error.
        language: that the denial is told in.
        change: to the names, when the request succeeds.
        describes: the statement of which the reply tells the parameters' types.
        text: that it runs, so that a name given by SQL can be known.
        prepares: names that SQL-level PREPARE gives, the next one last.
        declares: cursors that DECLARE opens, the next one last, each with whether it outlives its transaction.
        portal: that it runs, when it does by protocol.
        warnings: of the decision, to be told before the first reply, in ``language``.
    """

    __slots__ = (
        "bytes_sent", "change", "declares", "denial", "describes", "kind", "language", "number", "overdue", "portal",
        "prepares", "rows", "sqlstate", "text", "token", "warnings",
    )  # fmt: skip

    def __init__(
        self,
        *,
        kind: bytes,
        number: int,
        token: int | None = None,
        denial: Decision | None = None,
        language: Language = "en",
        change: Change | None = None,
        describes: Prepared | None = None,
        text: str = "",
        prepares: tuple[str, ...] = (),
        declares: tuple[tuple[str, bool], ...] = (),
        portal: Portal | None = None,
        warnings: tuple[Reason, ...] = (),
    ) -> None:
        self.warnings = warnings
        self.kind = kind
        self.number = number
        self.token = token
        self.denial = denial
        self.language: Language = language
        self.change = change
        self.describes = describes
        self.text = text
        self.prepares = list(reversed(prepares))
        self.declares = list(reversed(declares))
        self.portal = portal
        self.rows: int | None = None
        self.bytes_sent = 0
        self.sqlstate = ""
        self.overdue = False


def outcome(entry: Entry, reply: bytes) -> Outcome:
    """What a reply that is no error and not asynchronous means to the oldest entry."""
    if entry.denial is not None and not (entry.sqlstate and entry.kind == Frontend.QUERY and reply == Backend.READY):
        return Outcome.BROKEN
    on_the_way, ends = _REPLIES[entry.kind]
    if reply in ends:
        return Outcome.ENDS
    return Outcome.GOES_ON if reply in on_the_way else Outcome.BROKEN
