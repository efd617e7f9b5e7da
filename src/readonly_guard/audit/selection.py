"""Which records somebody asks for. Pure: a record goes in, yes or no comes out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from readonly_guard.domain import CompletionRecord, DecisionRecord, Entry, SessionRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339

__all__ = ["Selection", "parse_moment"]

_REMEMBERED_DECISIONS: Final = 100_000


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; everything that is given must hold, and nothing given is everything.

    ``user`` is a database user or an HSA-id; ``patient`` an identifier as the log writes it, ``column:value``, or the
    value alone, and ``patient_keys`` are further keys of that patient; ``unit`` a care unit; ``code`` a reason code,
    among denials or warnings; ``decision`` a decision id. ``since`` is included, ``until`` is not, both RFC 3339 in
    UTC. The completion of a statement is chosen with its decision. Records that have no user (signed heads, repairs,
    readings) are chosen by time alone.
    """

    user: str | None = None
    patient: str | None = None
    patient_keys: tuple[str, ...] = ()
    unit: str | None = None
    code: str | None = None
    decision: str | None = None
    since: str | None = None
    until: str | None = None
    denied: bool = False

    def among(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries that were asked for, in their order."""
        chosen: OrderedDict[str, None] = OrderedDict()
        for entry in entries:
            record = entry.record
            if not self._is_in_time(record.time):
                continue
            if isinstance(record, DecisionRecord):
                if self._takes(record):
                    chosen[record.decision_id] = None
                    if len(chosen) > _REMEMBERED_DECISIONS:
                        chosen.popitem(last=False)
                    yield entry
            elif isinstance(record, CompletionRecord):
                if not self.denied and (self._is_about_time_only or record.decision_id in chosen):
                    yield entry
            elif isinstance(record, SessionRecord):
                if self._takes_session(record):
                    yield entry
            elif self._is_about_time_only and not self.denied:
                yield entry

    def told(self) -> dict[str, str]:
        """What was asked for, for the record of who read the log and for manifests."""
        asked = msgspec.structs.asdict(msgspec.structs.replace(self, patient_keys=()))
        return {name: str(value) for name, value in asked.items() if value}

    @property
    def _is_about_time_only(self) -> bool:
        return not any((self.user, self.patient, self.unit, self.code, self.decision))

    def _is_in_time(self, time: str) -> bool:
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)

    def _takes(self, record: DecisionRecord) -> bool:
        return (
            (self.user is None or self.user in {record.subject, record.hsa_id})
            and (self.patient is None or any(self._names(patient) for patient in record.patients))
            and (self.unit is None or self.unit == record.care_unit)
            and (self.code is None or self.code in record.codes or self.code in record.warnings)
            and (self.decision is None or self.decision == record.decision_id)
            and (not self.denied or bool(record.codes))
        )

    def _names(self, patient: str) -> bool:
        return self.patient in {patient, patient.partition(":")[2]} or patient in self.patient_keys

    def _takes_session(self, record: SessionRecord) -> bool:
        return (
            (self.user is None or self.user == record.subject)
            and not any((self.patient, self.unit, self.decision))
            and (self.code is None or self.code in record.codes)
            and (not self.denied or bool(record.codes))
        )


def parse_moment(text: str, option: str) -> str:
    """A moment as a person writes it, ISO 8601; a date is its first moment, and without a zone it is UTC.

    Raises:
        ConfigurationError: it is no moment; the text names the option.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{option}: {text!r} is no moment; write 2026-03-01 or 2026-03-01T08:00Z") from None
    return rfc3339(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
