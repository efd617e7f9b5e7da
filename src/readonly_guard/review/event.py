"""A decision of the log as it is reviewed, and the table in which it is kept; both are made of `DecisionRecord`."""

from __future__ import annotations

from typing import Final

import msgspec

from readonly_guard.domain import DecisionRecord

__all__ = ["COLUMNS", "NO_UNIT", "RECORD", "Event"]

NO_UNIT: Final = "(utan enhet)"
"""The unit of events whose user the policy did not know."""

_SQL: Final = {
    str: "VARCHAR",
    tuple[str, ...]: "VARCHAR[]",
    bool | None: "BOOLEAN",
    str | None: "VARCHAR",
    int | None: "BIGINT",
}

RECORD: Final = {field.name: _SQL[field.type] for field in msgspec.structs.fields(DecisionRecord)}
"""Every field of a decision, in its order, with its type in SQL."""

COLUMNS: Final = {**RECORD, "chain": "VARCHAR", "seq": "BIGINT"}
"""The columns of the table of events."""


class Event(DecisionRecord, frozen=True, kw_only=True):
    """A decision, where in the log it stands, and how it ended.

    ``chain`` and ``seq`` are its place; ``rows`` is how many rows were given, None where unknown. ``care_unit`` is
    :data:`NO_UNIT` where the policy did not know the user.
    """

    chain: str
    seq: int
    rows: int | None = None
    identified: tuple[str, ...] = ()
    """The patients by identifier, as :attr:`people`; empty where nothing was looked up."""

    @property
    def people(self) -> tuple[str, ...]:
        """The patients, each once: by the identifier where the log knows whose a key is, by the key elsewhere."""
        return self.identified or self.patients

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that the patients are called by: keys and identifiers."""
        return (*self.patients, *self.people)

    @property
    def is_denied_write(self) -> bool:
        """Whether it is a write that was refused."""
        return self.action == "write" and any(code.startswith(("RG-W", "RG-F02", "RG-F03")) for code in self.codes)
