"""Which patients a text names, and how the log and the policies write that: ``column:value``.

A log of access must name the patient. Texts of one shape are read once, so a reading holds where a value stands, not
the value; the values of parameters come with the request. Neither is shown by ``repr``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, NamedTuple, Protocol
from uuid import UUID

import msgspec

__all__ = [
    "ANY_PATIENT",
    "MOST_PATIENTS",
    "UNKNOWN_TYPE",
    "UNKNOWN_VALUE",
    "Earlier",
    "EarlierStatement",
    "Parameters",
    "PatientPlace",
    "PatientScope",
    "joined_patients",
    "listed_patients",
    "patient_names",
]

MOST_PATIENTS: Final = 100
"""How many patients one record and one question name; of the rest it is said how many they are, ``*:23``."""

UNKNOWN_VALUE: Final = "?"
UNKNOWN_TYPE: Final = ""
ANY_PATIENT: Final = f"*:{UNKNOWN_VALUE}"
"""Patients that an earlier statement names (EXECUTE, FETCH), or none."""

_LONGEST_VALUE: Final = 64  # characters; an identifier of a patient is shorter, and what is longer may be anything

_SHORTEST: Final = re.compile(r"(?:0|-?[1-9][0-9]{0,30})\Z", re.ASCII)
# what the input functions of PostgreSQL's numbers take, since 16 also 0x1F and 1_000, and of uuid
_BASED: Final = re.compile(r"([+-]?)(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+)\Z")
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?\Z", re.ASCII)
_UUID: Final = re.compile(r"\{?(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}\}?\Z")


class PatientPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where the value of a patient key comes from: a literal (``token``, its place among the tokens) or ``parameter``.

    ``form``: ``whole`` where a cast makes it a whole number, ``array`` where it holds several.
    """

    column: str
    token: int = -1
    parameter: int = 0
    form: Literal["plain", "whole", "array"] = "plain"


class PatientScope(msgspec.Struct, frozen=True, kw_only=True):
    """What a text reads, or would write, of patients.

    ``named`` are those that it names in literals, ``places`` where these stand; ``parameters`` name others. At most
    `MOST_PATIENTS` places are kept, ``unlisted`` says how many are not. ``is_bound``: patients are named, and nothing
    is read but what is theirs and reference tables. ``is_elsewhere``: an earlier statement says what is read.
    """

    named: tuple[str, ...] = ()
    places: tuple[PatientPlace, ...] = ()
    parameters: tuple[PatientPlace, ...] = ()
    unlisted: int = 0
    is_bound: bool = False
    is_elsewhere: bool = False
    arguments: tuple[str | None, ...] = ()
    """What EXECUTE gives the earlier statement, as text; None where it is no constant."""

    def __repr__(self) -> str:
        return f"PatientScope({len(self.named)} named, {len(self.parameters)} parameters, is_bound={self.is_bound})"


class Parameters(Protocol):
    """The values that a statement is run with."""

    def texts(self, number: int, *, is_array: bool) -> tuple[str, ...] | None:
        """The value of ``$number`` as PostgreSQL writes it, or those of an array's elements; NULL is no value.

        Returns:
            None when that cannot be told.
        """
        ...

    def type_name(self, number: int) -> str | None:
        """The name of the type of ``$number``, where it is PostgreSQL's own.

        Returns:
            `UNKNOWN_TYPE` where the client leaves it to the server and that has not told it; None for any other type.
        """
        ...


class EarlierStatement(NamedTuple):
    """What a session ran PREPARE or DECLARE with; ``parameters`` are a cursor's, and EXECUTE brings its own."""

    text: str
    parameters: Parameters | None = None


class Earlier(Protocol):
    """What is known of a session's earlier statements."""

    def find(self, kind: Literal["statement", "cursor"], name: str) -> EarlierStatement | None:
        """The statement behind a name; None unless it is certain."""
        ...


def patient_names(column: str, value: str | int) -> tuple[str, ...]:
    """A patient as the log and the policies name it; a value that can be no identifier is not repeated.

    A string is named as it stands and, where a column that is no string would read it as another spelling of a value,
    as that too: `` 007`` is also ``7``. Which it is only the column's type tells, and a rule about ``7`` must not be
    passed by for a space.
    """
    written = str(value)
    if _SHORTEST.match(written):
        return (f"{column}:{written}",)  # nearly every identifier
    if len(written) > _LONGEST_VALUE:
        return (f"{column}:{UNKNOWN_VALUE}",)
    spellings = {written if written.isprintable() else UNKNOWN_VALUE: None, _other_spelling(written): None}
    return tuple(f"{column}:{spelling}" for spelling in spellings if spelling is not None)


def _other_spelling(written: str) -> str | None:
    """The value as PostgreSQL would write it, were it a number, a uuid or a character(n); None where it is none."""
    plain = written.strip(" \t\n\r\v\f")
    try:
        if _UUID.match(plain):
            return str(UUID(plain))
        if found := _BASED.match(plain):
            return str(int(found[1] + found[2].replace("_", ""), 0))
        if _DECIMAL.match(plain):
            number = Decimal(plain.replace("_", ""))
            if abs(number.adjusted()) > _LONGEST_VALUE:
                return None
            return str(int(number)) if number == number.to_integral_value() else f"{number.normalize():f}"
    except (ValueError, InvalidOperation):
        return None  # 0x_, 1e9999999999999999999: no value of any type
    return plain if plain != written and plain.isprintable() else None


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
    return msgspec.structs.replace(
        scope, named=tuple(named), unlisted=unlisted, is_bound=is_bound, is_elsewhere=is_elsewhere
    )


def _bound(place: PatientPlace, parameters: Parameters | None) -> Iterable[str]:
    if parameters is None:
        return (f"{place.column}:${place.parameter}",)
    values = parameters.texts(place.parameter, is_array=place.form == "array")
    if values is None:
        return (f"{place.column}:{UNKNOWN_VALUE}",)
    return (name for value in values for name in patient_names(place.column, value))
