"""What sqlglot's tree of a query is made of: again by an allow-list, and the names of the tables in it.

Which statements there are, and where a query stands in them, is `readonly_guard.sql.sqlglot_key`'s.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

from sqlglot import exp

__all__ = ["SqlglotReading", "judge_tree"]


class SqlglotReading(NamedTuple):
    """One statement as sqlglot sees it.

    ``word``: its first word in upper case (``(`` for a parenthesised query). ``fault``: why it is not a read, in names
    only, or empty. ``relations``: names of the tables in its query, CTEs left out, or None where it has no query.
    """

    word: str
    fault: str = ""
    unreadable: bool = False
    relations: frozenset[str] | None = None


_ALLOWED_BASES: Final = (exp.Condition, exp.Func, exp.Predicate, exp.Identifier, exp.DataType, exp.DataTypeParam)
_ALLOWED: Final = frozenset(
    kind
    for name in """
    Select Union Intersect Except SetOperation Subquery Values Table TableAlias Tuple From Join Where Group Having
    Order Ordered Limit Offset Fetch Distinct With CTE Window WindowSpec WindowFilter NamedWindow WithinGroup
    Lateral Unnest TableSample GroupingSets Cube Rollup Star Alias Aliases PropertyEQ Kwarg IgnoreNulls
    RespectNulls Var Interval IntervalSpan AtTimeZone Filter Collate Slice ColumnDef Placeholder JSONPath
    JSONPathRoot JSONPathKey JSONPathSubscript JSONKeyValue JSONColumnDef JSONSchema FormatJson QueryTransform
    SessionParameter Parameter XMLNamespace XMLKeyValueOption Operator JSONValue OpenJSONColumnDef ForClause Hint
    LimitOptions TableFromRows Schema Recursive HavingMax Paren Bracket Dot Null Boolean Literal WithOrdinality
    Tablesample RowsFrom JSONTable XMLTable Overlay OverflowTruncateBehavior JSONExistsOption JSONBehavior
    Pseudocolumn Variadic Opclass FormatPhrase PseudoType ObjectIdentifier ColumnConstraint PathColumnConstraint
    """.split()
    if isinstance(kind := getattr(exp, name, None), type)
)  # fmt: skip
"""Expression classes a read may be made of, beside the subclasses of `_ALLOWED_BASES`."""

_NEVER: Final = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Command, exp.Into, exp.Lock)


class _Role(IntEnum):
    """What a walk over a tree does with a value, by its class."""

    PASSED_OVER = 0  # no expression, or one with nothing below it
    WALKED = 1
    TABLE = 2
    CTE = 3
    LIST = 4
    REFUSED = 5


class _Roles(dict[type, int]):
    """Roles by class, each found once."""

    def __missing__(self, kind: type) -> int:
        if kind is list:
            role = _Role.LIST
        elif not issubclass(kind, exp.Expr) or kind is exp.Literal or kind is exp.Identifier:
            role = _Role.PASSED_OVER
        elif issubclass(kind, _NEVER) or not (kind in _ALLOWED or issubclass(kind, _ALLOWED_BASES)):
            role = _Role.REFUSED
        else:
            role = _Role.TABLE if kind is exp.Table else _Role.CTE if kind is exp.CTE else _Role.WALKED
        self[kind] = int(role)  # a plain number: this is the innermost loop
        return int(role)


_roles: Final = _Roles()
_WALKED, _TABLE, _CTE, _LIST, _REFUSED = (
    int(role) for role in (_Role.WALKED, _Role.TABLE, _Role.CTE, _Role.LIST, _Role.REFUSED)
)


def judge_tree(word: str, tree: Any) -> SqlglotReading:
    """What a tree is made of; it is taken apart on the way.

    Each node knows its parent, so that a whole tree is circles, which would stay until the collector looks for them.
    """
    if not isinstance(tree, exp.Query | exp.Values):
        return SqlglotReading(word=word, fault=type(tree).__name__)
    tables: set[str] = set()
    ctes: set[str] = set()
    roles = _roles
    stack: list[Any] = [tree]
    pop, push = stack.pop, stack.append
    while stack:
        node = pop()
        role = roles[type(node)]
        if role >= _TABLE:
            if role == _LIST:
                stack += node
                continue
            if role == _REFUSED:
                return SqlglotReading(word=word, fault=type(node).__name__)
            if role == _CTE:
                ctes.add(node.alias)
            elif isinstance(node.this, exp.Identifier):
                tables.add(node.name)
        elif role != _WALKED:
            continue
        args = node.args
        for child in args.values():
            if roles[type(child)]:
                push(child)
        args.clear()
    return SqlglotReading(word=word, relations=frozenset(tables - ctes))
