"""Whose a patient key is, as the log knows it: for whoever shows records to a person or another system.

Decisions name patients by the keys of the database (``person_id:7``), because a decision waits for nothing that it does
not need. What those keys stand for is looked up afterwards and recorded in a chain of its own, `patients` (see
`readonly_guard.audit.identification`); here it is read and put beside the decisions.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from readonly_guard.audit.chains import PATIENTS, read
from readonly_guard.audit.segments import list_segments
from readonly_guard.domain import IdentificationRecord, LogRecord

__all__ = ["Identities"]


class Identities:
    """What is known of patient keys; made of records in the order of their chain, of which the last one counts."""

    def __init__(self, records: Iterable[LogRecord] = ()) -> None:
        self._known: dict[str, tuple[str, ...]] = {}
        self._keys: dict[str, set[str]] = {}
        for record in records:
            if isinstance(record, IdentificationRecord):
                self._known[record.patient] = record.identifiers
                for identifier in record.identifiers:
                    self._keys.setdefault(identifier, set()).add(record.patient)

    @classmethod
    def of_journal(cls, journal: Path) -> Self:
        """What the log in this directory knows; nothing where no key was ever looked up.

        Raises:
            ConfigurationError: the chain cannot be read.
        """
        place = journal / PATIENTS
        if not place.is_dir() or not list_segments(place):
            return cls()
        return cls(entry.record for entry in read(place))

    def of(self, patient: str) -> tuple[str, ...]:
        """The identifiers of a patient key; none where they are not known."""
        return self._known.get(patient, ())

    def shown(self, patients: Iterable[str]) -> tuple[str, ...]:
        """Each patient once, by the identifier where it is known; a key that nobody knows stays as it is."""
        return tuple(dict.fromkeys((self.of(patient) or (patient,))[0] for patient in patients))

    def keys_of(self, identifier: str) -> frozenset[str]:
        """The keys under which a patient is in the log: all that ever had this identifier."""
        return frozenset(self._keys.get(identifier, ()))
