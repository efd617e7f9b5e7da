"""Variations of a text: what differs from it in one literal only, its patient's, or any where nobody's is in it.

Clients of the simple protocol ask the same about one patient after the other. Of such texts what stands before the
literal and what stands behind it is compared, and nothing else is looked at: where the two are to the letter those of a
text that has an outline, and a plain literal of the same kind stands between, the text has the same outline (see
`readonly_guard.sql.outline`: its expression looks one character beyond a piece at most, and that is of the same kind).
So this says of no text anything that its outline does not, and leaves most of them to that.
"""

from __future__ import annotations

from typing import Final, Literal

from readonly_guard.domain.patient_names import patient_names
from readonly_guard.sql.outline import is_integer

__all__ = ["LONGEST_LITERAL", "Kind", "Variation", "variation_of"]

LONGEST_LITERAL: Final = 64
"""In characters; what is longer is no identifier of a patient."""

_MOST_DIGITS: Final = 18
"""As many as an outline cuts."""

_OF_INTEGERS: Final = 9
"""As many are an integer for PostgreSQL's scanner whatever they are, one more where they are few enough."""

Kind = Literal["string", "integer", "number"]
"""Of a literal; a ``number`` is a whole one that is too large for an integer."""

_NOBODY: Final[tuple[str, ...]] = ()

_SPECIAL: Final = ("'", "\\", "\0", "\n", "\r")
"""What makes a string one of which only its outline, the scanner or the grammar knows what it is."""


class Variation:
    """What texts may differ in from one that is known.

    Args:
        before: what stands before the literal, the quote of a string included.
        behind: what stands behind it, the same.
        column: the patient key that it is a value of; None where the text names no patient.
        kind: of the literal.
    """

    __slots__ = ("_around", "_before", "_behind", "_column", "_kind")

    def __init__(self, before: str, behind: str, column: str | None, kind: Kind) -> None:
        self._before: Final = before
        self._behind: Final = behind
        self._around: Final = len(before) + len(behind)
        self._column: Final = column
        self._kind: Final = kind

    def patients(self, text: str) -> tuple[str, ...] | None:
        """Whom a text is about that differs in nothing but the literal; None where it differs in more, or may do so."""
        size = len(text) - self._around
        if not (0 < size <= LONGEST_LITERAL and text.startswith(self._before) and text.endswith(self._behind)):
            return None
        begin = len(self._before)
        literal = text[begin : begin + size]
        if self._kind == "string":
            if not _is_plain(literal):
                return None
        elif not _is_number(literal) or _kind_of(literal) != self._kind:
            return None
        return _NOBODY if self._column is None else patient_names(self._column, literal)


def variation_of(before: str, literal: str, behind: str, column: str | None) -> Variation:
    """What texts may differ in from one that has an outline.

    Args:
        before: what stands before the literal.
        literal: one of the outline's.
        behind: what stands behind it.
        column: as for `Variation`.
    """
    if literal[0] == "'":
        return Variation(before + "'", "'" + behind, column, "string")
    return Variation(before, behind, column, _kind_of(literal))


def _kind_of(number: str) -> Kind:
    digits = len(number)
    if digits <= _OF_INTEGERS:
        return "integer"
    return "integer" if digits == _OF_INTEGERS + 1 and is_integer(number) else "number"


def _is_plain(inner: str) -> bool:
    """Whether a string's inner part is it as it stands."""
    if inner.isalnum():
        return True
    return not any(special in inner for special in _SPECIAL)


def _is_number(written: str) -> bool:
    """Whether it is a whole number without a sign, written in the one way that an outline cuts at every length."""
    return len(written) <= _MOST_DIGITS and written.isascii() and written.isdigit() and written[0] != "0"
