"""Calls whose verdict rests on what their literals say: settings that are changed, types that are named in a text."""

from __future__ import annotations

import re
from typing import Final

from readonly_guard.domain import Effect, Name, SettingChange
from readonly_guard.sql.functions import is_builtin_type
from readonly_guard.sql.libpg_query import LibPgQueryError, parse
from readonly_guard.sql.postgres_reading import PostgresReading, Tree
from readonly_guard.sql.session_settings import ALLOWED_SETTINGS

__all__ = ["names_builtin_type", "pin_set_config", "visit_set_config"]


def pin_set_config(found: PostgresReading, query: Tree) -> None:
    """``SELECT set_config(name, …) FROM pg_settings WHERE name = '…'``: how pg_dump sets what old servers lack."""
    match query:
        case {
            "targetList": [{"ResTarget": {"val": {"FuncCall": {"args": [{"ColumnRef": column}, *_]} as call}}}],
            "fromClause": [{"RangeVar": {"relname": "pg_settings"} as relation}],
            "whereClause": {
                "A_Expr": {
                    "kind": "AEXPR_OP",
                    "name": [{"String": {"sval": "="}}],
                    "lexpr": {"ColumnRef": compared},
                    "rexpr": {"A_Const": {"sval": {"sval": name}}},
                }
            },
        } if relation.get("schemaname") in (None, "pg_catalog") and _is_name(column) and _is_name(compared):
            found.settings_by_row[id(call)] = name
        case _:
            pass


def _is_name(column: Tree) -> bool:
    """Whether a ColumnRef is the column ``name``, unqualified."""
    match column.get("fields"):
        case [{"String": {"sval": "name"}}]:
            return True
        case _:
            return False


def visit_set_config(found: PostgresReading, call: Tree) -> None:
    """Note the setting that a call changes, or that it cannot be told."""
    change = _set_config(call.get("args", []), found.settings_by_row.get(id(call)))
    if change is None:
        found.deny("RG-T06", "set_config with anything but plain constants", Effect.SESSION, call)
    else:
        found.change(change, by_literal=True)


def _set_config(args: list[Tree], by_row: str | None) -> SettingChange | None:
    """The change that a call makes; None where its name, or a value that matters, is no plain constant."""
    match args:
        case [{"A_Const": {"sval": {"sval": str(text)}}}, value, local]:
            name = by_row or text
        case [_, value, local] if by_row is not None:
            name = by_row
        case _:
            return None
    name = name.lower()
    match value:
        case {"A_Const": {"sval": constant}}:
            new = constant.get("sval", "")
        case {"ParamRef": _} | {"FuncCall": _} if name in ALLOWED_SETTINGS:
            new = "?"  # asyncpg binds it; of these settings every value is allowed
        case _:
            return None
    match local:
        case {"A_Const": {"boolval": flag}}:
            scope = "local" if flag.get("boolval") else "session"
        case _:
            return None
    return SettingChange(name=name, value=new, scope=scope)


_TYPE_TEXT: Final = re.compile(r"[a-z_][a-z0-9_]*(?: [a-z]+)*(?:\([0-9]+(?:,[0-9]+)?\))?(?:\[\])*")


def names_builtin_type(args: list[Tree]) -> bool:
    """Whether the second argument is a constant that names a built-in type, whose input function is harmless."""
    match args:
        case [_, {"A_Const": {"sval": {"sval": str(text)}}}] if _TYPE_TEXT.fullmatch(text):
            pass
        case _:
            return False
    try:
        match parse(f"SELECT NULL::{text}".encode()):
            case [{"stmt": {"SelectStmt": {"targetList": [{"ResTarget": {"val": {"TypeCast": cast}}}]}}}]:
                names = [part["String"]["sval"] for part in cast["typeName"]["names"]]
                return is_builtin_type(Name(name=names[-1], schema=names[-2] if len(names) > 1 else None))
    except LibPgQueryError:
        pass
    return False
