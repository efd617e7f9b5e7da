"""PostgreSQL's own scanner and parser (libpg_query, through postgast), as bytes in and plain values out.

The only module that touches the C library. The tree is taken through the JSON entry point: the protobuf one fails at
some fifty chained operators. Input must be bounded and free of NUL before it comes here (`readonly_guard.sql.scan`):
the library reads a C string and would stop at a NUL, and its parser recurses on the C stack.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:  # postgast's generated stub does not parse, and would end the type check of everyone who imports us
    lib: Any
    DESCRIPTOR: Any
    Token: Any
else:
    from postgast.native import lib
    from postgast.pg_query_pb2 import DESCRIPTOR, Token

__all__ = ["DESCRIPTOR", "KEYWORDS", "LibPgQueryError", "Tokens", "parse", "parse_plpgsql", "scan"]


class LibPgQueryError(Exception):
    """PostgreSQL's scanner or grammar refused the text.

    ``position`` is 1-based, in characters, or None. The message itself is not kept: it quotes the text.
    """

    def __init__(self, position: int | None) -> None:
        super().__init__("syntax error")
        self.position = position


class Tokens(NamedTuple):
    """The tokens of a text, as columns of equal length.

    ``kinds``: as libpg_query names them. ``starts``, ``ends``: byte ranges.
    """

    kinds: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]


class _KindNames(dict[int, str]):
    def __missing__(self, kind: int) -> str:
        return "UNNAMED"  # a character that no token begins with, such as {; the grammar refuses it


_KIND_NAMES: Final = _KindNames({value.number: value.name for value in Token.DESCRIPTOR.values})


def _columns_message() -> Any:
    """The class of a scan's result, in which the tokens are columns.

    libpg_query describes it as ``repeated ScanToken tokens = 2``. Read as one message, all that is given under that
    number is merged, field by field, one token behind the other (protobuf.dev, Encoding, "Last One Wins"): three
    lists of numbers, instead of four numbers from each of as many objects as there are tokens.
    """
    file = FileDescriptorProto(name="readonly_guard/tokens.proto", package="readonly_guard", syntax="proto3")
    columns = file.message_type.add(name="Columns")
    for number, name in ((1, "start"), (2, "end"), (4, "token"), (5, "keyword_kind")):
        columns.field.add(
            name=name,
            number=number,
            type=FieldDescriptorProto.TYPE_INT32,
            label=FieldDescriptorProto.LABEL_REPEATED,
        )
    file.message_type.add(name="Scan").field.add(
        name="tokens",
        number=2,
        type=FieldDescriptorProto.TYPE_MESSAGE,
        type_name=".readonly_guard.Columns",
        label=FieldDescriptorProto.LABEL_OPTIONAL,
    )
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("readonly_guard.Scan"))


_Scan: Final = _columns_message()


def _raise_error(error: Any) -> None:
    if error:
        position = int(error.contents.cursorpos)
        raise LibPgQueryError(position if position > 0 else None)


def scan(text: bytes) -> Tokens:
    """The tokens of a text, comments among them.

    Raises:
        LibPgQueryError: an unterminated string or comment, an invalid escape.
    """
    found = _columns(text)
    starts, ends, kinds = tuple(found.start[:]), tuple(found.end[:]), found.token[:]
    if len(starts) < len(ends):  # no message holds a zero: the first token is at the very beginning
        starts = (0, *starts)
    return Tokens(tuple(map(_KIND_NAMES.__getitem__, kinds)), starts, ends)


def _columns(text: bytes) -> Any:
    result = lib.pg_query_scan(text)
    try:
        _raise_error(result.error)
        return _Scan.FromString(ctypes.string_at(result.pbuf.data, result.pbuf.len)).tokens
    finally:
        lib.pg_query_free_scan_result(result)


def _keywords() -> dict[str, int]:
    """Every keyword's token is called as the word is (gram.y: ``NULL_P``, ``WITH_LA``)."""
    words = {name.lower().removesuffix("_p").removesuffix("_la") for name in _KIND_NAMES.values()}
    found = _columns(" ".join(sorted(word for word in words if word.isidentifier())).encode())
    keywords = [name for kind in found.token if (name := _KIND_NAMES[kind]) != "IDENT"]
    return dict(zip(keywords, found.keyword_kind, strict=True))


KEYWORDS: Final = _keywords()
"""The KeywordKind of every token that is a keyword: 1 unreserved, 2 column name, 3 type or function name, 4 reserved.

Asked for by the token's kind: a column of a scan does not tell, because tokens that are no keywords are not in it.
"""


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
