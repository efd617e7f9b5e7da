"""How else a value may be spelt: what a column that is no string makes of a string (PostgreSQL documentation 8).

A text does not tell its columns' types. So whoever compares a constant with a value that somebody has configured, or
asks about it, has to reckon with every type that would read the two as one.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

__all__ = ["is_decimal", "may_be_same", "other_spelling"]

_MOST_DIGITS: Final = 64
# what the input functions of PostgreSQL's numbers take, since 16 also 0x1F and 1_000, and of uuid
_BASED: Final = re.compile(r"([+-]?)(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+)\Z")
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?\Z", re.ASCII)
_UUID: Final = re.compile(r"\{?(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}\}?\Z")
_WHITE: Final = " \t\n\r\v\f"

_TRUTHS: Final[dict[str, bool]] = {
    **dict.fromkeys("t tr tru true y ye yes on 1".split(), True),
    **dict.fromkeys("f fa fal fals false n no of off 0".split(), False),
}
"""What a boolean column takes, whatever the case (documentation 8.6)."""


def is_decimal(written: str) -> bool:
    """Whether a number column would take it, in decimal notation."""
    return _DECIMAL.match(written) is not None


def other_spelling(written: str) -> str | None:
    """The value as PostgreSQL would write it, were it a number, a uuid or a character(n); None where it is none."""
    plain = written.strip(_WHITE)
    try:
        if _UUID.match(plain):
            return str(UUID(plain))
        if found := _BASED.match(plain):
            return str(int(found[1] + found[2].replace("_", ""), 0))
        if _DECIMAL.match(plain):
            number = Decimal(plain.replace("_", ""))
            if abs(number.adjusted()) > _MOST_DIGITS:
                return None
            return str(int(number)) if number == number.to_integral_value() else f"{number.normalize():f}"
    except (ValueError, InvalidOperation):
        return None  # 0x_, 1e9999999999999999999: no value of any type
    return plain if plain != written and plain.isprintable() else None


def may_be_same(one: str, other: str) -> bool:
    """Whether a string, a number, a boolean, a uuid or a character(n) could be what both say; case does not matter."""
    words = [written.strip(_WHITE).casefold() for written in (one, other)]
    if words[0] == words[1]:
        return True
    truths = [_TRUTHS.get(word) for word in words]
    if truths[0] is not None and truths[0] is truths[1]:
        return True
    spellings = [other_spelling(word) or word for word in words]
    return spellings[0] == spellings[1]
