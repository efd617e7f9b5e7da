"""What of a text the second key need not see, because it is a constant or the type of one: found among its tokens.

sqlglot takes its time by the token. Which constants stand in a list, and to what a value is cast, neither names a
relation nor makes a statement another: the keys compare neither, and PostgreSQL's tree has both
(docs/decisions/0029). The rules are about tokens: what is left out is whole, and could be nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["CONSTANTS", "behind_cast", "end_of_constants"]

CONSTANTS: Final = frozenset({"ICONST", "FCONST", "SCONST", "BCONST", "XCONST", "PARAM"})
"""Tokens that are a constant by themselves. USCONST is one with its UESCAPE only."""

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
