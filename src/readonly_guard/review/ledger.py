"""What was done, as an append-only chain: selections, steps and protocols, and where every event stands after them.

The chain is a journal as the log's own (`readonly_guard.audit`): written before anything shows, never changed, and
verified before it is believed. Nothing of the review is kept anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from readonly_guard.audit import Head, SigningKey, read, verify
from readonly_guard.audit.custody import opened_patiently
from readonly_guard.audit.segments import last_seq, list_segments
from readonly_guard.domain import (
    AcknowledgementRecord,
    LateWritesRecord,
    LogRecord,
    ProtocolRecord,
    ReviewRecord,
    SelectionRecord,
)
from readonly_guard.review.states import State, Step, next_state
from readonly_guard.review.wholeness import BrokenLog, file_looks

__all__ = ["Case", "History", "Ledger"]

LEDGER: Final = "ledger"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An event under review: why it was selected, where it stands, and every step so far."""

    event: str
    period: str
    unit: str
    ground: str
    flags: tuple[str, ...]
    selected_at: str
    state: State = State.NEW
    reviewer: str = ""
    reference: str = ""
    steps: tuple[ReviewRecord, ...] = ()

    @property
    def comment(self) -> str:
        """The last comment."""
        return next((step.comment for step in reversed(self.steps) if step.comment), "")

    def after(self, record: ReviewRecord) -> Case:
        """The case when a step has been taken with it."""
        return msgspec.structs.replace(
            self,
            state=next_state(self.state, Step(record.step)),
            reviewer=record.reviewer or self.reviewer,
            reference=record.reference or self.reference,
            steps=(*self.steps, record),
        )


class History:
    """Everything the ledger says, folded. What has been handed out does not change.

    Attributes:
        cases: by decision id, in the order in which they were selected.
        selections: by period and unit.
        protocols: by period and unit.
        acknowledged: when users have confirmed the routine, as far as it was reported here.
        late: what was found of information added in read mode, oldest first.
        head: of the ledger.
    """

    def __init__(self, records: Iterable[LogRecord], head: Head, before: History | None = None) -> None:
        self.cases: dict[str, Case] = {} if before is None else dict(before.cases)
        self.selections: dict[tuple[str, str], SelectionRecord] = {} if before is None else dict(before.selections)
        self.protocols: dict[tuple[str, str], ProtocolRecord] = {} if before is None else dict(before.protocols)
        self.acknowledged: dict[str, str] = {} if before is None else dict(before.acknowledged)
        self.late: list[LateWritesRecord] = [] if before is None else list(before.late)
        self.head = head
        for record in records:
            self._add(record)

    def _add(self, record: LogRecord) -> None:
        match record:
            case SelectionRecord():
                self.selections[record.period, record.unit] = record
                for event, ground, flags in zip(record.events, record.grounds, record.flags, strict=True):
                    self.cases[event] = Case(
                        event=event,
                        period=record.period,
                        unit=record.unit,
                        ground=ground,
                        flags=tuple(filter(None, flags.split(","))),
                        selected_at=record.time,
                    )
            case ReviewRecord():
                for event in record.events:
                    self.cases[event] = self.cases[event].after(record)
            case ProtocolRecord():
                self.protocols[record.period, record.unit] = record
            case AcknowledgementRecord():
                self.acknowledged.update(zip(record.users, record.dates, strict=True))
            case LateWritesRecord():
                self.late.append(record)
            case _:
                pass

    def of(self, period: str, unit: str) -> list[Case]:
        """The cases of a month and a unit."""
        selection = self.selections.get((period, unit))
        return [] if selection is None else [self.cases[event] for event in selection.events]


class Ledger:
    """The chain in a directory of the review.

    Args:
        directory: the directory of the review.
        signing_key: signs the chain's heads.
    """

    def __init__(self, directory: Path, signing_key: SigningKey | None = None) -> None:
        self.path = directory / LEDGER
        self._key = signing_key
        self._last: tuple[object, History] | None = None

    def history(self) -> History:
        """What it says. Files that are as they were, to the nanosecond, are not read again.

        Raises:
            BrokenLog: the chain is not whole; the text says where.
        """
        if not self.path.exists() or not (segments := list_segments(self.path)):
            return History((), Head())
        seen = file_looks(segment.path for segment in segments)
        if self._last is not None and self._last[0] == seen:
            return self._last[1]
        found = verify(self.path)
        fault = found.first_fault
        if fault is not None:
            raise BrokenLog(
                f"{self.path}: the review's own chain is broken: {fault.file}, line {fault.line}: {fault.what}"
            )
        history = History((entry.record for entry in read(self.path)), found.head)
        self._last = (seen, history)
        return history

    def add(self, make: Callable[[History], Iterable[LogRecord]]) -> History:
        """Append the records that are made of what the ledger says at that moment; nobody else writes meanwhile.

        Args:
            make: gets the history, and raises what forbids the records.

        Returns:
            What it says with them.

        Raises:
            BrokenLog: the chain is not whole.
            ConfigurationError: it cannot be written.
        """
        with opened_patiently(self.path, signing_key=self._key) as chain:
            before = self.history()
            records = list(make(before))
            for record in records:
                chain.append(record)
            chain.commit()
        history = History(records, chain.head, before)
        self._remember(chain.head, history)
        return history

    def forget(self) -> None:
        """Read all of it at the next look, whatever its files look like: before something is signed."""
        self._last = None

    def _remember(self, head: Head, history: History) -> None:
        """Know what was just written, unless somebody has written since: a large ledger takes seconds to be read."""
        segments = list_segments(self.path)
        seen = file_looks(segment.path for segment in segments)  # first: who writes after this changes it
        self._last = (seen, history) if last_seq(segments) == head.seq else None
