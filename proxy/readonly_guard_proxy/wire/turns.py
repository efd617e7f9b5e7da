"""Turns: what a client sends as one before it waits for the server, and what the server answers as one.

Nearly all traffic is one of three turns: a Query; Bind, Execute and Sync of a statement that was prepared; or the same
with Parse before it, of the unnamed statement; with a Describe of the portal or without. Read here is only what comes
whole, in one piece, and is nothing else. Whatever differs in anything is no turn, and no fault either: the frames are
then read one by one, and judged there. What a message may look like is said in `messages`, and no more is taken here.
"""

from __future__ import annotations

from typing import Final

from readonly_guard_proxy.wire.framing import HEADER_BYTES, frame
from readonly_guard_proxy.wire.messages import MAX_TAG_BYTES, Backend, Frontend

__all__ = ["TurnMessages", "WholeReply", "read_reply", "read_turn"]

_LEAST_LENGTH: Final = 4  # the length counts itself
_DESCRIBE_BYTES: Final = HEADER_BYTES + 2  # of the unnamed portal: "P" and an empty name
_EXECUTE_BYTES: Final = HEADER_BYTES + 5  # of the unnamed portal: an empty name and the limit of rows
_READY_BYTES: Final = HEADER_BYTES + 1
_SYNC: Final = frame(Frontend.SYNC, b"")
_SHORT_NAME_BYTES: Final = 64
_PORTAL: Final = 80  # P
_SPACE: Final = 32
_ZERO: Final = 48  # the digit
_NINE: Final = 57
_IDLE: Final = 73  # I
_IN_TRANSACTION: Final = 84  # T
_OF_TRANSACTIONS: Final = frozenset({b"BEGIN", b"START TRANSACTION", b"COMMIT", b"ROLLBACK", b"SAVEPOINT", b"RELEASE"})
"""Command tags that tell of no rows and of no name (PostgreSQL sources, tcop/cmdtaglist.h)."""


class TurnMessages:
    """The messages of a turn.

    Args:
        data: all of them, as they came.
        text: of a Query, None for any other turn.
        parse: the Parse, None where there is none.
        statement: the name of the statement that is bound.
        values: what follows the names in the Bind.
        describes: whether the portal is described.
    """

    __slots__ = ("data", "describes", "parse", "statement", "text", "values")

    def __init__(  # noqa: PLR0917  one caller, and keywords cost when they are not compiled
        self,
        data: bytes,
        text: bytes | None,
        parse: bytes | None,
        statement: bytes,
        values: bytes,
        describes: bool,  # noqa: FBT001  as above
    ) -> None:
        self.data: Final = data
        self.text: Final = text
        self.parse: Final = parse
        self.statement: Final = statement
        self.values: Final = values
        self.describes: Final = describes


def read_turn(data: bytes) -> TurnMessages | None:
    """The turn that these bytes are, if they are exactly one."""
    if not data:
        return None
    if data[0] == Frontend.QUERY:
        return _query(data)
    bind = 0
    if data[0] == Frontend.PARSE:
        bind = _end(data, 0, Frontend.PARSE)
        if bind < 0 or data[HEADER_BYTES] != 0:
            return None
    describe = _end(data, bind, Frontend.BIND)
    if describe < 0 or data[bind + HEADER_BYTES] != 0:
        return None
    begin = bind + HEADER_BYTES + 1
    values = _end_of_name(data, begin, describe)
    if values < 0 or (bind and values != begin):
        return None
    execute = _end(data, describe, Frontend.DESCRIBE)
    describes = execute >= 0
    if not describes:
        execute = describe
    elif execute - describe != _DESCRIBE_BYTES or data[execute - 2] != _PORTAL or data[execute - 1] != 0:
        return None
    sync = _end(data, execute, Frontend.EXECUTE)
    if sync - execute != _EXECUTE_BYTES or data[execute + HEADER_BYTES] != 0 or data[sync:] != _SYNC:
        return None
    parse = data[:bind] if bind else None
    return TurnMessages(data, None, parse, data[begin:values], data[values + 1 : describe], describes)


def _query(data: bytes) -> TurnMessages | None:
    size = len(data)
    if _end(data, 0, Frontend.QUERY) != size or data[size - 1] != 0:
        return None
    text = data[HEADER_BYTES : size - 1]
    return None if 0 in text else TurnMessages(data, text, None, b"", b"", False)


