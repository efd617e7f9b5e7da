"""What a column's name means at a place in a query, as PostgreSQL resolves it.

The innermost query comes first, then those around it. Where a name could be several things, it is none: only what is
certain is an owner.
"""

from __future__ import annotations

from readonly_guard.sql.comparisons import Tree, strings
from readonly_guard.sql.equalities import Column, Item

__all__ = ["Level", "names_in", "resolve"]


class Level:
    """What names mean at one place of a query: the items seen there, then those of the query around it."""

    __slots__ = ("items", "merged", "names", "outer")

    def __init__(self, outer: Level | None = None) -> None:
        self.names: dict[str, Item | None] = {}
        """By alias; None where a name has no one meaning."""
        self.items: list[Item] = []
        self.merged: dict[str, Column | None] = {}
        """Columns that USING made one."""
        self.outer = outer

    def add(self, item: Item, name: str | None) -> None:
        """One more item, by its alias."""
        self.items.append(item)
        if name is not None:
            self.names[name] = None if name in self.names else item

    def take(self, other: Level) -> None:
        """All that another level has, beside what is here."""
        for name, item in other.names.items():
            self.names[name] = None if name in self.names else item
        for name, column in other.merged.items():
            self.merged[name] = None if name in self.merged else column
        self.items += other.items

    def with_outer(self, outer: Level | None) -> Level:
        """The same names, for a query inside ``outer``."""
        level = Level(outer)
        level.take(self)
        return level

    def own(self, name: str) -> tuple[Column | None, bool]:
        """What an unqualified column means here, and whether it could mean nothing further out."""
        if name in self.merged:
            return self.merged[name], True
        owners = [item for item in self.items if item.columns is not None and name in item.columns]
        if owners:  # PostgreSQL refuses a name that two of them have
            return ((owners[0], name) if len(owners) == 1 else None), True
        unknown = [item for item in self.items if item.columns is None]
        return ((unknown[0], name) if len(unknown) == 1 else None), not self.items

    def unqualified(self, name: str) -> Column | None:
        """What ``name`` means."""
        level: Level | None = self
        while level is not None:
            column, certain = level.own(name)
            if certain and level.items:
                return column
            if any(item.columns is None for item in level.items):
                return column if not level.has_outer_items() else None
            level = level.outer
        return None

    def has_outer_items(self) -> bool:
        """Whether a name could mean something further out."""
        level = self.outer
        while level is not None:
            if level.items:
                return True
            level = level.outer
        return False

    def qualified(self, name: str, column: str) -> Column | None:
        """What ``name.column`` means."""
        level: Level | None = self
        while level is not None:
            if name in level.names:
                item = level.names[name]
                return None if item is None else (item, column)
            level = level.outer
        return None

    def in_schema(self, schema: str, relation: str, column: str) -> Column | None:
        """What ``schema.relation.column`` means."""
        level: Level | None = self
        while level is not None:
            found = [
                item
                for item in level.items
                if item.relation is not None and item.alias is None and item.relation.name == relation
            ]
            if found:
                item = found[0]
                sure = len(found) == 1 and item.relation is not None and item.relation.schema == schema
                return (item, column) if sure else None
            level = level.outer
        return None

    def origins(self, name: str) -> tuple[Column, ...]:
        """As a `Star`: what ``*`` of these items gives under a name."""
        column, _ = self.own(name)
        return () if column is None else column[0].origins(column[1])


def resolve(fields: list[Tree], level: Level) -> Column | None:
    """What the fields of a ColumnRef mean."""
    match strings(fields):
        case [column] if len(fields) == 1:
            return level.unqualified(column)
        case [name, column] if len(fields) == 2:  # noqa: PLR2004  no star among them
            return level.qualified(name, column)
        case [schema, name, column] if len(fields) == 3:  # noqa: PLR2004  as above
            return level.in_schema(schema, name, column)
        case _:
            return None


def names_in(level: Level) -> frozenset[str] | None:
    """All the columns of a level, or None when some are unknown."""
    names: frozenset[str] = frozenset()
    for item in level.items:
        if item.columns is None:
            return None
        names |= item.columns
    return names
