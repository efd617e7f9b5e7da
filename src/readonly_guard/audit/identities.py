"""Whose a patient key is, as the log knows it: for whoever shows records to a person or another system.

Decisions name patients by the keys of the database (``person_id:7``), because a decision waits for nothing that it does
not need. What those keys stand for is looked up afterwards and recorded in a chain of its own, `patients` (see
`readonly_guard.audit.identification`); here it is read and put beside the decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from readonly_guard.audit.chains import PATIENTS, read
from readonly_guard.audit.segments import list_segments
from readonly_guard.domain import Entry, IdentificationRecord, LogRecord

__all__ = ["Identities", "Person"]


class Person(NamedTuple):
    """A patient of a record: the identifiers, none where they are not known, and the keys for the patient."""

    identifiers: tuple[str, ...]
    keys: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The identifier to show, or the key."""
        return (self.identifiers or self.keys)[0]


class Identities:
    """What is known of patient keys; made of records in the order of their chain, of which the last one counts."""

    def __init__(self, records: Iterable[LogRecord] = ()) -> None:
        self._known: dict[str, tuple[str, ...]] = {}
        self._keys: dict[str, set[str]] = {}
        for record in records:
            self._learn(record)

    @classmethod
    def of_journal(cls, journal: Path) -> Self:
        """What the log in this directory, or the one it is a chain of, knows; nothing where no key was ever looked up.

        Raises:
            ConfigurationError: the chain cannot be read.
        """
        for place in (journal / PATIENTS, journal.resolve().parent / PATIENTS):
            if place.is_dir() and list_segments(place):
                return cls(entry.record for entry in read(place))
        return cls()

    def learning(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries; what they say of keys is known when the next one comes."""
        for entry in entries:
            self._learn(entry.record)
            yield entry

    def of(self, patient: str) -> tuple[str, ...]:
        """The identifiers of a patient key; none where they are not known."""
        return self._known.get(patient, ())

    def shown(self, patients: Iterable[str]) -> tuple[str, ...]:
        """Each patient once, by the identifier where it is known; a key that nobody knows stays as it is."""
        return tuple(person.shown for person in self.people(patients))

    def people(self, patients: Iterable[str]) -> list[Person]:
        """Each patient once, with the keys; a key that nobody knows is somebody by itself."""
        found: dict[tuple[str, ...] | str, list[str]] = {}
        for patient in dict.fromkeys(patients):
            found.setdefault(self.of(patient)[:1] or patient, []).append(patient)
        return [Person(self.of(keys[0]), tuple(keys)) for keys in found.values()]

    def keys_of(self, identifier: str) -> frozenset[str]:
        """The keys under which a patient is in the log: all that ever had this identifier."""
        return frozenset(self._keys.get(identifier, ()))

    def _learn(self, record: LogRecord) -> None:
        if isinstance(record, IdentificationRecord):
            self._known[record.patient] = record.identifiers
            for identifier in record.identifiers:
                self._keys.setdefault(identifier, set()).add(record.patient)
