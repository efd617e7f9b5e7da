"""How the log and the policies write patients: ``column:value``, ``column:?`` where the value cannot be told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from readonly_guard.domain.patients import (
    ANY_PATIENT,
    MOST_PATIENTS,
    UNKNOWN_TYPE,
    UNKNOWN_VALUE,
    Parameters,
    PatientPlace,
    PatientScope,
)
from readonly_guard.domain.spellings import is_decimal, other_spelling

__all__ = ["OnePlace", "has_unlisted", "joined_patients", "listed_patients", "patient_names"]

_LONGEST_VALUE: Final = 64  # characters; an identifier of a patient is shorter, and what is longer may be anything

_MOST_DIGITS: Final = 31


def patient_names(column: str, value: str | int) -> tuple[str, ...]:
    """A patient as the log and the policies name it; a value that can be no identifier is not repeated.

    A string is named as it stands and, where a column that is no string would read it as another spelling of a value,
    as that too: `` 007`` is also ``7``, and ``7.4`` may be any. Which it is only the column's type tells, and a rule
    about ``7`` must not be passed by for a space.
    """
    written = str(value)
    if _is_shortest(written):
        return (f"{column}:{written}",)  # nearly every identifier
    if len(written) > _LONGEST_VALUE:
        return (f"{column}:{UNKNOWN_VALUE}",)
    other = other_spelling(written)
    spellings = {written if written.isprintable() else UNKNOWN_VALUE: None, other: None}
    if other is not None and "." in other and is_decimal(other):
        spellings[UNKNOWN_VALUE] = None  # to a parameter, and by a cast, 7.4 is 7 where that is a whole number
    return tuple(f"{column}:{spelling}" for spelling in spellings if spelling is not None)


def _is_shortest(written: str) -> bool:
    """Whether it is a whole number as PostgreSQL writes it; a negative one is no identifier, and may take longer."""
    if not (written.isascii() and written.isdigit() and len(written) <= _MOST_DIGITS):
        return False
    return written[0] != "0" or len(written) == 1


def listed_patients(scope: PatientScope, parameters: Parameters | None = None) -> tuple[str, ...]:
    """The patients of a text that is run with these parameters.

    Each once, as ``column:value``: ``column:?`` where the value cannot be told, ``column:$1`` where it is still to come
    (``parameters`` is None). Behind them ``*:?`` when an earlier statement names others, and ``*:23`` when there are
    23 more than are listed.
    """
    names: dict[str, None] = dict.fromkeys(scope.named)
    for place in scope.parameters:
        names |= dict.fromkeys(_bound(place, parameters))
    unlisted = scope.unlisted + max(0, len(names) - MOST_PATIENTS)
    listed = list(names)[:MOST_PATIENTS]
    if scope.is_elsewhere:
        listed.append(ANY_PATIENT)
    if unlisted:
        listed.append(f"*:{unlisted}")
    return tuple(listed)


def has_unlisted(patients: tuple[str, ...]) -> bool:
    """Whether there are more patients than these that are listed, or may be."""
    return bool(patients) and patients[-1].startswith("*:")


def joined_patients(
    scope: PatientScope,
    earlier: Iterable[tuple[PatientScope, Parameters | None]],
    *,
    is_bound: bool,
    is_elsewhere: bool,
) -> PatientScope:
    """The patients of a text with those of the earlier statements that it runs, each with its parameters."""
    named: dict[str, None] = dict.fromkeys(scope.named)
    unlisted = scope.unlisted
    for one, parameters in earlier:
        named |= dict.fromkeys(one.named)
        for place in one.parameters:
            named |= dict.fromkeys(_bound(place, parameters))
        unlisted += one.unlisted
    return replace(scope, named=tuple(named), unlisted=unlisted, is_bound=is_bound, is_elsewhere=is_elsewhere)


class OnePlace:
    """The parameter that alone says whom a text is about; of most texts there is one, and it is asked each time.

    Args:
        place: where it stands.
    """

    __slots__ = ("_column", "_is_array", "_is_typed", "_number")

    def __init__(self, place: PatientPlace) -> None:
        self._column: Final[str] = place.column
        self._number: Final[int] = place.parameter
        self._is_array: Final[bool] = place.form == "array"
        self._is_typed: Final[bool] = place.is_typed

    @classmethod
    def of(cls, scope: PatientScope) -> OnePlace | None:
        """That of a text; None where more, or something else, says whom it is about."""
        if len(scope.parameters) != 1 or scope.named or scope.unlisted or scope.is_elsewhere:
            return None
        return OnePlace(scope.parameters[0])

    def names(self, parameters: Parameters | None) -> tuple[str, ...]:
        """The names of all its values; the same can stand there twice."""
        if parameters is None:
            return (f"{self._column}:${self._number}",)
        is_told = self._is_typed or parameters.type_name(self._number) != UNKNOWN_TYPE
        values = parameters.texts(self._number, is_array=self._is_array) if is_told else None
        if values is None:
            return (f"{self._column}:{UNKNOWN_VALUE}",)
        if len(values) == 1:
            return patient_names(self._column, values[0])
        return tuple(name for value in values for name in patient_names(self._column, value))


def _bound(place: PatientPlace, parameters: Parameters | None) -> tuple[str, ...]:
    return OnePlace(place).names(parameters)
