"""Ids of decisions: random UUIDs (RFC 9562, version 4), of which thousands a second are wanted."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["new_id"]

_AT_ONCE: Final = 256
_BYTES: Final = 16
_VARIANTS: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}

_drawn: Final[list[str]] = []


def new_id() -> str:
    """An id that was never given before, from the system's randomness, which is drawn for many at once."""
    if not _drawn:
        digits = os.urandom(_BYTES * _AT_ONCE).hex()
        _drawn.extend(digits[at : at + 2 * _BYTES] for at in range(0, len(digits), 2 * _BYTES))
    h = _drawn.pop()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{_VARIANTS[h[16]]}{h[17:20]}-{h[20:]}"


os.register_at_fork(after_in_child=_drawn.clear)  # or two processes would give the same ids
