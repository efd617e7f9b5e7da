"""What the names in a statement mean: the question that the grammar leaves open, and its answer without a catalog.

A reading names functions, operators, types and attributes; which object each is depends on the database. A `Resolver`
settles them. The one here knows PostgreSQL's built-in objects only and denies every other; the one that knows a
database is `readonly_guard.catalog`'s.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from readonly_guard.domain import Name, Reading, Reason, Reference, SearchPath, core_reason
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.bindings import is_system_relation
from readonly_guard.sql.functions import is_builtin_operator, is_builtin_type, judge_function
from readonly_guard.sql.json_syntax import SYNTAX_SINCE

__all__ = ["BuiltinResolver", "Opened", "Resolver", "unplaced"]


class Opened(NamedTuple):
    """What is opened by what a reading calls: it stands in a function's body, not in the statement.

    ``tables`` are read. ``cursors``: whether cursors may be opened or closed, under names that nobody knows.
    """

    tables: tuple[Name, ...] = ()
    cursors: bool = False


class Resolver(Protocol):
    """Settles the names in a reading."""

    def judge(self, reading: Reading, path: SearchPath) -> list[Reason]:
        """Why the reading may not run: what its names mean does more than read, or is not known.

        Args:
            reading: one statement, in which nothing else speaks against running it.
            path: where the session looks names up.
        """
        ...

    def opens(self, reading: Reading, path: SearchPath) -> Opened:
        """What is opened by what the reading calls.

        Args:
            reading: as for :meth:`judge`, which had nothing to say against it.
            path: the same.
        """
        ...


class BuiltinResolver:
    """Allows what ships with PostgreSQL and reads; nothing else is known.

    Args:
        rules: the fields of composite values that may be named.
        relations: whether relations that do not ship with PostgreSQL are let through, unseen.
    """

    def __init__(self, rules: ReadingSettings, *, relations: bool = True) -> None:
        self._fields = frozenset(rules.composite_fields)
        self._relations = relations

    def judge(self, reading: Reading, path: SearchPath) -> list[Reason]:
        """As :class:`Resolver`; the search path does not matter, since PostgreSQL's own schema comes first on it."""
        del path
        reasons = [reason for reference in reading.references if (reason := self._judge(reference)) is not None]
        if not self._relations:
            reasons += [
                core_reason("RG-F04", f"relation {name}: the catalog is not known")
                for name in reading.relations
                if not is_system_relation(name) and name.schema != "pg_catalog"
            ]
        return reasons

    def opens(self, reading: Reading, path: SearchPath) -> Opened:
        """As :class:`Resolver`: what ships with PostgreSQL opens no table that people made, and no cursor."""
        del reading, path
        return Opened()

    def _judge(self, reference: Reference) -> Reason | None:
        code, what = "RG-F03", ""
        match reference.kind:
            case "function" if (verdict := judge_function(reference.name)) is not None:
                code, what = verdict
            case "syntax" if (since := SYNTAX_SINCE[reference.name.name]) and judge_function(
                reference.name
            ) is not None:
                code, what = "RG-F01", f"{reference.name}, a function of one's own before PostgreSQL {since}"
            case "type" if not is_builtin_type(reference.name):
                what = f"type {reference.name} is not built in"
            case "operator" if not is_builtin_operator(reference.name):
                what = f"operator {reference.name} is not built in"
            case "field" if reference.name.name not in self._fields:
                code, what = "RG-F01", f"field or function {reference.name}"
            case _:  # an attribute is a column for all that is known here; built-in functions were looked for before
                pass
        return core_reason(code, what, position=reference.position) if what else None


def unplaced(reading: Reading) -> Reading:
    """The same reading for any text of its shape: names stand elsewhere in each."""
    if all(reference.position is None for reference in reading.references):
        return reading
    return msgspec.structs.replace(
        reading, references=tuple(msgspec.structs.replace(one, position=None) for one in reading.references)
    )
