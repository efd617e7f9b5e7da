"""What a session knows of whom a statement is about: the values that a portal was bound to, and what names mean."""

from __future__ import annotations

from typing import Final, Literal

from readonly_guard.domain import UNKNOWN_TYPE, EarlierStatement
from readonly_guard_proxy.session.names import Portal, Prepared, is_followed
from readonly_guard_proxy.session.reply_lane import ReplyLane
from readonly_guard_proxy.wire.values import (
    UNDECLARED,
    Value,
    array_texts,
    bound_values,
    tells_apart,
    text_of,
    type_name_of,
)

__all__ = ["BoundParameters", "EarlierNames"]

_NOTHING: Final[tuple[Value, ...]] = ()


class BoundParameters:
    """The parameters of a portal; a :class:`readonly_guard.domain.Parameters`. Decodes only what is asked for.

    Args:
        portal: with the values and the types as far as they are known.
        codec: of the client's encoding.
    """

    def __init__(self, portal: Portal, codec: str) -> None:
        self._portal = portal
        self._codec = codec
        self._values: tuple[Value, ...] | None = None

    def texts(self, number: int, *, is_array: bool) -> tuple[str, ...] | None:
        """The value of ``$number`` as PostgreSQL writes it, or those of an array's elements; NULL is no value."""
        if self._values is None:
            values = None if self._portal.values is None else bound_values(self._portal.values)
            self._values = _NOTHING if values is None else values
        if not 0 < number <= len(self._values):
            return None
        value, types = self._values[number - 1], self._portal.statement.types
        oid = types[number - 1] if number <= len(types) else 0
        if value.data is None:
            return ()
        if is_array:
            return array_texts(value, oid, self._codec)
        text = text_of(value, oid, self._codec)
        return None if text is None else (text,)

    def type_name(self, number: int) -> str | None:
        """The name of the type of ``$number``, where it is a known one of PostgreSQL's own."""
        types = self._portal.statement.types
        oid = types[number - 1] if 0 < number <= len(types) else 0
        return UNKNOWN_TYPE if oid in UNDECLARED else type_name_of(oid)


class EarlierNames:
    """What EXECUTE and FETCH refer to; a :class:`readonly_guard.domain.Earlier`.

    Args:
        replies: knows the names.
        codec: of the client's encoding.
    """

    def __init__(self, replies: ReplyLane, codec: str) -> None:
        self._replies = replies
        self.codec: Final = codec

    def find(self, kind: Literal["statement", "cursor"], name: str) -> EarlierStatement | None:
        """The statement behind a name as PostgreSQL folded it; None unless it is certain."""
        raw = name.encode()
        if not is_followed(raw):
            return None
        if kind == "cursor":
            portal = self._replies.look_up_cursor(raw)
            return None if portal is None else EarlierStatement(portal.text, BoundParameters(portal, self.codec))
        is_certain, statement = self._replies.look_up("statement", raw)
        if not is_certain or not isinstance(statement, Prepared):
            return None
        # what EXECUTE gives is cast to the types that a Parse has declared, of which its text says nothing
        return EarlierStatement(statement.text) if all(map(tells_apart, statement.types)) else None
