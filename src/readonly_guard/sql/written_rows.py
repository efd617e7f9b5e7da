"""A write as the query of the rows that it is about, so that the log can name the patient of what was denied.

The trees are refused ones, of which nothing was checked: whoever walks the query must expect anything in it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

__all__ = ["rows_written"]

Tree = dict[str, Any]


def rows_written(kind: str, body: Tree, keys: Collection[str]) -> Tree | None:
    """The body of a SelectStmt whose predicates name the rows, or None where a statement has none.

    Args:
        kind: PostgreSQL's node name of the refused statement.
        body: its body.
        keys: columns of an INSERT that name a patient.
    """
    match kind:
        case "InsertStmt":
            return _inserted(body, keys)
        case "UpdateStmt" | "DeleteStmt" | "MergeStmt":
            others = [*body.get("fromClause", ()), *body.get("usingClause", ())]
            others += [body["sourceRelation"]] if "sourceRelation" in body else []
            where = body.get("whereClause") or body.get("joinCondition")
            return _query(body, others, where)
        case "CreateTableAsStmt":
            query: Tree | None = body.get("query", {}).get("SelectStmt")
            return query
        case _:
            return None


def _query(body: Tree, others: list[Tree], where: Tree | None) -> Tree:
    query: Tree = {"fromClause": [{"RangeVar": body["relation"]}, *others]}
    if where is not None:
        query["whereClause"] = where
    if "withClause" in body:
        query["withClause"] = body["withClause"]
    return query


def _inserted(body: Tree, keys: Collection[str]) -> Tree | None:
    """``INSERT INTO t (key, …) VALUES (7, …), (8, …)`` is about the rows where ``key IN (7, 8)``."""
    source: Tree = body.get("selectStmt", {}).get("SelectStmt", {})
    if "valuesLists" not in source:
        return source or None
    rows = [row["List"]["items"] for row in source["valuesLists"]]
    columns = [column["ResTarget"].get("name") for column in body.get("cols", ())]
    named = [(at, column) for at, column in enumerate(columns) if column in keys]
    where = [_is_in(column, [row[at] for row in rows if at < len(row)]) for at, column in named]
    return _query({"relation": body["relation"]}, [], {"BoolExpr": {"boolop": "AND_EXPR", "args": where}})


def _is_in(column: str, values: list[Tree]) -> Tree:
    return {
        "A_Expr": {
            "kind": "AEXPR_IN",
            "name": [{"String": {"sval": "="}}],
            "lexpr": {"ColumnRef": {"fields": [{"String": {"sval": column}}]}},
            "rexpr": {"List": {"items": values}},
        }
    }
