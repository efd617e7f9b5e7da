"""SQL/JSON syntax that an older server reads as a call of a function.

PostgreSQL's grammar has made syntax of what were names before: ``json_value(doc, '$.a')`` calls a function of one's own
on PostgreSQL 16, if there is one. The grammar that reads the texts here is the newest. So where a node could be a call,
that is noted, too, and which it is the catalog says, which knows the server. With RETURNING, ON ERROR, a colon and the
like it is a call on no server.
"""

from __future__ import annotations

from typing import Final

from readonly_guard.sql.postgres_reading import PostgresReading, Tree

__all__ = ["JSON_NODES", "SYNTAX_SINCE", "visit_json"]

JSON_NODES: Final = frozenset(
    "JsonFuncExpr JsonScalarExpr JsonSerializeExpr JsonParseExpr JsonArrayConstructor JsonArrayAgg"
    " JsonObjectConstructor".split()
)

SYNTAX_SINCE: Final[dict[str, int]] = {
    **dict.fromkeys(("json_array", "json_arrayagg", "json_object"), 16),
    **dict.fromkeys(("json", "json_exists", "json_query", "json_scalar", "json_serialize", "json_value"), 17),
}
"""The names, with the first major in which they call no function (PostgreSQL documentation, appendix C)."""

_NAMES: Final = {
    "JSON_EXISTS_OP": "json_exists",
    "JSON_QUERY_OP": "json_query",
    "JSON_VALUE_OP": "json_value",
}
_NO_CALL: Final = frozenset({"output", "passing", "on_empty", "on_error", "unique_keys"})
"""Fields of nodes that stand for words which no call has."""


def visit_json(found: PostgresReading, kind: str, node: Tree) -> None:
    """Note the call that an older server may take a node for.

    Args:
        found: where it is noted.
        kind: of the node.
        node: its body.
    """
    if not _NO_CALL.isdisjoint(node) or "output" in node.get("constructor", ()):
        return
    match kind:
        case "JsonFuncExpr" if (name := _NAMES.get(node.get("op", ""))) is not None:
            found.refer("syntax", name, None, node, 2)
        case "JsonScalarExpr":
            found.refer("syntax", "json_scalar", None, node, 1)
        case "JsonSerializeExpr":
            found.refer("syntax", "json_serialize", None, node, 1)
        case "JsonParseExpr":
            found.refer("syntax", "json", None, node, 1)
        case "JsonArrayConstructor":
            found.refer("syntax", "json_array", None, node, len(node.get("exprs", ())))
        case "JsonArrayAgg":
            found.refer("syntax", "json_arrayagg", None, node, 1)
        case "JsonObjectConstructor" if "exprs" not in node:
            found.refer("syntax", "json_object", None, node, 0)
        case _:
            pass
