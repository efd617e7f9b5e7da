"""Nodes of a statement's tree that mean something beyond their parts: the names in them, and what they may call.

A visit takes a node with the common table expressions in sight and notes what it says. To the node's parts the walk
(`readonly_guard.sql.postgres_tree`) goes by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from readonly_guard.domain import Effect, Name
from readonly_guard.sql.builtins import OPERATORS
from readonly_guard.sql.functions import ATTRIBUTE_CALLS, judge_function
from readonly_guard.sql.json_syntax import JSON_NODES, visit_json
from readonly_guard.sql.literal_calls import names_builtin_type, visit_set_config
from readonly_guard.sql.postgres_reading import PostgresReading, Tree

__all__ = ["VISITS", "Ctes", "Visit"]

Ctes = frozenset[str]
"""The names of common table expressions."""

Visit = Callable[[PostgresReading, Tree, Ctes], "bool | None"]
"""True where the visit has walked the node itself."""

_NOTHING: Final = Name(name="")


def _name(nodes: list[Tree]) -> tuple[str, str | None]:
    """A name from String nodes, and its schema; a database prefix is dropped, since PostgreSQL requires it to match."""
    return _word(nodes[-1]), _word(nodes[-2]) if len(nodes) > 1 else None


def _word(node: Tree) -> str:
    return node["String"].get("sval", "") if "String" in node else "*"


# --- what stands in FROM ---------------------------------------------------------------------------------------------


def _relation(found: PostgresReading, node: Tree, visible: Ctes) -> None:
    name, schema = node.get("relname", ""), node.get("schemaname")
    alias = node.get("alias", {})
    known_as = alias.get("aliasname", name)
    if schema is None and name in visible:
        found.call_it(known_as, _NOTHING)
        return
    relation = Name(name=name, schema=schema)
    found.relations[relation] = None
    # an alias that renames columns hides which they are
    found.call_it(known_as, _NOTHING if "colnames" in alias else relation)
    found.uses += 1


def _nameless(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
    if name := node.get("alias", {}).get("aliasname"):  # of a subquery or a function
        found.call_it(name, _NOTHING)


def _join(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
    if "usingClause" in node or node.get("isNatural"):  # as CASE does
        found.refer("operator", "=", None, node)
    for kind in ("alias", "join_using_alias"):
        if name := node.get(kind, {}).get("aliasname"):
            found.call_it(name, _NOTHING)


def _sample(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
    name, schema = _name(node.get("method", []))
    if schema not in (None, "pg_catalog") or name not in {"system", "bernoulli"}:
        method = Name(name=name, schema=schema)
        found.deny("RG-F01", f"sampling method {method}", Effect.UNKNOWN, node)


# --- columns ---------------------------------------------------------------------------------------------------------


def _column(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
    # t.f calls f(t) where t has no column f (documentation 8.16.5), with no FuncCall in the tree; of the built-in
    # functions only those that are reads may be meant, those of one's own the catalog alone could name
    fields = node.get("fields", [{}])
    field = fields[-1].get("String", {}).get("sval", "")
    found.columns.add(field)
    if len(fields) > 1 and field:
        if field in ATTRIBUTE_CALLS:
            found.deny("RG-F02", f"attribute {field} may call the function of that name", Effect.WRITE, node)
        else:
            found.refer("attribute", field, fields[-2].get("String", {}).get("sval", ""), node)


def _indirection(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
    for step in node.get("indirection", ()):
        field = step.get("String", {}).get("sval")
        if field is not None:
            # (x).f is a field or, where x has none of that name, a call of f
            if field in ATTRIBUTE_CALLS:
                found.deny("RG-F02", f"field {field} may call the function of that name", Effect.WRITE, node)
            else:
                found.refer("field", field, None, node)


# --- calls, types and operators --------------------------------------------------------------------------------------


def _function(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
    word, schema = _name(node.get("funcname", []))
    name = Name(name=word, schema=schema)
    found.functions[name] = None
    if word == "set_config" and schema in (None, "pg_catalog"):
        found.refer("overload", word, schema, node, _count(node))
        visit_set_config(found, node)
    elif word in {"pg_input_is_valid", "pg_input_error_info"} and names_builtin_type(node.get("args", [])):
        found.rests_on_literal = True
        found.refer("overload", word, schema, node, _count(node))
    elif (verdict := judge_function(name)) is not None and verdict[0] != "RG-F01":
        found.deny(*verdict, Effect.WRITE, node)
    else:
        found.refer("function", word, schema, node, _count(node))
        if word == "json_object":  # the grammar qualifies it, which an older server does not
            found.refer("syntax", word, None, node, _count(node))


def _json(kind: str) -> Visit:
    def visit(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
        visit_json(found, kind, node)

    return visit


def _count(node: Tree) -> int | None:
    """How many arguments a call has, None with VARIADIC; those of WITHIN GROUP (ORDER BY …) count."""
    if node.get("func_variadic"):
        return None
    return len(node.get("args", ())) + (len(node.get("agg_order", ())) if node.get("agg_within_group") else 0)


def _type(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
    names = node.get("names", [])
    if names:
        name, schema = _name(names)
        found.casts[Name(name=name, schema=schema)] = None
        found.refer("type", name, schema, node)


def _operator(found: PostgresReading, names: list[Tree], node: Tree) -> None:
    if names:
        name, schema = _name(names)
        found.refer("operator", name, schema, node)
        if schema is not None or name not in OPERATORS:
            found.operators[Name(name=name, schema=schema)] = None


def _expression(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
    if "BETWEEN" in node.get("kind", ""):
        for comparison in ("<", "<=", ">", ">="):  # its name is the word; it stands for two of these
            found.refer("operator", comparison, None, node)
    else:
        _operator(found, node.get("name", []), node)


def _case(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
    if "arg" in node:  # CASE x WHEN y looks = up by its name
        found.refer("operator", "=", None, node)


def _sublink(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
    found.has_subqueries = True
    # IN (SELECT …) has no name
    _operator(found, node.get("operName", [{"String": {"sval": "="}}]), node)


def _sort(found: PostgresReading, node: Tree, _visible: Ctes) -> None:
    _operator(found, node.get("useOp", []), node)


VISITS: Final[dict[str, Visit]] = {
    "RangeVar": _relation,
    "RangeSubselect": _nameless,
    "RangeFunction": _nameless,
    "RangeTableFunc": _nameless,
    "RangeTableSample": _sample,
    "JsonTable": _nameless,
    "JoinExpr": _join,
    "ColumnRef": _column,
    "A_Indirection": _indirection,
    "FuncCall": _function,
    "TypeName": _type,
    "A_Expr": _expression,
    "CaseExpr": _case,
    "SubLink": _sublink,
    "SortBy": _sort,
    **{kind: _json(kind) for kind in JSON_NODES},
}
