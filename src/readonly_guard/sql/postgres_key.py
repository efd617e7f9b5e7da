"""The first key: PostgreSQL's own grammar, read by an allow-list of statements and nodes.

PostgreSQL's grammar is the truth of what would run. Here is what each kind of statement is; a kind that has no function
here is refused. What stands inside is walked by `readonly_guard.sql.postgres_tree`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from readonly_guard.domain import Effect, SettingChange
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.postgres_reading import PostgresReading, Tree
from readonly_guard.sql.postgres_tree import walk
from readonly_guard.sql.writes import write_code

__all__ = ["read_statement"]


def read_statement(statement: Tree, rules: ReadingSettings) -> PostgresReading:
    """Read one raw statement (``{"stmt": {Kind: {...}}, …}``)."""
    found = PostgresReading(rules)
    node = statement.get("stmt") or {}
    if len(node) != 1:
        found.kind = "unknown"
        found.deny("RG-W00", "an unknown statement", Effect.UNKNOWN)
        return found
    ((kind, body),) = node.items()
    root = _ROOTS.get(kind)
    if root is not None:
        root(found, body)
    else:
        found.kind = kind.removesuffix("Stmt").lower()
        found.refuse_root(kind, body)
    return found


def _select(found: PostgresReading, node: Tree) -> None:
    found.kind = "select"
    found.effects.add(Effect.READ)
    found.query = node
    walk(found, node, "SelectStmt")


def _inner(found: PostgresReading, node: Tree | None, what: str) -> None:
    """The query inside EXPLAIN, COPY, DECLARE or PREPARE: only a SELECT, as a statement of its own."""
    if node and "SelectStmt" in node:
        found.query = node["SelectStmt"]
        walk(found, node)
        return
    ((kind, body),) = (node or {"nothing": {}}).items()
    if kind == "ExecuteStmt" and what == "EXPLAIN":
        _execute(found, body)
        found.kind = "explain_execute"
        return
    found.refuse_root(kind, body, f" inside {what}")


def _explain(found: PostgresReading, node: Tree) -> None:
    found.kind = "explain"
    _inner(found, node.get("query"), "EXPLAIN")


def _show(found: PostgresReading, node: Tree) -> None:
    del node
    found.kind = "show"
    found.effects.add(Effect.READ)


def _copy(found: PostgresReading, node: Tree) -> None:
    found.kind = "copy_to"
    if node.get("is_from"):
        found.kind = "copy_from"
        for code, what in write_code("InsertStmt", node, found.rules):
            found.deny(code, what.replace("INSERT", "COPY FROM"), Effect.WRITE, node.get("relation"))
        return
    if node.get("is_program") or "filename" in node:
        found.deny("RG-W00", "COPY to a file or program of the server", Effect.EXTERNAL, node.get("relation"))
        return
    found.effects.add(Effect.READ)
    if "query" in node:
        _inner(found, node["query"], "COPY")
    else:
        walk(found, node.get("relation", {}), "RangeVar")


def _transaction(found: PostgresReading, node: Tree) -> None:
    kind = node.get("kind", "TRANS_STMT_BEGIN").removeprefix("TRANS_STMT_").lower()
    found.kind = kind
    found.effects.add(Effect.TRANSACTION)
    if kind not in {"begin", "start", "commit", "rollback", "savepoint", "release", "rollback_to"}:
        found.deny("RG-W00", "two-phase commit", Effect.TRANSACTION)
        return
    _transaction_modes(found, node.get("options", []))


def _transaction_modes(found: PostgresReading, options: list[Tree]) -> None:
    for option in options:
        mode = option.get("DefElem", {})
        found.change(SettingChange(name=mode.get("defname", ""), value=_constant(mode.get("arg", {})), scope="local"))


def _constant(node: Tree) -> str:
    """A constant of a SET, as text; anything else as a value no setting accepts."""
    constant = node.get("A_Const") or (node.get("TypeCast", {}).get("arg", {}).get("A_Const"))
    if constant is None:
        return "\0"
    if "ival" in constant:
        return str(constant["ival"].get("ival", 0))
    for kind in ("sval", "fval", "boolval"):
        if kind in constant:
            value = constant[kind].get(kind, "")
            return ("on" if value else "off") if kind == "boolval" else str(value)
    return "\0"


def _set(found: PostgresReading, node: Tree) -> None:
    found.effects.add(Effect.SESSION)
    kind, name = node.get("kind", "VAR_SET_VALUE"), node.get("name", "").lower()
    scope = "local" if node.get("is_local") else "session"
    found.kind = "reset" if kind.startswith("VAR_RESET") else "set"
    if kind == "VAR_RESET_ALL":
        found.change(SettingChange(name="*", value=None, scope="all"))
    elif kind in {"VAR_RESET", "VAR_SET_DEFAULT"}:
        found.change(SettingChange(name=name, value=None, scope=scope))
    elif kind == "VAR_SET_VALUE":
        values = [_constant(argument) for argument in node.get("args", [])]
        if name == "search_path":  # each argument is one name, as it stands; in set_config it is a list to be split
            values = ['"' + value.replace('"', '""') + '"' for value in values]
        value = ", ".join(values)
        found.change(SettingChange(name=name, value=value, scope=scope))
    elif kind == "VAR_SET_MULTI" and name in {"transaction", "session characteristics"}:
        _transaction_modes(found, node.get("args", []))
    elif kind == "VAR_SET_MULTI" and name == "transaction snapshot":
        found.change(SettingChange(name="transaction_snapshot", value=_constant(node.get("args", [{}])[0])))
    else:
        found.deny("RG-T06", name, Effect.SESSION)


def _discard(found: PostgresReading, node: Tree) -> None:
    found.kind = "discard"
    found.effects.add(Effect.SESSION)
    if node.get("target", "DISCARD_ALL") == "DISCARD_ALL":
        found.change(SettingChange(name="*", value=None, scope="all"))


_CURSOR_OPT_HOLD: Final = 0x20  # PostgreSQL sources, nodes/parsenodes.h


def _declare(found: PostgresReading, node: Tree) -> None:
    _inner(found, node.get("query"), "DECLARE CURSOR")
    found.kind = "declare_cursor"
    found.declares = node.get("portalname", "")
    found.holds = bool(node.get("options", 0) & _CURSOR_OPT_HOLD)
    found.effects.add(Effect.SESSION)


def _prepare(found: PostgresReading, node: Tree) -> None:
    found.types = node.get("argtypes", [])
    walk(found, found.types)
    _inner(found, node.get("query"), "PREPARE")
    found.kind = "prepare"
    found.effects.add(Effect.SESSION)
    found.prepares = node.get("name", "")


def _execute(found: PostgresReading, node: Tree) -> None:
    walk(found, node.get("params", []))
    found.kind = "execute"
    found.refers = node.get("name", "")
    found.moves_cursors = True
    found.arguments = node.get("params", [])
    found.effects.add(Effect.READ)


def _fetch(found: PostgresReading, node: Tree) -> None:
    found.kind = "fetch"
    found.refers = node.get("portalname", "")
    found.moves_cursors = True  # what its query calls is called only now
    found.effects.add(Effect.READ)


def _session(kind: str, effect: Effect = Effect.SESSION) -> Callable[[PostgresReading, Tree], None]:
    def root(found: PostgresReading, node: Tree) -> None:
        del node
        found.kind = kind
        found.effects.add(effect)

    return root


_ACCESS_SHARE: Final = 1


def _lock(found: PostgresReading, node: Tree) -> None:
    found.kind = "lock"
    found.effects.add(Effect.SESSION)
    if node.get("mode", 0) != _ACCESS_SHARE:
        found.deny("RG-W00", "LOCK in a mode other than ACCESS SHARE", Effect.LOCK)
    walk(found, node.get("relations", []))


_ROOTS: Final[dict[str, Callable[[PostgresReading, Tree], None]]] = {
    "SelectStmt": _select,
    "ExplainStmt": _explain,
    "VariableShowStmt": _show,
    "CopyStmt": _copy,
    "TransactionStmt": _transaction,
    "VariableSetStmt": _set,
    "DiscardStmt": _discard,
    "DeclareCursorStmt": _declare,
    "FetchStmt": _fetch,
    "ClosePortalStmt": _session("close"),
    "PrepareStmt": _prepare,
    "ExecuteStmt": _execute,
    "DeallocateStmt": _session("deallocate"),
    "ListenStmt": _session("listen"),
    "UnlistenStmt": _session("unlisten"),
    "LockStmt": _lock,
}
