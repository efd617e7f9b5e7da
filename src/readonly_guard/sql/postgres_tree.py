"""A statement's tree, walked once and without recursion: every node and field must be allowed.

What the nodes on the way say is noted by their visits (`readonly_guard.sql.postgres_visits`); which common table
expressions are in sight is the walk's to know, because these are not relations. What a whole statement is, by its root,
is `readonly_guard.sql.postgres_key`'s.
"""

from __future__ import annotations

from typing import Any, Final

from readonly_guard.domain import Effect
from readonly_guard.sql.literal_calls import pin_set_config
from readonly_guard.sql.nodes import ALLOWED_NODES, ANY_NODE, LEAVES, SHAPES, SQLVALUE
from readonly_guard.sql.postgres_reading import PostgresReading, Tree
from readonly_guard.sql.postgres_visits import VISITS, Ctes, Visit

__all__ = ["walk"]

_NO_CTES: Final[Ctes] = frozenset()


def walk(found: PostgresReading, tree: Any, shape: str = ANY_NODE, visible: Ctes = _NO_CTES) -> None:
    """Walk an expression or query, whose every node must be allowed.

    Args:
        found: where what the nodes say is noted.
        tree: a node, or a list of them.
        shape: what stands there, as in `SHAPES`.
        visible: the common table expressions in sight; those that the tree itself brings come on top.
    """
    stack: list[Tree] = []
    _push(stack, tree, shape)
    pop, push, steps = stack.pop, stack.append, _STEPS
    while stack:
        for kind, node in pop().items():  # one, or in a list none: plain DISTINCT is [{}]
            step = steps.get(kind)
            if step is None:
                _refuse(found, kind, node)
                continue
            visit, fields = step
            if (visit is not None and visit(found, node, visible)) or fields is None:
                continue
            for field, child in node.items():
                child_shape = fields.get(field)
                if child_shape is ANY_NODE:
                    if type(child) is list:
                        stack += child
                    else:
                        push(child)
                elif child_shape is None:
                    found.deny("RG-W00", f"an unknown part of {kind}", Effect.UNKNOWN)
                elif child_shape is not SQLVALUE:
                    _push(stack, child, child_shape)


def _push(stack: list[Tree], tree: Any, shape: str) -> None:
    nodes = tree if type(tree) is list else [tree]
    stack += nodes if shape == ANY_NODE else [{shape: node} for node in nodes]


def _refuse(found: PostgresReading, kind: str, node: Tree) -> None:
    if kind in {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"}:
        found.refuse_root(kind, node)
    elif kind == "IntoClause":
        found.deny("RG-W00", "SELECT INTO creates a table", Effect.SCHEMA, node.get("rel"))
    elif kind == "LockingClause":
        found.deny("RG-W00", "a locking clause (FOR UPDATE, FOR SHARE)", Effect.LOCK)
    else:
        found.deny("RG-W00", kind, Effect.UNKNOWN)


def _select(found: PostgresReading, node: Tree, visible: Ctes) -> bool:
    """Visit a query; one with common table expressions is walked here, each part with those that it sees."""
    found.effects.add(Effect.READ)
    pin_set_config(found, node)
    clause = node.get("withClause")
    if not clause:
        return False
    ctes = [cte["CommonTableExpr"] for cte in clause.get("ctes", ()) if "CommonTableExpr" in cte]
    names = frozenset(cte.get("ctename", "") for cte in ctes)
    found.cte_names |= names
    inside = visible | names if clause.get("recursive") else visible
    for cte in ctes:
        walk(found, {"CommonTableExpr": cte}, ANY_NODE, inside)
        if not clause.get("recursive"):  # without RECURSIVE a query sees those before it, not itself
            inside |= {cte.get("ctename", "")}
    rest = {field: value for field, value in node.items() if field != "withClause"}
    # the clause is walked; what is left goes on with all its names in sight
    walk(found, rest, "SelectStmt", visible | names)
    return True


def _fields(kind: str) -> dict[str, str] | None:
    """The shapes of a node's fields; None where nothing below them could be refused."""
    shapes = SHAPES[kind]
    return None if kind in LEAVES or set(shapes.values()) == {SQLVALUE} else shapes


_STEPS: Final[dict[str, tuple[Visit | None, dict[str, str] | None]]] = {
    kind: ((VISITS | {"SelectStmt": _select}).get(kind), _fields(kind)) for kind in ALLOWED_NODES
}
"""What the walk does at an allowed node: visit it, then go on to its fields, if it has any that could be refused."""
