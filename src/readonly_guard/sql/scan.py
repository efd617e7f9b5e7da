"""The first pass over a text: bounds, and refusal of what PostgreSQL majors lex differently.

Works on the tokens of PostgreSQL's own scanner, before any grammar sees the text, because both grammars recurse:
libpg_query on the C stack (some 10,000 levels), sqlglot exponentially in nested calls of type names. The limits'
precedents are in each constant's comment.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

from readonly_guard.domain import Reason, core_reason
from readonly_guard.settings import LimitSettings
from readonly_guard.sql.libpg_query import LibPgQueryError, Tokens, scan

__all__ = ["Bounds", "Scanned", "scan_text"]


class Bounds(NamedTuple):
    """How large a text may be. The defaults let 10,000 parameters in an IN list pass, as object mappers send."""

    statement_bytes: int = 100_000
    tokens: int = 24_000
    depth: int = 64  # parentheses and CASE; people write fewer than ten, generators some thirty
    bracket_depth: int = 6  # array[array[…]]: sqlglot doubles its work a level
    subscripts: int = 12  # a[1][1]…: superlinear in sqlglot
    run: int = 2_000  # tokens of one level without a comma, AND or OR: a chain of operators is as deep as it is long
    set_operations: int = 400  # UNION and the like are as deep as they are many; so are joins
    nesting: int = 8  # parentheses behind LIMIT, OFFSET or JOIN inside each other: sqlglot doubles its work a level

    @classmethod
    def of(cls, limits: LimitSettings) -> Self:
        """The bounds that a guard.toml sets."""
        return cls(statement_bytes=limits.statement_bytes, tokens=limits.tokens)


class Scanned:
    """A text that kept within the bounds.

    Args:
        text: in UTF-8.
        tokens: without comments.
        words: the tokens as written.
    """

    __slots__ = ("_shape", "text", "tokens", "words")

    def __init__(self, text: bytes, tokens: Tokens, words: list[str]) -> None:
        self.text = text
        self.tokens = tokens
        self.words = words
        self._shape: str | None = None

    @classmethod
    def of(cls, text: bytes, tokens: Tokens) -> Self:
        """A text that was held against the bounds before, here or in another process.

        Args:
            text: in UTF-8.
            tokens: as :func:`scan_text` has found them.
        """
        places = zip(tokens.starts, tokens.ends, strict=True)
        if text.isascii():  # bytes are characters: nearly every text
            whole = text.decode("ascii")
            return cls(text, tokens, [whole[start:end] for start, end in places])
        return cls(text, tokens, [text[start:end].decode("utf-8") for start, end in places])

    @property
    def shape(self) -> str:
        """The text without its literals, unambiguous: two texts of one shape have the same tree but for constants.

        NUL, which no text holds, parts the tokens; a literal is a mark of its kind.
        """
        if self._shape is None:
            mask = _MASKS.get
            pairs = zip(self.tokens.kinds, self.words, strict=True)
            self._shape = "\0".join([mask(kind) or word for kind, word in pairs])
        return self._shape

    def parameters(self) -> list[int]:
        """The numbers of the parameters, each as often as it stands in the text."""
        return [int(word[1:]) for kind, word in zip(self.tokens.kinds, self.words, strict=True) if kind == "PARAM"]


# Kinds whose text PostgreSQL majors read differently, found in scanner output by PARSERS.md's study.
_STRINGS: Final = frozenset({"SCONST", "USCONST", "BCONST", "XCONST"})
_NUMBERS: Final = frozenset({"ICONST", "FCONST"})
_CHECKED: Final = _STRINGS | _NUMBERS | {"PARAM"}
_COMMENTS: Final = frozenset({"SQL_COMMENT", "C_COMMENT"})
# 0x1F, 0o17, 0b1 and 1_000 are numbers since PostgreSQL 16, and a number with an alias before that
_PLAIN_NUMBER: Final = re.compile(rb"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
# the parts of a string that is continued over line breaks, 'a'\n'b'; an E string's quotes can be escaped
_PART: Final = re.compile(rb"'(?:[^']|'')*'")
_ESCAPED_PART: Final = re.compile(rb"'(?:[^'\\]|''|\\.)*'", re.DOTALL)
_WORD_START: Final = re.compile(rb"[A-Za-z_\x80-\xff$]")

_OPENS: Final = frozenset({"ASCII_40", "CASE", "ASCII_91"})
_CLOSES: Final = frozenset({"ASCII_41", "END_P", "ASCII_93"})
_RUN_ENDS: Final = frozenset({"ASCII_44", "AND", "OR", "ASCII_59", "WHEN", "THEN", "ELSE"})
_DOUBLING: Final = frozenset({"LIMIT", "OFFSET", "JOIN"})
_CHAINS: Final = frozenset({"UNION", "INTERSECT", "EXCEPT", "JOIN"})


def scan_text(text: str, bounds: Bounds) -> Scanned | Reason:
    """Scan a text and hold it against the bounds.

    Returns:
        The tokens, or the reason to deny: RG-T04 too large or too deep, RG-T07 not encodable, RG-T02 not lexable or
        lexed differently by PostgreSQL majors.
    """
    if len(text) > bounds.statement_bytes:
        return core_reason("RG-T04", f"more than {bounds.statement_bytes} bytes")
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        return core_reason("RG-T07", "a lone surrogate", position=error.start + 1)
    if len(data) > bounds.statement_bytes:
        return core_reason("RG-T04", f"more than {bounds.statement_bytes} bytes")
    if "\0" in text:  # libpg_query would stop reading here, and so hide what follows
        return core_reason("RG-T02", "a NUL character", position=text.index("\0") + 1)
    try:
        tokens = scan(data)
    except LibPgQueryError as error:
        return core_reason("RG-T02", "not lexable", position=error.position)
    if len(tokens.kinds) > bounds.tokens:
        return core_reason("RG-T04", f"more than {bounds.tokens} tokens")
    counts = Counter(tokens.kinds)
    fault = _lexed_differently(data, tokens, counts) or _too_deep(data, tokens, counts, bounds)
    if fault is not None:
        return fault
    return Scanned.of(data, tokens if _COMMENTS.isdisjoint(counts) else _without_comments(tokens))


def character_position(data: bytes, offset: int) -> int:
    """The 1-based character position of a byte offset."""
    return len(data[:offset].decode("utf-8", "replace")) + 1


def character_positions(data: bytes, offsets: Iterable[int]) -> dict[int, int]:
    """As `character_position`, for many offsets in one pass, negative ones left out: a text may hold thousands."""
    if data.isascii():
        return {offset: offset + 1 for offset in offsets if offset >= 0}
    positions: dict[int, int] = {}
    end = characters = 0
    for offset in sorted({offset for offset in offsets if offset >= 0}):
        characters += len(data[end:offset].decode("utf-8", "replace"))
        positions[offset], end = characters + 1, offset
    return positions


_MASKS: Final = {"SCONST": "\1s", "BCONST": "\1b", "XCONST": "\1x", "ICONST": "\1i", "FCONST": "\1f"}
"""What stands for a literal in a shape. USCONST and UIDENT are kept as written: UESCAPE, behind them, reads them."""


def _without_comments(tokens: Tokens) -> Tokens:
    rows = [row for row in zip(*tokens, strict=True) if row[0] not in _COMMENTS]
    return Tokens(*zip(*rows, strict=True)) if rows else Tokens((), (), ())


def _lexed_differently(data: bytes, tokens: Tokens, counts: Counter[str]) -> Reason | None:
    kinds, starts, ends = tokens
    if b"\v" in data:  # white space since PostgreSQL 16; inside a string or comment it is harmless
        gaps = zip([0, *ends], [*starts, len(data)], strict=True)
        for end, start in gaps:
            if b"\v" in data[end:start]:
                return _fault(data, end, "a vertical tab")
    if _CHECKED.isdisjoint(counts):
        return None
    for at in [at for at, kind in enumerate(kinds) if kind in _CHECKED]:
        kind, start, end = kinds[at], starts[at], ends[at]
        if kind in _NUMBERS and not _PLAIN_NUMBER.match(data, start, end):
            return _fault(data, start, "a number that PostgreSQL versions read differently")
        if kind in _STRINGS:
            if _continues_over_comment(data[start:end]):
                return _fault(data, start, "a string continued over a comment")
        elif starts[at + 1 : at + 2] == (end,) and _WORD_START.match(data, end):
            return _fault(data, end, "a word directly after a number or parameter")
    return None


def _continues_over_comment(literal: bytes) -> bool:
    """Whether a comment stands between the parts of a string: white space to some majors only."""
    if b"\n" not in literal or b"--" not in literal or literal[:1] == b"$":
        return False
    part = _ESCAPED_PART if literal[:1] in b"eE" else _PART
    at = 0
    while (found := part.search(literal, at)) is not None:
        if b"--" in literal[at : found.start()]:
            return True
        at = found.end()
    return False


def _too_deep(data: bytes, tokens: Tokens, counts: Counter[str], bounds: Bounds) -> Reason | None:
    opens = sum(counts[kind] for kind in _OPENS)
    doubling = sum(counts[kind] for kind in _DOUBLING)
    is_small = opens < bounds.depth and counts["ASCII_91"] <= bounds.bracket_depth and len(tokens.kinds) <= bounds.run
    if is_small and (doubling <= bounds.nesting or _most_open(tokens.kinds) <= bounds.nesting):
        return None  # too small to be deep: nearly every statement
    if sum(counts[kind] for kind in _CHAINS) > bounds.set_operations:
        return core_reason("RG-T04", f"more than {bounds.set_operations} set operations and joins")
    return _measure(data, tokens, bounds)


def _most_open(kinds: tuple[str, ...]) -> int:
    """How many levels are open at once."""
    most = level = 0
    for kind in kinds:
        if kind in _OPENS:
            level += 1
            most = max(most, level)
        elif level and kind in _CLOSES:
            level -= 1
    return most


def _measure(data: bytes, tokens: Tokens, bounds: Bounds) -> Reason | None:
    runs = [0]  # tokens since the last separator, one count for each open level
    nested = [0]  # levels that were opened behind a LIMIT, OFFSET or JOIN
    behind = [False]
    brackets = subscripts = 0
    previous = ""
    for kind, start in zip(tokens.kinds, tokens.starts, strict=True):
        if kind in _RUN_ENDS:
            runs[-1] = 0
        elif kind in _OPENS:
            runs[-1] += 1
            runs.append(0)
            nested.append(nested[-1] + behind[-1])
            behind.append(False)
            if nested[-1] > bounds.nesting:
                return _deep(data, start, f"more than {bounds.nesting} levels of LIMIT, OFFSET or JOIN")
            if len(runs) > bounds.depth:
                return _deep(data, start, f"more than {bounds.depth} levels")
            if kind == "ASCII_91":
                brackets += 1
                subscripts = subscripts + 1 if previous == "ASCII_93" else 1
                if brackets > bounds.bracket_depth or subscripts > bounds.subscripts:
                    return _deep(data, start, "too many brackets")
        elif kind in _CLOSES:
            if len(runs) > 1:
                runs.pop()
                nested.pop()
                behind.pop()
            if kind == "ASCII_93":
                brackets = max(brackets - 1, 0)
        else:
            runs[-1] += 1
            behind[-1] = behind[-1] or kind in _DOUBLING
            if runs[-1] > bounds.run:
                return _deep(data, start, f"more than {bounds.run} tokens in a row")
        previous = kind
    return None


def _fault(data: bytes, offset: int, what: str) -> Reason:
    return core_reason("RG-T02", what, position=character_position(data, offset))


def _deep(data: bytes, offset: int, what: str) -> Reason:
    return core_reason("RG-T04", what, position=character_position(data, offset))
