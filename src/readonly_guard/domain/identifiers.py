"""Names: lists of them, as a setting such as search_path holds them, and how they are shown."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["split_identifiers", "visible"]

_IDENTIFIER: Final = re.compile(r'[ \t\n\r\f\v]*(?:"((?:[^"]|"")*)"|([^\s",]+))[ \t\n\r\f\v]*(,|\Z)')


def split_identifiers(value: str) -> list[str] | None:
    """The names in a list, as PostgreSQL's SplitIdentifierString splits it; None where it is not one."""
    if not value.strip(" \t\n\r\f\v"):
        return []
    names, at, goes_on = [], 0, True
    while goes_on:
        found = _IDENTIFIER.match(value, at)
        if found is None:
            return None
        quoted, plain, comma = found.groups()
        names.append(plain.lower() if quoted is None else quoted.replace('""', '"'))
        at, goes_on = found.end(), bool(comma)
    return names if at == len(value) else None


def visible(text: str) -> str:
    """The text with every character that has no picture of its own replaced, each by one that has.

    Names in statements, catalogs and logs are chosen by whoever is being watched. Control characters, escape sequences
    and marks that turn the direction of writing would let them rewrite what others see.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
