"""Patient keys looked up and recorded: what the feed does with the keys of the decisions that it reads.

It is a sink like others (decision 0017): fed at its own pace, with a cursor of its own, and asked again for what
it could not do. What it finds is a record of the chain `patients`, signed as the others are, so that whose a key was
stays provable when the database has gone to the archive.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from readonly_guard.audit.chains import PATIENTS, read
from readonly_guard.audit.journal import Journal
from readonly_guard.audit.keys import SigningKey
from readonly_guard.audit.segments import list_segments
from readonly_guard.domain import UNKNOWN_VALUE, DecisionRecord, Entry, IdentificationRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import PatientRegister
from readonly_guard.moments import rfc3339, utc_now

__all__ = ["RECORD_AGAIN", "PatientIdentification"]

_ASK_AGAIN: Final = timedelta(days=1)
"""How old an answer may be when its key comes again: a reserve number becomes a personnummer, persons are merged."""

RECORD_AGAIN: Final = timedelta(days=366)
"""How old a record may be when the same is found again: retention counts on there being one this close before each
decision."""

_SEGMENT_AGE_S: Final = 30 * 86_400.0  # retention removes whole segments
_REMEMBERED: Final = 1_000_000
_LONGEST_IDENTIFIER: Final = 64


class _Known(NamedTuple):
    identifiers: tuple[str, ...]
    asked_at: datetime
    recorded_at: datetime


class PatientIdentification:
    """Looks up the patient keys of decisions, and records whose they are.

    Args:
        journal: the directory of the log.
        registers: who is asked, with the names of their plugins: the next only for what the one before did not find.
        signing_key: signs the chain's heads.
        clock: gives the time, timezone-aware.
    """

    def __init__(
        self,
        journal: Path,
        registers: Sequence[tuple[str, PatientRegister]],
        *,
        signing_key: SigningKey | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._place = journal / PATIENTS
        self._registers = registers
        self._key = signing_key
        self._clock = clock
        self._chain: Journal | None = None
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Look up the keys that are not known yet, and record what was found before the feed goes on.

        Raises:
            ConfigurationError: a register answered what is no identifier, or the chain cannot be opened.
            LogUnavailable: what was found could not be recorded.
            Exception: whatever a register raises that cannot answer now.
        """
        chain = self._opened()
        now = self._clock()
        wanted = [patient for patient in dict.fromkeys(_keys(entries)) if self._is_due(patient, now)]
        if not wanted:
            return
        found = await self._found(wanted)
        records = [self._noted(patient, *found.get(patient, ((), "")), now) for patient in wanted]
        for record in records:
            if record is not None:
                chain.append(record)
        chain.sign()  # commits what there is; a batch is seldom, and so is never left unsigned

    async def close(self) -> None:
        """Close the chain and the registers; what was learnt is learnt again from the chain."""
        chain, self._chain = self._chain, None
        self._known.clear()
        try:
            for _, register in self._registers:
                await register.close()
        finally:
            if chain is not None:
                chain.close()

    def _opened(self) -> Journal:
        if self._chain is None:
            self._chain = Journal.open(
                self._place, signing_key=self._key, segment_age_s=_SEGMENT_AGE_S, clock=self._clock
            )
            for entry in read(self._place) if list_segments(self._place) else ():
                record = entry.record
                if isinstance(record, IdentificationRecord):
                    at = datetime.fromisoformat(record.time)
                    self._remember(record.patient, _Known(record.identifiers, at, at))
        return self._chain

    def _is_due(self, patient: str, now: datetime) -> bool:
        known = self._known.get(patient)
        return known is None or now - known.asked_at >= _ASK_AGAIN

    async def _found(self, wanted: Sequence[str]) -> dict[str, tuple[tuple[str, ...], str]]:
        found: dict[str, tuple[tuple[str, ...], str]] = {}
        for name, register in self._registers:
            missing = [patient for patient in wanted if patient not in found]
            if not missing:
                break
            answers = await register.identify(missing)
            for patient in missing:
                if identifiers := tuple(answers.get(patient, ())):
                    found[patient] = (_checked(identifiers, name), name)
        return found

    def _noted(
        self, patient: str, identifiers: tuple[str, ...], source: str, now: datetime
    ) -> IdentificationRecord | None:
        """What is known now, and the record of it where it is news, or the last one is getting old."""
        before = self._known.get(patient)
        if before is not None and before.identifiers == identifiers and now - before.recorded_at < RECORD_AGAIN:
            self._remember(patient, before._replace(asked_at=now))
            return None
        self._remember(patient, _Known(identifiers, now, now))
        return IdentificationRecord(time=rfc3339(now), patient=patient, identifiers=identifiers, source=source)

    def _remember(self, patient: str, known: _Known) -> None:
        self._known[patient] = known
        self._known.move_to_end(patient)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _keys(entries: Sequence[Entry]) -> Iterator[str]:
    """The keys that stand for one patient: not ``column:?``, ``column:$1`` (the value comes with the execution)."""
    for entry in entries:
        if isinstance(entry.record, DecisionRecord):
            for patient in entry.record.patients:
                column, _, value = patient.partition(":")
                if column != "*" and value != UNKNOWN_VALUE and not value.startswith("$"):
                    yield patient


def _checked(identifiers: tuple[Any, ...], plugin: str) -> tuple[str, ...]:
    for identifier in identifiers:
        if not isinstance(identifier, str) or not 0 < len(identifier) <= _LONGEST_IDENTIFIER:
            raise ConfigurationError(f"plugin {plugin}: an identifier is text of 1 to {_LONGEST_IDENTIFIER} characters")
        if not identifier.isprintable():
            raise ConfigurationError(f"plugin {plugin}: an identifier holds characters that cannot be shown")
    return identifiers
