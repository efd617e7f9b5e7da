"""Reads the SQL inside a database's own objects: view definitions, expressions, bodies of SQL functions.

A body is a read when each of its statements is, by the same allow-list as a client's (`readonly_guard.sql`). Only
PostgreSQL's grammar reads it: what stands in the catalog was parsed by PostgreSQL already, and its tokens hold no
trick that a second parser could be fooled by. The bounds hold all the same: whoever may create a function may not
bring down the guard that looks at it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from readonly_guard.domain import Name, Reading, Reason
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.libpg_query import LibPgQueryError, parse
from readonly_guard.sql.postgres_key import read_statement
from readonly_guard.sql.scan import Bounds, scan_text

__all__ = ["BOUNDS", "Body", "read_expressions", "read_query", "read_statements", "unreadable"]

BOUNDS: Final = Bounds(statement_bytes=1_000_000, tokens=50_000)
"""Views and functions are longer than what clients send; how deep they may be stays the same.

50,000 tokens are some 5,000 lines, and a few seconds; they are read once a catalog.
"""


class Body(NamedTuple):
    """What a body was read as.

    ``faults``: why it is not a read, in names only, each with its code. ``words``: the names in a PL/pgSQL body, of
    which any may be the type of a variable, whose CHECK an assignment runs: the parser's tree leaves types out.
    ``moves_cursors``: it opens or closes cursors, which may have any name, and outlive it.
    """

    readings: list[Reading]
    faults: list[tuple[str, str]]
    words: frozenset[Name] = frozenset()
    moves_cursors: bool = False


def read_query(text: str, rules: ReadingSettings) -> Body:
    """A view's definition."""
    return _read(text, rules)


def read_expressions(text: str, rules: ReadingSettings) -> Body:
    """One or several expressions, parted by commas."""
    return _read(f"SELECT {text}", rules)


def read_statements(text: str, rules: ReadingSettings) -> Body:
    """The body of a SQL function: its statements, or BEGIN ATOMIC … END, or RETURN expression (PostgreSQL 14)."""
    words = text.split(None, 2)
    head = [word.upper() for word in words[:2]]
    if head[:1] == ["RETURN"]:
        return read_expressions(text.strip().removesuffix(";")[len("RETURN") :], rules)
    if head == ["BEGIN", "ATOMIC"]:
        inner = words[2].rstrip().removesuffix(";").rstrip() if len(words) > len(head) else ""
        return _read(inner[: -len("END")] if inner.upper().endswith("END") else inner, rules)
    return _read(text, rules)


def _read(text: str, rules: ReadingSettings) -> Body:
    scanned = scan_text(text, BOUNDS)
    if isinstance(scanned, Reason):
        return unreadable(scanned.what)
    try:
        trees = parse(scanned.text)
    except LibPgQueryError:
        return unreadable("a syntax error")
    except RecursionError:
        return unreadable("too deep a tree")
    found = [read_statement(tree, rules) for tree in trees]
    faults = [(reason.code, reason.what) for one in found for reason in one.reasons]
    for one in found:
        if one.kind != "select" and not one.reasons:
            faults.append(("RG-F03", f"a statement of the kind {one.kind}"))
        elif one.settings:
            faults.append(("RG-T06", "it changes a setting"))
    return Body([one.reading() for one in found], faults)


def unreadable(what: str) -> Body:
    """A body of which nothing can be known."""
    return Body([], [("RG-F01", f"its body cannot be read: {what}")])
