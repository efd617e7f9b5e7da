"""What is known beside the log: the policy's data, and facts that only the hospital has.

Facts are a JSON file that other systems write (personnel, the population register, complaints); each is optional, and a
flag whose facts are missing is not decided, which the selection and the protocol say::

    {"protected": ["person_id:7"], "surnames": {"person_id:7": "Lind"}, "addresses": {"person_id:7": "Storgatan 1"},
     "staff_addresses": {"alind": "Storgatan 1"}, "absences": {"alind": [["2026-10-01", "2026-10-15"]]},
     "complaints": ["person_id:9"], "providers": {"SE2321000131-E000000000001": "Västra Götalandsregionen"}}

Patients are named by key, or by identifier where the log knows whose a key is. Dates are Swedish civil dates; an
absence includes its first day and not its last.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Self

import msgspec

from readonly_guard.errors import ConfigurationError

__all__ = ["Facts", "Knowledge", "Member", "load_facts"]


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What only the hospital knows; None where it has not been given."""

    protected: frozenset[str] | None = None
    surnames: dict[str, str] | None = None
    addresses: dict[str, str] | None = None
    staff_addresses: dict[str, str] | None = None
    absences: dict[str, tuple[tuple[date, date], ...]] | None = None
    complaints: frozenset[str] | None = None
    providers: dict[str, str] | None = None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A user as the roster has them (policies/schema/roster)."""

    hsa_id: str
    name: str
    care_unit: str
    granted_at: date
    revoked_at: date | None
    purposes: tuple[str, ...]
    title: str = ""
    acknowledged_at: date | None = None
    patients: frozenset[str] = frozenset()


class _Relation(msgspec.Struct, frozen=True, kw_only=True):
    since: date = msgspec.field(name="from")
    until: date | None = msgspec.field(name="to")


class _Unit(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    provider: str


class _Patient(msgspec.Struct, frozen=True, kw_only=True):
    person: str
    providers: tuple[str, ...] | None = None


class _Purpose(msgspec.Struct, frozen=True, kw_only=True):
    sv: str
    en: str


class _Roster(msgspec.Struct, frozen=True, kw_only=True):
    users: dict[str, Member] = {}


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    """The policy's data documents, as far as the review reads them; their schemas have been checked."""

    roster: _Roster = _Roster()
    units: dict[str, _Unit] = {}
    relations: dict[str, dict[str, _Relation]] = {}
    patients: dict[str, _Patient] = {}
    purposes: dict[str, _Purpose] = {}


class Knowledge:
    """The policy's data and the facts, asked as flags ask.

    Attributes:
        members: the roster.
        facts: see :class:`Facts`.
        revision: that of the policies the data is part of.
    """

    def __init__(self, data: _Data, facts: Facts, revision: str) -> None:
        self.members = data.roster.users
        self.facts = facts
        self.revision = revision
        self._data = data
        self._owners = {patient: user for user, member in self.members.items() for patient in member.patients}

    @classmethod
    def of(cls, data: dict[str, Any], facts: Facts, revision: str) -> Self:
        """From the policy's data documents, as `readonly_guard.policy.load_policies` gives them.

        Raises:
            ConfigurationError: they are not what the review expects.
        """
        try:
            return cls(msgspec.convert(data, _Data), facts, revision)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"the policy's data: {error}") from None

    def name_of(self, user: str) -> str:
        """A user's name; the user itself when it is not in the roster."""
        member = self.members.get(user)
        return user if member is None else member.name

    def title_of(self, user: str) -> str:
        """A user's position, as far as it is known."""
        member = self.members.get(user)
        return "" if member is None else member.title

    def purpose(self, code: str, language: str) -> str:
        """What a purpose is called; the code itself when it is not known."""
        known = self._data.purposes.get(code)
        return code if known is None else (known.sv if language == "sv" else known.en)

    def provider_of(self, unit: str) -> str:
        """HSA-id of a unit's care provider; empty when it is not known."""
        known = self._data.units.get(unit)
        return "" if known is None else known.provider

    def provider_name(self, provider: str) -> str:
        """What a care provider is called, where the facts say so; else its HSA-id."""
        return (self.facts.providers or {}).get(provider, provider)

    def keys_of(self, patients: Iterable[str]) -> frozenset[str]:
        """Patients and the persons that their keys stand for, where that is known."""
        known = self._data.patients
        return frozenset(
            name for patient in patients for name in (patient, known[patient].person if patient in known else patient)
        )

    def providers_of(self, patients: Iterable[str]) -> tuple[str, ...]:
        """The care providers whose records these patients have, where that is known."""
        known = self._data.patients
        named = {name for patient in patients if patient in known for name in known[patient].providers or ()}
        return tuple(sorted(named))

    def staff_among(self, patients: Iterable[str]) -> frozenset[str]:
        """The users who are these patients themselves."""
        return frozenset(self._owners[patient] for patient in patients if patient in self._owners)

    def is_unrelated(self, patient: str, user: str, on: date) -> bool:
        """Whether the patient's care relations are known, and the user has none that day."""
        relations = self._data.relations.get(patient)
        if relations is None:
            return False
        relation = relations.get(user)
        return relation is None or not (relation.since <= on and (relation.until is None or on < relation.until))

    def is_away(self, user: str, on: date) -> bool:
        """Whether the user's authorisation had ended by that day, or the user was absent."""
        member = self.members.get(user)
        if member is not None and member.revoked_at is not None and on >= member.revoked_at:
            return True
        return any(first <= on < last for first, last in (self.facts.absences or {}).get(user, ()))


def load_facts(path: Path) -> Facts:
    """Read a file of facts.

    Raises:
        ConfigurationError: it cannot be read or is not of this form.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Facts)
    except OSError as error:
        raise ConfigurationError(f"{path}: the facts cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
