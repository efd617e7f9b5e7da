"""Which information sets a read touches: by table, and by what its predicates rule out. The sets are configuration."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from readonly_guard.domain import may_be_same
from readonly_guard.settings import InformationSetSettings
from readonly_guard.sql.equalities import Item, Value, equals

__all__ = ["information_sets", "telling_values"]


def information_sets(uses: Iterable[Item], sets: Iterable[InformationSetSettings]) -> tuple[str, ...]:
    """The names of the sets that the uses can give rows of, in the order of the configuration.

    A set is left out only where a predicate says, in literals, that a column holds none of the set's values. A
    parameter says nothing, and neither does a column that is compared with another.
    """
    by_table = _by_table(uses)
    touched = (one.name for one in sets for use in by_table.get(one.table, ()) if not _is_ruled_out(use, one))
    return tuple(dict.fromkeys(touched))


def telling_values(uses: Iterable[Item], sets: Iterable[InformationSetSettings]) -> list[Value]:
    """The constants that `information_sets` looks at, or would, were others not there."""
    by_table = _by_table(uses)
    return [
        value
        for one in sets
        for use in by_table.get(one.table, ())
        if not use.renamed
        for column in one.when
        for value in equals((use, column), frozenset((column,))).values
    ]


def _by_table(uses: Iterable[Item]) -> dict[str, list[Item]]:
    by_table: dict[str, list[Item]] = {}
    for use in uses:
        if use.relation is not None:
            by_table.setdefault(use.relation.name, []).append(use)
    return by_table


def _is_ruled_out(use: Item, one: InformationSetSettings) -> bool:
    if use.renamed:
        return False
    for column, values in one.when.items():
        compared = equals((use, column), frozenset((column,))).values
        if compared and not any(_may_be(value, member) for value in compared for member in values):
            return True
    return False


def _may_be(value: Value, member: str | int) -> bool:
    """Whether a constant can equal a value of a set, whatever the column's type makes of how it is written."""
    if value.parameter:
        return True
    if isinstance(member, str):
        return may_be_same(str(value.literal), member)
    try:
        return Decimal(str(value.literal).strip()) == member
    except InvalidOperation:
        return True  # a number in some other notation, for all that is known here
