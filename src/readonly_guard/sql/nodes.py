"""The shape of PostgreSQL's parse tree, and which of its nodes a read may be made of.

The shape (which field of which node holds which node) comes from libpg_query's own description, so it cannot drift
from the parser in use. The allow-list is ours: a node or field that is not in it makes the statement something other
than a read.
"""

from __future__ import annotations

from typing import Any, Final

from readonly_guard.sql.libpg_query import DESCRIPTOR

__all__ = ["ALLOWED_NODES", "ANY_NODE", "LEAVES", "SHAPES", "SQLVALUE"]

ANY_NODE: Final = "Node"
"""A field of this shape holds ``{NodeName: {...}}``; any other shape names the node that stands there directly."""

SQLVALUE: Final = "scalar"
"""A field of this shape holds a plain value, or a name."""

# Lists of String (and A_Star) nodes, by PostgreSQL's grammar; the key reads them as names when it visits their node.
_NAMES: Final = frozenset(
    {
        ("A_Expr", "name"),
        ("CollateClause", "collname"),
        ("ColumnRef", "fields"),
        ("FuncCall", "funcname"),
        ("RangeTableSample", "method"),
        ("SortBy", "useOp"),
        ("SubLink", "operName"),
        ("TypeName", "names"),
    }
)


def _shape(node: str, field: Any) -> str:
    if field.message_type is None or (node, field.json_name) in _NAMES:
        return SQLVALUE
    name = str(field.message_type.name)
    return ANY_NODE if name == ANY_NODE else name  # the walk knows it by its identity


SHAPES: Final[dict[str, dict[str, str]]] = {
    name: {field.json_name: _shape(name, field) for field in message.fields}
    for name, message in DESCRIPTOR.message_types_by_name.items()
}

ALLOWED_NODES: Final = frozenset(
    # values and names
    "A_Const Integer Float Boolean BitString String List A_Star ColumnRef ParamRef Alias TypeName SetToDefault "
    # expressions
    "A_Expr A_ArrayExpr A_Indices A_Indirection BoolExpr BooleanTest NullTest CaseExpr CaseWhen CoalesceExpr "
    "CollateClause FuncCall NamedArgExpr GroupingFunc MinMaxExpr RowExpr SQLValueFunction SubLink TypeCast "
    "XmlExpr XmlSerialize "
    # SQL/JSON
    "JsonArgument JsonArrayAgg JsonArrayConstructor JsonArrayQueryConstructor JsonAggConstructor JsonBehavior "
    "JsonFormat JsonFuncExpr JsonIsPredicate JsonKeyValue JsonObjectAgg JsonObjectConstructor JsonOutput JsonParseExpr "
    "JsonReturning JsonScalarExpr JsonSerializeExpr JsonTable JsonTableColumn JsonTablePathSpec JsonValueExpr "
    # query structure
    "SelectStmt ResTarget SortBy WindowDef GroupingSet WithClause CommonTableExpr CTESearchClause CTECycleClause "
    # what can stand in FROM
    "RangeVar RangeSubselect RangeFunction RangeTableFunc RangeTableFuncCol RangeTableSample JoinExpr ColumnDef".split()
)
"""DML, SELECT INTO and locking clauses are not here: `readonly_guard.sql.postgres_key` names them by their codes."""

LEAVES: Final = frozenset({"A_Const", "A_Star", "ParamRef", "String", "Integer", "Float", "Boolean", "BitString"})
"""Allowed nodes with nothing below them that could be refused."""
