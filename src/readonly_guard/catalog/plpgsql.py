"""Reads PL/pgSQL functions (PostgreSQL documentation, chapter 41), by an allow-list of their statements.

PostgreSQL's own PL/pgSQL parser, in libpg_query, gives the statements and the SQL in them. It knows no types but the
built-in ones, so a function is put to it with its types replaced, and the names are put back into the SQL that comes
out. What the types of variables are, the tree does not say: every name in the body that is one of a type is taken for
a variable's. Nor does it say what a record begins with: the defaults of variables are read from the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from readonly_guard.catalog.bodies import BOUNDS, Body, read_expressions, read_query, unreadable
from readonly_guard.catalog.snapshot import Function
from readonly_guard.domain import Name, Reading, Reason
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.libpg_query import KEYWORDS, LibPgQueryError, parse_plpgsql
from readonly_guard.sql.scan import Scanned, scan_text

__all__ = ["read_plpgsql"]

# Statements and parts of them that run nothing but the expressions in them.
_PLAIN: Final = frozenset(
    f"PLpgSQL_{name}"
    for name in """
    function stmt_block stmt_assign stmt_if if_elsif stmt_case case_when stmt_loop stmt_while stmt_fori stmt_fors
    stmt_forc stmt_foreach_a stmt_exit stmt_return stmt_return_next stmt_return_query stmt_raise raise_option
    stmt_assert stmt_execsql stmt_perform stmt_getdiag diag_item stmt_open stmt_fetch stmt_close exception_block
    exception condition var rec row recfield arrayelem type expr
    """.split()
)
_DYNAMIC: Final = frozenset({"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors", "dynquery"})

_MOVES_CURSORS: Final = frozenset({"PLpgSQL_stmt_open", "PLpgSQL_stmt_close"})
"""The cursor of a FOR loop is gone with it."""

_QUERY: Final = 0  # RawParseMode of an expression's text: RAW_PARSE_DEFAULT, a whole statement
_EXPRESSION: Final = 2  # RAW_PARSE_PLPGSQL_EXPR
_ASSIGNMENTS: Final = frozenset({3, 4, 5})  # RAW_PARSE_PLPGSQL_ASSIGN1 to 3: target := expression
_ASSIGNED_BY: Final = frozenset({"COLON_EQUALS", "ASCII_61"})

_MODES: Final = {"o": "OUT ", "t": "OUT ", "b": "INOUT ", "v": "VARIADIC "}
_MARK: Final = "readonly-guard"
_SOME_TYPE: Final = f'public."{_MARK}"'
"""A type that the parser does not know; of such a type it makes a variable that may hold anything."""
_LONGEST_NAME: Final = 63
"""Bytes of an identifier that PostgreSQL keeps (NAMEDATALEN)."""


def read_plpgsql(function: Function, types: Collection[tuple[str, str]], rules: ReadingSettings) -> Body:
    """A PL/pgSQL function.

    Args:
        function: it.
        types: schema and name of every type that people made.
        rules: of the readings.
    """
    scanned = scan_text(function.body, BOUNDS)
    if isinstance(scanned, Reason):
        return unreadable(scanned.what)
    if "UIDENT" in scanned.tokens.kinds:
        return unreadable('a name with Unicode escapes (U&"…")')
    body, marks = _without_types(scanned, types)
    try:
        trees = parse_plpgsql(f"{_header(function)} AS {_quoted(body)}".encode())
    except LibPgQueryError:
        return unreadable("PL/pgSQL that its parser does not know")
    except (RecursionError, ValueError):
        return unreadable("too deep a tree")
    readings: list[Reading] = []
    faults: list[tuple[str, str]] = []
    if not trees:
        return unreadable("nothing in it")
    moves_cursors = False
    for kind, node in _nodes(trees):
        moves_cursors = moves_cursors or kind in _MOVES_CURSORS
        if kind in _DYNAMIC:
            faults.append(("RG-F01", "it runs SQL that it makes (EXECUTE)"))
        elif kind not in _PLAIN:
            faults.append(("RG-F03", f"a PL/pgSQL statement of the kind {kind.removeprefix('PLpgSQL_stmt_')}"))
        elif kind == "PLpgSQL_expr":
            found = _read_expr(node, marks, rules)
            readings += found.readings
            faults += found.faults
    for default in _defaults(scanned):
        found = read_expressions(default, rules)
        readings += found.readings
        faults += found.faults
    return Body(readings, faults, frozenset(_names(scanned)), moves_cursors)


def _header(function: Function) -> str:
    """CREATE FUNCTION with the parameters' names, which the body assigns to, and types that the parser knows."""
    parameters = ", ".join(
        f"{_MODES.get(one.mode, '')}{_identifier(one.name)} {one.type or _SOME_TYPE}" for one in function.parameters
    )
    result = function.result if function.result not in {"", "SETOF "} else f"{function.result}{_SOME_TYPE}"
    return f"CREATE FUNCTION f({parameters}) RETURNS {result} LANGUAGE plpgsql"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if name else ""


def _quoted(body: str) -> str:
    tag = "$body$"
    while tag in body:
        tag = f"${tag[1:-1]}_$"
    return f"{tag}{body}{tag}"


# --- types ----------------------------------------------------------------------------------------------------------


