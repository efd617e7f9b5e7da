"""The second key: sqlglot, on the canonical text.

An independent tokenizer and grammar says how many statements there are, what each begins with, and, for queries, what
they are made of: again by an allow-list. Utility statements that sqlglot keeps opaque are paired with PostgreSQL's node
by their first word; the query inside EXPLAIN, DECLARE, PREPARE and COPY is parsed by itself.
"""

from __future__ import annotations

import threading
from typing import Any, ClassVar, Final

from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ErrorLevel
from sqlglot.tokenizer_core import Token, TokenType

from readonly_guard.sql.sqlglot_tree import SqlglotReading, judge_tree

__all__ = ["parse_queries", "read_text"]


class _Dialect(Postgres):
    """PostgreSQL without sqlglot's opaque commands: EXPLAIN and the like are tokenised to their end."""

    INDEX_OFFSET = 0  # a[1] means a[1]: to count from 0 sqlglot would infer types and simplify

    class Tokenizer(Postgres.Tokenizer):
        COMMANDS: ClassVar[set[TokenType]] = set()


_QUERY_WORDS: Final = frozenset({"SELECT", "WITH", "VALUES", "("})

# Words whose statement has no query inside: the word is all that is compared.
_PLAIN_WORDS: Final = frozenset(
    """
    SHOW SET RESET BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE FETCH MOVE CLOSE DEALLOCATE DISCARD
    LISTEN UNLISTEN LOCK EXECUTE
    """.split()
)


class _Machinery(threading.local):
    """A tokenizer and a parser for each thread: they begin anew with each text, but must not be in two at once."""

    def __init__(self) -> None:
        dialect = _Dialect()
        self.tokenizer = dialect.tokenizer()
        self.parser = dialect.parser(error_level=ErrorLevel.IMMEDIATE)


_machinery: Final = _Machinery()


def read_text(canonical: str) -> list[SqlglotReading]:
    """Read every statement of a canonical text; a tokenizer failure is one unreadable statement."""
    try:
        statements = _statements(canonical)
    except Exception:  # noqa: BLE001  compiled sqlglot raises bare TypeError where the pure one raises TokenError
        return [SqlglotReading(word="", unreadable=True)]
    return [_read(statement, canonical) for statement in statements]


def parse_queries(canonical: str) -> list[Any]:
    """The tree of the query that each statement is or holds, or None for a statement without one.

    Raises:
        Exception: a statement that sqlglot cannot read; `read_text` has said so of the same text.
    """
    trees: list[Any] = []
    for tokens in _statements(canonical):
        word = tokens[0].text.upper()
        query = tokens if word in _QUERY_WORDS else [] if word in _PLAIN_WORDS else _inner_query(word, tokens)
        trees.append(_parse(query, canonical)[0] if query else None)
    return trees


def _statements(canonical: str) -> list[list[Token]]:
    tokens = _machinery.tokenizer.tokenize(canonical)
    if ";" not in canonical:
        return [tokens] if tokens else []
    statements: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            statements.append([])
        else:
            statements[-1].append(token)
    return [statement for statement in statements if statement]


def _parse(tokens: list[Token], canonical: str) -> list[Any]:
    return _machinery.parser.parse(tokens, canonical)


def _read(tokens: list[Token], canonical: str) -> SqlglotReading:
    word = tokens[0].text.upper()
    if word in _PLAIN_WORDS:
        return SqlglotReading(word=word)
    query = tokens if word in _QUERY_WORDS else _inner_query(word, tokens)
    if query is None:
        return SqlglotReading(word=word, fault=f"a statement that begins with {word}")
    if not query:
        return SqlglotReading(word=word, relations=None)
    return _read_query(word, query, canonical)


def _inner_query(word: str, tokens: list[Token]) -> list[Token] | None:
    """The tokens of the query inside a statement; an empty list for COPY of a table; None for anything else."""
    match word:
        case "EXPLAIN":
            at = 1
            if _is(tokens, at, "(") and not _starts_query(tokens, at + 1):
                at = _closing(tokens, at) + 1
            while at < len(tokens) and tokens[at].text.upper() in {"ANALYZE", "ANALYSE", "VERBOSE"}:
                at += 1
            return [] if _is(tokens, at, "EXECUTE") else tokens[at:]
        case "COPY":
            target = _after(tokens, "TO") or []
            if not (_is(target, 0, "STDOUT") or _is(target, 0, "STDIN")):  # either word means the client
                return None
            return tokens[2 : _closing(tokens, 1)] if _is(tokens, 1, "(") else []
        case "DECLARE":
            return _after(tokens, "FOR")
        case "PREPARE":
            return _after(tokens, "AS")
        case _:
            return None


def _is(tokens: list[Token], at: int, text: str) -> bool:
    return at < len(tokens) and tokens[at].text.upper() == text and tokens[at].token_type is not TokenType.STRING


def _starts_query(tokens: list[Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].text.upper() in _QUERY_WORDS


def _closing(tokens: list[Token], at: int) -> int:
    depth = 0
    for index in range(at, len(tokens)):
        kind = tokens[index].token_type
        if kind is TokenType.L_PAREN:
            depth += 1
        elif kind is TokenType.R_PAREN:
            depth -= 1
            if depth == 0:
                return index
    return len(tokens)


def _after(tokens: list[Token], word: str) -> list[Token] | None:
    depth = 0
    for index, token in enumerate(tokens):
        if token.token_type is TokenType.L_PAREN:
            depth += 1
        elif token.token_type is TokenType.R_PAREN:
            depth -= 1
        elif depth == 0 and token.text.upper() == word and token.token_type is not TokenType.IDENTIFIER:
            return tokens[index + 1 :]
    return None


def _read_query(word: str, tokens: list[Token], canonical: str) -> SqlglotReading:
    try:
        trees = _parse(tokens, canonical)
        if len(trees) != 1 or trees[0] is None:
            return SqlglotReading(word=word, fault="more or less than one query")
        return judge_tree(word, trees[0])
    except Exception:  # noqa: BLE001  ParseError, RecursionError, and TypeError from compiled sqlglot
        return SqlglotReading(word=word, unreadable=True)
