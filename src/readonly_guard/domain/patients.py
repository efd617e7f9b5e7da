"""Which patients a text names: where their identifiers stand, and what there is to be asked for them.

A log of access must name the patient. Texts of one shape are read once, so a reading holds where a value stands, not
the value; the values of parameters come with the request. Neither is shown by ``repr``.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, Protocol

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
]

MOST_PATIENTS: Final = 100
"""How many patients one record and one question name; of the rest it is said how many they are, ``*:23``."""

UNKNOWN_VALUE: Final = "?"
UNKNOWN_TYPE: Final = ""
ANY_PATIENT: Final = f"*:{UNKNOWN_VALUE}"
"""Patients that an earlier statement names (EXECUTE, FETCH), or none."""


class PatientPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where the value of a patient key comes from: a literal (``token``, its place among the tokens) or ``parameter``.

    ``form``: ``whole`` where a cast makes it a whole number, ``array`` where it holds several. ``is_typed``: the text
    leaves a parameter no type but the column's, or one that tells the same values apart. One that it has elsewhere,
    too, may be a ``real``, to which 30000001 is 30000000: what it is then, only a type that is known tells.
    """

    column: str
    token: int = -1
    parameter: int = 0
    form: Literal["plain", "whole", "array"] = "plain"
    is_typed: bool = True


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
    arguments: tuple[tuple[str | None, ...], ...] = ()
    """What each statement of the text gives the earlier one that it runs, as text; None where it is no constant."""

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
