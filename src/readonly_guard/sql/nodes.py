"""The shape of PostgreSQL's parse tree, and which of its nodes a read may be made of.

The shape (which field of which node holds which node) comes from libpg_query's own description, so it cannot drift
from the parser in use. The allow-list is ours: a node or field that is not in it makes the statement something other
than a read.
"""

from __future__ import annotations

from typing import Final

from readonly_guard.sql.libpg_query import DESCRIPTOR

__all__ = ["ALLOWED_NODES", "ANY_NODE", "SHAPES", "SQLVALUE"]

ANY_NODE: Final = "Node"
"""A field of this shape holds ``{NodeName: {...}}``; any other shape names the node that stands there directly."""

SQLVALUE: Final = "scalar"
"""A field of this shape holds a plain value."""

SHAPES: Final[dict[str, dict[str, str]]] = {
    name: {
        field.json_name: field.message_type.name if field.message_type is not None else SQLVALUE
        for field in message.fields
    }
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