class _Marks:
    """What stands for names of types in a body: a name that is nowhere else in it."""

    def __init__(self, body: str) -> None:
        self._word = _MARK
        while self._word in body:
            self._word += "_"
        self._pattern = re.compile(rf'public\."{self._word} ([0-9]+)"')
        self._names: list[str] = []

    def of(self, name: str) -> str:
        """The mark that stands for this name from now on."""
        self._names.append(name)
        return f'public."{self._word} {len(self._names) - 1}"'

    def undone(self, text: str) -> str:
        """The text with the names put back."""
        return self._pattern.sub(lambda mark: self._names[int(mark[1])], text)


def _without_types(scanned: Scanned, types: Collection[tuple[str, str]]) -> tuple[str, _Marks]:
    """The body with names of one's own types marked, and what the marks stand for.

    Where a marked name was no type but a table or a function of the same name, the mark comes out again in the SQL that
    names it, and is replaced by what it stands for.
    """
    text, tokens = scanned.text, scanned.tokens
    pieces: list[str] = []
    marks = _Marks(text.decode())
    at = 0
    for first, last in _types_in(scanned, types):
        start, stop = tokens.starts[first], tokens.ends[last]
        pieces += (text[at:start].decode(), marks.of(text[start:stop].decode()))
        at = stop
    pieces.append(text[at:].decode())
    return "".join(pieces), marks


def _types_in(scanned: Scanned, types: Collection[tuple[str, str]]) -> Iterator[tuple[int, int]]:
    """Where a qualified type stands, or ``name%TYPE`` or ``name%ROWTYPE``: its first and last token."""
    kinds = scanned.tokens.kinds
    index = 0
    while index < len(kinds):
        last = index
        while kinds[last + 1 : last + 2] == ("ASCII_46",) and last + 2 < len(kinds):
            last += 2
        if kinds[last + 1 : last + 2] == ("ASCII_37",) and _word(scanned, last + 2) in {"type", "rowtype"}:
            yield index, last + 2
            index = last + 3
        elif last > index and (_word(scanned, last - 2), _word(scanned, last)) in types:
            yield last - 2, last
            index = last + 1
        else:
            index = last + 1


def _names(scanned: Scanned) -> Iterator[Name]:
    """Every name in the body, qualified where it is."""
    kinds = scanned.tokens.kinds
    for index in range(len(kinds)):
        if name := _word(scanned, index):
            yield Name(name=name)
            if index > 1 and kinds[index - 1] == "ASCII_46" and (schema := _word(scanned, index - 2)):
                yield Name(name=name, schema=schema)


def _word(scanned: Scanned, index: int) -> str:
    """A token as a name, folded as PostgreSQL folds it; empty where it is none."""
    tokens = scanned.tokens
    if index >= len(tokens.kinds) or not (tokens.kinds[index] == "IDENT" or tokens.kinds[index] in KEYWORDS):
        return ""
    word = scanned.text[tokens.starts[index] : tokens.ends[index]].decode()
    if word[:1] == '"':
        word = word[1:-1].replace('""', '"')
    else:
        word = "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in word)
    if len(word) * 4 <= _LONGEST_NAME:
        return word
    return word.encode()[:_LONGEST_NAME].decode("utf-8", "ignore")


# --- defaults of variables ------------------------------------------------------------------------------------------


def _defaults(scanned: Scanned) -> Iterator[str]:
    """What variables are declared with: ``name type := expression;`` between DECLARE and BEGIN.

    DECLARE and BEGIN are reserved there, so that no variable can be called so and hide where declarations end.
    """
    tokens = scanned.tokens
    kinds = tokens.kinds
    declares = False
    first = 0  # of the declaration
    for index, kind in enumerate(kinds):
        if kind == "DECLARE":
            declares, first = True, index + 1
        elif declares and kind == "BEGIN_P" and index == first:
            declares = False
        elif declares and kind == "ASCII_59":
            at = next((at for at in range(first, index) if kinds[at] in _BEGIN_DEFAULTS), None)
            if at is not None and _CURSORS.isdisjoint(kinds[first + 1 : first + 2]):
                yield scanned.text[tokens.ends[at] : tokens.starts[index]].decode()
            first = index + 1


_BEGIN_DEFAULTS: Final = _ASSIGNED_BY | {"DEFAULT"}
_CURSORS: Final = frozenset({"CURSOR", "SCROLL", "NO"})
"""After a variable's name: what follows is the query of a cursor, which the tree has."""


# --- the tree -------------------------------------------------------------------------------------------------------


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every node of a PL/pgSQL tree, and the field that marks dynamic SQL."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack += node
        elif isinstance(node, dict):
            for name, value in node.items():
                if name.startswith("PLpgSQL_") or name in _DYNAMIC:
                    yield name, value
                stack.append(value)


def _read_expr(node: dict[str, Any], marks: _Marks, rules: ReadingSettings) -> Body:
    text, mode = marks.undone(str(node.get("query", ""))), node.get("parseMode", _QUERY)
    if mode == _QUERY:
        return read_query(text, rules)
    if mode == _EXPRESSION:
        return read_expressions(text, rules)
    if mode in _ASSIGNMENTS and (sides := _assignment(text)) is not None:
        return read_expressions(sides, rules)
    return unreadable("an expression of an unknown kind")


def _assignment(text: str) -> str | None:
    """Both sides of an assignment as a list of expressions: a target's subscripts can call functions, too."""
    scanned = scan_text(text, BOUNDS)
    if isinstance(scanned, Reason):
        return None
    tokens = scanned.tokens
    for kind, start, end in zip(tokens.kinds, tokens.starts, tokens.ends, strict=True):
        if kind in _ASSIGNED_BY:
            return f"{scanned.text[:start].decode()}, {scanned.text[end:].decode()}"
    return None
