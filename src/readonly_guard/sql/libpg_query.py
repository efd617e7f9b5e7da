"""PostgreSQL's own scanner and parser (libpg_query, through postgast), as bytes in and plain values out.

The only module that touches the C library. The tree is taken through the JSON entry point: the protobuf one fails at
some fifty chained operators. Input must be bounded and free of NUL before it comes here (`readonly_guard.sql.scan`):
the library reads a C string and would stop at a NUL, and its parser recurses on the C stack.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:  # postgast's generated stub does not parse, and would end the type check of everyone who imports us
    lib: Any
    DESCRIPTOR: Any
    ScanResult: Any
    Token: Any
else:
    from postgast.native import lib
    from postgast.pg_query_pb2 import DESCRIPTOR, ScanResult, Token

__all__ = ["DESCRIPTOR", "LibPgQueryError", "Tokens", "parse", "parse_plpgsql", "scan"]


class LibPgQueryError(Exception):
    """PostgreSQL's scanner or grammar refused the text.

    ``position`` is 1-based, in characters, or None. The message itself is not kept: it quotes the text.
    """

    def __init__(self, position: int | None) -> None:
        super().__init__("syntax error")
        self.position = position


class Tokens(NamedTuple):
    """The tokens of a text, as columns of equal length.

    ``kinds``: as libpg_query names them. ``keywords``: its KeywordKind (0 none, 1 unreserved, 2 column name, 3 type or
    function name, 4 reserved). ``starts``, ``ends``: byte ranges.
    """

    kinds: tuple[str, ...]
    keywords: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]


_KIND_NAMES: dict[int, str] = {value.number: value.name for value in Token.DESCRIPTOR.values}


def _raise_error(error: Any) -> None:
    if error:
        position = int(error.contents.cursorpos)
        raise LibPgQueryError(position if position > 0 else None)


def scan(text: bytes) -> Tokens:
    """The tokens of a text, comments among them.

    Raises:
        LibPgQueryError: an unterminated string or comment, an invalid escape.
    """
    result = lib.pg_query_scan(text)
    try:
        _raise_error(result.error)
        found = ScanResult.FromString(ctypes.string_at(result.pbuf.data, result.pbuf.len)).tokens
    finally:
        lib.pg_query_free_scan_result(result)
    if not found:
        return Tokens((), (), (), ())
    name = _KIND_NAMES.get
    # a character that no token begins with, such as {, has no name; the grammar refuses it
    rows = [(name(token.token, "UNNAMED"), token.keyword_kind, token.start, token.end) for token in found]
    return Tokens(*zip(*rows, strict=True))


def parse(text: bytes) -> list[dict[str, Any]]:
    """The raw statements of a text: ``[{"stmt": {NodeName: {...}}, "stmt_location": …, "stmt_len": …}, …]``.

    Raises:
        LibPgQueryError: a syntax error.
        RecursionError: the tree is deeper than can be decoded.
    """
    result = lib.pg_query_parse(text)
    try:
        _raise_error(result.error)
        tree: dict[str, Any] = msgspec.json.decode(result.parse_tree)
    finally:
        lib.pg_query_free_parse_result(result)
    statements: list[dict[str, Any]] = tree.get("stmts", [])
    return statements


def parse_plpgsql(definition: bytes) -> list[dict[str, Any]]:
    """The functions of a text of CREATE FUNCTION … LANGUAGE plpgsql: ``[{"PLpgSQL_function": {…}}, …]``.

    Raises:
        LibPgQueryError: a syntax error, or a type of one's own where the library would have to know more of it.
        RecursionError: the tree is deeper than can be decoded.
    """
    result = lib.pg_query_parse_plpgsql(definition)
    try:
        _raise_error(result.error)
        functions: list[dict[str, Any]] = msgspec.json.decode(result.plpgsql_funcs)
    finally:
        lib.pg_query_free_plpgsql_parse_result(result)
    return functions
