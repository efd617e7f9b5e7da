"""The outline of a text: what is left of it without its plain literals, found without PostgreSQL's scanner.

Clients of the simple protocol write their values into the statement, and PostgreSQL's scanner takes longer than all
else that such a text costs once its shape is known. An outline is a narrower thing than a shape, cut by one regular
expression, which is no scanner of SQL: it knows whole numbers and strings without quotes and backslashes, and where
anything stands that it could take for one of them and PostgreSQL does not (E'', U&'', $$, comments, a word directly
before or behind, names that are not ASCII), there is no outline at all.

So of two texts with one outline PostgreSQL's scanner finds the same tokens, but for the values of those literals
(tests/sql/test_outline.py holds that against the scanner). PostgreSQL documentation 4.1, "Lexical Structure".
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["Outline", "outline_of"]

_PIECE: Final = re.compile(
    r"""
    (
        " (?<! &" ) [^"]* "                                     # a quoted name: kept as it stands
      | ' (?<! [\w$&"']' ) [^'\\\0]* '                          # a string, if nothing is joined to it
      | [0-9] (?<! [\w.$"'][0-9] ) [0-9]{0,8} (?! [\w.$"'] )    # a whole number that is surely below 2³¹
      | [1-9] (?<! [\w.$"'][0-9] ) [0-9]{10,17} (?! [\w.$"'] )  # or above
    )
    """,  # each begins with what it consumes, so that the search for it is quick, and then looks back
    re.VERBOSE,
)
_UNSURE: Final = re.compile(r"['\"\\$\0\1]|--|/\*")
"""What may not stand between the pieces: it could begin a string, a name or a comment that was cut wrongly."""

_SMALL: Final = 9  # digits


class Outline(NamedTuple):
    """``key`` is the same for all texts of one outline; ``literals`` are this text's, in order, as written."""

    key: str
    literals: list[str]


def outline_of(text: str) -> Outline | None:
    """The outline of a text; None where there is none."""
    parts = _PIECE.split(text)
    between = "\2".join(parts[::2])
    if between.count("\2") != len(parts) // 2 or not between.isascii() or _UNSURE.search(between) is not None:
        return None
    marks: list[str] = []
    literals: list[str] = []
    for piece in parts[1::2]:
        if piece[0] == '"':
            marks.append(piece)
            continue
        literals.append(piece)
        marks.append("s" if piece[0] == "'" else "i" if len(piece) <= _SMALL else "f")
    return Outline("\1".join([between, *marks]), literals)
