"""Variations of a text: what differs from it in one literal only, its patient's, or any where nobody's is in it.

Clients of the simple protocol ask the same about one patient after the other. Of such texts what stands before the
literal and what stands behind it is compared, and nothing else is looked at: where the two are to the letter those of a
text that has an outline, and a plain literal of the same kind stands between, the text has the same outline (see
`readonly_guard.sql.outline`: its expression looks one character beyond a piece at most, and that is of the same kind).
So this says of no text anything that its outline does not, and leaves most of them to that.
"""

from __future__ import annotations

from typing import Final

from readonly_guard.domain.patient_names import patient_names

__all__ = ["LONGEST_LITERAL", "Variation", "variation_of"]

LONGEST_LITERAL: Final = 64
"""In characters; what is longer is no identifier of a patient."""

_MOST_DIGITS: Final = 9
"""As many are an integer for PostgreSQL's scanner, whatever they are."""

_NOBODY: Final[tuple[str, ...]] = ()

_SPECIAL: Final = ("'", "\\", "\0", "\n", "\r")
"""What makes a string one of which only its outline, the scanner or the grammar knows what it is."""


class Variation:
    """What texts may differ in from one that is known.

    Args:
        before: what stands before the literal, the quote of a string included.
        behind: what stands behind it, the same.
        column: the patient key that it is a value of; None where the text names no patient.
        is_string: whether it stands in quotes; else it is a whole number.
    """

    __slots__ = ("_around", "_before", "_behind", "_column", "_is_string")

    def __init__(self, before: str, behind: str, column: str | None, *, is_string: bool) -> None:
        self._before: Final = before
        self._behind: Final = behind
        self._around: Final = len(before) + len(behind)
        self._column: Final = column
        self._is_string: Final = is_string

    def patients(self, text: str) -> tuple[str, ...] | None:
        """Whom a text is about that differs in nothing but the literal; None where it differs in more, or may do so."""
        size = len(text) - self._around
        if not (0 < size <= LONGEST_LITERAL and text.startswith(self._before) and text.endswith(self._behind)):
            return None
        begin = len(self._before)
        literal = text[begin : begin + size]
        if self._is_string:
            if not literal.isalnum():
                for special in _SPECIAL:
                    if special in literal:
                        return None
        elif size > _MOST_DIGITS or literal[0] == "0" or not (literal.isascii() and literal.isdigit()):
            return None
        return _NOBODY if self._column is None else patient_names(self._column, literal)


def variation_of(before: str, literal: str, behind: str, column: str | None) -> Variation | None:
    """What texts may differ in from one that has an outline; None where its literal is a number that others are unlike.

    Args:
        before: what stands before the literal.
        literal: one of the outline's.
        behind: what stands behind it.
        column: as for `Variation`.
    """
    if literal[0] == "'":
        return Variation(before + "'", "'" + behind, column, is_string=True)
    return Variation(before, behind, column, is_string=False) if len(literal) <= _MOST_DIGITS else None
