"""The reply lane: which replies are still owed, in order, and what each may consist of.

One entry stands for one request that was sent to the server. The table says which messages may come while an entry is
the oldest, and which end it; anything else means that guard and server no longer agree on what is going on, and the
session ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

from readonly_guard.domain import Decision, Language, Reason
from readonly_guard_proxy.session.names import Change, Portal, Prepared
from readonly_guard_proxy.wire.messages import Backend, Frontend

__all__ = ["SKIPS_UNTIL_SYNC", "Entry", "Outcome", "outcome"]

SKIPS_UNTIL_SYNC: Final = frozenset(
    {Frontend.PARSE, Frontend.BIND, Frontend.DESCRIBE, Frontend.EXECUTE, Frontend.CLOSE}
)
"""After an error in one of these the server passes over everything until Sync."""


class Outcome(Enum):
    """What a reply means to the oldest entry."""

    GOES_ON = auto()
    ENDS = auto()
    BROKEN = auto()


_BROKEN: Final = Outcome.BROKEN
_ROWS: Final = (Backend.DATA_ROW, Backend.COPY_OUT, Backend.COPY_DATA, Backend.COPY_DONE)


def _replies(on_the_way: Iterable[int], ends: Iterable[int]) -> dict[int, Outcome]:
    return dict.fromkeys(on_the_way, Outcome.GOES_ON) | dict.fromkeys(ends, Outcome.ENDS)


# By request: what may come on the way, and what ends it. CopyIn, CopyBoth and FunctionCallResponse stand nowhere.
_REPLIES: Final[dict[int, dict[int, Outcome]]] = {
    Frontend.QUERY: _replies(
        (*_ROWS, Backend.ROW_DESCRIPTION, Backend.COMMAND_COMPLETE, Backend.EMPTY_QUERY), (Backend.READY,)
    ),
    Frontend.PARSE: _replies((), (Backend.PARSE_COMPLETE,)),
    Frontend.BIND: _replies((), (Backend.BIND_COMPLETE,)),
    Frontend.DESCRIBE: _replies((Backend.PARAMETER_DESCRIPTION,), (Backend.ROW_DESCRIPTION, Backend.NO_DATA)),
    Frontend.EXECUTE: _replies(_ROWS, (Backend.COMMAND_COMPLETE, Backend.EMPTY_QUERY, Backend.PORTAL_SUSPENDED)),
    Frontend.CLOSE: _replies((), (Backend.CLOSE_COMPLETE,)),
    Frontend.SYNC: _replies((), (Backend.READY,)),
}


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
        prepares: names that SQL-level PREPARE gives, in order.
        declares: cursors that DECLARE opens, in order, each with whether it outlives its transaction.
        moves_cursors: what it calls may open and close cursors.
        portal: that it runs, when it does by protocol.
        warnings: of the decision, to be told before the first reply, in ``language``.
    """

    __slots__ = (
        "bytes_sent", "change", "declares", "denial", "describes", "kind", "language", "moves_cursors", "number",
        "overdue", "portal", "prepares", "replies", "rows", "sqlstate", "text", "token", "warnings",
    )  # fmt: skip

    def __init__(
        self,
        *,
        kind: int,
        number: int,
        token: int | None = None,
        denial: Decision | None = None,
        language: Language = "en",
        change: Change | None = None,
        describes: Prepared | None = None,
        text: str = "",
        prepares: tuple[str, ...] = (),
        declares: tuple[tuple[str, bool], ...] = (),
        moves_cursors: bool = False,
        portal: Portal | None = None,
        warnings: tuple[Reason, ...] = (),
    ) -> None:
        self.warnings = warnings
        self.kind = kind
        self.replies: Final = _REPLIES[kind]
        self.number = number
        self.token = token
        self.denial = denial
        self.language: Language = language
        self.change = change
        self.describes = describes
        self.text = text
        self.prepares = prepares
        self.declares = declares
        self.moves_cursors: Final = moves_cursors
        self.portal = portal
        self.rows: int | None = None
        self.bytes_sent = 0
        self.sqlstate = ""
        self.overdue = False


def outcome(entry: Entry, reply: int) -> Outcome:
    """What a reply that is no error and not asynchronous means to the oldest entry."""
    if entry.denial is not None and not (entry.sqlstate and entry.kind == Frontend.QUERY and reply == Backend.READY):
        return _BROKEN
    return entry.replies.get(reply, _BROKEN)