def _end_of_name(data: bytes, begin: int, end: int) -> int:
    """Where the zero stands that ends a name; -1 where none does."""
    short = min(end, begin + _SHORT_NAME_BYTES)  # compiled, these are looked at before `find` would have begun
    for at in range(begin, short):
        if data[at] == 0:
            return at
    return data.find(b"\0", short, end)


def _end(data: bytes, at: int, kind: int) -> int:
    """Where the message of this kind ends that begins at ``at``; -1 where none does, or it is not whole or empty."""
    if at + HEADER_BYTES > len(data) or data[at] != kind:
        return -1
    length = data[at + 1] << 24 | data[at + 2] << 16 | data[at + 3] << 8 | data[at + 4]
    end = at + 1 + length
    return end if length > _LEAST_LENGTH and end <= len(data) else -1


class WholeReply:
    """The whole of what a server says to a turn in which nothing goes wrong.

    Args:
        rows: what the command tags say, None when they say nothing.
        bytes_sent: of that which answers the text itself, as the reply lane counts it.
        status: of the ReadyForQuery at its end.
    """

    __slots__ = ("bytes_sent", "rows", "status")

    def __init__(self, rows: int | None, bytes_sent: int, status: bytes) -> None:
        self.rows: Final = rows
        self.bytes_sent: Final = bytes_sent
        self.status: Final = status


def read_reply(data: bytes, turn: TurnMessages) -> WholeReply | None:
    """The reply that these bytes are, if they are exactly the whole of one, without an error, a notice or a report."""
    at = begin = 0
    if turn.text is None:
        if turn.parse is not None:
            at = _empty(data, at, Backend.PARSE_COMPLETE)
        at = _empty(data, at, Backend.BIND_COMPLETE)
        if at < 0:
            return None
        if turn.describes:
            described = _end(data, at, Backend.ROW_DESCRIPTION)
            at = described if described >= 0 else _empty(data, at, Backend.NO_DATA)
            if at < 0:
                return None
        begin = at
    return _rows(data, at, begin, turn)


def _empty(data: bytes, at: int, kind: int) -> int:
    """Where the message without a body ends that begins at ``at``; -1 where none does, or ``at`` is that."""
    end = at + HEADER_BYTES
    if at < 0 or end > len(data) or data[at] != kind:
        return -1
    return end if data[at + 1 : end] == b"\0\0\0\4" else -1


def _rows(data: bytes, at: int, begin: int, turn: TurnMessages) -> WholeReply | None:
    """From the first row, or the description of a Query's, to the end."""
    size, rows, is_query, is_answered = len(data), -1, turn.text is not None, False
    while at + HEADER_BYTES <= size:
        kind = data[at]
        length = data[at + 1] << 24 | data[at + 2] << 16 | data[at + 3] << 8 | data[at + 4]
        end = at + 1 + length
        if length < _LEAST_LENGTH or end > size:
            return None
        if kind == Backend.READY:
            if end != size or end - at != _READY_BYTES or not is_answered:
                return None
            status = data[end - 1]
            if status != _IDLE and status != _IN_TRANSACTION:  # noqa: PLR1714  compiled, comparisons of numbers
                return None
            count = end - begin if is_query else at - begin
            return WholeReply(rows if rows >= 0 else None, count, data[end - 1 : end])
        if is_answered and not is_query:
            return None
        if kind == Backend.COMMAND_COMPLETE:
            told = _number_at_end(data, at + HEADER_BYTES, end - 1)
            if data[end - 1] != 0:
                return None
            if told >= 0:
                rows = max(rows, 0) + told
            elif data[at + HEADER_BYTES : end - 1] not in _OF_TRANSACTIONS:
                return None  # it may tell that a name is another, which is looked at elsewhere
            is_answered = True
        elif kind == Backend.EMPTY_QUERY:
            is_answered = True
        elif kind != Backend.DATA_ROW and not (kind == Backend.ROW_DESCRIPTION and is_query):
            return None
        at = end
    return None


def _number_at_end(data: bytes, begin: int, end: int) -> int:
    """The rows that the command tag between these places tells of, as `messages.rows_of` reads it; -1 for none."""
    if end - begin >= MAX_TAG_BYTES:
        return -1
    number, unit, at = 0, 1, end - 1
    while at >= begin and _ZERO <= data[at] <= _NINE:
        number += (data[at] - _ZERO) * unit
        unit *= 10
        at -= 1
    is_word = unit > 1 and (at < begin or data[at] == _SPACE)
    return number if is_word else -1
