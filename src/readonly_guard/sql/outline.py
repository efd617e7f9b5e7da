"""The outline of a text: what is left of it without its plain literals, found without PostgreSQL's scanner.

Clients of the simple protocol write their values into the statement, and PostgreSQL's scanner takes longer than all
else that such a text costs once its shape is known. An outline is a narrower thing than a shape, cut by one regular
expression, which is no scanner of SQL: it knows whole numbers and strings without quotes and backslashes, and where
anything stands that it could take for one of them and PostgreSQL does not (E'', U&'', $$, comments, a word directly
before or behind, names that are not ASCII), there is no outline at all.

So of two texts with one outline PostgreSQL's scanner finds the same tokens, but for the values of those literals
(tests/sql/test_outline.py holds that against the scanner). PostgreSQL documentation 4.1, "Lexical Structure".

A text's gist is coarser: what texts of one shape have in common, as far as it shows without the scanner. Nothing is
concluded from two that are the same; where a gist was never seen, no shape can be known.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["Cut", "Outline", "around", "cut", "is_integer", "outline_of"]

_PIECE: Final = re.compile(
    r"""
    (
      ["'0-9]  # one set at the beginning, and what it was looked back for: the search is twice as quick as for a choice
      (?:
          (?<= " ) (?<! &" ) [^"]* "                                       # a quoted name: kept as it stands
        | (?<= ' ) (?<! [\w$&"']' ) [^'\\\0]* '                            # a string, if nothing is joined to it
        | (?<= [0-9] ) (?<! [\w.$"'][0-9] ) [0-9]{0,8} (?! [\w.$"'] )      # a whole number
        | (?<= [1-9] ) (?<! [\w.$"'][0-9] ) [0-9]{9,17} (?! [\w.$"'] )     # that begins with no zero, where it is long
      )
    )
    """,
    re.VERBOSE,
)
_UNSURE: Final = ("'", '"', "\\", "\0", "\1", "--", "/*")
"""What may not stand between the pieces: it could begin a string, a name or a comment that was cut wrongly. Nor may
``$``, in an outline; in a gist it may, where it begins a parameter."""
_VARYING: Final = re.compile(r"[$0-9] (?<! [\w$] [0-9] ) (?! (?<= \$ ) [0-9] )", re.VERBOSE)
"""Between the pieces of a text, what another text of its shape may have otherwise: a ``$`` that could begin a string, a
number that was not cut."""

_LARGEST: Final = "2147483647"
"""The largest number that the scanner takes for an integer: what is larger is another kind of token."""


class Outline(NamedTuple):
    """``key`` is the same for all texts of one outline; ``literals`` are this text's, in order, as written."""

    key: str
    literals: list[str]


class Cut:
    """What is found without the scanner.

    Args:
        outline: of the text; None where it is not sure.
        between: what stands between the pieces; None where they may be cut wrongly.
    """

    __slots__ = ("_between", "_gist", "outline")

    def __init__(self, outline: Outline | None, between: str | None) -> None:
        self.outline = outline
        self._between = between
        self._gist: str | None = None

    @property
    def gist(self) -> str | None:
        """The text's gist, found when it is asked for; None where it is not sure."""
        if self._between is not None:
            self._gist = None if _VARYING.search(self._between) else "".join(self._between.split())
            self._between = None
        return self._gist


def outline_of(text: str) -> Outline | None:
    """The outline of a text; None where there is none."""
    return cut(text).outline


def cut(text: str) -> Cut:
    """The outline of a text, and its gist."""
    parts = _PIECE.split(text)
    between = "\2".join(parts[::2])
    if between.count("\2") != len(parts) // 2 or not between.isascii():
        return Cut(None, None)
    for unsure in _UNSURE:
        if unsure in between:
            return Cut(None, None)
    if "$" in between:
        return Cut(None, between)
    marks: list[str] = []
    literals: list[str] = []
    for piece in parts[1::2]:
        if piece[0] == '"':
            marks.append(piece)
            continue
        literals.append(piece)
        marks.append("s" if piece[0] == "'" else "i" if is_integer(piece) else "f")
    return Cut(Outline("\1".join([between, *marks]), literals), between)


def around(text: str, number: int) -> tuple[str, str, str]:
    """What stands before a literal of a text that has an outline, the literal, and what stands behind it.

    Args:
        text: the text.
        number: which of the outline's literals, from 0.

    Raises:
        IndexError: it has no more than so many.
    """
    parts = _PIECE.split(text)
    at = [place for place in range(1, len(parts), 2) if parts[place][0] != '"'][number]
    return "".join(parts[:at]), parts[at], "".join(parts[at + 1 :])


def is_integer(digits: str) -> bool:
    """Whether the scanner takes a whole number for an integer; else it is a number of the kind that has a point."""
    return len(digits) < len(_LARGEST) or (len(digits) == len(_LARGEST) and digits <= _LARGEST)
