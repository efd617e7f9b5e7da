"""The arguments of a statement: kept as they were when it was decided, and told to the log where they name a patient.

asyncpg turns a value into what the type of its parameter wants, by rules of its own (an int8 is made of whatever has an
``__int__``). So a value is told only where class and type leave no doubt; of another the log says ``person_id:?``.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import asyncpg

__all__ = ["Arguments", "kept"]

_WHOLE: Final = frozenset({"int2", "int4", "int8", "oid"})
_TEXT: Final = frozenset({"text", "varchar", "bpchar", "name"})
_FIXED: Final = frozenset({int, str, float, bool, bytes, Decimal, type(None)})


def kept(values: Any) -> Any:
    """The arguments, with a copy of what could change while they are decided about."""
    if not isinstance(values, tuple | list | asyncpg.Record):
        return values  # asyncpg says what is wrong with it
    return tuple(value if type(value) in _FIXED else _copy(value) for value in values)


def _copy(value: Any) -> Any:
    if isinstance(value, list):
        return [_copy(element) for element in value]
    return list(value) if isinstance(value, set | frozenset) else value


class Arguments:
    """What a statement is run with; a :class:`readonly_guard.domain.Parameters`.

    Args:
        values: of $1 and so on, as :func:`kept` gave them.
        types: gives the types of the parameters, as asyncpg knows them; asked when a value is.
        own_codecs: (schema, name) of types that the caller encodes by himself.
    """

    __slots__ = ("_own_codecs", "_types", "_values")

    def __init__(self, values: Any, types: Callable[[], Sequence[Any]], own_codecs: frozenset[tuple[str, str]]) -> None:
        self._values = values if isinstance(values, tuple) else ()
        self._types = types
        self._own_codecs = own_codecs

    def __repr__(self) -> str:
        return f"Arguments({len(self._values)})"

    def texts(self, number: int, *, is_array: bool) -> tuple[str, ...] | None:
        """The value of ``$number`` as PostgreSQL writes it, or those of an array's elements; NULL is no value."""
        types = self._types()
        if not 0 < number <= min(len(self._values), len(types)):
            return None
        value, kind = self._values[number - 1], types[number - 1]
        name = kind.name.removesuffix("[]")
        if kind.schema != "pg_catalog" or (kind.schema, name) in self._own_codecs or is_array != (name != kind.name):
            return None
        if value is None:
            return ()
        values = _flat(value) if is_array else [value]
        texts = [_text(one, name) for one in values if one is not None]
        return None if None in texts else tuple(text for text in texts if text is not None)

    def type_name(self, number: int) -> str | None:
        """The name of the type of ``$number``, where it is PostgreSQL's own and asyncpg encodes it."""
        types = self._types()
        kind = types[number - 1] if 0 < number <= len(types) else None
        if kind is None or kind.schema != "pg_catalog" or (kind.schema, kind.name) in self._own_codecs:
            return None
        return str(kind.name)


def _flat(values: Any) -> list[Any]:
    """The elements of an array; what is no array of asyncpg's is one element, of which nothing can be told."""
    if not isinstance(values, list | tuple):
        return [values]
    found: list[Any] = []
    for value in values:
        found += _flat(value) if isinstance(value, list) else [value]
    return found


def _text(value: Any, type_name: str) -> str | None:
    if type_name in _WHOLE and type(value) is int:
        return str(value)
    if type_name in _TEXT and isinstance(value, str):
        return str.__str__(value)
    if type_name == "numeric" and type(value) in {int, Decimal}:
        return format(Decimal(value), "f")
    if type_name == "uuid" and isinstance(value, uuid.UUID):
        return str(uuid.UUID(bytes=value.bytes))
    return _moment(value, type_name)


def _moment(value: Any, type_name: str) -> str | None:
    """Of a moment without an offset asyncpg makes one by the clock of the machine, and of one with it none."""
    if type(value) is dt.date and type_name == "date":
        return value.isoformat()
    if type(value) is not dt.datetime:
        return None
    if type_name == "timestamp":
        return value.isoformat() if value.tzinfo is None else None
    if type_name != "timestamptz" or value.utcoffset() is None:
        return None
    try:
        return value.astimezone(dt.UTC).isoformat()
    except OverflowError:
        return None  # of a year that the calendar has not
