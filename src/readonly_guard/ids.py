"""Ids of decisions: random UUIDs (RFC 9562, version 4), of which thousands a second are wanted."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["new_id"]

_AT_ONCE: Final = 256
_BYTES: Final = 16
_FORM: Final = b"........-....-4...-v...-............ "
"""A digit of 32 at each point and letter; the fourth group begins with the variant, the third with the version."""
_PLACES: Final = [place for place, sign in enumerate(_FORM) if sign not in b"- "]
_VERSION: Final = 12
_VARIANT: Final = 16
_VARIANTS: Final = bytes.maketrans(b"0123456789abcdef", b"89ab89ab89ab89ab")

_drawn: Final[list[str]] = []


def new_id() -> str:
    """An id that was never given before, from the system's randomness, which is drawn for many at once."""
    if not _drawn:
        _drawn.extend(_draw())
    return _drawn.pop()


def _draw() -> list[str]:
    """Many at once, digit by digit of all of them: writing each by itself takes ten times as long."""
    digits = os.urandom(_BYTES * _AT_ONCE).hex().encode()
    written = bytearray(_FORM * _AT_ONCE)
    for number, place in enumerate(_PLACES):
        if number != _VERSION:
            all_of_it = digits[number :: 2 * _BYTES]
            written[place :: len(_FORM)] = all_of_it.translate(_VARIANTS) if number == _VARIANT else all_of_it
    return written.decode().split()


os.register_at_fork(after_in_child=_drawn.clear)  # or two processes would give the same ids
