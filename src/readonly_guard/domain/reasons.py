"""A core code turned into a reason with both languages' texts."""

from __future__ import annotations

from readonly_guard.codes import CORE_CODES
from readonly_guard.domain.identifiers import visible
from readonly_guard.domain.statement import Reason

__all__ = ["core_reason"]


def core_reason(code: str, what: str = "", *, position: int | None = None) -> Reason:
    """The reason for a core code.

    Args:
        code: one of :data:`readonly_guard.codes.CORE_CODES`.
        what: what it is about, in names only, never a literal; control characters in them are replaced.
        position: 1-based character position in the client's text.
    """
    known = CORE_CODES[code]
    return Reason(
        code=code,
        rule=known.rule,
        sv=known.sv,
        en=known.en,
        what=visible(what),
        hint_sv=known.hint_sv,
        hint_en=known.hint_en,
        position=position,
    )
