"""What of a text the second key need not see, because it is a value and nothing else: found among its tokens.

sqlglot takes its time by the token. Which constants stand in a list, to what a value is cast
(docs/decisions/0029), which columns are compared and which come first in a list of columns (docs/decisions/0033)
neither names a relation nor makes a statement another: the keys compare none of it, and PostgreSQL's tree has it all.
The rules are about tokens: what is left out is whole, and could be nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from readonly_guard.sql.libpg_query import KEYWORDS

__all__ = [
    "CONDITION_STARTS",
    "CONSTANTS",
    "OPERANDS",
    "behind_cast",
    "behind_columns",
    "behind_comparison",
    "end_of_constants",
]

CONSTANTS: Final = frozenset({"ICONST", "FCONST", "SCONST", "BCONST", "XCONST", "PARAM"})
"""Tokens that are a constant by themselves. USCONST is one with its UESCAPE only."""

OPERANDS: Final = CONSTANTS | {"IDENT"}
"""What an operand that is nothing but a constant or a column begins with."""

CONDITION_STARTS: Final = frozenset({"WHERE", "ON", "AND", "OR", "WHEN", "HAVING"})
"""What a condition stands behind, with a parenthesis between or without: nothing before it belongs to it."""

_NAMES: Final = frozenset(KEYWORDS) | {"IDENT"}
_COMPARISONS: Final = frozenset({"ASCII_61", "ASCII_60", "ASCII_62", "NOT_EQUALS", "LESS_EQUALS", "GREATER_EQUALS"})
_ENDS_CONDITION: Final = frozenset(
    """
    ASCII_41 ASCII_44 ASCII_59 AND OR THEN WHERE GROUP_P HAVING WINDOW ORDER LIMIT OFFSET FETCH UNION INTERSECT EXCEPT
    JOIN INNER_P LEFT RIGHT FULL CROSS NATURAL
    """.split()
) | {""}
"""What no operand goes on with."""

_ENDS_TYPE: Final = frozenset(
    """
    ASCII_41 ASCII_44 ASCII_93 ASCII_59 ASCII_61 ASCII_60 ASCII_62 ASCII_43 ASCII_45 ASCII_42 ASCII_47
    NOT_EQUALS LESS_EQUALS GREATER_EQUALS Op TYPECAST AND OR IS AS FROM WHERE WHEN THEN ELSE END_P
    """.split()
) | {""}
"""What no type goes on with, as ``double precision``, ``interval day`` and ``timestamp with time zone`` do."""


def behind_cast(kinds: Sequence[str], at: int) -> int:
    """Where a cast ends: the place behind ``:: name``, ``:: schema.name`` or one of these with ``[]``.

    Args:
        kinds: a text's tokens, at least two empty ones behind them.
        at: of the ``::``.

    Returns:
        0 where the type is of more words, or has a length: it is left to be read.
    """
    at += 2
    if kinds[at] == "ASCII_46":
        at += 2
    while kinds[at] == "ASCII_91" and kinds[at + 1] == "ASCII_93":
        at += 2
    return at if kinds[at] in _ENDS_TYPE else 0


def end_of_constants(kinds: Sequence[str], at: int, closing: str) -> int:
    """Where a list of constants closes; 0 where anything else stands in it.

    Args:
        kinds: as for `behind_cast`.
        at: of the first element.
        closing: the kind of the token that closes it.
    """
    while kinds[at] in CONSTANTS:
        at += 1
        if kinds[at] == "TYPECAST" and not (at := behind_cast(kinds, at)):
            return 0
        if kinds[at] == closing:
            return at
        if kinds[at] != "ASCII_44":
            return 0
        at += 1
    return 0


def behind_comparison(kinds: Sequence[str], at: int) -> int:
    """Where ``x = y`` ends, both a column or a constant; 0 where it is anything else, or goes on.

    Args:
        kinds: as for `behind_cast`.
        at: of the first operand, which begins with one of `OPERANDS` where a condition begins.
    """
    at = _behind_operand(kinds, at)
    if kinds[at] not in _COMPARISONS or kinds[at + 1] not in OPERANDS:
        return 0
    at = _behind_operand(kinds, at + 1)
    return at if kinds[at] in _ENDS_CONDITION else 0


def behind_columns(kinds: Sequence[str], at: int) -> int:
    """Where the first of a list's columns begins that has to stand: those before it are names, each with its comma.

    Args:
        kinds: as for `behind_cast`.
        at: of the first token behind SELECT, which begins a name.
    """
    first = at
    while kinds[at] == "IDENT":
        at = _behind_name(kinds, at)
        if kinds[at] == "AS" and kinds[at + 1] in _NAMES:
            at += 2
        if kinds[at] != "ASCII_44":
            break
        at += 1
        first = at
    return first


def _behind_operand(kinds: Sequence[str], at: int) -> int:
    at = _behind_name(kinds, at) if kinds[at] == "IDENT" else at + 1
    return behind_cast(kinds, at) or at if kinds[at] == "TYPECAST" else at


def _behind_name(kinds: Sequence[str], at: int) -> int:
    at += 1
    while kinds[at] == "ASCII_46" and kinds[at + 1] in _NAMES:
        at += 2
    return at
